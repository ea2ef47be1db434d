"""Nonces: who issued them, how long they are good, and that no count is good twice."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.auth.nonce import WINDOW, NonceSource, NonceVerdict

VALID, STALE = NonceVerdict.VALID, NonceVerdict.STALE
FORGED, REPLAYED = NonceVerdict.FORGED, NonceVerdict.REPLAYED

NOW = 1_700_000_000.0
KEY = b"0123456789abcdef"


def source(key: bytes = KEY, *, worker: int = 1, boot: int = 7, tracked: int = 100) -> NonceSource:
    return NonceSource(key, 300, worker, boot, tracked)


def spend(nonces: NonceSource, nonce: str, nc: int, now: float = NOW) -> NonceVerdict:
    """A request with this count whose response verifies."""
    verdict = nonces.check(nonce, nc, now)
    assert verdict is not VALID or nonces.use(nonce, nc) is VALID
    return verdict


def test_a_nonce_is_new_each_time_and_short_enough_for_old_phones() -> None:
    nonces = source()
    issued = {nonces.issue(NOW) for _ in range(1000)}
    assert len(issued) == 1000
    assert {len(nonce) for nonce in issued} == {40}
    assert all("=" not in nonce and '"' not in nonce and "\\" not in nonce for nonce in issued)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, VALID), (299, VALID), (300, VALID), (301, STALE), (100_000, STALE), (-1, STALE), (-100_000, STALE)],
)
def test_a_nonce_is_good_for_its_lifetime_however_the_clock_jumps(
    seconds: int, verdict: NonceVerdict
) -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    assert nonces.check(nonce, 1, NOW + seconds) is verdict
    assert nonces.check(nonce, None, NOW + seconds) is verdict


@pytest.mark.parametrize(
    "nonce", ["", "x", "=" * 36, "é" * 36, "A" * 36, "A" * 40, "462791f06aa9b37a34fd11b1adc58c5a9df7c95b"]
)
def test_what_we_did_not_sign_is_forged(nonce: str) -> None:
    nonces = source()
    assert nonces.check(nonce, 1, NOW) is FORGED
    assert nonces.check(nonce, None, NOW) is FORGED
    assert nonces.use(nonce, 1) is FORGED
    assert nonces.issuer_of(nonce) is None


@given(position=st.integers(0, 29), bit=st.integers(0, 7))
def test_every_bit_of_a_nonce_is_signed(position: int, bit: int) -> None:
    nonces = source()
    raw = bytearray(b64decode(nonces.issue(NOW)))
    raw[position] ^= 1 << bit
    assert nonces.check(b64encode(bytes(raw)).decode(), 1, NOW) is FORGED


def test_a_nonce_tells_to_whom_it_was_given() -> None:
    nonces = source()
    nonce = nonces.issue(NOW, "192.0.2.7")
    assert nonces.was_given_to(nonce, "192.0.2.7")
    assert not nonces.was_given_to(nonce, "192.0.2.8")
    assert not nonces.was_given_to(nonce[:-1], "192.0.2.7")
    assert not source(b"f" * 16).was_given_to(nonce, "192.0.2.7")
    assert nonces.check(nonce, 1, NOW) is VALID  # whoever uses it


def test_another_key_is_forged() -> None:
    assert source(b"f" * 16).check(source().issue(NOW), 1, NOW) is FORGED


@pytest.mark.parametrize("other", [{"worker": 2}, {"boot": 8}])
def test_another_worker_or_boot_cannot_judge_a_count(other: dict[str, int]) -> None:
    nonce = source().issue(NOW)
    judge = source(**other)
    assert judge.check(nonce, 1, NOW) is STALE
    # Without a count there is nothing that only its issuer knows.
    assert judge.check(nonce, None, NOW) is VALID
    assert judge.issuer_of(nonce) == (1, 7)


def test_each_count_is_good_once() -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    for nc in (1, 2, 3):
        assert spend(nonces, nonce, nc) is VALID
    for nc in (1, 2, 3, 0, -1):
        assert nonces.check(nonce, nc, NOW) is REPLAYED
        assert nonces.use(nonce, nc) is REPLAYED
    assert spend(nonces, nonce, 4) is VALID


def test_a_check_uses_nothing_up() -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    assert nonces.check(nonce, 1, NOW) is VALID
    assert nonces.check(nonce, 1, NOW) is VALID
    assert len(nonces) == 0


def test_of_two_that_were_checked_together_one_is_used() -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    assert nonces.check(nonce, 1, NOW) is nonces.check(nonce, 1, NOW) is VALID
    other = nonces.issue(NOW)
    assert nonces.check(other, 1, NOW) is VALID
    assert [nonces.use(nonce, 1), nonces.use(nonce, 1)] == [VALID, REPLAYED]


def test_counts_may_come_in_any_order_within_the_window() -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    assert spend(nonces, nonce, 100) is VALID
    assert nonces.check(nonce, 100 - WINDOW, NOW) is REPLAYED
    for nc in (100 - WINDOW + 1, 99, 50):
        assert spend(nonces, nonce, nc) is VALID
        assert nonces.check(nonce, nc, NOW) is REPLAYED


@given(st.lists(st.integers(1, 200) | st.integers(0xFFFF_FF00, 0xFFFF_FFFF), max_size=60))
def test_no_count_is_ever_good_twice_and_a_higher_one_always_is(counts: list[int]) -> None:
    nonces = source()
    nonce = nonces.issue(NOW)
    used: set[int] = set()
    for nc in counts:
        verdict = spend(nonces, nonce, nc)
        if nc in used:
            assert verdict is REPLAYED
        elif nc > max(used, default=0) - WINDOW:
            assert verdict is VALID
        else:
            assert verdict is REPLAYED
        if verdict is VALID:
            used.add(nc)


def test_memory_is_bounded_and_what_is_forgotten_is_stale() -> None:
    nonces = source(tracked=10)
    issued = [nonces.issue(NOW) for _ in range(30)]
    for nonce in issued[:20]:
        assert spend(nonces, nonce, 1) is VALID
    assert len(nonces) == 10
    # The ten that were forgotten could be replays; those still remembered are known to be.
    assert [nonces.check(nonce, 1, NOW) for nonce in issued[:10]] == [STALE] * 10
    assert [nonces.check(nonce, 1, NOW) for nonce in issued[10:20]] == [REPLAYED] * 10
    assert [nonces.check(nonce, 2, NOW) for nonce in issued[10:20]] == [VALID] * 10
    assert [nonces.check(nonce, 1, NOW) for nonce in issued[20:]] == [VALID] * 10


def test_challenges_that_nobody_answers_cost_no_memory() -> None:
    nonces = source()
    for _ in range(1000):
        nonces.issue(NOW)
    assert len(nonces) == 0


def test_what_has_expired_is_forgotten_as_new_ones_come() -> None:
    nonces = source()
    for _ in range(50):
        spend(nonces, nonces.issue(NOW), 1)
    for _ in range(50):
        nonces.issue(NOW + 301)
    assert len(nonces) == 0


def test_a_clock_that_was_ahead_does_not_make_later_nonces_stale() -> None:
    nonces = source(tracked=5)
    ahead = NOW + 86_400
    for _ in range(20):
        spend(nonces, nonces.issue(ahead), 1, ahead)
    # The clock is right again: what is issued now expires long before what was forgotten.
    assert spend(nonces, nonces.issue(NOW), 1) is VALID


@pytest.mark.parametrize(("key", "lifetime", "tracked"), [(b"short", 300, 10), (KEY, 0, 10), (KEY, 300, 0)])
def test_what_could_protect_nobody_is_refused(key: bytes, lifetime: float, tracked: int) -> None:
    with pytest.raises(ValueError, match="nonce"):
        NonceSource(key, lifetime, 0, 0, tracked)


class TestGoingOn:
    """A process goes on with the nonces of the last one."""

    def test_nonces_are_good_once_as_before(self) -> None:
        before, after = source(boot=7), source(boot=8)
        fresh, used = before.issue(NOW), before.issue(NOW)
        assert spend(before, used, 3) is VALID
        assert after.check(fresh, 1, NOW) is STALE
        after.go_on(before.remains())
        assert spend(after, fresh, 1) is VALID
        assert after.check(used, 3, NOW) is REPLAYED
        assert spend(after, used, 2) is VALID
        assert after.check(used, 2, NOW) is REPLAYED
        assert spend(after, used, 4) is VALID

    def test_new_ones_are_new(self) -> None:
        before, after = source(), source()
        issued = {before.issue(NOW) for _ in range(10)}
        after.go_on(before.remains())
        assert after.issue(NOW) not in issued

    def test_what_was_forgotten_stays_forgotten(self) -> None:
        before, after = source(tracked=2), source(tracked=1)
        nonces = [before.issue(NOW) for _ in range(4)]
        for nonce in nonces[1:]:
            assert spend(before, nonce, 1) is VALID
        after.go_on(before.remains())
        assert len(after) == 1
        assert [after.check(nonce, 2, NOW) for nonce in nonces] == [STALE, STALE, STALE, VALID]
        assert after.check(nonces[3], 1, NOW) is REPLAYED
