"""What we say to a challenge proves the password to whoever made it."""

from __future__ import annotations

import pytest

from appliance.auth.answer import answer, realm_of
from appliance.auth.digest import Credentials, challenge, ha1, verify


@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_answer_is_what_a_server_verifies(qop: bool, algorithm: str) -> None:
    asked = challenge('The "Realm"', "n0nce", qop=qop, algorithm=algorithm)
    assert realm_of(asked) == 'The "Realm"'
    given = Credentials.parse(answer(asked, "us", "secret", "INVITE", "sip:089@gw", "c"))
    assert (given.username, given.realm, given.nonce, given.uri) == (
        "us",
        'The "Realm"',
        "n0nce",
        "sip:089@gw",
    )
    assert verify(given, "INVITE", ha1("us", 'The "Realm"', "secret", algorithm))
    assert not verify(given, "BYE", ha1("us", 'The "Realm"', "secret", algorithm))
    assert not verify(given, "INVITE", ha1("us", 'The "Realm"', "wrong", algorithm))


def test_what_was_said_opaquely_is_said_again() -> None:
    asked = 'Digest realm="r", nonce="n", opaque="a\\"b", algorithm=md5, qop="auth-int,auth"'
    assert 'opaque="a\\"b"' in answer(asked, "us", "secret", "BYE", "sip:gw", "c")
    assert "algorithm=md5" in answer(asked, "us", "secret", "BYE", "sip:gw", "c")


@pytest.mark.parametrize(
    "asked",
    [
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r, nonce="n"',
        "",
    ],
)
def test_what_cannot_be_answered(asked: str) -> None:
    assert realm_of(asked) is None
