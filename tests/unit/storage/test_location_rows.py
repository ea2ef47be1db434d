from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.registrar.binding import PERMANENT
from appliance.sip.uri import AddressOfRecord
from appliance.storage.location_rows import (
    COLUMNS,
    CONTACT,
    CSEQ,
    EXPIRES,
    LAST_MODIFIED,
    as_read,
    binding_of,
    is_dead,
    is_refresh,
    moment,
    refresh_of,
    row_of,
)
from tests.unit.storage.made import Clock, binding, fields


def there_and_back(original, then: Clock, now: Clock):  # type: ignore[no-untyped-def]
    return binding_of(as_read(row_of(original, then.offset)), now.offset)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"q": 0.7, "path": "<sip:edge.example.com;lr>", "received": "sip:198.51.100.7:1024;transport=tcp"},
        {"instance": "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF", "reg_id": 2, "methods": 6111},
        {"socket": "udp:192.0.2.9:5060", "flags": 3, "cflags": 1, "user_agent": 'it\'s \\ "quoted" 電話'},
        {"deadline": PERMANENT},
        {"contact": "sip:10@[2001:db8::1]:5060;ob", "cseq": 2**31 - 1},
    ],
)
def test_a_binding_comes_back_as_it_was(clock: Clock, more: dict[str, object]) -> None:
    original = binding(**more)
    assert fields(there_and_back(original, clock, clock)) == fields(original)


def test_no_q_and_q_of_one_are_two_things(clock: Clock) -> None:
    assert there_and_back(binding(q=None), clock, clock).q is None
    assert there_and_back(binding(q=1.0), clock, clock).q == 1.0


def test_a_part_of_a_second_is_given_and_not_taken(clock: Clock) -> None:
    clock.now = 1000.25
    back = there_and_back(binding(now=clock.now, lasts=3600), clock, clock)
    assert 3600 <= back.deadline - clock.now < 3601


def test_a_jump_of_the_wall_clock_expires_nobody(clock: Clock) -> None:
    original = binding(now=clock.now, lasts=60)
    clock.wall += 86_400  # somebody sets the date
    back = there_and_back(original, clock, clock)
    assert back.deadline - clock.now == pytest.approx(60, abs=1)


def test_a_restart_keeps_the_time_that_is_left(clock: Clock) -> None:
    original = binding(now=clock.now, lasts=3600)
    another_life = Clock(now=5.0, wall=clock.wall + 600)  # monotonic time begins again, ten minutes later
    back = there_and_back(original, clock, another_life)
    assert back.deadline - another_life.now == pytest.approx(3000, abs=1)


def test_bytes_that_are_no_text_come_back(clock: Clock) -> None:
    """A phone that writes its name in Latin-1."""
    name = b"B\xfcro 3".decode("utf-8", "surrogateescape")
    row = row_of(
        binding(user_agent=name, call_id=name, contact=f"sip:{name}@192.0.2.1", ruid="r"), clock.offset
    )
    assert all(not isinstance(value, str) or value.encode("utf-8") for value in row)
    back = binding_of(as_read(row), clock.offset)
    assert (back.user_agent, back.call_id, back.contact) == (name, name, f"sip:{name}@192.0.2.1")


@pytest.mark.parametrize(
    ("expires", "dead"),
    [
        (1_700_000_001, False),
        (1_700_000_000, True),
        (1_600_000_000, True),
        (0, False),  # OpenSER's 'for good'
        (253_402_300_799, False),  # ours
    ],
)
def test_who_is_dead(clock: Clock, expires: int, dead: bool) -> None:
    row = list(as_read(row_of(binding(), clock.offset)))
    row[EXPIRES] = expires
    assert is_dead(tuple(row), 1_700_000_000) is dead


def test_a_row_without_a_contact_reaches_nobody(clock: Clock) -> None:
    row = list(as_read(row_of(binding(), clock.offset)))
    row[CONTACT] = ""
    assert is_dead(tuple(row), clock.wall)


def test_moments_are_utc() -> None:
    assert moment(1_177_267_569) == "2007-04-22 18:46:09"


def test_a_refresh_says_what_the_row_would(clock: Clock) -> None:
    for binding_ in (binding(cseq=7, now=1000.25), binding(deadline=PERMANENT)):
        row = row_of(binding_, clock.offset)
        refresh = refresh_of(binding_, clock.offset)
        assert refresh == (binding_.ruid, row[EXPIRES], row[CSEQ], row[LAST_MODIFIED])


def test_a_refresh_changes_three_columns_and_no_other(clock: Clock) -> None:
    before = binding()
    assert is_refresh(before, binding(cseq=2, now=2000.0, modified=5.0))
    other = {
        "contact": "sip:10@192.0.2.2",
        "received": "sip:198.51.100.7:1024",
        "path": "<sip:edge.example.com;lr>",
        "q": 0.5,
        "call_id": "another",
        "flags": 1,
        "cflags": 1,
        "user_agent": "another",
        "socket": "udp:192.0.2.9:5060",
        "methods": 1,
        "instance": "urn:uuid:1",
        "reg_id": 1,
    }
    changed = [binding(ruid=before.ruid, **{name: value}) for name, value in other.items()]
    changed += [replace(before, aor=AddressOfRecord("11", "example.com"))]
    changed += [replace(before, aor=AddressOfRecord("10", "example.org"))]
    columns = set()
    for each in changed:
        assert not is_refresh(before, each)
        assert not is_refresh(each, before)
        rows = zip(COLUMNS, row_of(before, clock.offset), row_of(each, clock.offset), strict=True)
        columns |= {name for name, one, another in rows if one != another}
    # Nothing that a row says is left out.
    assert columns == {*COLUMNS} - {"ruid", "expires", "cseq", "last_modified"}
