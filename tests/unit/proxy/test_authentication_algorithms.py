"""Digest by SHA-256 and SHA-512-256 (RFC 8760): who gets in by what, and what a stranger sees of it."""

from __future__ import annotations

import pytest

from appliance.auth.digest import ha1, stored_hashes
from appliance.proxy.authentication import Challenge, Verified
from tests.unit.proxy.guard import NOW, Guard, Row

ALL = ("SHA-512-256", "SHA-256", "MD5")
REALM = "example.org"


def guard(*algorithms: str) -> Guard:
    """10 has all hashes, 11 the one for MD5 alone, and 12 is nobody."""
    made = Guard(algorithms=algorithms or ALL)
    hashes = stored_hashes("10", REALM, REALM, "abc10")
    made.source.table["10", REALM] = Row("10", REALM, **hashes)
    made.source.table["11", REALM] = Row("11", REALM, ha1("11", REALM, "abc11"), None)
    return made


def asked(made: Guard, challenge: Challenge) -> list[str]:
    lines = made.guard.www_challenge(challenge, NOW)
    return [line.partition("algorithm=")[2].partition(",")[0] or "MD5" for line in lines]


def answered(made: Guard, algorithm: str, user: str = "10", password: str | None = None) -> object:
    (line,) = made.guard.www_challenge(Challenge(REALM, algorithms=(algorithm,)), NOW)
    challenge = line.removeprefix("WWW-Authenticate: ")
    proof = made.proof(challenge, username=user, password=password or f"abc{user}")
    return made.register(proof, user=user)


def test_a_header_for_each_algorithm_the_best_first_with_one_nonce() -> None:
    made = guard()
    lines = made.guard.www_challenge(Challenge(REALM), NOW)
    assert asked(made, Challenge(REALM)) == ["SHA-512-256", "SHA-256", "MD5"]
    assert len({line.partition("nonce=")[2].partition(",")[0] for line in lines}) == 1
    assert "algorithm" not in lines[-1]  # old phones know no such parameter
    assert made.challenges == 2


@pytest.mark.parametrize("algorithm", ALL)
def test_each_algorithm_lets_in_whose_row_has_its_hash(algorithm: str) -> None:
    made = guard()
    assert isinstance(answered(made, algorithm), Verified)
    assert made.failures == {}


def test_who_has_no_hash_for_it_gets_in_by_the_next_one() -> None:
    made = guard("SHA-256", "MD5")
    challenge = answered(made, "SHA-256", "11")
    assert challenge == Challenge(REALM, stale=True, algorithms=("MD5",))
    assert asked(made, challenge) == ["MD5"]
    assert isinstance(answered(made, "MD5", "11"), Verified)
    assert made.failures == {"no_hash": 1}
    # The row is read again as for a wrong password: the time that it takes tells nothing either.
    assert [kind for kind, *_ in made.source.asked][:2] == ["find", "refetch"]


@pytest.mark.parametrize("algorithm", ALL)
def test_a_stranger_sees_the_same_of_everybody(algorithm: str) -> None:
    seen = [answered(guard(), algorithm, user, "guess") for user in ("10", "11", "12")]
    assert seen[0] == seen[1] == seen[2]
    assert guard().register(user="10") == guard().register(user="12") == Challenge(REALM)


def test_a_wrong_password_ends_with_the_last_algorithm() -> None:
    made = guard()
    said = [answered(made, algorithm, password="wrong") for algorithm in ALL]
    assert [challenge.stale for challenge in said] == [True, True, False]
    assert said[-1] == Challenge(REALM)
    assert made.failures == {"bad_response": 3}


def test_who_needs_a_new_nonce_is_asked_for_what_he_has() -> None:
    made = guard()
    (line,) = made.guard.www_challenge(Challenge(REALM, algorithms=("MD5",)), NOW)
    proof = made.proof(line.removeprefix("WWW-Authenticate: "), username="11", password="abc11")
    late = made.register(proof, user="11", now=NOW + 1000)
    assert late == Challenge(REALM, stale=True, algorithms=("MD5",))


@pytest.mark.parametrize("offered", ["SHA-256", "MD5"])
def test_what_is_not_asked_for_proves_nothing(offered: str) -> None:
    other = "MD5" if offered == "SHA-256" else "SHA-256"
    assert answered(guard(offered), other) == Challenge(REALM)


def test_an_answer_as_user_at_domain_has_a_hash_for_md5_alone() -> None:
    made = guard()
    qualified = f"10@{REALM}"
    seen = []
    for algorithm in ("SHA-256", "MD5"):
        (line,) = made.guard.www_challenge(Challenge(REALM, algorithms=(algorithm,)), NOW)
        proof = made.proof(line.removeprefix("WWW-Authenticate: "), username=qualified)
        seen.append(made.register(proof))
    assert seen[0] == Challenge(REALM, stale=True, algorithms=("MD5",))
    assert isinstance(seen[1], Verified)
