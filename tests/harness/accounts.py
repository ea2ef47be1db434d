"""What the rows of ``acc``, ``missed_calls`` and ``cdrs`` add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

ACC = "select method, sip_code, count(*) from acc group by method, sip_code"
MISSED = "select sip_code, count(*) from missed_calls group by sip_code"
CDRS = "select state, count(*) from cdrs group by state"


def counts(box: Sipbox, question: str) -> dict[Any, int]:
    """How many rows of each kind; a kind of one column is that column's value."""
    return {row[0] if len(row) == 2 else tuple(row[:-1]): row[-1] for row in box.sql(question)}


def wait_for_requests(box: Sipbox, count: int, *, timeout: float = 60) -> None:
    """Until ``acc`` has so many rows."""

    def there() -> bool:
        return sum(counts(box, ACC).values()) >= count

    try:
        wait_until(f"{count} rows of acc", there, timeout=timeout, every=0.2)
    except AssertionError as error:
        raise AssertionError(f"{error}; there are {counts(box, ACC)}") from None


def assert_sums(box: Sipbox, ends: Mapping[str, int], missed: Mapping[str, int]) -> None:
    """So many calls ended with each status, and nothing else happened: those with 200 were hung up.

    ``missed`` are those that were for users of ours.
    """
    ends, missed = ({code: count for code, count in each.items() if count} for each in (ends, missed))
    answered = ends.get("200", 0)
    wait_for_requests(box, sum(ends.values()) + answered)
    hung_up = {("BYE", "200"): answered} if answered else {}
    assert counts(box, ACC) == {("INVITE", code): count for code, count in ends.items()} | hung_up
    assert counts(box, MISSED) == missed
    states: Counter[str] = Counter()
    for code, count in ends.items():
        states[STATES[code]] += count
    assert counts(box, CDRS) == states
    assert box.sql("select count(*) from cdrs where duration is not null") == [(answered,)]
    assert box.sql("select count(*) from cdrs where call_setup_time is null or src_username = ''") == [(0,)]
    per_call = Counter(box.sql("select callid, method from acc"))
    assert set(per_call.values()) <= {1}, "a request has two rows"


#: What docs/accounting.md calls these ends.
STATES = {
    "200": "answered", "403": "rejected", "404": "not_found", "408": "no_answer", "480": "no_answer",
    "486": "busy", "487": "cancelled", "500": "failed", "503": "failed",
}  # fmt: skip
