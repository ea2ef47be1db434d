"""Who is asking: proofs that count, those that do not, and what a stranger learns from the difference."""

from __future__ import annotations

import pytest

from appliance.auth.digest import ha1
from appliance.errors import DatabaseUnavailable, MalformedMessage
from appliance.proxy import authentication
from appliance.proxy.authentication import Challenge, Refused, Verified
from appliance.sip.message import Request
from tests.unit.proxy.guard import CALL, NOW, Guard, Row, row


@pytest.mark.parametrize("qop", [True, False])
def test_who_answers_the_challenge_with_the_password_is_verified(qop: bool) -> None:
    guard = Guard(qop=qop)
    assert guard.register() == Challenge("example.org")
    verified = guard.register(guard.proof())
    assert verified == Verified(row("10", "abc10"), "10", "example.org", "example.org")
    assert guard.failures == {}


def test_the_challenges_of_both_kinds() -> None:
    guard = Guard()
    (line,) = guard.guard.proxy_challenge(Challenge("example.org", stale=True), NOW)
    assert line.startswith('Proxy-Authenticate: Digest realm="example.org", nonce="')
    assert line.endswith('", qop="auth", stale=true')
    assert Guard(qop=False).challenge().count(",") == 1
    assert guard.challenges == 1


def test_a_call_is_proved_by_the_user_in_from() -> None:
    guard = Guard()
    assert guard.call() == Challenge("example.org")
    proof = guard.proof(method="INVITE", uri=CALL)
    assert isinstance(guard.call(proof), Verified)
    # For a call the other header proves nothing.
    headers = [("From", "<sip:10@example.org>;tag=1"), ("To", f"<{CALL}>"), ("Authorization", proof)]
    assert guard.guard.proxy_authorize(Request.create("INVITE", CALL, headers), NOW) == Challenge(
        "example.org"
    )


def test_the_realm_is_that_of_the_domain_that_is_served() -> None:
    guard = Guard()
    assert guard.register(domain="example.net") == Challenge("Second Realm")
    assert guard.register(domain="elsewhere.example") == Refused(404, "Unknown Domain")
    assert guard.call(domain="elsewhere.example") == Refused(403, "Forbidden")
    # Credentials for a realm of somebody else's choice are as good as none.
    assert guard.register(guard.proof(guard.challenge("elsewhere"))) == Challenge("example.org")
    assert guard.source.asked == []
    assert guard.failures == {}


def test_a_header_that_cannot_be_read_is_refused() -> None:
    guard = Guard()
    assert guard.register('Digest username="10", realm="example.org"') == Refused(
        400, "Malformed Credentials"
    )
    assert guard.register('Digest username="10') == Refused(400, "Malformed Credentials")
    assert guard.register("Basic MTA6YWJj") == Challenge("example.org")


def test_a_request_without_a_readable_user_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        Guard().guard.www_authorize(Request.create("REGISTER", "sip:h", [("To", "nonsense")]), NOW)


def test_a_wrong_password_and_an_unknown_user_look_the_same_from_outside() -> None:
    guard = Guard()
    wrong = guard.register(guard.proof(password="guess"))
    unknown = guard.register(guard.proof(username="99"), user="99")
    assert wrong == unknown == Challenge("example.org")
    assert guard.failures == {"bad_response": 1, "unknown_user": 1}


def test_for_an_unknown_user_the_same_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    verify, computed = authentication.verify, []

    def counting(*arguments: object) -> bool:
        computed.append(arguments)
        return verify(*arguments)

    monkeypatch.setattr(authentication, "verify", counting)
    guard = Guard()
    guard.register(guard.proof(username="99"), user="99")
    unknown, asked = len(computed), [kind for kind, *_ in guard.source.asked]
    guard = Guard()
    computed.clear()
    guard.register(guard.proof(password="wrong"))
    assert (len(computed), [kind for kind, *_ in guard.source.asked]) == (unknown, asked)


@pytest.mark.parametrize("empty", ["", None])
def test_a_row_without_a_password_lets_nobody_in(empty: str | None) -> None:
    guard = Guard()
    guard.source.table["10", "example.org"] = Row("10", "example.org", "", empty)
    for username in ("10", "10@example.org"):
        for password in ("", "None"):
            assert guard.register(guard.proof(password=password, username=username)) == Challenge(
                "example.org"
            )


def test_an_algorithm_that_we_did_not_offer_proves_nothing() -> None:
    guard = Guard()
    proof = guard.proof(guard.challenge() + ", algorithm=SHA-256")
    assert guard.register(proof) == Challenge("example.org")
    # Not even where the column holds what would fit: a hash serves for its own algorithm only.
    stored = ha1("10", "example.org", "abc10", "SHA-256")
    guard.source.table["10", "example.org"] = Row("10", "example.org", stored, None)
    assert guard.register(proof) == Challenge("example.org")


@pytest.mark.parametrize("change", [{"method": "INVITE"}, {"uri": "sip:example.net"}])
def test_a_proof_for_another_request_is_none(change: dict[str, str]) -> None:
    guard = Guard()
    proof = guard.proof(**change)
    proof = proof.replace('uri="sip:example.net"', 'uri="sip:example.org"')
    assert guard.register(proof) == Challenge("example.org")
    assert guard.failures == {"bad_response": 1}


def test_a_client_may_log_in_as_user_at_domain() -> None:
    guard = Guard()
    verified = guard.register(guard.proof(username="10@example.org"))
    assert verified == Verified(row("10", "abc10"), "10", "example.org", "example.org")
    assert guard.source.asked == [("find", "10", "example.org", "example.org")]


def test_a_domain_of_another_realm_is_nobodys() -> None:
    guard = Guard()
    guard.source.table["10", "example.net"] = row("10", "abc10", "example.net")
    for username in ("10@example.net", "10@elsewhere", "@example.org", "10@"):
        assert guard.register(guard.proof(username=username)) == Challenge("example.org")
    assert guard.failures["unknown_user"] == 4


def test_a_new_password_counts_at_once() -> None:
    guard = Guard()
    guard.source.cache["10", "example.org"] = row("10", "former")
    assert isinstance(guard.register(guard.proof()), Verified)
    assert [kind for kind, *_ in guard.source.asked] == ["find", "refetch"]
    assert guard.failures == {}


def test_guesses_do_not_reach_the_database_more_than_once_a_second() -> None:
    guard = Guard()
    for tenth in range(25):
        guard.register(guard.proof(password=f"guess {tenth}"), now=NOW + tenth / 10)
    assert [kind for kind, *_ in guard.source.asked].count("refetch") == 3
    assert guard.failures == {"bad_response": 25}


def test_a_clock_that_is_set_back_stops_no_re_reading() -> None:
    guard = Guard()
    guard.register(guard.proof(password="guess"), now=NOW)
    guard.source.cache["10", "example.org"] = row("10", "former")
    assert isinstance(guard.register(guard.proof(guard.challenge(now=NOW - 90)), now=NOW - 90), Verified)


def test_a_subscriber_who_was_removed_is_out() -> None:
    guard = Guard()
    guard.source.cache["10", "example.org"] = row("10", "former")
    del guard.source.table["10", "example.org"]
    assert guard.register(guard.proof()) == Challenge("example.org")


def test_while_the_database_is_away_nobody_is_told_that_he_is_unknown() -> None:
    guard = Guard()

    def away(*_: str) -> Row | None:
        raise DatabaseUnavailable("away")

    guard.source.find = away
    with pytest.raises(DatabaseUnavailable):
        guard.register(guard.proof())
