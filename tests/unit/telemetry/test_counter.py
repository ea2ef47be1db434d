from __future__ import annotations

from appliance.telemetry.counter import Counter, Histogram, Histograms


def fold(key: tuple[str, str]) -> tuple[str, str]:
    method, transport = key
    return (method if method in ("INVITE", "BYE") else "other", transport)


def counter() -> Counter[tuple[str, str]]:
    return Counter([("INVITE", "udp"), ("other", "udp")], fold)


def test_known_keys_begin_at_zero() -> None:
    assert dict(counter()) == {("INVITE", "udp"): 0, ("other", "udp"): 0}


def test_a_known_key_is_counted() -> None:
    counts = counter()
    counts["INVITE", "udp"] += 1
    counts["INVITE", "udp"] += 2
    assert counts["INVITE", "udp"] == 3


def test_a_key_that_was_not_foreseen_but_is_allowed_is_counted_under_its_name() -> None:
    counts = counter()
    counts["BYE", "tcp"] += 1
    counts["BYE", "tcp"] += 1
    counts.settle()
    assert counts["BYE", "tcp"] == 2


def test_unknown_keys_are_counted_together() -> None:
    counts = counter()
    for name in ("FOO", "BAR", "FOO", "FOO", "BAZ"):
        counts[name, "udp"] += 1
    counts.settle()
    assert counts == {("INVITE", "udp"): 0, ("other", "udp"): 5}


def test_a_stranger_cannot_make_it_grow() -> None:
    counts = counter()
    for number in range(10_000):
        counts[f"M{number}", "udp"] += 1
        assert len(counts) <= 3
    counts.settle()
    assert counts["other", "udp"] == 10_000


def test_reading_an_unknown_key_counts_nothing() -> None:
    counts = counter()
    assert counts["FOO", "udp"] == 0
    counts.settle()
    assert counts.total() == 0


def test_reset() -> None:
    counts = counter()
    counts["INVITE", "udp"] += 5
    counts["FOO", "udp"] += 5
    counts.reset()
    assert counts.total() == 0


def test_a_value_on_a_bound_belongs_to_it() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 1.0, 7.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.count == 5
    assert abs(histogram.sum - 8.65) < 1e-9


def test_histograms_are_made_when_first_asked() -> None:
    histograms: Histograms[str] = Histograms((1.0,))
    histograms["load"].observe(0.5)
    histograms["load"].observe(2)
    assert list(histograms) == ["load"]
    assert histograms["load"].counts == [1, 1]


def test_what_a_histogram_does_not_know_is_observed_where_it_belongs() -> None:
    fold = {"FOO": "other", "BAR": "other"}.__getitem__
    histograms = Histograms((1.0,), ("INVITE", "other"), fold)
    for method in ("INVITE", "FOO", "BAR", "FOO"):
        histograms.observe(method, 0.5)
    assert {key: each.count for key, each in histograms.items()} == {"INVITE": 1, "other": 3}
