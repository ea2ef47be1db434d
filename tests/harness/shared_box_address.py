"""The address that the boxes of a cluster hold in turn, as somebody outside sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork
from tests.harness.message import Message
from tests.harness.phone import SDP, Dialog, Phone, hang_up, talk
from tests.harness.waiting import wait_until

DOMAIN = "example.org"
#: The last part of the address; boxes get theirs from 10 on.
NUMBER = 200


def shared_address(network: BoxNetwork) -> str:
    """The address, without its prefix."""
    return str(network.net[NUMBER])


def holders(boxes: Sequence[BootedBox], address: str) -> list[BootedBox]:
    """The running boxes that have the address on an interface."""
    return [
        box
        for box in boxes
        if box.running and f" {address}/" in box.run_inside(["ip", "-4", "address", "show"]).stdout
    ]


def wait_for_holder(
    boxes: Sequence[BootedBox], address: str, *, but: BootedBox | None = None, timeout: float = 60.0
) -> BootedBox:
    """The one box that holds the address, once it is one, and not ``but``."""
    found: list[BootedBox] = []

    def one() -> bool:
        found[:] = holders(boxes, address)
        return len(found) == 1 and found[0] is not but

    wait_until(f"one box holds {address}", one, timeout=timeout, every=0.1)
    return found[0]


def phone(network: BoxNetwork, user: str, proxy: str | None = None) -> Phone:
    """A phone on this machine that knows the shared address alone, or a box's own."""
    return Phone(
        user,
        f"secret-{user}",
        proxy=(proxy or shared_address(network), 5060),
        domain=DOMAIN,
        address=network.address,
    )


def calls(caller: Phone, callee: Phone) -> bool:
    """Whether a call comes about; what is left of one that does not is forgotten."""
    try:
        dialog, _ = talk(caller, callee)
        hang_up(caller, callee, dialog)
    except AssertionError:
        caller.unread.clear()
        callee.unread.clear()
        return False
    return True


def registers(phone: Phone) -> bool:
    """Whether it does at once."""
    try:
        return phone.register().status == 200
    except AssertionError:
        return False


def insist(phone: Phone, request: Message, *, timeout: float = 30.0) -> Message:
    """The final response to ``request``, which is sent again every half second, as phones do over UDP."""
    deadline = time.monotonic() + timeout
    while True:
        phone.send(request)
        try:
            return phone.final(request, timeout=0.5)
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def call_patiently(caller: Phone, callee: Phone, *, timeout: float = 30.0) -> Dialog:
    """A call that is up, however often the phones have to say what they say; the caller's side of it."""
    deadline = time.monotonic() + timeout
    request = caller.request("INVITE", f"sip:{callee.user}@{callee.domain}", body=SDP)
    # While the address moves, what answers the challenge of one box gets another one of the other.
    while (refused := _sent_until_it_comes(request, caller, callee, deadline)) is not None:
        assert refused.status == 407, refused
        caller.send(caller.ack(request, refused))
        request = caller.authorized(request, refused)
    answered = caller.final(request)
    assert answered.status == 200, answered
    dialog = caller.dialog_as_caller(request, answered)
    caller.send(caller.within(dialog, "ACK"))
    callee.expect("ACK")
    return dialog


def _sent_until_it_comes(request: Message, caller: Phone, callee: Phone, deadline: float) -> Message | None:
    """What refuses the INVITE; None when it has come to ``callee``, who answers it."""
    while True:
        caller.send(request)
        again = time.monotonic() + 0.5
        while time.monotonic() < again:
            caller.take_in(0.02)
            callee.take_in(0.02)
            for message in callee.unread:
                if message.is_request and message.method == "INVITE" and message.call_id == request.call_id:
                    callee.unread.remove(message)
                    callee.reply(message, 200, body=SDP)
                    return None
            for message in caller.unread:
                if message.status >= 300 and (message.call_id, message.cseq) == (
                    request.call_id,
                    request.cseq,
                ):
                    caller.unread.remove(message)
                    return message
        assert time.monotonic() < deadline, f"no call from {caller.user} comes to {callee.user}"
