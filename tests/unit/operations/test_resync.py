from __future__ import annotations

import gevent
import pytest

from appliance.errors import ControlError
from appliance.operations.resync import Resync, event_for
from appliance.operations.uac import UserAgent
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from tests.unit.operations.conftest import Bench


def bind(bench: Bench, contact: str, user_agent: str) -> None:
    aor = AddressOfRecord("10", "example.org")
    hop = Hop("udp", "192.0.2.5", 5060, 0)
    bench.box.service.add(Binding(aor, contact, bench.now + 60, "c", 1, hop=hop, user_agent=user_agent))


@pytest.mark.parametrize(
    ("user_agent", "event"),
    [
        ("Yealink SIP-T46S 66.85.0.5", "check-sync"),
        ("snomD785/10.1.64.14", "check-sync;reboot=false"),
        ("snomM700/03.24.0007", "check-sync;reboot=true"),
        ("", "check-sync"),
    ],
)
def test_the_words_of_each_maker(user_agent: str, event: str) -> None:
    assert event_for(user_agent) == event


def test_each_phone_of_the_user_gets_one(bench: Bench) -> None:
    bind(bench, "sip:10@192.0.2.5", "Yealink SIP-T46S")
    bind(bench, "sip:10@192.0.2.5:5070", "snomD785/10.1")
    told = gevent.spawn(Resync(bench.box, UserAgent(bench.box)).resync, "10@example.org")
    while len(bench.wire) < 2:
        gevent.sleep(0)
    sent = sorted((bench.request(number) for number in (0, 1)), key=lambda each: str(each.first("event")))
    assert [(each.method, each.first("event"), each.first("subscription-state")) for each in sent] == [
        ("NOTIFY", "check-sync", "terminated"),
        ("NOTIFY", "check-sync;reboot=false", "terminated"),
    ]
    for request in sent:
        bench.answer(request, 200, "OK")
    assert {(each["status"], each["answered"]) for each in told.get(timeout=5)} == {(200, True)}


@pytest.mark.parametrize(
    ("aor", "code"), [("11@example.org", 404), ("10@elsewhere.example", 400), ("nonsense nonsense", 400)]
)
def test_whom_it_cannot_reach(bench: Bench, aor: str, code: int) -> None:
    with pytest.raises(ControlError) as raised:
        Resync(bench.box, UserAgent(bench.box)).resync(aor)
    assert raised.value.code == code
    assert bench.wire == []
