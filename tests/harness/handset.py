"""A phone of the tests' own with sound: what baresip cannot do, in a place behind a NAT.

A ``Handset`` calls another one, and both keep where they hear each other.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from tests.harness.message import Message, parameter
from tests.harness.networks import Place
from tests.harness.phone import Dialog, Phone, hang_up
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

PATIENCE = 20.0


class Handset:
    """``phone`` speaks, ``sound`` is heard; ``ways`` says where the sound goes to each other handset.

    With ``port`` it is a gateway at that port of its place: it does not register, and nobody challenges it.
    """

    def __init__(self, box: Sipbox, user: str, place: Place, *, port: int | None = None) -> None:
        self._stack = ExitStack()
        self._outside = port is not None
        phone = box.phone(user, f"secret-{user}", place=place, port=port)
        self.phone: Phone = self._stack.enter_context(phone)
        self.sound = self._stack.enter_context(RtpPhone(int(user), place=place))
        self.ways: dict[Handset, tuple[str, int]] = {}

    def __enter__(self) -> Self:
        try:
            assert self._outside or self.phone.register(timeout=PATIENCE).status == 200
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if not self._outside:
                self.phone.register(expires=0, timeout=PATIENCE)

    def call(
        self, other: Handset, target: str | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[Dialog, Dialog]:
        """A call that is answered: both dialogs, the caller's first. ``headers`` arrive unchanged."""
        request = self._invite(target or other.phone.aor, headers)
        incoming = other.phone.expect("INVITE", timeout=PATIENCE)
        assert all(incoming.get(name) == value for name, value in headers)
        answer = other.phone.reply(incoming, 200, body=other.sound.description)
        answered = self.phone.final(request, timeout=PATIENCE)
        assert answered.status == 200, answered
        mine = self.phone.dialog_as_caller(request, answered)
        self.phone.send(self.phone.within(mine, "ACK"))
        other.phone.expect("ACK", timeout=PATIENCE)
        self.ways[other], other.ways[self] = media_of(answered.body), media_of(incoming.body)
        return mine, other.phone.dialog_as_callee(incoming, answer)

    def _invite(self, uri: str, headers: Sequence[tuple[str, str]]) -> Message:
        body = self.sound.description
        if not self._outside:
            return self.phone.invite(uri, headers=headers, body=body)
        from_ = f"<sip:{self.phone.user}@{self.phone.address}>;tag={secrets.token_hex(6)}"
        request = self.phone.request("INVITE", uri, from_=from_, headers=headers, body=body)
        self.phone.send(request)
        return request

    def describe(self, other: Handset, dialog: Dialog, direction: str) -> None:
        """A re-INVITE with sendonly, inactive or sendrecv, answered by what fits (RFC 3264 §6.1)."""
        answer = {"sendonly": "recvonly"}.get(direction, direction)
        request = self.phone.within(dialog, "INVITE", body=self._directed(direction))
        self.phone.send(request)
        incoming = other.phone.expect("INVITE", timeout=PATIENCE)
        assert f"a={direction}".encode() in incoming.body.splitlines()
        other.phone.reply(incoming, 200, body=other._directed(answer))
        answered = self.phone.final(request, timeout=PATIENCE)
        assert answered.status == 200, answered
        assert f"a={answer}".encode() in answered.body.splitlines()
        self.phone.send(self.phone.within(dialog, "ACK"))
        other.phone.expect("ACK", timeout=PATIENCE)
        self.ways[other], other.ways[self] = media_of(answered.body), media_of(incoming.body)

    def _directed(self, direction: str) -> bytes:
        return self.sound.description + f"a={direction}\r\n".encode()

    def hear(self, other: Handset) -> None:
        """Both say something, and each hears all of it."""
        converse(self.sound, self.ways[other], other.sound, other.ways[self])

    def play(self, other: Handset, packets: int = 50) -> None:
        """Only this one says something, and the other hears all of it."""
        said = set()
        for _ in range(packets):
            self.sound.say(self.ways[other])
            said.add(self.sound.number)
            time.sleep(0.005)
        wait_until("all is heard", lambda: said <= other.sound.has_heard(self.sound.ssrc), timeout=PATIENCE)


def leave(leaver: Handset, stayer: Handset, dialog: Dialog) -> None:
    """``leaver``, whose dialog is given, hangs up."""
    hang_up(leaver.phone, stayer.phone, dialog)


def tag(party: str) -> str:
    """The tag of a From or To."""
    found = parameter(party, "tag")
    assert found
    return found
