"""``sipbox import``: what another server has in its database, taken over; shown first, done with ``--apply``.

The URL of the old database has a password, so it comes from a file or the environment, never from the command
line, and is never printed.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.invocation import Invocation, Verb, invocation, json_option, say
from appliance.cli.output import show_json
from appliance.cli.phone_password import sealer
from appliance.cli.progress import progress
from appliance.errors import StorageError
from appliance.telemetry.trace_format import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.registrar.binding import Binding
    from appliance.storage.engine import Database
    from appliance.storage.importing import Taking

#: A command to the server is one line of bounded length: of rows as long as they may be, so many fit.
_AT_ONCE = 100
_SECONDS = 120


@click.command(name="import", cls=Verb)
@click.option(
    "--from", "file", metavar="FILE", help="A file with the old database's URL; - is standard input."
)
@click.option("--apply", "really", is_flag=True, help="Do it; without, only say what would be done.")
@click.option("--diff", is_flag=True, help="Print each change, without secrets.")
@click.option("--any", "anything", is_flag=True, help="Take permissions of other names too.")
@click.option("--time-zone", metavar="ZONE", help="The old server's, as +01:00.  [default: its database's]")
@json_option
@invocation
def import_(
    run: Invocation,
    file: str | None,
    really: bool,
    diff: bool,
    anything: bool,
    time_zone: str | None,
    as_json: bool,
) -> None:
    """Take over the database of a Kamailio, an OpenSIPS or an OpenSER; nothing in it is changed.

    Of Kamailio 5 and 6, OpenSIPS 3 and OpenSER 1.2 it takes subscribers, aliases, permissions, domains,
    trusted peers, and the phones that are registered now.

    The URL is like mysql+pymysql://reader:PASSWORD@HOST/kamailio, in a FILE or in SIPBOX_IMPORT_URL.
    """
    from appliance.storage import importing

    url = importing.old_url(_url(file))
    lines: list[str] = []
    with ExitStack() as ends:
        database = ends.enter_context(run.database())
        if (url.host, url.port, url.database, url.query) == (
            database.url.host,
            database.url.port,
            database.url.database,
            database.url.query,
        ):
            raise StorageError(
                "the old database is sipbox's own; 'sipbox database upgrade' upgrades OpenSER's"
            )
        old = ends.enter_context(importing.opened(url, time_zone=time_zone))
        taking = importing.Taking(
            database,
            old,
            check=not really,
            named=run.settings.named_domains,
            folded=not run.settings.registrar.case_sensitive,
            anything=anything,
            listeners=[str(each) for each in run.settings.sip.listeners],
            now=time.time(),
            seal=sealer(run),
            line=(lines.append if as_json else _show_line) if diff else _keep_quiet,
            tell=ends.enter_context(progress(hidden=diff)),
        )
        ends.callback(taking.close)
        taking.take()
        if really:
            run.tell("reload")
            if taking.added["trusted"]:
                run.tell("peers_reload")
        server = _Server(run, taking, database)
        for bindings in taking.phones():
            if really:
                server.take(bindings)
        if really:
            server.end()
    _show(old.kind, taking, lines if diff else None, really=really, as_json=as_json)


class _Server:
    """Where phones go: to the running server, else into its table."""

    def __init__(self, run: Invocation, taking: Taking, database: Database) -> None:
        self._run, self._taking, self._database = run, taking, database
        self._runs = True
        self._taken = self._lost = 0

    def take(self, bindings: Sequence[Binding]) -> None:
        from appliance.control import ServerDown
        from appliance.storage import importing

        for first in range(0, len(bindings), _AT_ONCE):
            some = bindings[first : first + _AT_ONCE]
            if self._runs:
                try:
                    self._tell(some)
                    continue
                except ServerDown:
                    self._runs = False
            if self._run.settings.registrar.location_mode == "memory":
                self._lost += len(some)
                continue
            importing.take_phones(self._database, some)
            self._taken += len(some)

    def end(self) -> None:
        """What was taken is what counts."""
        self._taking.added["phones"] = self._taken
        if self._lost:
            why = "with location_mode 'memory' only a running server takes them: start it, and import again"
            self._taking.left.say("phones", f"{self._lost} phones", why)

    def _tell(self, some: Sequence[Binding]) -> None:
        from appliance.storage import importing

        rows = [importing.told(each) for each in some]
        answer = self._run.ask("bindings_take", bindings=rows, timeout=_SECONDS)
        self._taken += int(answer["taken"])
        for line in answer["refused"]:
            what, _, why = str(line).partition(": ")
            self._taking.left.say("phones", what, why)


def _url(file: str | None) -> str:
    """The first line that says something."""
    if file is None:
        text = os.environ.get("SIPBOX_IMPORT_URL", "")
        if not text.strip():
            raise click.UsageError("say --from FILE, a file with the URL of the old database")
    elif "://" in file:
        raise click.UsageError("a URL on the command line can be read by everybody; write it into a file")
    elif file == "-":
        text = sys.stdin.read()
    else:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(
                f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
            ) from error
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def _show_line(line: str) -> None:
    click.echo(harmless(line))


def _keep_quiet(_line: str) -> None:
    """Nobody has asked for each change."""


def _show(kind: str, taking: Taking, lines: list[str] | None, *, really: bool, as_json: bool) -> None:
    """What has come of it; ``lines`` are the changes, where somebody has asked for them."""
    coming, added = taking.coming, taking.added
    notes = [
        f"{count} phones behind NATs registered at {listener}: they are reached when this box has that"
        " address, else when they register again"
        for listener, count in coming.elsewhere.items()
    ]
    if coming.over:
        notes.append(f"{coming.over} registrations had run out")
    if coming.here:
        notes.append(f"{coming.here} registrations are as new here, or newer")
    left = [harmless(line) for line in taking.left.lines]
    if as_json:
        told: dict[str, Any] = {"kind": kind, "done": really, "added": added, "changed": taking.changed}
        diff = {} if lines is None else {"diff": [harmless(line) for line in lines]}
        show_json(told | {"left": left, "notes": notes} | diff)
        return
    for line in left:
        click.echo(f"! {line}")
    for note in notes:
        say(f"note: {harmless(note)}")
    would = "" if really else "would be "
    counts = ", ".join(f"{name}: {count}" for name, count in added.items())
    say(f"{would}added from {kind}: {counts}; {would}changed: {taking.changed}; left: {taking.left.count}")
    if not really:
        say("nothing is changed yet; --apply does it")
