"""Which servers a URI leads to: NAPTR, SRV, addresses, ports and transports, case by case of RFC 3263 §4."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from appliance.proxy.locating import Locator, Unroutable
from appliance.proxy.pstn.failed_destinations import FailedDestinations
from appliance.sip.hop import Hop
from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv
from appliance.sip.uri import Uri

ALL = tuple(
    (transport, host, 5060) for host in ("192.0.2.1", "2001:db8::1") for transport in ("udp", "tcp", "tls")
)
ONE, TWO, SIX = "203.0.113.1", "203.0.113.2", "2001:db8::7"


def naptr(service: str, replacement: str, order: int = 10, preference: int = 10, flags: str = "s") -> Naptr:
    return Naptr(order, preference, flags, service, "", replacement)


class Zone:
    """Records, and what was asked for."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[str]] = {
            "h1.example": [ONE],
            "h2.example": [TWO],
            "example.net": [SIX, ONE],
        }
        self.naptrs: dict[str, list[Naptr]] = {}
        self.srvs: dict[str, list[Srv]] = {}
        self.asked: list[str] = []

    def addresses_of(self, hosts: Sequence[str]) -> list[list[str]]:
        self.asked += hosts
        return [self.hosts.get(host, []) for host in hosts]

    def services(
        self, host: str, services: Sequence[str], *, naptr: bool
    ) -> tuple[Sequence[Naptr], list[Sequence[Srv]]]:
        self.asked += [host] if naptr else []
        return self.naptrs.get(host, []) if naptr else [], self.srv([f"{each}.{host}" for each in services])

    def srv(self, names: Sequence[str]) -> list[Sequence[Srv]]:
        self.asked += names
        return [self.srvs.get(name, []) for name in names]


@pytest.fixture
def zone() -> Zone:
    return Zone()


def found(
    zone: Zone, uri: str, listeners: Sequence[tuple[str, str, int]] = ALL, same: str = "call"
) -> list[str]:
    return [str(hop) for hop in Locator(zone, listeners).servers(Uri.parse(uri), same)]


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@192.0.2.9", "udp:192.0.2.9:5060"),
        ("sip:a@192.0.2.9;transport=tcp", "tcp:192.0.2.9:5060"),
        ("sips:a@192.0.2.9", "tls:192.0.2.9:5061"),
        ("sip:a@[2001:db8::9]:5070", "udp:[2001:db8::9]:5070"),
        ("sips:a@[2001:db8::9]", "tls:[2001:db8::9]:5061"),
    ],
)
def test_an_address_needs_no_name_server(zone: Zone, uri: str, hop: str) -> None:
    assert found(zone, uri) == [hop]
    assert zone.asked == []


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@h1.example:5062", f"udp:{ONE}:5062"),
        ("sip:a@h1.example:5062;transport=tcp", f"tcp:{ONE}:5062"),
        ("sips:a@h1.example:5062", f"tls:{ONE}:5062"),
    ],
)
def test_a_port_means_a_host_and_no_records(zone: Zone, uri: str, hop: str) -> None:
    """§4.1, §4.2: with a port only A and AAAA are asked for."""
    zone.srvs["_sip._udp.h1.example"] = [Srv(1, 1, 5099, "h2.example")]
    assert found(zone, uri) == [hop]
    assert zone.asked == ["h1.example"]


def test_naptr_says_the_transport_and_the_next_name(zone: Zone) -> None:
    zone.naptrs["example.net"] = [
        naptr("SIP+D2U", "udp.example.net", order=30),
        naptr("SIP+D2T", "tcp.example.net", order=20),
        naptr("E2U+sip", "other.example.net", order=1),
        naptr("SIP+D2S", "sctp.example.net", order=2),
        naptr("SIP+D2T", "regexp.example.net", order=3, flags="u"),
    ]
    zone.srvs["tcp.example.net"] = [Srv(1, 1, 5070, "h1.example")]
    zone.srvs["udp.example.net"] = [Srv(1, 1, 5071, "h2.example")]
    assert found(zone, "sip:a@example.net") == [f"tcp:{ONE}:5070", f"udp:{TWO}:5071"]


def test_naptr_may_ask_for_tls_and_sips_takes_nothing_else(zone: Zone) -> None:
    zone.naptrs["example.net"] = [
        naptr("SIP+D2U", "udp.example.net", order=10),
        naptr("SIPS+D2T", "tls.example.net", order=20),
    ]
    zone.srvs["udp.example.net"] = [Srv(1, 1, 5070, "h1.example")]
    zone.srvs["tls.example.net"] = [Srv(1, 1, 5071, "h2.example")]
    assert found(zone, "sip:a@example.net") == [f"udp:{ONE}:5070", f"tls:{TWO}:5071"]
    assert found(zone, "sips:a@example.net") == [f"tls:{TWO}:5071"]
    plain = [each for each in ALL if each[0] != "tls"]
    assert found(zone, "sip:a@example.net", plain) == [f"udp:{ONE}:5070"]


def test_who_is_reached_by_tls_has_to_be_the_domain_and_not_the_host(zone: Zone) -> None:
    """RFC 5922 §4: the DNS is no proof of anything."""
    zone.srvs["_sips._tcp.example.net"] = [Srv(1, 1, 5071, "h1.example")]
    for uri in ("sips:a@example.net", "sip:a@Example.NET.;transport=tls"):
        (hop,) = Locator(zone, ALL).servers(Uri.parse(uri))
        assert hop == Hop("tls", ONE, 5071, -1, name="example.net")


def test_without_naptr_srv_of_what_we_speak_decides(zone: Zone) -> None:
    zone.srvs["_sip._tcp.example.net"] = [Srv(1, 1, 5070, "h1.example")]
    assert found(zone, "sip:a@example.net") == [f"tcp:{ONE}:5070"]
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 1, 5071, "h2.example")]
    assert found(zone, "sip:a@example.net") == [f"udp:{TWO}:5071", f"tcp:{ONE}:5070"]
    # Its SRV records are not for SIPS, and what is asked for by name is not something else.
    assert found(zone, "sips:a@example.net")[0].startswith("tls:")
    assert found(zone, "sip:a@example.net;transport=tcp") == [f"tcp:{ONE}:5070"]
    assert found(zone, "sip:a@example.net", [("udp", "192.0.2.1", 5060)]) == [f"udp:{TWO}:5071"]


def test_a_domain_without_records_is_a_host(zone: Zone) -> None:
    assert found(zone, "sip:a@example.net") == [f"udp:[{SIX}]:5060", f"udp:{ONE}:5060"]
    assert found(zone, "sips:a@example.net")[-1] == f"tls:{ONE}:5061"
    assert found(zone, "sip:a@example.net;transport=tcp")[-1] == f"tcp:{ONE}:5060"


def test_a_family_that_we_do_not_listen_on_is_no_way(zone: Zone) -> None:
    assert found(zone, "sip:a@example.net", ALL[:3]) == [f"udp:{ONE}:5060"]
    zone.hosts["example.net"] = [SIX]
    with pytest.raises(Unroutable) as caught:
        found(zone, "sip:a@example.net", ALL[:3])
    assert caught.value.status == 404


def test_a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere(zone: Zone) -> None:
    """RFC 2782: the target "."."""
    zone.srvs["_sip._udp.example.net"] = [Srv(0, 0, 0, "")]
    with pytest.raises(Unroutable):
        found(zone, "sip:a@example.net")
    zone.srvs["_sip._tcp.example.net"] = [Srv(0, 0, 5060, "h1.example")]
    assert found(zone, "sip:a@example.net") == [f"tcp:{ONE}:5060"]


@pytest.mark.parametrize(
    "target",
    ["224.0.1.75", "nowhere.example", "bad host", "0.example", "any.example", "<x>.example", "fe80.example"],
)
def test_what_leads_nowhere_is_passed_over(zone: Zone, target: str) -> None:
    zone.hosts |= {
        "0.example": ["0.0.0.0", "255.255.255.255"],
        "any.example": ["::", "ff02::1"],
        "fe80.example": ["fe80::1%eth0"],
    }
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 1, 5060, target), Srv(2, 1, 5060, "h2.example")]
    assert found(zone, "sip:a@example.net") == [f"udp:{TWO}:5060"]


def test_a_strangers_list_is_read_to_a_bound(zone: Zone) -> None:
    zone.hosts |= {f"many{number}.example": [f"203.0.113.{number}"] for number in range(200)}
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 1, 5060, f"many{number}.example") for number in range(200)]
    assert len(found(zone, "sip:a@example.net")) == 8
    assert sum(name.startswith("many") for name in zone.asked) == 8


def test_all_requests_of_a_call_go_to_the_same_server_and_calls_are_spread(zone: Zone) -> None:
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 50, 5060, "h1.example"), Srv(1, 50, 5060, "h2.example")]
    for number in range(20):
        first = found(zone, "sip:a@example.net", same=f"call-{number}")
        zone.srvs["_sip._udp.example.net"].reverse()
        assert found(zone, "sip:a@example.net", same=f"call-{number}") == first
    assert {found(zone, "sip:a@example.net", same=f"call-{number}")[0] for number in range(20)} == {
        f"udp:{ONE}:5060",
        f"udp:{TWO}:5060",
    }


def test_who_has_failed_comes_last(zone: Zone) -> None:
    failed = FailedDestinations(60, lambda: 1.0)
    locator = Locator(zone, ALL, failed=failed)
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 0, 5060, "h1.example"), Srv(2, 0, 5060, "h2.example")]
    uri = Uri.parse("sip:a@example.net")
    assert [hop.host for hop in locator.servers(uri)] == [ONE, TWO]
    failed.failed(Hop("udp", ONE, 5060))
    assert [hop.host for hop in locator.servers(uri)] == [TWO, ONE]


def test_records_may_be_left_out(zone: Zone) -> None:
    zone.srvs["_sip._udp.example.net"] = [Srv(1, 1, 5070, "h2.example")]
    (_, hop) = Locator(zone, ALL, records=False).servers(Uri.parse("sip:a@example.net"))
    assert str(hop) == f"udp:{ONE}:5060"
    assert zone.asked == ["example.net"]
