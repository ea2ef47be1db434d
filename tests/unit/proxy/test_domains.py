"""Domains are names without a port; 'is this me?' compares the port too."""

from __future__ import annotations

import pytest

from appliance.proxy.domains import Domains
from appliance.sip.uri import AddressOfRecord, Uri

LISTENERS = [("udp", "127.0.0.1", 5070), ("tcp", "127.0.0.1", 5070), ("udp", "::1", 5060)]


@pytest.fixture
def domains() -> Domains:
    rows = {"example.net": "Example Net"}
    return Domains(["127.0.0.1", "Example.org"], ["sip.example.com:5080"], LISTENERS, lambda: rows)


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
    assert domains.realm("example.org") == "Example.org"
    assert domains.realm("elsewhere.example") is None
    assert set(domains.realms()) == {"127.0.0.1", "Example.org", "Example Net"}


def test_an_address_of_ours_that_is_no_domain_means_the_first_domain() -> None:
    domains = Domains(["example.org"], [], [("udp", "192.0.2.1", 5060)])
    assert domains.aor(Uri.parse("sip:11@192.0.2.1")) == AddressOfRecord("11", "example.org")
    assert domains.aor(Uri.parse("sip:11@example.org")) == AddressOfRecord("11", "example.org")


def test_usernames_may_be_told_to_compare_without_case() -> None:
    domains = Domains(["example.org"], [], [], case_sensitive=False)
    assert domains.aor(Uri.parse("sip:Alice@example.org")).username == "alice"


def test_only_is_the_one_domain_there_is() -> None:
    assert Domains(["example.org"], [], []).only() == "example.org"
    assert Domains(["example.org"], [], [], lambda: {"example.net": "x"}).only() is None
    assert Domains([], [], []).only() is None
