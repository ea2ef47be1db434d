from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadUri
from appliance.sip.uri import AddressOfRecord, Uri


@pytest.mark.parametrize(
    ("text", "user", "password", "host", "port", "params", "headers"),
    [
        ("sip:192.0.2.1", None, None, "192.0.2.1", None, (), ""),
        ("sip:10@192.0.2.1:5080", "10", None, "192.0.2.1", 5080, (), ""),
        ("SIP:alice:secret@Example.COM", "alice", "secret", "example.com", None, (), ""),
        ("sips:bob:@example.com", "bob", "", "example.com", None, (), ""),
        (
            "sip:alice@example.com;Transport=TCP;lr?subject=x&priority=urgent",
            "alice",
            None,
            "example.com",
            None,
            (("transport", "TCP"), ("lr", None)),
            "subject=x&priority=urgent",
        ),
        ("sip:[2001:DB8::1]:5061;lr", None, None, "[2001:db8::1]", 5061, (("lr", None),), ""),
        ("sip:x@[::1]", "x", None, "[::1]", None, (), ""),
        (
            "sip:+1-212;phone-context=x,y@gw;user=phone",
            "+1-212;phone-context=x,y",
            None,
            "gw",
            None,
            (("user", "phone"),),
            "",
        ),
        ("sip:what?/;&=+$,@host", "what?/;&=+$,", None, "host", None, (), ""),
        (
            "sip:sips%3Auser%40example.com@example.net",
            "sips%3Auser%40example.com",
            None,
            "example.net",
            None,
            (),
            "",
        ),
        ("sip:#31#5551234@host", "#31#5551234", None, "host", None, (), ""),
        ("sip:host;a=;b;;c=%20", None, None, "host", None, (("a", ""), ("b", None), ("c", "%20")), ""),
        ("sip:my_pbx", None, None, "my_pbx", None, (), ""),
        ("sip:example.com.", None, None, "example.com.", None, (), ""),
    ],
)
def test_parts(
    text: str,
    user: str | None,
    password: str | None,
    host: str,
    port: int | None,
    params: tuple[tuple[str, str | None], ...],
    headers: str,
) -> None:
    uri = Uri.parse(text)
    assert (uri.user, uri.password, uri.host, uri.port) == (user, password, host, port)
    assert (uri.params, uri.headers, uri.opaque) == (params, headers, "")
    assert str(uri) == text


@pytest.mark.parametrize(
    ("text", "scheme", "opaque"),
    [
        ("tel:+358-555-1234567;postd=pp22", "tel", "+358-555-1234567;postd=pp22"),
        ("TEL:911", "tel", "911"),
        ("urn:service:sos", "urn", "service:sos"),
        ("nobodyKnowsThisScheme:totallyopaquecontent", "nobodyknowsthisscheme", "totallyopaquecontent"),
        ("http://www.example.com", "http", "//www.example.com"),
    ],
)
def test_other_schemes(text: str, scheme: str, opaque: str) -> None:
    uri = Uri.parse(text)
    assert (uri.scheme, uri.opaque, uri.host, uri.username) == (scheme, opaque, "", "")
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "sip",
        "sip:",
        "sip:@host",
        "sip:user@",
        "sip::pw@host",
        "sip:a@b@c",
        "sip:a@b;x=@c",
        "sip:a b@c",
        "sip:a@b c",
        "<sip:a@b>",
        'sip:"a"@b',
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:a@[::1",
        "sip:a@2001:db8::1",
        "sip:a@b;=x",
        "sip:a%@b",
        "sip:a%4@b",
        "sip:a%zz@b",
        "sip:a@b\r\nX: y",
        "sip:a\x00@b",
        "sip:\udcff@b",
        "sip:a@bücher.example",
        "sip:a@b;ü",
        "1tel:x",
        ":x",
        "sip:a@-_!",
    ],
)
def test_no_uri(text: str) -> None:
    with pytest.raises(BadUri):
        Uri.parse(text)


def test_what_is_asked_of_a_uri() -> None:
    uri = Uri.parse("sip:%61lice%20b@[2001:DB8::1]:5061;Transport=TCP;lr;ttl=")
    assert uri.username == "alice b"
    assert uri.address == "2001:db8::1"
    assert uri.transport == "tcp"
    assert uri.param("transport") == "TCP"
    assert uri.param("lr") == ""
    assert uri.param("maddr") is None
    assert uri.param("maddr", "x") == "x"
    assert uri.has_param("lr")
    assert not uri.has_param("maddr")
    assert uri.aor == AddressOfRecord("alice b", "[2001:db8::1]")
    assert str(uri.aor) == "alice b@[2001:db8::1]"
    assert Uri.parse("sip:host").transport is None
    assert Uri.parse("sip:host;transport=").transport is None


def test_the_first_of_two_parameters_counts() -> None:
    assert Uri.parse("sip:h;a=1;a=2").param("a") == "1"


def test_an_address_of_record_has_no_password_port_and_parameters() -> None:
    assert Uri.parse("sip:10:pw@PBX.example:5080;x?y=z").aor == ("10", "pbx.example")


def test_user_with_escapes_of_line_ends_breaks_no_header() -> None:
    assert Uri.parse("sip:a%0d%0aX:@b").username == "a%0D%0AX"


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("sip:a@b:5060;x=1?h=v", {"host": "192.0.2.1", "port": None}, "sip:a@192.0.2.1;x=1?h=v"),
        ("sip:a@b", {"params": (("lr", None), ("ob", "1"))}, "sip:a@b;lr;ob=1"),
        ("sip:a:pw@b", {"user": "c", "password": None}, "sip:c@b"),
        ("sip:a:pw@b", {"port": 5080}, "sip:a:pw@b:5080"),
        ("sip:a@b?h=v", {"headers": "", "scheme": "sips"}, "sips:a@b"),
        ("tel:123", {"opaque": "456"}, "tel:456"),
        ("sip:b", {"user": "a"}, "sip:a@b"),
    ],
)
def test_replace(text: str, changes: dict[str, object], expected: str) -> None:
    changed = Uri.parse(text).replace(**changes)
    assert str(changed) == expected
    assert changed == Uri.parse(expected)


def test_replace_refuses_what_is_no_uri() -> None:
    with pytest.raises(BadUri):
        Uri.parse("sip:a@b").replace(host="c@d")


# The examples of RFC 3261 §19.1.4, in other words, and what they leave open.
_EQUAL = [
    ("sip:%61lice@atlanta.example;transport=TCP", "sip:alice@AtLanTa.ExAmPle;Transport=tcp"),
    ("sip:carol@chicago.example", "sip:carol@chicago.example;newparam=5"),
    ("sip:carol@chicago.example", "sip:carol@chicago.example;security=on"),
    (
        "sip:biloxi.example;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.example",
        "sip:biloxi.example;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.example",
    ),
    (
        "sip:alice@atlanta.example?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.example?priority=urgent&subject=project%20x",
    ),
    ("sip:a@h;X=y%2d", "sip:a@h;x=Y-"),
    ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]"),
    ("SIP:a@h", "sip:a@h"),
    ("sip:a%3b@h", "sip:a%3B@h"),
    ("tel:+1-201-555-0123", "tel:+12015550123"),
    ("tel:123;a=b;c=D", "TEL:123;C=d;A=b"),
]
_DIFFERENT = [
    ("sip:alice@atlanta.example", "sip:ALICE@atlanta.example"),
    ("sip:bob@biloxi.example", "sip:bob@biloxi.example:5060"),
    ("sip:bob@biloxi.example", "sip:bob@biloxi.example;transport=udp"),
    ("sip:bob@biloxi.example", "sip:bob@biloxi.example:6000;transport=tcp"),
    ("sip:carol@chicago.example", "sip:carol@chicago.example?Subject=next%20meeting"),
    ("sip:bob@phone21.example", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.example;security=on", "sip:carol@chicago.example;security=off"),
    ("sip:a@h", "sips:a@h"),
    ("sip:a@h;user=phone", "sip:a@h"),
    ("sip:a@h;ttl=1", "sip:a@h"),
    ("sip:a@h;maddr=x", "sip:a@h"),
    ("sip:a@h;method=INVITE", "sip:a@h"),
    ("sip:a:x@h", "sip:a:X@h"),
    ("sip:a:@h", "sip:a@h"),
    ("sip:h", "sip:a@h"),
    ("sip:a;x@h", "sip:a%3bx@h"),
    ("sip:a%00@h", "sip:a%00%00@h"),
    ("sip:a@h?x=y", "sip:a@h?x=Y"),
    ("tel:123", "tel:124"),
    ("tel:123;a=b", "tel:123"),
    ("tel:123", "sip:123@h"),
]


@pytest.mark.parametrize(("one", "other"), _EQUAL)
def test_equal(one: str, other: str) -> None:
    assert Uri.parse(one).equals(Uri.parse(other))
    assert Uri.parse(other).equals(Uri.parse(one))


@pytest.mark.parametrize(("one", "other"), _DIFFERENT)
def test_different(one: str, other: str) -> None:
    assert not Uri.parse(one).equals(Uri.parse(other))
    assert not Uri.parse(other).equals(Uri.parse(one))
    assert Uri.parse(one).key != Uri.parse(other).key


def test_comparison_is_no_equivalence() -> None:
    plain, on, off = (Uri.parse(f"sip:c@h{param}") for param in ("", ";security=on", ";security=off"))
    assert on.equals(plain)
    assert plain.equals(off)
    assert not on.equals(off)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@H;Transport=TCP;b=1", "sip:alice@h;B=1;transport=tcp"),
        ("sip:a@h?b=1&a=2", "sip:a@h?a=2&b=1"),
        ("tel:1-2", "tel:12"),
    ],
)
def test_equal_keys(one: str, other: str) -> None:
    assert Uri.parse(one).key == Uri.parse(other).key


def test_a_parameter_of_ones_own_is_a_key_of_ones_own() -> None:
    assert Uri.parse("sip:a@h;line=1").key != Uri.parse("sip:a@h;line=2").key
    assert Uri.parse("sip:a@h;line=1").key != Uri.parse("sip:a@h").key


def test_a_key_cannot_be_imitated() -> None:
    # What separates the parts in a key cannot stand in a part and make two URIs one.
    assert Uri.parse("sip:a@h;x=1").key != Uri.parse("sip:a@h;x=1|;y").key
    assert Uri.parse("sip:a|@h").key != Uri.parse("sip:a@h").key


_URIS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["sip:", "SIP:", "sips:"]),
        st.sampled_from(["", "a@", "A@", "%61@", "a:p@", "a|b@", "a%3b@"]),
        st.sampled_from(["h", "H", "h:5060", "[::1]", "192.0.2.1"]),
        st.lists(
            st.sampled_from([";lr", ";x=1", ";X=1", ";x=2", ";transport=tcp", ";Transport=TCP", ";y=|"]),
            max_size=3,
        ).map("".join),
        st.sampled_from(["", "?a=1", "?a=1&b=2", "?b=2&a=1"]),
    ),
)


@given(_URIS, _URIS)
def test_equal_keys_mean_equal_uris(one: str, other: str) -> None:
    first, second = Uri.parse(one), Uri.parse(other)
    if first.key == second.key:
        assert first.equals(second)
    assert first.equals(second) == second.equals(first)
    assert first.equals(first)


@given(st.text(alphabet="sip:@ab%4;=?[]&.,0") | st.text())
def test_only_one_kind_of_error(text: str) -> None:
    for candidate in (text, f"sip:{text}", f"sip:a@{text}"):
        try:
            uri = Uri.parse(candidate)
        except BadUri:
            continue
        assert str(uri) == candidate
        assert uri.equals(Uri.parse(candidate))
        assert isinstance(uri.key, str)
        assert uri.aor.username.isprintable()
        assert str(uri.aor).encode()
        assert uri.replace().key == uri.key


def test_long_uris_are_read_and_not_remembered() -> None:
    from appliance.sip import uri as module

    before = module._remembered.cache_info().currsize
    assert Uri.parse("sip:" + "a" * 1000 + "@h").user == "a" * 1000
    assert module._remembered.cache_info().currsize == before
