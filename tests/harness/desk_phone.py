"""Desk phones that fetch their configuration and believe it: what their firmware reads, from the facts.

``fetch`` is one HTTP request from where the phone is. What a phone would not take (a wrong sum, a file that
is missing) is an AssertionError. Nothing here is the server's own code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

from tests.harness import multicast_phone
from tests.harness.network_namespace import Answer, Namespace

Fetch = Callable[[str], Answer]


class Account(NamedTuple):
    """The first account of a phone; ``proxy`` is where it sends its requests."""

    user: str
    domain: str
    auth_user: str
    password: str
    display_name: str
    proxy: tuple[str, int]
    expires: int


def budgetone(fetch: Fetch, url: str, mac: str) -> Account:
    """Grandstream's BudgeTone: one binary file."""
    said = p_values(_file(fetch, f"{url}cfg{mac}"), mac)
    assert said["P271"] == "1", "the account is switched off"
    host, _, port = (said["P48"] or said["P47"]).partition(":")
    return Account(
        said["P35"],
        said["P47"],
        said["P36"],
        said["P34"],
        said["P3"],
        (host, int(port or 5060)),
        int(said["P32"]) * 60,
    )


def p_values(data: bytes, mac: str) -> dict[str, str]:
    """What a binary file of Grandstream says, if it is whole and for this phone."""
    assert len(data) % 2 == 0
    words = [data[at] * 256 + data[at + 1] for at in range(0, len(data), 2)]
    assert words[0] * 65536 + words[1] == len(words), "the length is wrong"
    assert sum(words) % 65536 == 0, "the sum is wrong"
    assert data[6:16] == bytes.fromhex(mac) + b"\r\n\r\n", "the header is wrong"
    body = data[16:].rstrip(b"\0").decode("ascii")
    return dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))


def yealink(fetch: Fetch, url: str, mac: str) -> Account:
    """Yealink: the first account of what its files say."""
    said = yealink_values(fetch, url, mac)
    one = "account.1."
    assert said[f"{one}enable"] == "1", "the account is switched off"
    server = "outbound_proxy" if said[f"{one}outbound_proxy_enable"] == "1" else "sip_server"
    return Account(
        said[f"{one}user_name"],
        said[f"{one}sip_server.1.address"],
        said[f"{one}auth_name"],
        said[f"{one}password"],
        said[f"{one}display_name"],
        (said[f"{one}{server}.1.address"], int(said[f"{one}{server}.1.port"])),
        int(said[f"{one}sip_server.1.expires"]),
    )


def yealink_values(fetch: Fetch, url: str, mac: str) -> dict[str, str]:
    """A boot file names the others, and what comes later goes before."""
    boot = _file(fetch, f"{url}{mac}.boot").decode()
    names = re.findall(r'(?m)^include:config "(.+)"$', boot)
    assert names, boot
    said: dict[str, str] = {}
    for name in names:
        text = _file(fetch, f"{url}{name}").decode()
        assert text.startswith("#!version:1.0.0.1\n"), name
        said |= dict(re.findall(r"(?m)^([\w.]+) = (.*)$", text))
    return said


def ask_by_multicast(place: Namespace, mac: str, model: str, *, times: int = 10) -> str:
    """The URL that a new phone hears when it asks the network, "" when nobody answers."""
    return place.python(multicast_phone.__file__, place.address, mac, model, str(times)).decode()


def _file(fetch: Fetch, url: str) -> bytes:
    answer = fetch(url)
    assert answer.status == 200, f"{url}: {answer.status}"
    return answer.body
