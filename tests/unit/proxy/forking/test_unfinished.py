"""The text of what is under way: it is read as it was written, or not at all."""

from __future__ import annotations

import json
from math import inf

import pytest

from appliance.auth.nonce_memory import NonceMemory, UsedNonce
from appliance.proxy.forking.unfinished import (
    AnsweredCall,
    SentCopy,
    Unfinished,
    UnfinishedBranch,
    Unreadable,
    bytes_of,
    lasting,
    lasting_target,
    read,
    text_of,
    write,
)
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.transaction.machine import Remains

LISTENERS = [("udp", "192.0.2.1", 5060)]
CALL = AnsweredCall("c1", "10@example.org", "11@example.org", 3.5)
NONCES = NonceMemory(2**32 - 1, 7, 3, [UsedNonce(5, 1_800_000_000, 9, 2**64 - 1)])


def record() -> Unfinished:
    hop = Hop("tcp", "192.0.2.11", 40000, 1, 0, 5060)
    target = Target("sip:11@\udcff", hop, "<sip:edge;lr>", 0.5, False, AddressOfRecord("11", "example.org"))
    waiting = Remains("proceeding", 0.0, inf, inf)
    sent = SentCopy(
        data="INVITE \udcfe\x00", hop=hop, branch="z9hG4bK1", transaction=waiting, cancel=[("Reason", "x")]
    )
    return Unfinished(
        request="INVITE",
        hop=hop,
        came_as=("sip:11@example.org", ["<sip:a;lr>"]),
        age=1.5,
        server=waiting,
        last_status=180,
        response="SIP/2.0 180 Ringing",
        groups=[[target]],
        branches=[
            UnfinishedBranch(number=7, target=target, proceeding=True, final=None, sent=sent),
            UnfinishedBranch(number=8, target=target, proceeding=False, final=(408, None), sent=None),
        ],
        breadth=None,
        cancelled=False,
        done=False,
        ring_left=100.0,
        timer_c_left=-1.0,
    )


def test_it_is_read_as_it_was_written() -> None:
    leftovers = read(write(1_800_000_000.5, LISTENERS, [record()], [CALL], NONCES))
    assert leftovers.requests == [record()]
    assert leftovers.calls == [CALL]
    assert leftovers.nonces == NONCES
    assert (leftovers.stopped, leftovers.listeners) == (1_800_000_000.5, LISTENERS)


def test_every_byte_survives() -> None:
    assert bytes_of(text_of(bytes(range(256)))) == bytes(range(256))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[1]", "another version"),
        (b'{"version": 2}', "another version"),
        (b'{"version": 1}', "something is wrong"),
    ],
)
def test_what_is_something_else_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hop", ["udp", "192.0.2.1"]), ("age", "long"), ("server", ["calling"]), ("branches", [{}])],
)
def test_a_field_of_another_shape_is_refused(name: str, value: object) -> None:
    content = json.loads(write(1.0, LISTENERS, [record()], [], NONCES))
    content["requests"][0][name] = value
    with pytest.raises(Unreadable, match="something is wrong"):
        read(json.dumps(content).encode())


def test_a_connection_is_kept_by_its_peer() -> None:
    hop = Hop("tcp", "192.0.2.11", 40000, 1, 9, 5060)
    assert lasting(hop) == hop._replace(connection=0)
    assert lasting_target(Target("sip:a@b", hop)).hop == hop._replace(connection=0)
    assert lasting_target(Target("sip:a@b")) == Target("sip:a@b")
