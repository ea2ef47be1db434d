"""Numbers that have a SIP address in the DNS."""

from __future__ import annotations

import pytest

from appliance.registrar.preferences import Preferences
from appliance.sip.naptr import Naptr
from tests.unit.proxy.stage import DOMAIN, Sent, Stage
from tests.unit.proxy.telephone_network import FIRST, GATEWAY, dial, stage_with_gateways, to, trust

THERE, SECOND_THERE = "192.0.2.70", "192.0.2.71"
NUMBER, NAME = "+4989123456", "6.5.4.3.2.1.9.8.9.4.e164.example"


def record(uri: str, order: int = 10) -> Naptr:
    return Naptr(order, 10, "u", "E2U+sip", f"!^.*$!{uri}!")


@pytest.fixture
def stage() -> Stage:
    stage = stage_with_gateways(enum={"suffix": "e164.example"})
    stage.rights["10"] = ("local", "ld", "int")
    stage.numbers[NAME] = [record(f"sip:b@{SECOND_THERE}", 20), record(f"sip:a@{THERE}")]
    return stage


def uris(sent: list[Sent], host: str) -> list[str]:
    return [each.uri for each in to(sent, host)]


def test_it_is_called_there_and_at_no_gateway(stage: Stage) -> None:
    _, sent = dial(stage, NUMBER)
    assert uris(sent, THERE) == [f"sip:a@{THERE}"]
    assert not to(sent, FIRST)
    assert stage.lookups == [NAME]


def test_signs_that_please_the_eye_are_none_of_the_number(stage: Stage) -> None:
    assert uris(dial(stage, "+49-89-123.456")[1], THERE) == [f"sip:a@{THERE}"]


def test_a_number_without_records_goes_to_a_gateway(stage: Stage) -> None:
    assert uris(dial(stage, "+4930999")[1], FIRST) == [f"sip:+4930999@{FIRST}"]
    assert stage.lookups == ["9.9.9.0.3.9.4.e164.example"]


@pytest.mark.parametrize("number", ["089123456", "+", "+12345678901234567", "+49abc", "11"])
def test_what_is_no_number_with_a_plus_is_not_looked_up(stage: Stage, number: str) -> None:
    dial(stage, number)
    assert not stage.lookups


def test_without_a_suffix_nothing_is_looked_up() -> None:
    stage = stage_with_gateways()
    stage.rights["10"] = ("int",)
    assert to(dial(stage, NUMBER)[1], FIRST)
    assert not stage.lookups


def test_a_strangers_call_is_not_looked_up(stage: Stage) -> None:
    sent = stage.receive(stage.request("INVITE", f"sip:{NUMBER}@{DOMAIN}", caller="sip:x@elsewhere.example"))
    assert [each.message.status for each in sent] == [480]
    assert not stage.lookups


def test_nor_is_a_gateways_unless_it_is_trusted(stage: Stage) -> None:
    request = stage.request("INVITE", f"sip:{NUMBER}@{DOMAIN}", caller=f"sip:+4930123@{FIRST}", source=FIRST)
    stage.receive(request, GATEWAY)
    assert not stage.lookups
    trust(stage, FIRST)
    again = stage.request("INVITE", f"sip:{NUMBER}@{DOMAIN}", caller=f"sip:+4930123@{FIRST}", source=FIRST)
    assert to(stage.receive(again, GATEWAY), THERE)


def test_a_number_of_a_user_here_is_not_looked_up(stage: Stage) -> None:
    stage.add_user(NUMBER)
    _, sent = dial(stage, NUMBER)
    assert sent[-1].message.status == 480
    stage.bind(NUMBER, f"sip:{NUMBER}@192.0.2.11")
    assert to(dial(stage, NUMBER)[1], "192.0.2.11")
    assert not stage.lookups


def test_an_address_here_is_looked_for_here(stage: Stage) -> None:
    stage.numbers[NAME] = [record(f"sip:11@{DOMAIN}")]
    stage.bind("11", "sip:11@192.0.2.11")
    assert uris(dial(stage, NUMBER)[1], "192.0.2.11") == ["sip:11@192.0.2.11"]


def test_a_number_that_leads_to_itself_ends(stage: Stage) -> None:
    other = "+4989654321"
    stage.numbers[NAME] = [record(f"sip:{other}@{DOMAIN}")]
    stage.numbers["1.2.3.4.5.6.9.8.9.4.e164.example"] = [record(f"sip:{NUMBER}@{DOMAIN}")]
    assert uris(dial(stage, NUMBER)[1], FIRST) == [f"sip:{other}@{FIRST}"]
    assert stage.lookups == [NAME]


def test_a_record_is_no_way_to_a_gateway(stage: Stage) -> None:
    stage.numbers[NAME] = [record(f"sip:+1900@{FIRST}")]
    _, sent = dial(stage, NUMBER)
    assert not to(sent, FIRST)


@pytest.mark.parametrize("uri", ["sip:", "sips:a@192.0.2.70", "tel:+49", "sip:a@b@c"])
def test_what_nobody_can_call_is_passed_over(stage: Stage, uri: str) -> None:
    stage.numbers[NAME] = [record(uri), record(f"sip:b@{SECOND_THERE}", 20)]
    assert to(dial(stage, NUMBER)[1], SECOND_THERE)


def test_a_call_that_is_forwarded_to_a_number(stage: Stage) -> None:
    """Whoever forwards answers for it, so it is looked up for a stranger's call too."""
    stage.wishes[f"11@{DOMAIN}"] = Preferences(always=f"sip:{NUMBER}@{DOMAIN}")
    sent = stage.receive(stage.request("INVITE", f"sip:11@{DOMAIN}", caller="sip:x@elsewhere.example"))
    assert uris(sent, THERE) == [f"sip:a@{THERE}"]
