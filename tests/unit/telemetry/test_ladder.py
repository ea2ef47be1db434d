from __future__ import annotations

from appliance.telemetry.ladder import Ladder
from tests.unit.telemetry.made import FORBIDDEN, INVITE, RINGING, entry, note

CALLEE = "udp:192.0.2.11:5060"


def plain() -> Ladder:
    return Ladder(colour=False, width=24)


def test_arrows_go_from_who_sends_to_who_gets_it() -> None:
    ladder = plain()
    first = ladder.lines(entry("received", INVITE)).splitlines()
    assert first[1].split() == ["udp:192.0.2.10:5060", "sipbox"]
    assert first[2].endswith("│─ INVITE 11@example. ─▶│")
    assert "+0.000" in first[2]
    second = ladder.lines(entry("sent", INVITE, CALLEE, 1_700_000_000.35)).splitlines()
    assert second[1].split() == ["udp:192.0.2.10:5060", "sipbox", CALLEE]
    assert "+0.100" in second[2]
    (third,) = ladder.lines(entry("received", RINGING, CALLEE, 1_700_000_001.25)).splitlines()
    assert third.index("◀") < third.index("180 Ringing (INVI")
    assert "+1.000" in third


def test_columns_stand_below_one_another() -> None:
    ladder = plain()
    ladder.lines(entry("received", INVITE))
    ladder.lines(entry("sent", INVITE, CALLEE))
    lines = [
        ladder.lines(entry("received", RINGING, CALLEE)).rstrip("\n"),
        ladder.lines(entry("sent", RINGING)).rstrip("\n"),
    ]
    bars = [[at for at, character in enumerate(line) if character == "│"] for line in lines]
    assert bars[0] == bars[1]
    assert len(bars[0]) == 3


def test_a_decision_stands_at_our_own_column() -> None:
    ladder = plain()
    ladder.lines(entry("received", INVITE))
    (told,) = ladder.lines(note("User is not found")).splitlines()
    assert told.endswith("· User is not found")
    assert "+0.250" in told


def test_colours_tell_requests_answers_and_refusals_apart() -> None:
    ladder = Ladder(colour=True)
    assert "\x1b[32m" in ladder.lines(entry("received", INVITE))
    assert "\x1b[36m" in ladder.lines(entry("sent", RINGING))
    assert "\x1b[31m" in ladder.lines(entry("sent", FORBIDDEN))
    assert "\x1b[33m" in ladder.lines(note("a decision")._replace(colour=""))


def test_nothing_in_a_message_acts_on_the_terminal() -> None:
    shown = plain().lines(entry("received", INVITE.replace("11@", "\x1b]0;11@")))
    assert "\x1b" not in shown
    assert "\\x1b" in shown


def test_many_peers_do_not_widen_it_for_ever() -> None:
    ladder = plain()
    for number in range(40):
        shown = ladder.lines(entry("received", INVITE, f"udp:192.0.2.{number}:5060"))
        assert max(map(len, shown.splitlines())) <= 24 + 24 * 8 + 2
