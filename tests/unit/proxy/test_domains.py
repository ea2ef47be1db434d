"""Domains are names without a port; 'is this me?' compares the port too."""

from __future__ import annotations

import pytest

from appliance.config import NamedDomain
from appliance.proxy.domains import Domains
from appliance.registrar.served import AttributeRow, DomainRow, gather
from appliance.sip.uri import AddressOfRecord, Uri

LISTENERS = [("udp", "127.0.0.1", 5070), ("tcp", "127.0.0.1", 5070), ("udp", "::1", 5060)]


@pytest.fixture
def domains() -> Domains:
    domains = Domains([], ["sip.example.com:5080"], LISTENERS)
    named = [NamedDomain("127.0.0.1"), NamedDomain("example.org", ("sip.example.org",))]
    rows = [
        DomainRow("example.net", None, "Example Net"),
        DomainRow("Voice.example.net", "example.net", None),
    ]
    domains.take(gather(named, rows, [AttributeRow("example.net", "color", "red")]))
    return domains


@pytest.mark.parametrize(
    ("uri", "me"),
    [
        ("sip:11@127.0.0.1:5070", True),
        ("sip:11@127.0.0.1", True),  # the domain, without a port
        ("sip:11@127.0.0.1:5999", False),  # a phone on the same machine
        ("sip:11@127.0.0.1:5060", False),  # nor is the default port ours when it is written
        ("sip:11@example.org", True),
        ("sip:11@EXAMPLE.ORG:5070", True),
        ("sip:11@example.org:5999", False),
        ("sip:11@example.net", True),
        ("sip:11@sip.example.com:5080", True),
        ("sip:11@sip.example.com", False),
        ("sip:11@[::1]", True),
        ("sip:11@[::1]:5061", False),
        ("sip:11@elsewhere.example", False),
    ],
)
def test_me_is_host_and_port(domains: Domains, uri: str, me: bool) -> None:
    assert domains.is_me(Uri.parse(uri)) is me


def test_a_domain_is_served_whatever_the_port_of_the_uri(domains: Domains) -> None:
    assert domains.serves("example.org")
    assert domains.serves("127.0.0.1")
    assert not domains.serves("sip.example.com")


def test_the_realm_is_the_domains_own(domains: Domains) -> None:
    assert domains.realm("example.net") == "Example Net"
    assert domains.realm("voice.example.net") == "Example Net"
    assert domains.realm("sip.example.org") == "example.org"
    assert domains.realm("elsewhere.example") is None
    assert set(domains.realms()) == {"127.0.0.1", "example.org", "Example Net"}


def test_an_address_of_record_has_the_canonical_name(domains: Domains) -> None:
    for host in ("example.org", "SIP.example.org", "sip.example.org:5070"):
        assert domains.aor(Uri.parse(f"sip:11@{host}")) == AddressOfRecord("11", "example.org")
    assert domains.canonical("voice.example.net") == "example.net"
    assert domains.canonical("elsewhere.example") == "elsewhere.example"


def test_attributes_are_found_by_every_name(domains: Domains) -> None:
    found = domains.find("voice.example.net")
    assert found is not None
    assert found.attributes == {"color": "red"}
    assert domains.find("elsewhere.example") is None


def test_what_was_told_last_holds(domains: Domains) -> None:
    domains.take(gather([NamedDomain("new.example")], [], []))
    assert list(domains) == ["new.example"]
    assert not domains.serves("example.org")
    assert (domains.first(), domains.only(), set(domains.realms())) == ("new.example",) * 2 + (
        {"new.example"},
    )


def test_an_address_of_ours_that_is_no_domain_means_the_first_domain() -> None:
    domains = Domains(["example.org"], [], [("udp", "192.0.2.1", 5060)])
    assert domains.aor(Uri.parse("sip:11@192.0.2.1")) == AddressOfRecord("11", "example.org")
    assert domains.aor(Uri.parse("sip:11@example.org")) == AddressOfRecord("11", "example.org")


def test_usernames_may_be_told_to_compare_without_case() -> None:
    domains = Domains(["example.org"], [], [], case_sensitive=False)
    assert domains.aor(Uri.parse("sip:Alice@example.org")).username == "alice"


def test_only_is_the_one_domain_there_is(domains: Domains) -> None:
    assert Domains(["example.org"], [], []).only() == "example.org"
    domains.take(gather([NamedDomain("example.org", ("192.0.2.1",))], [], []))
    assert domains.only() == "example.org"  # two names, one domain
    assert Domains(["example.org", "example.net"], [], []).only() is None
    assert Domains([], [], []).only() is None
