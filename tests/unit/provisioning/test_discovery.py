from __future__ import annotations

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.discovery import Asker, accept, asker, notify
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse

URL = "http://192.0.2.10:8088/token/"


def subscribe(
    user: str = "MAC%3a000B82123456",
    event: str = 'ua-profile;profile-type="device";vendor="Grandstream";model="GXP2135";version="1.0.7.97"',
    agent: str = "Grandstream GXP2135 1.0.7.97",
    uri_user: str | None = None,
    contact: str = "Contact: <sip:192.0.2.77:5062>\r\n",
    method: str = "SUBSCRIBE",
) -> Request:
    text = (
        f"{method} sip:{uri_user or user}@224.0.1.75 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.77:5062;branch=z9hG4bK77;rport\r\n"
        f"From: <sip:{user}@224.0.1.75>;tag=77aa\r\n"
        f"To: <sip:{user}@224.0.1.75>\r\n"
        "Call-ID: 4711@192.0.2.77\r\n"
        f"CSeq: 20000 {method}\r\n"
        f"{contact}"
        "Max-Forwards: 70\r\n"
        f"User-Agent: {agent}\r\n"
        f"Event: {event}\r\n"
        "Expires: 0\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    request = parse(text.encode())
    assert isinstance(request, Request)
    return request


def test_who_asks() -> None:
    assert asker(subscribe()) == Asker("000b82123456", "grandstream", "GXP2135", "1.0.7.97")


@pytest.mark.parametrize("user", ["000b82123456", "mac%3A000b82123456", "MAC000B82123456"])
def test_the_mac_in_each_notation(user: str) -> None:
    found = asker(subscribe(user=user))
    assert found is not None
    assert found.mac == "000b82123456"


def test_a_phone_that_says_no_vendor_is_known_by_its_address() -> None:
    found = asker(
        subscribe(
            user="MAC%3a001565AABBCC", event='ua-profile;vendor="OEM";model="OEM";version="1"', agent="x"
        )
    )
    assert found == Asker("001565aabbcc", "yealink", "OEM", "1")
    found = asker(subscribe(user="MAC%3a001122AABBCC", event="ua-profile", agent="x"))
    assert found == Asker("001122aabbcc", None, "", "")


def test_the_mac_may_stand_elsewhere() -> None:
    found = asker(
        subscribe(user="anonymous", uri_user="MAC%3a000413AABBCC", event="ua-profile", agent="snom370")
    )
    assert found == Asker("000413aabbcc", "snom", "", "")
    found = asker(
        subscribe(user="anonymous", event="ua-profile;vendor=yealink", agent="Yealink T46S 00:15:65:aa:bb:cc")
    )
    assert found == Asker("001565aabbcc", "yealink", "", "")


@pytest.mark.parametrize(
    "request_",
    [
        subscribe(event="presence"),
        subscribe(event="ua-profilex"),
        subscribe(method="OPTIONS"),
        subscribe(user="10", agent="curl"),
    ],
)
def test_what_is_no_such_request(request_: Request) -> None:
    assert asker(request_) is None


def test_the_answer() -> None:
    answer = parse(accept(subscribe(), "sip:192.0.2.10:5060", "aa11"))
    assert isinstance(answer, Response)
    assert (answer.status, answer.to_tag, answer.from_tag) == (200, "aa11", "77aa")
    assert answer.first("expires") == "0"
    assert answer.first("contact") == "<sip:192.0.2.10:5060>"


def test_the_url_is_brought_on_the_same_dialog() -> None:
    asked = subscribe()
    made = notify(
        asked,
        URL,
        via="SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx",
        contact="sip:192.0.2.10:5060",
        tag="aa11",
    )
    sent = parse(made.encode())
    assert isinstance(sent, Request)
    assert (sent.method, sent.uri_text) == ("NOTIFY", "sip:192.0.2.77:5062")
    assert (sent.from_tag, sent.to_tag, sent.call_id) == ("aa11", "77aa", asked.call_id)
    assert sent.from_.uri_text == asked.to.uri_text
    assert sent.first("event") == asked.first("event")
    assert sent.first("subscription-state") == "terminated;reason=timeout"
    assert (sent.first("content-type"), sent.body) == ("application/url", URL.encode())


def test_without_a_contact_it_goes_to_whom_the_request_came_from() -> None:
    made = notify(subscribe(contact=""), URL, via="SIP/2.0/UDP x", contact="sip:x", tag="a")
    assert made.uri_text == "sip:MAC%3a000B82123456@224.0.1.75"


@pytest.mark.parametrize("url", ["http://x/\r\nEvil: 1", "ftp://x/", "http://exämple/"])
def test_only_a_url_is_brought(url: str) -> None:
    with pytest.raises(PhoneRefused, match="url"):
        notify(subscribe(), url, via="SIP/2.0/UDP x", contact="sip:x", tag="a")
