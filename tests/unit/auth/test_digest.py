"""Digest: the examples of the RFCs, what phones send, and what must not verify."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.auth.digest import HASHES, Credentials, challenge, ha1, ha1b, uri_fits, verify
from appliance.errors import MalformedMessage
from tests.harness.digest import credentials as answer

# RFC 2617 §3.5
MUFASA = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
# RFC 7616 §3.9.1
SHA_256 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
SHA_256_PASSWORD = "Circle of Life"
# The document of 2007, §4.2.4, without qop; phone 10's password there is abc10.
GRANDSTREAM = (
    'Digest username="10", realm="192.168.1.15", algorithm=MD5, uri="sip:192.168.1.15", '
    'nonce="462791f06aa9b37a34fd11b1adc58c5a9df7c95b", response="be9e8d46b8dcd522f22301e1f2b3287c"'
)


def read(value: str) -> Credentials:
    credentials = Credentials.parse(value)
    assert credentials is not None
    return credentials


def test_the_example_of_rfc_2617() -> None:
    credentials = read(MUFASA)
    assert credentials.username == "Mufasa"
    assert (credentials.qop, credentials.nc, credentials.cnonce) == ("auth", 1, "0a4f113b")
    assert credentials.opaque == "5ccc069c403ebaf9f0171e9517f40e41"
    assert verify(credentials, "GET", ha1("Mufasa", "testrealm@host.com", "Circle Of Life"))
    assert not verify(credentials, "GET", ha1("Mufasa", "testrealm@host.com", "Circle of Life"))
    assert not verify(credentials, "POST", ha1("Mufasa", "testrealm@host.com", "Circle Of Life"))


def test_the_example_of_rfc_7616() -> None:
    credentials = read(SHA_256)
    half = ha1("Mufasa", "http-auth@example.org", SHA_256_PASSWORD, "SHA-256")
    assert verify(credentials, "GET", half)
    assert not verify(credentials._replace(algorithm="MD5"), "GET", half)


def test_the_registration_of_the_document_of_2007() -> None:
    credentials = read(GRANDSTREAM)
    assert (credentials.qop, credentials.nc, credentials.cnonce) == (None, None, None)
    assert verify(credentials, "REGISTER", ha1("10", "192.168.1.15", "abc10"))


@pytest.mark.parametrize("algorithm", [*HASHES, "MD5-sess", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_each_algorithm_and_qop(algorithm: str, qop: str) -> None:
    base = algorithm.removesuffix("-sess")
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[base]

    def h(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    half = stored = h("10:realm:secret")
    if algorithm != base:
        half = h(f"{half}:nonce:cn")
    ha2 = h("INVITE:sip:11@h" + (":" + h("v=0") if qop == "auth-int" else ""))
    credentials = read(
        f'Digest username="10", realm="realm", nonce="nonce", uri="sip:11@h", qop={qop}, nc=0000000A, '
        f'cnonce="cn", algorithm={algorithm}, response="{h(f"{half}:nonce:0000000A:cn:{qop}:{ha2}")}"'
    )
    assert credentials.nc == 10
    assert verify(credentials, "INVITE", stored, b"v=0")
    assert verify(credentials, "INVITE", stored, b"v=1") is (qop == "auth")
    assert not verify(credentials, "INVITE", stored[::-1], b"v=0")


@given(
    field=st.sampled_from(["nonce", "uri", "response", "cnonce", "nc_text", "qop"]),
    value=st.text(max_size=40),
)
def test_nothing_that_is_hashed_can_be_changed(field: str, value: str) -> None:
    credentials = read(MUFASA)
    changed = credentials._replace(**{field: value})
    fits = verify(changed, "GET", ha1("Mufasa", "testrealm@host.com", "Circle Of Life"))
    assert fits is (getattr(credentials, field) == (value.lower() if field == "response" else value))


def test_an_algorithm_or_qop_that_nobody_knows_does_not_verify() -> None:
    half = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert not verify(read(MUFASA)._replace(algorithm="MD4"), "GET", half)
    assert not verify(read(MUFASA)._replace(qop="auth-conf"), "GET", half)
    assert not verify(read(MUFASA)._replace(algorithm="MD5-SESS", cnonce=None, qop=None), "GET", half)


@pytest.mark.parametrize(
    "value",
    [
        GRANDSTREAM.replace("Digest", "DIGEST"),
        GRANDSTREAM.replace("algorithm=MD5", 'algorithm="md5"'),
        GRANDSTREAM.replace("algorithm=MD5, ", ""),
        GRANDSTREAM.replace("be9e8d46b8dcd522f22301e1f2b3287c", "BE9E8D46B8DCD522F22301E1F2B3287C"),
        GRANDSTREAM.replace('"sip:192.168.1.15"', "sip:192.168.1.15"),
        GRANDSTREAM.replace(", ", ","),
        GRANDSTREAM + ', qop="", opaque=""',
    ],
)
def test_phones_write_the_same_in_many_ways(value: str) -> None:
    assert verify(read(value), "REGISTER", ha1("10", "192.168.1.15", "abc10"))


def test_a_quoted_qop_and_count_are_read() -> None:
    value = MUFASA.replace("qop=auth", 'qop="AUTH"').replace("nc=00000001", 'nc="00000001"')
    credentials = read(value)
    assert (credentials.qop, credentials.nc) == ("auth", 1)


@pytest.mark.parametrize("name", ["username", "realm", "nonce", "uri", "response", "nc", "cnonce"])
def test_what_must_be_there(name: str) -> None:
    with pytest.raises(MalformedMessage):
        Credentials.parse(MUFASA.replace(f"{name}=", "x-other="))


@pytest.mark.parametrize("count", ["", "0x1", "+1", "1_0", "-1", "123456789", "١", "zz"])
def test_a_count_is_eight_hexadecimal_digits_at_most(count: str) -> None:
    with pytest.raises(MalformedMessage):
        Credentials.parse(MUFASA.replace("nc=00000001", f'nc="{count}"'))


@pytest.mark.parametrize("value", ["Basic QWxhZGRpbg==", "Bearer token=abc"])
def test_another_scheme_is_none_of_ours(value: str) -> None:
    assert Credentials.parse(value) is None


def test_a_challenge_without_qop_is_the_one_of_2007() -> None:
    assert challenge("192.168.1.15", "abc", qop=False) == 'Digest realm="192.168.1.15", nonce="abc"'


def test_a_challenge_says_no_more_than_it_must() -> None:
    assert challenge("h", "n", qop=True) == 'Digest realm="h", nonce="n", qop="auth"'
    assert challenge("h", "n", qop=True, stale=True) == 'Digest realm="h", nonce="n", qop="auth", stale=true'
    assert challenge("h", "n", qop=False, algorithm="SHA-256").endswith('nonce="n", algorithm=SHA-256')
    assert challenge('a "b" \\c', "n", qop=False) == 'Digest realm="a \\"b\\" \\\\c", nonce="n"'


@given(
    user=st.text("abc123.-_ é", min_size=1, max_size=8),
    password=st.text(min_size=1, max_size=12),
    qop=st.booleans(),
)
def test_whoever_answers_our_challenge_with_the_password_verifies(
    user: str, password: str, qop: bool
) -> None:
    given_challenge = challenge("sip.example.org", "nonce", qop=qop)
    value = answer(given_challenge, method="REGISTER", uri="sip:h", username=user, password=password)
    half = ha1(user, "sip.example.org", password)
    assert verify(read(value), "REGISTER", half)
    assert not verify(read(value), "REGISTER", ha1(user, "sip.example.org", password + "x"))


def test_the_two_hashes_that_are_stored() -> None:
    assert ha1("10", "h", "abc10") == hashlib.md5(b"10:h:abc10").hexdigest()
    assert ha1b("10", "d", "h", "abc10") == hashlib.md5(b"10@d:h:abc10").hexdigest()


@pytest.mark.parametrize(
    ("said", "asked", "fits"),
    [
        ("sip:11@h", "sip:11@h", True),
        ("sip:11@h", "sip:11@h:5060;transport=tcp", True),  # a client that leaves port and parameters out
        ("sip:11@H;user=phone", "sips:11@h", True),
        ("127.0.0.1:5060", "sip:11@127.0.0.1:5060", True),  # SIPp
        ("sip:127.0.0.1:5060", "sip:11@sipbox.example", True),
        ("11@h", "sip:11@h", True),
        ("sip:%311@h", "sip:11@h", True),
        ("sip:10@h", "sip:h", True),  # a phone that names itself in the uri of its REGISTER
        ("sip:11@realm.example", "sip:11@192.0.2.1", True),  # the realm stands for this server
        ("sip:12@h", "sip:11@h", False),
        ("sip:11@elsewhere.example", "sip:11@h", False),
        ("sip:11@h:x", "sip:11@h", False),
        ("", "sip:11@h", False),
    ],
)
def test_the_uri_of_credentials_is_compared_generously(said: str, asked: str, fits: bool) -> None:
    assert uri_fits(said, asked, "realm.example") is fits
