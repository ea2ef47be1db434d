"""Domains with many names over real sockets: who may call whom, and what changes while the server runs."""

from __future__ import annotations

import itertools
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.harness.message import Message
from tests.harness.phone import SDP, Phone
from tests.harness.sipbox import REPOSITORY, Sipbox
from tests.harness.waiting import wait_until

LOCAL, OTHER_NAME, FOREIGN = "example.org", "sip.example.org", "elsewhere.example"
SETTINGS = {
    "sip": {"domains": [LOCAL]},
    "domains": {LOCAL: {"hosts": [OTHER_NAME], "attributes": {"digest_realm": "The Realm"}}},
}


@pytest.fixture
def box(database_url: str | None) -> Iterator[Sipbox]:
    """A server of one domain with two names and a realm, and two subscribers."""
    with Sipbox(database_url, settings=SETTINGS, agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


Ring = Callable[..., Phone]


@pytest.fixture
def phone(box: Sipbox) -> Iterator[Ring]:
    """``phone("10", "example.org")``: a phone that says it is of that domain."""
    with ExitStack() as stack:

        def phone(user: str, domain: str, transport: str = "udp") -> Phone:
            made = Phone(user, f"secret-{user}", proxy=box.address, domain=domain, transport=transport)
            return stack.enter_context(made)

        yield phone


def invite(caller: Phone, uri: str) -> Message:
    return caller.request("INVITE", uri, body=SDP)


def message(caller: Phone, uri: str, to_tag: str | None, route: str | None) -> Message:
    to = f"<{uri}>" + (f";tag={to_tag}" if to_tag else "")
    return caller.request("MESSAGE", uri, to=to, headers=[("Route", route)] if route else [], body=b"hello")


def told(caller: Phone, request: Message) -> tuple[int, str]:
    reply = caller.final(request)
    return reply.status, reply.reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_matrix_cell_by_cell(box: Sipbox, phone: Ring, transport: str) -> None:
    """Who calls whom, without and with an invented To tag, without a Route, with our own and with another."""
    callee, elsewhere = phone("11", LOCAL), phone("11", FOREIGN)
    assert callee.register().status == 200
    foreign = f"{elsewhere.address}:{elsewhere.port}"
    callers = {domain: phone("10", domain, transport) for domain in (LOCAL, OTHER_NAME, FOREIGN)}
    routes = (None, f"<sip:{box.host}:{box.port};lr>", "<sip:gateway.example;lr>")
    for domain, host, to_tag, route in itertools.product(
        callers, (LOCAL, OTHER_NAME, foreign), (None, "invented"), routes
    ):
        cell = (domain, host, to_tag, route)
        caller = callers[domain]
        request = message(caller, f"sip:11@{host}", to_tag, route)
        caller.send(request)
        if route == routes[2]:
            assert told(caller, request) == (403, "Preloaded Route Forbidden"), cell
            continue
        if domain == FOREIGN and host == foreign:
            refused = (403, "Relaying Forbidden") if to_tag is None else (404, "No route matched")
            assert told(caller, request) == refused, cell
            continue
        if domain != FOREIGN:
            challenge = caller.final(request)
            assert (challenge.status, challenge.reason) == (407, "Proxy Authentication Required"), cell
            request = caller.authorized(request, challenge)
            caller.send(request)
        reached = elsewhere if host == foreign else callee
        reached.reply(reached.expect("MESSAGE"), 200)
        assert told(caller, request) == (200, "OK"), cell
    callee.silent(0.1)
    elsewhere.silent(0.1)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_stranger_calls_somebody_who_is_away(box: Sipbox, phone: Ring, transport: str) -> None:
    stranger = phone("bob", FOREIGN, transport)
    for callee in (LOCAL, OTHER_NAME):
        reply = stranger.ask(invite(stranger, f"sip:11@{callee}"), authenticate=False)
        assert (reply.status, reply.reason) == (480, "Temporarily Unavailable")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_registers_by_one_name_and_is_called_by_the_other(
    box: Sipbox, phone: Ring, transport: str
) -> None:
    callee, caller = phone("11", OTHER_NAME, transport), phone("10", LOCAL, transport)
    assert callee.register().status == 200
    assert 'realm="The Realm"' in challenge(callee).get("WWW-Authenticate")
    assert box.sql("select username, domain from location") == [("11", LOCAL)]
    for host in (LOCAL, OTHER_NAME):
        request = caller.request("MESSAGE", f"sip:11@{host}", body=b"hello")
        caller.send(request)
        again = caller.authorized(request, caller.final(request))
        caller.send(again)
        callee.reply(callee.expect("MESSAGE"), 200)
        assert caller.final(again).status == 200
    assert f"11@{LOCAL}" in box.cli("registration", "show", f"11@{OTHER_NAME}").stdout


def test_a_walled_garden(box: Sipbox, phone: Ring) -> None:
    box.write_settings({"sip": {"walled_garden": "inbound"}})
    box.restart()
    stranger = phone("bob", FOREIGN)
    reply = stranger.ask(invite(stranger, f"sip:11@{LOCAL}"))
    assert (reply.status, reply.reason) == (403, "Foreign Callers Forbidden")
    assert phone("11", LOCAL).register().status == 200


# ------------------------------------------------------------------------------------- while the server runs


def documented(word: str) -> str:
    """The SQL in docs/domains.md that has this word."""
    page = (REPOSITORY / "docs" / "domains.md").read_text()
    (block,) = [block for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) if word in block]
    return block


def typed(box: Sipbox, statements: str) -> None:
    for statement in filter(None, map(str.strip, statements.split(";\n"))):
        box.sql(statement.rstrip(";"))


def soon(what: str, happens: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    wait_until(what, happens, timeout=15)
    return time.monotonic() - began


def test_rows_of_sql_are_served_within_a_second(box: Sipbox, phone: Ring) -> None:
    callee = phone("12", "sip.example.com")
    assert callee.register().reason == "Relaying Forbidden"
    box.sql("insert into subscriber (username, domain, password) values ('12', 'example.com', 'secret-12')")
    typed(box, documented("INTO domain "))
    soon("the domain is served", lambda: callee.register().status == 200)
    assert 'realm="Example"' in challenge(callee).get("WWW-Authenticate")
    assert box.sql("select username, domain from location") == [("12", "example.com")]
    box.sql("update domain_attrs set value = 'Another'")
    soon("the realm is another", lambda: 'realm="Another"' in str(challenge(callee)))
    box.sql("delete from domain where domain like '%example.com'")
    soon("it is served no more", lambda: challenge(callee).status == 404)


def challenge(phone: Phone) -> Message:
    request = phone.request("REGISTER", f"sip:{LOCAL}", to=f"<{phone.aor}>")
    return phone.ask(request, authenticate=False)


def test_a_further_name_of_a_user_is_known_within_a_second(box: Sipbox, phone: Ring) -> None:
    caller = phone("10", LOCAL)

    def call() -> int:
        request = caller.request(
            "MESSAGE", f"sip:11@{LOCAL}", from_=f"<sip:sales@{OTHER_NAME}>;tag=a", body=b"hello"
        )
        return caller.ask(request).status

    assert call() == 403
    typed(box, documented("INTO uri "))
    soon("10 is sales too", lambda: call() == 480)
    sales = phone("10", LOCAL)
    request = sales.request("REGISTER", f"sip:{LOCAL}", to=f"<sip:sales@{LOCAL}>")
    assert sales.ask(request).status == 200
    box.sql("delete from uri")
    soon("10 is sales no more", lambda: call() == 403)


def test_the_command_and_the_fifo(box: Sipbox, phone: Ring) -> None:
    box.cli("domain", "alias", "add", LOCAL, "voice.example.org")
    assert phone("10", "voice.example.org").register().status == 200  # at once
    dump = box.cli("fifo", "domain_dump").stdout.splitlines()
    assert dump == [LOCAL, OTHER_NAME, "voice.example.org"]
    box.cli("fifo", "domain_reload")
    assert "3 names are served" in box.cli("domain", "reload").stderr
    box.cli("domain", "attribute", "set", LOCAL, "digest_realm", "New Realm")
    assert 'realm="New Realm"' in str(challenge(phone("10", OTHER_NAME)))
    assert phone("10", OTHER_NAME).register().status == 200  # with a password that is stored as such
    box.cli("domain", "alias", "remove", "voice.example.org")
    assert challenge(phone("10", "voice.example.org")).status == 404


def test_the_settings_are_read_again_when_somebody_asks_for_it(box: Sipbox, phone: Ring) -> None:
    late = phone("10", "late.example.org")
    assert challenge(late).status == 404
    box.write_settings({"domains": {LOCAL: {"hosts": [OTHER_NAME, "late.example.org"]}}})
    box.cli("fifo", "domain_reload")
    assert late.register().status == 200
    box.write_settings({"domains": {LOCAL: {"hosts": ["no host"]}}})
    assert "'no host' is neither a name" in box.cli("domain", "reload", check=False).stderr
    assert late.register().status == 200  # what was served is served


def test_two_domains_become_one(box: Sipbox, phone: Ring) -> None:
    """Bindings are kept under the canonical name, which is another one now."""
    box.cli("domain", "add", "example.net")
    box.sql("insert into subscriber (username, domain, password) values ('12', 'example.net', 'secret-12')")
    callee, stranger = phone("12", "example.net"), phone("bob", FOREIGN)
    assert callee.register().status == 200
    box.sql(f"update domain set did = '{LOCAL}' where domain = 'example.net'")

    def reached() -> bool:
        request = stranger.request("MESSAGE", f"sip:12@{OTHER_NAME}", body=b"hello")
        stranger.send(request)
        callee.take_in(0.3)
        return any(message.is_request for message in callee.received())

    soon("12 is called by the other domain's name", reached)
    # His own row still has the old name; he is the same user by both.
    assert phone("12", LOCAL).register().status == 200


# ----------------------------------------------------------------------------- what the server answers itself


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_server_itself(box: Sipbox, phone: Ring, transport: str) -> None:
    asker = phone("bob", FOREIGN, transport)

    def ask(method: str, uri: str, *headers: tuple[str, str]) -> Message:
        return asker.ask(asker.request(method, uri, headers=headers), authenticate=False)

    for uri in (f"sip:{OTHER_NAME}", f"sip:{box.host}:{box.port}"):
        reply = ask("OPTIONS", uri)
        assert (reply.status, reply.get("Accept")) == (200, "application/sdp")
        assert {"INVITE", "REGISTER", "OPTIONS"} < set(reply.get("Allow").split(", "))
    reply = ask("DANCE", f"sip:{LOCAL}")
    assert (reply.status, "INVITE" in reply.get("Allow")) == (405, True)
    reply = ask("OPTIONS", f"sip:{LOCAL}", ("Proxy-Require", "sec-agree"))
    assert (reply.status, reply.get("Unsupported")) == (420, "sec-agree")
    request = asker.request("OPTIONS", f"sip:{LOCAL}").with_header("Max-Forwards", "0")
    assert asker.ask(request).status == 483


def test_what_is_too_large(box: Sipbox, phone: Ring) -> None:
    box.write_settings({"limits": {"message_bytes": 4000, "header_bytes": 4000, "uri_bytes": 1000}})
    box.restart()
    for transport in ("udp", "tcp"):
        asker = phone("bob", FOREIGN, transport)
        request = asker.request("OPTIONS", f"sip:{LOCAL}", body=b"x" * 5000)
        assert asker.ask(request).status == 513, transport
    assert phone("10", LOCAL).register().status == 200


def test_a_message_of_more_than_65535_bytes_is_answered_before_all_of_it_has_come(box: Sipbox) -> None:
    with socket.create_connection(box.address, timeout=10) as connection:
        head = (
            f"MESSAGE sip:11@{LOCAL} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa\r\n"
            f"From: <sip:bob@{FOREIGN}>;tag=a\r\nTo: <sip:11@{LOCAL}>\r\nCall-ID: large\r\n"
            "CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Length: 70000\r\n\r\n"
        )
        connection.sendall(head.encode())
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"SIP/2.0 513 Message Too Large\r\n")
