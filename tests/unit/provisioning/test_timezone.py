from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.timezone import Change, Daylight, TimeZone, find_zone, parse_posix


def test_berlin() -> None:
    zone = find_zone("Europe/Berlin")
    assert zone == TimeZone(60, Daylight(Change(3, 5, 0, 120), Change(10, 5, 0, 180), 60))
    assert (zone.hours, zone.clock) == ("+1", "+01:00")
    assert zone.posix == "STD-1DST-2,M3.5.0,M10.5.0/3"


def test_new_york() -> None:
    zone = find_zone("America/New_York")
    assert zone == TimeZone(-300, Daylight(Change(3, 2, 0, 120), Change(11, 1, 0, 120), 60))
    assert zone.posix == "STD5DST4,M3.2.0,M11.1.0"


def test_without_daylight_saving() -> None:
    assert find_zone("Asia/Kolkata") == TimeZone(330, None)
    assert find_zone("Asia/Kolkata").hours == "+5:30"
    assert find_zone("America/St_Johns").clock == "-03:30"
    assert find_zone("Etc/UTC").posix == "STD0"


def test_irelands_winter_time_is_a_summer_time() -> None:
    # Both ways of writing the same clock are in use.
    law = parse_posix("IST-1GMT0,M10.5.0,M3.5.0/1")
    assert law == TimeZone(0, Daylight(Change(3, 5, 0, 60), Change(10, 5, 0, 120), 60))
    assert law == parse_posix("GMT0IST,M3.5.0/1,M10.5.0")


def test_a_change_outside_its_day_is_at_its_edge() -> None:
    zone = parse_posix("<-02>2<-01>,M3.5.0/-1,M10.5.6/24")
    assert zone.daylight is not None
    assert zone.daylight.start == Change(3, 5, 0, 0)
    assert zone.daylight.end == Change(10, 5, 6, 23 * 60 + 59)


@pytest.mark.parametrize("text", ["", "CET", "CET-1CEST,J60,J300", "TZif2\x00"])
def test_rules_that_no_phone_knows(text: str) -> None:
    with pytest.raises(PhoneRefused, match="time_zone"):
        parse_posix(text)


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Nowhere", "/etc/passwd", "../x", "a\x00b"])
def test_no_zone(name: str) -> None:
    with pytest.raises(PhoneRefused, match="is no time zone such as"):
        find_zone(name)


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlin", "Europe/London", "America/New_York", "America/Asuncion", "Australia/Sydney",
     "Australia/Lord_Howe", "Asia/Tokyo", "Europe/Dublin"],
)  # fmt: skip
def test_the_rules_tell_what_the_clock_will_do(name: str) -> None:
    """Each day of a year, and each hour of a day with a change, against Python's own reading of the zone."""
    zone, real = find_zone(name), zoneinfo.ZoneInfo(name)

    def told(moment: datetime) -> timedelta:
        offset = moment.astimezone(real).utcoffset()
        assert offset == timedelta(minutes=_offset(zone, moment)), moment
        return offset

    moment = datetime(2041, 1, 1, tzinfo=UTC)
    while moment.year == 2041:
        following = moment + timedelta(days=1)
        if told(moment) != told(following):
            for hour in range(24):
                told(moment + timedelta(hours=hour))
        moment = following


def _offset(zone: TimeZone, moment: datetime) -> int:
    """Minutes east at ``moment``, worked out from the rules alone."""
    if zone.daylight is None:
        return zone.offset
    start, end, saved = zone.daylight
    begins = _day(start, moment.year) - timedelta(minutes=zone.offset)
    ends = _day(end, moment.year) - timedelta(minutes=zone.offset + saved)
    ahead = begins <= moment < ends if begins < ends else not ends <= moment < begins
    return zone.offset + (saved if ahead else 0)


def _day(change: Change, year: int) -> datetime:
    days = [
        day
        for day in (datetime(year, change.month, 1, tzinfo=UTC) + timedelta(days=n) for n in range(31))
        if day.month == change.month and day.isoweekday() % 7 == change.weekday
    ]
    return (days[-1] if change.week == 5 else days[change.week - 1]) + timedelta(minutes=change.minute)
