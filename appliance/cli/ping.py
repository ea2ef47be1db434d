"""``sipbox ping URI``: is it there? The running server asks each contact with OPTIONS (RFC 3261 §11)."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Verb, invocation, json_option
from appliance.cli.output import show_json, show_table

SECONDS = 40  # an OPTIONS without an answer ends after 32 (timer F)


@click.command(cls=Verb)
@click.argument("uri")
@json_option
@click.pass_context
@invocation
def ping(run: Invocation, ctx: click.Context, uri: str, as_json: bool) -> None:
    """Ask URI (10, 10@example.org or any SIP URI) whether it is there. Exit code 1 when nobody answers."""
    answers = run.ask("ping", timeout=SECONDS, uri=_complete(run, uri))
    if as_json:
        show_json(answers)
    else:
        show_table(("Contact", "Answer", "After"), [_row(answer) for answer in answers], "nobody to ask")
    if not any(answer["answered"] for answer in answers):
        ctx.exit(1)


def _complete(run: Invocation, uri: str) -> str:
    """A bare number is a user of the first domain that is served."""
    domains = run.settings.sip.domains
    return uri if "@" in uri or ":" in uri or not domains or "." in uri else f"{uri}@{domains[0]}"


def _row(answer: dict[str, object]) -> tuple[object, ...]:
    told = f"{answer['status']} {answer['reason']}" if answer["answered"] else "no answer"
    return answer["contact"], told, f"{answer['seconds']} s"
