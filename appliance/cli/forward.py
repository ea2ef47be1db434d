"""``sipbox forward``: where calls for a subscriber go instead (attributes of ``usr_preferences``)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record, sip_uri
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.registrar.preferences import (
    ALWAYS,
    BUSY,
    LONGEST_RING_SECONDS,
    NO_ANSWER,
    NOT_REGISTERED,
    RING,
    VOICEMAIL,
)
from appliance.sip.uri import AddressOfRecord

OCCASIONS = {
    "always": ALWAYS,
    "busy": BUSY,
    "no-answer": NO_ANSWER,
    "not-registered": NOT_REGISTERED,
    "voicemail": VOICEMAIL,
    "ring": RING,
}
_CHOICE = click.Choice(tuple(OCCASIONS))
_COLUMNS = ("username", "domain", "attribute", "value")


@click.group(cls=Noun)
def forward() -> None:
    """Where calls for a subscriber go instead."""


@forward.command(name="set")
@click.argument("user")
@click.argument("occasion", type=_CHOICE, metavar="OCCASION")
@click.argument("target")
@invocation
def set_(run: Invocation, user: str, occasion: str, target: str) -> None:
    """Calls for USER go to TARGET on this OCCASION: a user, a number or a SIP URI.

    OCCASION is always, busy, no-answer or not-registered. What is left goes to 'voicemail', its TARGET may be
    'default' for the mailboxes of the settings. With 'ring', TARGET is how many seconds the phones ring.
    """
    who = address_of_record(run, user)
    value = _value(occasion, target, who)
    Rows(run, "usr_preferences").replace(who, _key(who, occasion), value=value)
    say(f"{who}: {occasion} {target if occasion == 'ring' else value}")


@forward.command()
@click.argument("user")
@click.argument("occasion", type=_CHOICE, metavar="[OCCASION]", required=False)
@invocation
def remove(run: Invocation, user: str, occasion: str | None) -> None:
    """Calls for USER are not forwarded any more, on this OCCASION or on all of them."""
    who = address_of_record(run, user)
    missing = f"{who} forwards no such calls; 'sipbox forward list {who}' shows all"
    keys = [_key(who, each) for each in ([occasion] if occasion else OCCASIONS)]
    count = Rows(run, "usr_preferences").remove(who, missing, *keys)
    say(f"{count} removed")


@forward.command(name="list")
@click.argument("user", required=False)
@json_option
@invocation
def list_(run: Invocation, user: str | None, as_json: bool) -> None:
    """List who has calls forwarded, or what USER has."""
    who = address_of_record(run, user) if user else None
    names = {attribute: occasion for occasion, attribute in OCCASIONS.items()}
    found = [
        {
            "username": row["username"],
            "domain": row["domain"],
            "occasion": names[row["attribute"]],
            "target": _shown(row["attribute"], row["value"]),
        }
        for row in Rows(run, "usr_preferences").of(who, _COLUMNS)
        if row["attribute"] in names
    ]
    show_rows(
        ("User", "Occasion", "Target"),
        found,
        lambda row: (f"{row['username']}@{row['domain']}", row["occasion"], row["target"]),
        "nobody has calls forwarded",
        as_json=as_json,
    )


def _value(occasion: str, target: str, who: AddressOfRecord) -> str:
    if occasion == "ring":
        if not (target.isascii() and target.isdecimal() and 1 <= int(target[:9]) <= LONGEST_RING_SECONDS):
            raise click.UsageError(f"TARGET {target!r} has to be 1 to {LONGEST_RING_SECONDS:.0f} seconds")
        return str(int(target) * 1000)
    if occasion == "voicemail" and target == "default":
        return target
    value = sip_uri(target if "@" in target or ":" in target else f"{target}@{who.domain}", "TARGET")
    if len(value) > 255:
        raise click.UsageError("TARGET has at most 255 characters")
    return value


def _shown(attribute: str, value: str) -> str:
    return f"{int(value) / 1000:g} s" if attribute == RING and value.isdecimal() else value


def _key(who: AddressOfRecord, occasion: str) -> dict[str, str]:
    return {"username": who.username, "domain": who.domain, "attribute": OCCASIONS[occasion]}
