from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import MalformedMessage
from appliance.sip.auth_params import parse_auth_params
from appliance.sip.grammar import quote

_SEED = (
    'Digest username="10", realm="192.168.1.15", algorithm=MD5, uri="sip:192.168.1.15", '
    'nonce="462791f06aa9b37a34fd11b1adc58c5a9df7c95b", response="be9e8d46b8dcd522f22301e1f2b3287c"'
)


def test_credentials_of_a_desk_phone() -> None:
    assert parse_auth_params(_SEED) == (
        "Digest",
        {
            "username": "10",
            "realm": "192.168.1.15",
            "algorithm": "MD5",
            "uri": "sip:192.168.1.15",
            "nonce": "462791f06aa9b37a34fd11b1adc58c5a9df7c95b",
            "response": "be9e8d46b8dcd522f22301e1f2b3287c",
        },
    )


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("Digest", {}),
        ("Digest ", {}),
        ("Digest a=b", {"a": "b"}),
        ("Digest a=b,c=d", {"a": "b", "c": "d"}),
        ('Digest A="x",B=y,\tC="z"', {"a": "x", "b": "y", "c": "z"}),
        ('Digest a = "x" , b = y', {"a": "x", "b": "y"}),
        ('Digest a="x",,b=y,', {"a": "x", "b": "y"}),
        ('Digest a="1, b=\'2\'", c="="', {"a": "1, b='2'", "c": "="}),
        (r'Digest username="a\"b\\c", qop=auth', {"username": 'a"b\\c', "qop": "auth"}),
        ('Digest opaque="", stale=false', {"opaque": "", "stale": "false"}),
        ("Digest opaque=, stale=false", {"opaque": "", "stale": "false"}),
        ('Digest a="1", opaque=', {"a": "1", "opaque": ""}),
        ("Digest uri=sip:192.0.2.1:5060", {"uri": "sip:192.0.2.1:5060"}),
        ('Digest qop="auth,auth-int", nc=00000001', {"qop": "auth,auth-int", "nc": "00000001"}),
        ('Digest username="ümläut"', {"username": "ümläut"}),
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", {"qwxhzgrpbjpvcgvuihnlc2ftzq": ""}),
    ],
)
def test_forms(text: str, params: dict[str, str]) -> None:
    assert parse_auth_params(text) == (text.partition(" ")[0], params)


@pytest.mark.parametrize(
    "text",
    [
        'Digest a="b',
        'Digest a="b\\"',
        'Digest a="b" c="d"',
        'Digest a="b"c="d"',
        'Digest "b"',
        'Digest a="b", "c"',
        "Digest a",
        "Digest a=b c=d",
        "Digest =b",
        'Digest a b="c"',
        'Digest a="1", a="2"',
        "Digest a=1, A=2",
        'Digest a=1, a="2"',
        'Digest a=x"y"',
        'Digest a="x"y',
        "Digest ä=1",
    ],
)
def test_no_list_of_parameters(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_auth_params(text)


_NAMES = st.text("abcdefghij-", min_size=1)


@given(st.dictionaries(_NAMES, st.text() | st.text("0123456789abcdef", min_size=1)), st.data())
def test_whatever_is_written_is_read(params: dict[str, str], data: st.DataObject) -> None:
    written = []
    for name, value in params.items():
        bare = (
            value and all(character in "0123456789abcdef" for character in value) and data.draw(st.booleans())
        )
        written.append(f"{name}={value if bare else quote(value)}")
    separator = data.draw(st.sampled_from([",", ", ", " ,\t"]))
    assert parse_auth_params("Digest " + separator.join(written)) == ("Digest", params)


@given(st.text(alphabet='ab=", \\\t'))
def test_only_one_kind_of_error(text: str) -> None:
    try:
        parse_auth_params("Digest " + text)
    except MalformedMessage:
        pass


def test_long_credentials_are_not_remembered() -> None:
    from appliance.sip import auth_params

    auth_params._remembered_gap.cache_clear()
    long = "x" * 2000
    assert parse_auth_params(f'Digest a="1", {long}=2')[1] == {"a": "1", long: "2"}
    assert auth_params._remembered_gap.cache_info().currsize == 0
