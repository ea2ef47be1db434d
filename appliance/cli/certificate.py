"""``sipbox certificate``: what is shown to phones by TLS, until when, and new ones without a restart."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json, show_table
from appliance.errors import SettingsError

if TYPE_CHECKING:
    from appliance.config import Settings

_HEADINGS = ("For", "Names", "Expires", "Days", "Signed by", "File")


@click.group(cls=Noun)
def certificate() -> None:
    """Certificates of TLS and WebSocket. A new one takes the old one's place without a restart."""


@certificate.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the certificates that the running server shows."""
    _show(run.ask("certificates"), as_json)


@certificate.command()
@json_option
@invocation
def check(run: Invocation, as_json: bool) -> None:
    """Look at the files that the settings name, without a server: is each in order, and until when?

    Exit code 1 when one is not.
    """
    _show(_looked_at(run.settings), as_json)


@certificate.command()
@invocation
def reload(run: Invocation) -> None:
    """Have the running server show what is in the files by now.

    Connections that are there stay. When one of the new certificates is bad, all the old ones stay.
    """
    _looked_at(run.settings)
    found = run.ask("certificates_reload")
    say(f"{len(found)} in use: {', '.join(each['name'] for each in found)}")


def _looked_at(settings: Settings) -> list[dict[str, Any]]:
    """What the files say; raises SettingsError for the first one that cannot be used."""
    from appliance.transport.certificates import look_at

    files = settings.certificates
    if not files:
        raise SettingsError("no certificate: the settings name none", path="tls.certificate")
    return [look_at(each, time.time()).told() for each in files]


def _show(certificates: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(certificates)
        return
    now = time.time()
    rows = [
        (
            each["name"],
            ", ".join(each["names"]) or None,
            f"{datetime.fromtimestamp(each['expires'], UTC):%Y-%m-%d %H:%M} UTC",
            int((each["expires"] - now) // 86_400),
            each["issuer"],
            each["file"],
        )
        for each in certificates
    ]
    show_table(_HEADINGS, rows, "no certificate is in use")
