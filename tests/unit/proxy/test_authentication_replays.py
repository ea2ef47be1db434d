"""Proofs that were good once: nonces, replays, several headers, and the uri that a client writes."""

from __future__ import annotations

import pytest

from appliance.proxy.authentication import Challenge, Refused, Verified
from tests.harness.digest import challenge_of
from tests.unit.proxy.guard import CALL, NOW, Guard, Row


def test_an_old_nonce_is_stale_for_who_knows_the_password_only() -> None:
    guard = Guard()
    old = guard.challenge(now=NOW - 1000)
    assert guard.register(guard.proof(old)) == Challenge("example.org", stale=True)
    assert guard.failures == {"stale": 1}
    assert guard.register(guard.proof(old, password="guess")) == Challenge("example.org")
    assert guard.failures == {"stale": 1, "bad_response": 1}


def test_a_nonce_that_we_never_issued_is_stale_too() -> None:
    guard = Guard()
    foreign = 'Digest realm="example.org", nonce="462791f06aa9b37a34fd11b1adc58c5a9df7c95b", qop="auth"'
    assert guard.register(guard.proof(foreign)) == Challenge("example.org", stale=True)
    assert guard.register(guard.proof(foreign, password="guess")) == Challenge("example.org")


def test_what_was_overheard_cannot_be_sent_again() -> None:
    guard = Guard()
    challenge = guard.challenge()
    proof = guard.proof(challenge)
    assert isinstance(guard.register(proof), Verified)
    assert guard.register(proof) == Challenge("example.org", stale=True)
    assert guard.failures == {"replayed": 1}
    assert isinstance(guard.register(guard.proof(challenge, nonce_count=2)), Verified)


def test_a_wrong_password_uses_no_count_up() -> None:
    guard = Guard()
    challenge = guard.challenge()
    guard.register(guard.proof(challenge, password="guess"))
    assert isinstance(guard.register(guard.proof(challenge)), Verified)


def test_a_phone_that_knows_no_qop_uses_a_nonce_once() -> None:
    guard = Guard()
    proof = guard.proof(qop=False)
    assert isinstance(guard.register(proof), Verified)
    assert guard.register(proof) == Challenge("example.org", stale=True)
    assert guard.failures == {"stale": 1}


def test_with_qop_off_a_nonce_is_good_until_it_expires() -> None:
    guard = Guard(qop=False)
    proof = guard.proof()
    for seconds in (0, 100, 300):
        assert isinstance(guard.register(proof, now=NOW + seconds), Verified)
    assert guard.register(proof, now=NOW + 301) == Challenge("example.org", stale=True)


def test_of_two_requests_with_one_count_that_wait_together_one_gets_in() -> None:
    guard = Guard()
    proof = guard.proof()
    inner: list[object] = []
    find = guard.source.find

    def slow(username: str, domain: str, realm: str) -> Row | None:
        if not inner:
            inner.append(None)
            inner.append(guard.register(proof))
        return find(username, domain, realm)

    guard.source.find = slow
    outer = guard.register(proof)
    assert isinstance(inner[1], Verified)
    assert outer == Challenge("example.org", stale=True)


def test_the_credentials_for_our_realm_are_picked_out_of_several() -> None:
    guard = Guard()
    other = guard.proof(guard.challenge("elsewhere"), method="INVITE", uri=CALL)
    for before, after in (((other,), ()), ((), (other,)), ((other, "Digest nonsense"), ("Basic MTA6YWJj",))):
        mine = guard.proof(method="INVITE", uri=CALL)
        assert isinstance(guard.call(*before, mine, *after), Verified)
    assert guard.call(other, "Digest nonsense") == Refused(400, "Malformed Credentials")
    assert guard.call(other, other) == Challenge("example.org")


def test_a_phone_that_keeps_its_old_credentials_is_not_asked_for_ever() -> None:
    guard = Guard()
    old = guard.proof(guard.challenge(now=NOW - 1000), method="INVITE", uri=CALL)
    new = guard.proof(method="INVITE", uri=CALL)
    assert isinstance(guard.call(old, new), Verified)
    assert guard.call(old, old) == Challenge("example.org", stale=True)


@pytest.mark.parametrize(
    "uri", ["127.0.0.1:5060", "sip:example.org", "sip:11@EXAMPLE.org:5060", "sip:11@example.org;user=phone"]
)
def test_phones_write_another_uri_than_the_one_they_call(uri: str) -> None:
    guard = Guard()
    assert isinstance(guard.call(guard.proof(method="INVITE", uri=uri)), Verified)


def test_what_was_overheard_does_not_serve_for_another_number() -> None:
    guard = Guard(qop=False)
    proof = guard.proof(method="INVITE", uri=CALL)
    assert isinstance(guard.call(proof), Verified)
    assert guard.call(proof, uri="sip:0900123@example.org") == Refused(400, "Digest URI Mismatch")
    assert guard.failures == {"bad_response": 1}
    assert isinstance(Guard(qop=False, check_uri=False).call(proof, uri="sip:0900123@example.org"), Verified)


def test_with_qop_off_a_wrong_password_is_asked_for_with_the_same_nonce() -> None:
    """So that a phone knows that it is the password that was wrong (RFC 2617 §3.2.1, stale)."""
    guard = Guard(qop=False)
    challenge = guard.challenge()
    nonce = challenge_of(challenge)["nonce"]
    wrong = guard.proof(challenge, password="guess")
    assert guard.register(wrong) == Challenge("example.org", nonce=nonce)
    assert guard.guard.www_challenge(Challenge("example.org", nonce=nonce), NOW)[0].endswith(challenge)
    assert guard.register(wrong, now=NOW + 301) == Challenge("example.org"), "too old to be given again"
