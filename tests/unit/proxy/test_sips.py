"""SIPS (RFC 5630): who is reached by which URI, over which transport; what our Record-Route says then."""

from __future__ import annotations

import pytest

from appliance.proxy.locating import Locator, Unroutable
from appliance.sip.hop import Hop
from appliance.sip.uri import Uri
from tests.unit.proxy.stage import DOMAIN, PROXY, Stage, response_to

PHONE = Hop("tls", "192.0.2.10", 40_000, 2)
BROWSER = Hop("wss", "192.0.2.11", 50_000, 4)


class SecureStage(Stage):
    """Listens by every transport."""

    def restarted(self):  # type: ignore[no-untyped-def]
        self.listeners = (
            ("udp", PROXY, 5060),
            ("tcp", PROXY, 5060),
            ("tls", PROXY, 5061),
            ("ws", PROXY, 8080),
            ("wss", PROXY, 8443),
        )
        return super().restarted()

    def local_for(self, hop: Hop) -> Hop:
        index = [transport for transport, _, _ in self.listeners].index(hop.transport)
        return hop._replace(listener=index)


@pytest.fixture
def stage() -> SecureStage:
    stage = SecureStage()
    stage.add_user("10")
    stage.add_user("11")
    return stage


def by_tls(stage: Stage, method: str, uri: str):  # type: ignore[no-untyped-def]
    request = stage.request(method, uri)
    via = request.get("Via").replace("SIP/2.0/UDP", "SIP/2.0/TLS")
    return stage.let_in(request.with_header("Via", via), PHONE)


def test_a_sips_request_goes_to_sips_contacts_alone(stage: SecureStage) -> None:
    stage.bind("11", "sip:11@192.0.2.20", hop=Hop("udp", "192.0.2.20", 5060, 0))
    _, (refusal,) = by_tls(stage, "OPTIONS", f"sips:11@{DOMAIN}")
    assert refusal.message.status == 480
    stage.bind("11", "sips:11@192.0.2.21", hop=Hop("tls", "192.0.2.21", 41_000, 2))
    _, sent = by_tls(stage, "OPTIONS", f"sips:11@{DOMAIN}")
    assert [(each.message.uri, each.hop.transport) for each in sent] == [("sips:11@192.0.2.21", "tls")]


def test_a_sip_request_reaches_a_sips_contact_by_tls_under_its_own_scheme(stage: SecureStage) -> None:
    stage.bind("11", "sips:11@192.0.2.21", hop=Hop("tls", "192.0.2.21", 41_000, 2))
    _, (sent,) = by_tls(stage, "OPTIONS", f"sip:11@{DOMAIN}")
    assert (sent.message.uri, sent.hop.transport) == ("sip:11@192.0.2.21", "tls")


def test_a_sips_contact_is_never_reached_without_tls(stage: SecureStage) -> None:
    """Its REGISTER came by UDP, whatever it says."""
    stage.bind("11", "sips:11@192.0.2.21", hop=Hop("udp", "192.0.2.21", 5060, 0))
    _, (refusal,) = by_tls(stage, "OPTIONS", f"sip:11@{DOMAIN}")
    assert refusal.message.status == 480


def test_the_record_route_is_sips_too_and_leads_back(stage: SecureStage) -> None:
    stage.bind("11", "sips:11@192.0.2.21", hop=Hop("tls", "192.0.2.21", 41_000, 2))
    invite, sent = by_tls(stage, "INVITE", f"sips:11@{DOMAIN}")
    (out,) = (each for each in sent if each.message.is_request)
    (route,) = out.message.all("Record-Route")
    assert route.startswith(f"<sips:{PROXY}:5061;lr=on;ftag=")
    assert out.message.all("Via")[0].startswith(f"SIP/2.0/TLS {PROXY}:5061;")
    stage.receive(response_to(out.message, 200), out.hop)
    bye = stage.request("BYE", "sips:11@192.0.2.21", to_tag="callee", call_id=invite.call_id, cseq=9)
    bye = bye.with_header("From", invite.get("From")).with_header("Route", route)
    passed = stage.receive(bye, PHONE)
    assert [each.message.method for each in passed if each.message.is_request] == ["BYE"]
    assert passed[-1].hop.transport == "tls"


def test_a_browser_by_sips_is_reached_by_wss(stage: SecureStage) -> None:
    stage.bind("11", "sips:11@x.invalid;transport=ws", hop=BROWSER)
    _, sent = by_tls(stage, "INVITE", f"sips:11@{DOMAIN}")
    (out,) = (each for each in sent if each.message.is_request)
    assert out.hop.transport == "wss"
    mine, its = reversed(out.message.all("Record-Route"))
    assert its.startswith(f"<sips:{PROXY}:8443;transport=ws;lr=on;r2=on;")
    assert mine.startswith(f"<sips:{PROXY}:5061;lr=on;r2=on;")


def locator(stage: Stage) -> Locator:
    return Locator(stage, stage.listeners)


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:11@192.0.2.5;transport=tls", ("tls", 5061, "")),
        ("sip:11@192.0.2.5:5071;transport=TLS", ("tls", 5071, "")),
        ("sips:11@192.0.2.5", ("tls", 5061, "")),
        ("sips:11@192.0.2.5;transport=tcp", ("tls", 5061, "")),
        ("sips:11@other.example:5099", ("tls", 5099, "other.example")),
        ("sip:11@192.0.2.5;transport=ws", ("ws", 5060, "")),
        ("sips:11@192.0.2.5:443;transport=ws", ("wss", 443, "")),
        ("sip:11@other.example;transport=tcp", ("tcp", 5060, "")),
    ],
)
def test_what_a_uri_means_on_the_wire(stage: SecureStage, uri: str, hop: tuple[str, int, str]) -> None:
    stage.hosts["other.example"] = ["192.0.2.5"]
    (found,) = locator(stage).servers(Uri.parse(uri))
    assert (found.transport, found.port, found.name) == hop
    assert found.host == "192.0.2.5"


@pytest.mark.parametrize("uri", ["sips:11@192.0.2.5;transport=udp", "sip:11@192.0.2.5;transport=sctp"])
def test_what_no_transport_can_be(stage: SecureStage, uri: str) -> None:
    with pytest.raises(Unroutable):
        locator(stage).servers(Uri.parse(uri))


def test_without_a_certificate_there_is_no_sips() -> None:
    with pytest.raises(Unroutable) as caught:
        locator(Stage()).servers(Uri.parse("sips:11@192.0.2.5"))
    assert caught.value.status == 416


def test_a_phone_on_tls_is_reached_by_its_own_connection_in_the_call(stage: SecureStage) -> None:
    stage.bind("11", "sip:11@192.0.2.20", hop=Hop("udp", "192.0.2.20", 5060, 0))
    _, sent = by_tls(stage, "INVITE", f"sip:11@{DOMAIN}")
    (out,) = (each for each in sent if each.message.is_request)
    assert out.message.get("Contact") == "<sip:10@192.0.2.10:40000;transport=tls>"
    assert ";flags=" not in out.message.all("Record-Route")[0], "there is no NAT"


def test_a_server_on_tls_that_says_its_name_keeps_it(stage: SecureStage) -> None:
    stage.bind("11", "sip:11@192.0.2.20", hop=Hop("udp", "192.0.2.20", 5060, 0))
    request = stage.request("INVITE", f"sip:11@{DOMAIN}")
    via = request.get("Via").replace("SIP/2.0/UDP", "SIP/2.0/TLS")
    request = request.with_header("Via", via).with_header("Contact", "<sip:10@pbx.example;transport=tls>")
    _, sent = stage.let_in(request, PHONE)
    (out,) = (each for each in sent if each.message.is_request)
    assert out.message.get("Contact") == "<sip:10@pbx.example;transport=tls>"


def test_a_browser_counts_as_behind_a_nat_without_any_test(stage: SecureStage) -> None:
    stage = SecureStage(nat={"detect": False})
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.20", hop=Hop("udp", "192.0.2.20", 5060, 0))
    request = stage.request("INVITE", f"sip:11@{DOMAIN}")
    via = request.get("Via").replace("SIP/2.0/UDP 192.0.2.10", "SIP/2.0/WSS x.invalid")
    request = request.with_header("Via", via).with_header("Contact", "<sip:10@x.invalid;transport=ws>")
    _, sent = stage.let_in(request, BROWSER)
    (out,) = (each for each in sent if each.message.is_request)
    assert out.message.get("Contact") == "<sip:10@192.0.2.11:50000;transport=ws>"
    assert ";flags=n;" in out.message.all("Record-Route")[0]


@pytest.mark.parametrize(("sent_by", "name"), [("peer.example", "peer.example"), ("192.0.2.9:5071", "")])
def test_who_is_called_back_by_tls_has_to_prove_the_name_in_his_via(
    stage: SecureStage, sent_by: str, name: str
) -> None:
    """At the address that his request came from, and nowhere else."""
    request = stage.request("OPTIONS").with_header("Via", f"SIP/2.0/TLS {sent_by};branch=z9hG4bKx")
    (reply,) = stage.receive(request, PHONE)
    assert reply.hop == PHONE._replace(sent_by_port=5071 if ":" in sent_by else 5061, name=name)
