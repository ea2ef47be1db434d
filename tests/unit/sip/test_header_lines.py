from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.sip.message import Request
from appliance.sip.parser import parse
from tests.unit.sip.samples import wire


def message(*lines: str) -> Request:
    request = parse(wire("\n".join(["OPTIONS sip:h SIP/2.0", *lines])))
    assert isinstance(request, Request)
    return request


def test_reading() -> None:
    request = message("Via: a", "v:b", "VIA : c ,d", "Subject:", "X-Odd:  x\r\n\ty ")
    assert request.keys == ["via", "via", "via", "subject", "x-odd"]
    assert request.has("via")
    assert not request.has("to")
    assert request.first("via") == "a"
    assert request.first("subject") == ""
    assert request.first("to") is None
    assert request.first("x-odd") == "x y"
    assert request.all("via") == ["a", "b", "c ,d"]
    assert request.all("to") == []
    assert request.items("via") == ["a", "b", "c", "d"]


def test_credentials_and_dates_stay_whole() -> None:
    request = message(
        'Authorization: Digest a="1", b="2"',
        "Date: Sat, 13 Nov 2010 23:29:00 GMT",
        "Subject: a, b",
        "Allow: A,B",
    )
    assert request.items("authorization") == ['Digest a="1", b="2"']
    assert request.items("date") == ["Sat, 13 Nov 2010 23:29:00 GMT"]
    assert request.items("subject") == ["a, b"]
    assert request.items("allow") == ["A", "B"]


def test_lists_with_something_open() -> None:
    with pytest.raises(MalformedMessage):
        message('Contact: "a <sip:b>, <sip:c>').items("contact")


def test_adding() -> None:
    request = message("Via: a")
    request.add("Contact", "<sip:x>")
    request.prepend("Via", "b")
    request.prepend("Record-Route", "<sip:p;lr>")
    assert request.lines == ["Record-Route: <sip:p;lr>", "Via: b", "Via: a", "Contact: <sip:x>"]
    assert request.keys == ["record-route", "via", "via", "contact"]


def test_replacing_and_removing() -> None:
    request = message("v: a", "Max-Forwards: 70", "Via: b")
    request.replace("max-forwards", "69")
    request.replace("expires", "60")
    assert request.lines == ["v: a", "Max-Forwards: 69", "Via: b", "Expires: 60"]
    request.replace("via", "c")
    assert request.lines[0] == "Via: c"
    request.remove("via")
    request.remove("to")
    assert request.lines == ["Max-Forwards: 69", "Expires: 60"]
    assert request.keys == ["max-forwards", "expires"]


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\r"])
def test_no_value_starts_a_header_of_its_own(value: str) -> None:
    request = message("Via: a")
    for change in (request.add, request.prepend, request.replace):
        with pytest.raises(ValueError, match="line end"):
            change("subject", value)
    assert request.lines == ["Via: a"]
    assert request.keys == ["via"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["Route: <sip:a;lr>"], []),
        (["Route: <sip:a;lr>", "Route: <sip:b>"], ["Route: <sip:b>"]),
        (["Route: <sip:a;lr>, <sip:b>,<sip:c>"], ["Route: <sip:b>,<sip:c>"]),
        (['rOuTe:<sip:a,b>;x="," , <sip:c>'], ["rOuTe: <sip:c>"]),
        (["Route: , ,<sip:a>, <sip:b>"], ["Route: <sip:b>"]),
        (["Route: <sip:a>, "], []),
        (["Route: <sip:a>,\r\n <sip:b>"], ["Route: <sip:b>"]),
        (["Route: <sip:a>\r\n ,<sip:b>\r\n ,<sip:c>"], ["Route: <sip:b>\r\n ,<sip:c>"]),
        (["Via: x"], ["Via: x"]),
    ],
)  # fmt: skip
def test_the_first_item_is_taken_out_and_nothing_else(lines: list[str], left: list[str]) -> None:
    request = message(*lines)
    request.remove_first_item("route")
    assert request.lines == left
    assert len(request.keys) == len(left)


@pytest.mark.parametrize(("line", "number"), [("L: 0", 0), ("l:\t007 ", 7), ("Content-Length: 12345", 12345)])
def test_number(line: str, number: int) -> None:
    request = Request("OPTIONS", "sip:h", ["content-length"], [line])
    assert request.number("content-length", 99999) == number
    assert request.number("expires", 1) is None


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "1 2", "1_0", "٣", "x", "100000", "0" * 200])
def test_no_number(value: str) -> None:
    request = Request("OPTIONS", "sip:h", ["content-length"], [f"Content-Length: {value}"])
    with pytest.raises(MalformedMessage, match="Content-Length"):
        request.number("content-length", 99999)
