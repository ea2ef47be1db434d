"""``sipbox calls``: what became of calls, from the table ``cdrs``."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from appliance.cli.invocation import Invocation, Noun, invocation, json_option
from appliance.cli.output import duration, show_json, show_record, show_table
from appliance.errors import StorageError
from appliance.telemetry.trace_format import harmless

_STATES = (
    "active", "answered", "unanswered", "busy", "no_answer", "cancelled", "not_found", "rejected", "failed",
)  # fmt: skip
_AGO = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.group(cls=Noun)
def calls() -> None:
    """What became of calls."""


@calls.command(name="list")
@click.option("--user", metavar="USER", help="Who called or was called: 10, or 10@example.org.")
@click.option("--since", metavar="TIME", help="2026-11-29, '2026-11-29 18:00', or 30m, 2h, 7d ago.")
@click.option("--until", metavar="TIME", help="The same.")
@click.option("--state", type=click.Choice(_STATES), help="What became of it.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="N",
    help="The newest N; 0: all.",
)
@click.option("--csv", "as_csv", is_flag=True, help="CSV, for spreadsheets and billing.")
@json_option
@invocation
def list_(
    run: Invocation,
    user: str | None,
    since: str | None,
    until: str | None,
    state: str | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List calls, the newest first."""
    from appliance.storage.administration.calls import Wanted
    from appliance.storage.administration.calls import calls as found_calls

    name, _, domain = user.rpartition("@") if user and "@" in user else (user, "", "")
    begin, end = _moment(since, "--since"), _moment(until, "--until")
    wanted = Wanted(name, domain.lower(), begin, end, state, limit)
    with run.database() as database:
        found = found_calls(database, wanted)
    if as_json:
        show_json([_for_programs(row) for row in found])
    elif as_csv:
        _show_csv(_for_programs(row) for row in found)
    else:
        show_table(
            ("Time", "From", "To", "State", "Duration", "Call-ID"),
            [
                (
                    _local(row["call_setup_time"]),
                    _party(row["src_username"], row["src_domain"]),
                    _party(row["dst_username"], row["dst_domain"]),
                    _state(row),
                    None if row["duration"] is None else duration(row["duration"]),
                    row["sip_call_id"],
                )
                for row in found
            ],
            "no calls",
        )


@calls.command()
@click.argument("call_id", metavar="CALL-ID")
@json_option
@invocation
def show(run: Invocation, call_id: str, as_json: bool) -> None:
    """Show all that is known of the call with this Call-ID."""
    from appliance.storage.administration.calls import of_call_id

    with run.database() as database:
        found, requests = of_call_id(database, call_id)
    if not found and not requests:
        raise StorageError(f"there is no call {call_id!r}; 'sipbox calls list' shows the Call-IDs")
    if as_json:
        show_json(
            {
                "calls": [_for_programs(row) for row in found],
                "requests": [_for_programs(row) for row in requests],
            }
        )
        return
    for row in found:
        told = {name.replace("_", " "): _told(value) for name, value in row.items()}
        show_record(told | {"state": _state(row)})
        click.echo()
    show_table(
        ("Time", "Request", "Answer", "From", "Source"),
        [
            (
                _local(row["time"]),
                row["method"],
                f"{row['sip_code']} {row['sip_reason']}",
                _party(row["src_user"], row["src_domain"]),
                row["src_ip"],
            )
            for row in requests
        ],
    )


def _moment(text: str | None, option: str) -> datetime | None:
    """A point in time as rows have it: UTC, without saying so. A person means the time of this machine."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([mhdw])", text.strip()):
        then = datetime.now(UTC) - timedelta(**{_AGO[ago[2]]: int(ago[1])})
    else:
        try:
            then = datetime.fromisoformat(text.strip()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise click.UsageError(
                f"{option}: {text!r} is no time; write 2026-11-29, '2026-11-29 18:00', or 2h for 2 hours ago"
            ) from error
    return then.replace(tzinfo=None)


def _local(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _party(username: str, domain: str) -> str:
    return f"{username}@{domain}" if domain else username or "-"


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "answered" and row["call_end_time"] is None:
        return "active"
    return str(row["state"]).replace("_", " ")


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return _local(value)
    if isinstance(value, float):
        return duration(value)
    return None if value == "" else value


def _for_programs(row: dict[str, Any]) -> dict[str, Any]:
    """Times as ISO 8601 in UTC, durations in seconds."""
    return {
        name: f"{value.isoformat(timespec='milliseconds')}Z" if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _show_csv(rows: Iterable[dict[str, Any]]) -> None:
    writer: Any = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow({name: _harmless(value) for name, value in row.items()})


def _harmless(value: Any) -> Any:
    """A spreadsheet takes a cell that begins so for a formula, a terminal some characters for orders, and a
    caller chooses his name himself."""
    if not isinstance(value, str):
        return value
    text = harmless(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
