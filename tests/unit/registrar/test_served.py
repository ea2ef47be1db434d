"""Names with one did are one domain; the tables count more than the settings."""

from __future__ import annotations

from appliance.config import NamedDomain
from appliance.registrar.served import AttributeRow, DomainRow, gather


def test_rows_with_one_did_are_one_domain() -> None:
    rows = [
        DomainRow("First.org", "a", None),
        DomainRow("third.org", None, None),
        DomainRow("sip.first.org", "A", None),
    ]
    served = gather([], rows, [])
    first = served["first.org"]
    assert served["sip.first.org"] is first
    assert first == ("first.org", "first.org", "a", ("first.org", "sip.first.org"), {})
    assert served["third.org"].hosts == ("third.org",)
    assert served["third.org"].did == "third.org"
    assert list(served) == ["first.org", "sip.first.org", "third.org"]


def test_the_realm_is_an_attribute_or_a_column_or_the_canonical_name() -> None:
    rows = [
        DomainRow("a.org", "a", None),
        DomainRow("b.org", "b", ""),
        DomainRow("b2.org", "b", "Column"),
        DomainRow("b3.org", "b", "said too late"),
        DomainRow("c.org", None, "Column"),
    ]
    attributes = [
        AttributeRow("C.org", "digest_realm", "Attribute"),
        AttributeRow("c.org", "digest_realm", "said too late"),
        AttributeRow("nobody", "digest_realm", "x"),
    ]
    served = gather([], rows, attributes)
    assert [served[host].realm for host in ("a.org", "b.org", "b2.org", "c.org")] == [
        "a.org",
        "Column",
        "Column",
        "Attribute",
    ]


def test_a_domain_of_the_settings_has_names_and_attributes() -> None:
    named = [NamedDomain("example.org", ("sip.example.org",), {"digest_realm": "R", "color": "red"})]
    served = gather(named, [], [])
    assert served["sip.example.org"] is served["example.org"]
    assert served["example.org"].realm == "R"
    assert served["example.org"].attributes == {"digest_realm": "R", "color": "red"}


def test_rows_add_to_a_domain_of_the_settings() -> None:
    named = [NamedDomain("example.org", ("sip.example.org",), {"digest_realm": "R", "color": "red"})]
    rows = [
        DomainRow("sip.example.org", None, None),  # there already, and nothing new is said
        DomainRow("sips.example.org", "example.org", None),
        DomainRow("", None, None),
    ]
    served = gather(named, rows, [AttributeRow("example.org", "color", "blue")])
    assert served["sips.example.org"].hosts == ("example.org", "sip.example.org", "sips.example.org")
    assert served["example.org"].attributes == {"digest_realm": "R", "color": "blue"}


def test_a_row_may_give_a_name_of_the_settings_to_another_domain() -> None:
    named = [NamedDomain("example.org", ("moved.example.org",)), NamedDomain("example.net")]
    rows = [
        DomainRow("example.org", "one", None),
        DomainRow("moved.example.org", "two", None),
        DomainRow("example.net", "two", None),
    ]
    served = gather(named, rows, [AttributeRow("one", "x", "1"), AttributeRow("example.org", "x", "2")])
    assert served["example.org"].hosts == ("example.org",)
    assert served["example.org"].attributes == {"x": "1"}
    assert served["moved.example.org"].hosts == ("moved.example.org", "example.net")


def test_a_domain_that_has_lost_all_its_names_is_none() -> None:
    named = [NamedDomain("example.org", ("example.net",)), NamedDomain("example.net")]
    served = gather(named, [], [])
    assert {host: domain.name for host, domain in served.items()} == {
        "example.org": "example.org",
        "example.net": "example.org",
    }
