"""A server that connects to us is reached by its own connection (RFC 5923), and a stranger draws nothing to
him."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.harness.authority import Authority
from tests.harness.name_server import NameServer
from tests.harness.phone import Phone, hang_up
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox

PEER = "peer.example"


class Peer(Phone):
    """Another server, which is known by its name."""

    listens_at = 0

    @property
    def contact(self) -> str:
        return f"sip:{PEER}:{self.listens_at};transport=tls"


class Scene:
    """A server that asks who comes by TLS, and 10, who calls somebody at the peer's domain."""

    def __init__(self, authority: Authority, names: NameServer) -> None:
        certificate, key = authority.issue(LOOPBACK)
        believed = str(authority.file)
        self.authority = authority
        self.tls_port, self.listens_at = free_port(), free_port()
        self.box = Sipbox(
            settings={
                "tls": {
                    "certificate": str(certificate),
                    "certificate_key": str(key),
                    "client_certificates": "request",
                    "client_authorities": believed,
                    "server_authorities": believed,
                },
                "dns": {"name_servers": [names.text]},
            }
        )
        listen = [f"udp:{LOOPBACK}:{self.box.port}", f"tls:{LOOPBACK}:{self.tls_port}"]
        self.box.write_settings({"sip": {"listen": listen, "domains": ["example.org"]}})

    def peer(self, *named: str) -> Peer:
        """A server that has connected, with a certificate for these names."""
        own = self.authority.issue(*named, file="-".join(named)) if named else None
        context = self.authority.client(own)
        peer = Peer("peer", proxy=(LOOPBACK, self.tls_port), transport="tls", tls=context)
        peer.listens_at = self.listens_at
        return peer

    def say(self, peer: Phone, more: str = ";alias") -> None:
        """Some request of the peer's, whose Via says where it listens."""
        request = peer.request("OPTIONS", f"sip:{LOOPBACK}:{self.tls_port};transport=tls")
        via = f"SIP/2.0/TLS {PEER}:{self.listens_at};branch=z9hG4bK{request.call_id[:12]}{more}"
        request = request.with_header("Via", via)
        peer.send(request)
        peer.final(request, timeout=10)

    def refused(self) -> int:
        """What 10 is told who calls the peer."""
        with self.caller() as caller:
            invite = caller.invite(self.target)
            answer = caller.final(invite, timeout=15)
            caller.send(caller.ack(invite, answer))
            return answer.status

    @property
    def target(self) -> str:
        return f"sip:bob@{PEER}:{self.listens_at};transport=tls"

    def caller(self) -> Phone:
        return Phone("10", "secret-10", proxy=self.box.address, domain="example.org")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with NameServer({f"{PEER} A": [LOOPBACK]}) as names:
        made = Scene(Authority(tmp_path_factory.mktemp("authority")), names)
        with made.box as box:
            box.add_subscribers({"10": "secret-10"})
            yield made


def test_a_server_that_has_proved_its_name_is_reached_by_its_connection(scene: Scene) -> None:
    with scene.peer(PEER) as peer:
        scene.say(peer)
        with scene.caller() as caller:
            invite = caller.invite(scene.target)
            request = peer.expect("INVITE", timeout=10)
            assert request.all("Via")[0].endswith(";alias")
            peer.reply(request, 200)
            answered = caller.final(invite, timeout=10)
            assert answered.status == 200
            dialog = caller.dialog_as_caller(invite, answered)
            caller.send(caller.within(dialog, "ACK"))
            peer.expect("ACK", timeout=10)
            hang_up(caller, peer, dialog)
    assert scene.refused() == 480  # it has gone


def test_a_call_that_went_by_it_fails_when_it_is_lost(scene: Scene) -> None:
    with scene.caller() as caller:
        with scene.peer(PEER) as peer:
            scene.say(peer)
            invite = caller.invite(scene.target)
            peer.expect("INVITE", timeout=10)
        assert caller.final(invite, timeout=15).status == 480


@pytest.mark.parametrize("named", [(), ("other.example",), (f"*.{PEER}",), ("*.example",)], ids=str)
def test_a_stranger_draws_nothing_to_him(scene: Scene, named: tuple[str, ...]) -> None:
    with scene.peer(*named) as stranger:
        scene.say(stranger)
        assert scene.refused() == 480
        stranger.silent(0.1)


def test_who_does_not_ask_for_it_is_not_reached_by_it(scene: Scene) -> None:
    with scene.peer(PEER) as peer:
        scene.say(peer, "")
        assert scene.refused() == 480


def test_who_was_first_is_not_replaced(scene: Scene) -> None:
    with scene.peer(PEER) as first, scene.peer(PEER) as second:
        scene.say(first)
        scene.say(second)
        with scene.caller() as caller:
            invite = caller.invite(scene.target)
            request = first.expect("INVITE", timeout=10)
            first.reply(request, 486)
            assert caller.final(invite, timeout=10).status == 486


def test_a_certificate_of_another_authority_lets_nobody_in(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Authority(tmp_path_factory.mktemp("other"), "Somebody Else")
    context = scene.authority.client(other.issue(PEER))
    with (
        pytest.raises((ssl.SSLError, OSError, AssertionError)),
        Phone("peer", proxy=(LOOPBACK, scene.tls_port), transport="tls", tls=context) as peer,
    ):
        scene.say(peer)
    assert scene.refused() == 480
