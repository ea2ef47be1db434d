from __future__ import annotations

import math
from dataclasses import fields

import pytest

from appliance.registrar.binding import Binding
from appliance.registrar.binding_note import binding_of, note_of
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.workers import frames
from appliance.workers.frames import Alive, Find, News, Open
from tests.unit.workers.made import binding, flow


@pytest.mark.parametrize(
    "frame",
    [
        Alive(1, 2, 3),
        News(1, 2, 3.5, [note_of(binding())], [("r2", 7.0)], [flow(1)], []),
        Open([flow(1)], True, False),
        Find(7, b"CANCEL \xff", flow(2)),
    ],
)
def test_what_is_said_is_heard(frame: frames.Any_) -> None:
    assert frames.decode(frames.encode(3, frame)) == (3, frame)


def test_hops_come_back_as_hops() -> None:
    said = frames.decode(frames.encode(1, Open([flow(9)], True, True)))
    assert said is not None
    assert isinstance(said[1], Open)
    assert isinstance(said[1].hops[0], Hop)


@pytest.mark.parametrize(
    "data", [b"", b"nothing", b"\x93\x01\x02\x03", frames.encode(1, Alive(1, 2, 3))[:-1]]
)
def test_what_another_version_says_is_nothing(data: bytes) -> None:
    assert frames.decode(data) is None


def test_a_binding_travels_whole_with_bytes_that_are_no_utf_8() -> None:
    whole = Binding(
        AddressOfRecord("z\udcff", "example.org"),
        "sip:z\udcfe@192.0.2.9",
        math.inf,
        "call\udc80",
        7,
        0.5,
        "Phone\udcff 1",
        "sip:192.0.2.1:5060;transport=tcp;flow=2a",
        "<sip:edge;lr>",
        "tcp:192.0.2.1:5060",
        flow(42),
        31,
        "<urn:uuid:1>",
        1,
        2,
        4,
        "r1",
        1_700_000_000.25,
    )
    said = frames.decode(frames.encode(1, News(1, 1, 0.0, [note_of(whole)], [], [], [])))
    assert said is not None
    assert isinstance(said[1], News)
    again = binding_of(said[1].bindings[0])
    names = [field.name for field in fields(Binding)]
    assert [getattr(again, name) for name in names] == [getattr(whole, name) for name in names]
    assert isinstance(again.hop, Hop)
