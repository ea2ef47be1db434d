"""The transaction module's commands: t_uac_dlg, t_uac_cancel, t_hash, t_reply."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from appliance.agent.commands.command import NOTHING, Arguments, Command, number, values
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess

_STATUS = re.compile(r"[1-6][0-9]{2}")


def _uac(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """A reply for each provisional response and for the final one, which ends it."""
    method, uri, next_hop, socket, headers, *body = values(arguments, 5, 6)
    replies = process.stream(
        "uac",
        method=method,
        ruri=uri,
        next_hop=_given(next_hop),
        socket=_given(socket),
        headers=_given(headers),
        body=body[0] if body else None,
    )
    return map(_response, replies)


def _response(told: dict[str, Any]) -> Tree:
    return Tree(
        (
            Node(f"{told['status']} {told['reason']}"),
            Node(told["request_uri"] or NOTHING),
            Node(told["next_hop"] or NOTHING),
            Node(told["route_set"] or NOTHING),
            Node(told["headers"] or NOTHING),
        )
    )


def _cancel(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    call_id, sequence = values(arguments, 2)
    process.ask("uac_cancel", callid=call_id, cseq=sequence)
    yield Tree()


def _hash(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(
        tuple(
            Node(str(slot["index"]), None, (("Current", str(slot["current"])), ("Total", str(slot["total"]))))
            for slot in process.ask("transaction_slots")
        )
    )


def _reply(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    code, reason, identifier, to_tag, headers, *body = values(arguments, 5, 6)
    if _STATUS.fullmatch(code) is None:
        raise CommandRefused(400, "Invalid reply code")
    index, colon, label = identifier.partition(":")
    if not colon:
        raise CommandRefused(400, "Invalid trans_id")
    process.ask(
        "transaction_reply",
        status=int(code),
        reason=reason,
        index=_part(index, "index"),
        label=_part(label, "label"),
        to_tag=to_tag,
        headers=_given(headers),
        body=body[0] if body else None,
    )
    yield Tree()


def _part(text: str, name: str) -> int:
    try:
        return number(text)
    except CommandRefused:
        raise CommandRefused(400, f"Invalid {name} in trans_id") from None


def _given(text: str) -> str | None:
    return None if text == NOTHING else text


COMMANDS = {
    "t_uac_dlg": Command(_uac, replies_later=True),
    "t_uac_cancel": Command(_cancel),
    "t_hash": Command(_hash, takes_input=False),
    "t_reply": Command(_reply),
}
