from __future__ import annotations

import pytest

from appliance.config.listener import Advertised, Listener, names_of, split_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp:127.0.0.1:5060", Listener("udp", "127.0.0.1", 5060)),
        ("TCP:192.0.2.7:5080", Listener("tcp", "192.0.2.7", 5080)),
        ("tcp:[2001:db8::1]:5061", Listener("tcp", "2001:db8::1", 5061)),
        ("udp:[2001:DB8:0::1]:5060", Listener("udp", "2001:db8::1", 5060)),
    ],
)
def test_parse(text: str, expected: Listener) -> None:
    assert Listener.parse(text) == expected


@pytest.mark.parametrize("text", ["udp:127.0.0.1:5060", "tcp:[2001:db8::1]:5061"])
def test_written_as_it_was_read(text: str) -> None:
    assert str(Listener.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("127.0.0.1:5060", "begin with udp:, tcp:, tls:, ws: or wss:"),
        ("sctp:127.0.0.1:5060", "begin with udp:, tcp:, tls:, ws: or wss:"),
        ("udp:127.0.0.1", "HOST:PORT"),
        ("udp:2001:db8::1:5060", "IPv6 as in"),
        ("udp:127.0.0.1:0", "1 to 65535"),
        ("udp:127.0.0.1:65536", "1 to 65535"),
        ("udp:127.0.0.1:٥٠٦٠", "1 to 65535"),
        ("udp:example.org:5060", "IP address"),
        ("udp:0.0.0.0:5060", "listens everywhere"),
        ("tcp:[::]:5060", "listens everywhere"),
        ("udp:[fe80::1%eth0]:5060", "no phone can write"),
        ("udp:[::ffff:192.0.2.1]:5060", "no phone can write"),
        ("udp:224.0.1.75:5060", "multicast"),
    ],
)
def test_what_cannot_be_listened_on_is_refused_with_what_can(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        Listener.parse(text)
    assert "\n" not in str(refusal.value)


LISTENERS = [
    ("udp", "10.0.0.5", 5060),
    ("tcp", "10.0.0.5", 5060),
    ("udp", "10.0.1.5", 5060),
    ("udp", "fd00::5", 5060),
]


@pytest.mark.parametrize(
    ("texts", "hosts"),
    [
        ([], ["10.0.0.5", "10.0.0.5", "10.0.1.5", "fd00::5"]),
        (["203.0.113.7"], ["203.0.113.7"] * 4),
        (["10.0.0.5=203.0.113.7"], ["203.0.113.7", "203.0.113.7", "10.0.1.5", "fd00::5"]),
        (["udp:10.0.0.5:5060=Sip.Example.org"], ["sip.example.org", "10.0.0.5", "10.0.1.5", "fd00::5"]),
        (["[fd00::5]=[2001:db8::7]"], ["10.0.0.5", "10.0.0.5", "10.0.1.5", "2001:db8::7"]),
        (["fd00::5=2001:db8::7"], ["10.0.0.5", "10.0.0.5", "10.0.1.5", "2001:db8::7"]),
        (
            ["203.0.113.1", "10.0.0.5=203.0.113.2", "tcp:10.0.0.5:5060=203.0.113.3"],
            ["203.0.113.2", "203.0.113.3", "203.0.113.1", "203.0.113.1"],
        ),
    ],
)
def test_what_is_advertised(texts: list[str], hosts: list[str]) -> None:
    assert [name[1] for name in names_of(LISTENERS, texts)] == hosts
    assert {name[2] for name in names_of(LISTENERS, texts)} == {5060}


def test_another_port_is_advertised() -> None:
    texts = ["203.0.113.7:5080", "udp:[fd00::5]:5060=[2001:db8::7]:5090"]
    assert [name[2] for name in names_of(LISTENERS, texts)] == [5080, 5080, 5080, 5090]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "HOST or HOST:PORT"),
        ("10.0.0.5=", "HOST or HOST:PORT"),
        ("a b", "HOST or HOST:PORT"),
        ("1.2.3", "HOST or HOST:PORT"),
        ("203.0.113.7:0", "port from 1 to 65535"),
        ("0.0.0.0", "nobody can answer"),
        ("224.0.1.75", "nobody can answer"),
        ("udp:10.0.0.5=203.0.113.7", "one of listen"),
        ("pbx=203.0.113.7", "one of listen"),
    ],
)
def test_what_cannot_be_advertised(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Advertised.parse(text)


def test_split_address() -> None:
    assert split_address("localhost:8080") == ("localhost", 8080)
    assert split_address("[::1]:80") == ("::1", 80)
    for wrong in ("8080", ":8080", "::1:80", "host:"):
        with pytest.raises(ValueError):
            split_address(wrong)
