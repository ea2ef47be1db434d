"""``sipbox self-test``: a registration and a call through the running server, with subscribers made for it.

They have names and passwords of chance, and are gone at the end, also when something fails or somebody
presses Ctrl-C.
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import click

from appliance.cli.address import canonical_names, served_hosts
from appliance.cli.invocation import Invocation, Verb, invocation, json_option, say
from appliance.cli.output import show_json
from appliance.errors import SettingsError, SipboxError, StorageError
from appliance.sip.uri import AddressOfRecord

PREFIX = "self-test-"


class Steps:
    """What was tried, how it ended, how long it took."""

    def __init__(self, quiet: bool) -> None:
        self.done: list[dict[str, Any]] = []
        self._quiet = quiet

    def __call__(self, name: str, work: Callable[[], object]) -> None:
        """Do it; SipboxError when it fails, after it was written down."""
        began = time.monotonic()
        problem = None
        try:
            work()
        except SipboxError as error:
            problem = str(error)
            raise
        finally:
            seconds = round(time.monotonic() - began, 3)
            self.done.append({"step": name, "seconds": seconds, "problem": problem})
            if not self._quiet:
                click.echo(f"{'FAILED' if problem else 'ok':<6}  {seconds:6.3f} s  {name}")


@click.command(cls=Verb)
@click.option("--patience", metavar="SECONDS", type=click.FloatRange(0.1, 600), default=10.0)
@json_option
@click.pass_context
@invocation
def self_test(run: Invocation, ctx: click.Context, patience: float, as_json: bool) -> None:
    """Register two phones and let one call the other, with subscribers that are gone at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the end is an orderly one
    steps = Steps(quiet=as_json)
    problem: str | None = None
    try:
        with ExitStack() as stack:
            try_everything(run, steps, stack, patience)
    except SipboxError as error:
        problem = str(error)
    if as_json:
        show_json({"passed": problem is None, "problem": problem, "steps": steps.done})
    else:
        say(f"sipbox: the self-test failed: {problem}" if problem else "the self-test passed")
    if problem:
        ctx.exit(1)


def try_everything(run: Invocation, steps: Steps, stack: ExitStack, patience: float) -> None:
    """All steps in their order. Raises SipboxError at the first that fails."""
    from appliance.operations import self_test as trial
    from appliance.operations.probe_phone import ProbePhone

    # The probe speaks plain SIP; what a certificate is worth, 'sipbox certificate check' says.
    # The address that boxes hold in turn may be another box's now.
    shared = run.settings.cluster.shared_host
    listeners = [
        each
        for each in run.settings.sip.listeners
        if each.transport in ("udp", "tcp") and each.host != shared
    ]
    if not listeners:
        raise SettingsError("the test needs an address with udp: or tcp:", path="sip.listen")
    people: list[tuple[AddressOfRecord, str]] = []
    steps(
        "two subscribers made for this test",
        lambda: people.extend(stack.enter_context(strangers(run))),
    )
    phones: list[ProbePhone] = []
    # The first phone by the first address, the other by the last: usually UDP and TCP.
    for (who, password), listener in zip(people, (listeners[0], listeners[-1]), strict=True):

        def connect(who: AddressOfRecord = who, password: str = password, at: Any = listener) -> None:
            phone = ProbePhone(who.username, password, who.domain, at, patience=patience)
            stack.callback(phone.close)
            phones.append(phone)

        steps(f"{listener} is reached", connect)
    for phone in phones:
        steps(f"a wrong password is refused at {phone.server}", partial(trial.refuse_stranger, phone))
        steps(f"REGISTER with digest at {phone.server}", partial(trial.register, phone))
    steps("a call: INVITE, 180, 200, ACK, BYE", lambda: trial.call(*phones))
    steps("a call back", lambda: trial.call(*reversed(phones)))


@contextmanager
def strangers(run: Invocation) -> Iterator[list[tuple[AddressOfRecord, str]]]:
    """Two subscribers whom nobody knows, and their passwords; they are removed at the end."""
    from appliance.storage.administration import subscribers

    with run.database() as database:
        served = canonical_names(served_hosts(run, database))
        if not served:
            raise StorageError("no domain is served; 'sipbox domain add DOMAIN' does it")
        people = [
            (AddressOfRecord(f"{PREFIX}{secrets.token_hex(6)}", served[0]), secrets.token_urlsafe(24))
            for _ in range(2)
        ]
        try:
            for who, password in people:
                subscribers.add(database, who, password, named=run.settings.named_domains)
            run.forget("subscriber", *(who for who, _ in people))
            yield people
        finally:
            for who, _ in people:
                subscribers.remove(database, who)
                run.tell("registration_remove", aor=str(who))
            run.forget("subscriber", *(who for who, _ in people))
