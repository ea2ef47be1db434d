from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.sip import names
from appliance.sip.names import KEYS, LIST_HEADERS, display_of, key_of


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Via", "via"),
        ("VIA", "via"),
        ("v", "via"),
        ("V", "via"),
        ("vIa", "via"),
        ("Via \t", "via"),
        ("Call-ID", "call-id"),
        ("i", "call-id"),
        ("L", "content-length"),
        ("X-Unheard-Of", "x-unheard-of"),
        ("%~odd!'`*+._", "%~odd!'`*+._"),
    ],
)
def test_spellings(spelling: str, key: str) -> None:
    assert key_of(spelling) == key
    assert key_of(spelling) == key, "the second time it comes out of the memory"


@pytest.mark.parametrize(
    ("letter", "key"),
    [
        ("a", "accept-contact"),
        ("b", "referred-by"),
        ("c", "content-type"),
        ("d", "request-disposition"),
        ("e", "content-encoding"),
        ("f", "from"),
        ("j", "reject-contact"),
        ("k", "supported"),
        ("m", "contact"),
        ("n", "identity-info"),
        ("o", "event"),
        ("r", "refer-to"),
        ("s", "subject"),
        ("t", "to"),
        ("u", "allow-events"),
        ("x", "session-expires"),
        ("y", "identity"),
    ],
)
def test_compact_forms(letter: str, key: str) -> None:
    assert key_of(letter) == key_of(letter.upper()) == key


@pytest.mark.parametrize("spelling", ["", " ", " Via", "Vi a", "Via\r", "Vía", "a,b", "a\x00b", "\udcff"])
def test_no_token_no_name(spelling: str) -> None:
    with pytest.raises(MalformedMessage):
        key_of(spelling)


def test_every_spelling_of_a_known_name_is_the_same_object() -> None:
    # list.index is fast only as long as this holds.
    assert key_of("Via") is key_of("V") is key_of("viA") is key_of("VIA ")


def test_the_memory_is_bounded() -> None:
    for number in range(5000):
        assert key_of(f"X-Flood-{number}") == f"x-flood-{number}"
    assert len(KEYS) <= names._KEYS_BOUND
    before = len(KEYS)
    assert key_of("Y" * 1000) == "y" * 1000
    assert len(KEYS) == before
    assert key_of("Via") == "via"


@pytest.mark.parametrize(
    ("key", "display"),
    [
        ("www-authenticate", "WWW-Authenticate"),
        ("cseq", "CSeq"),
        ("call-id", "Call-ID"),
        ("mime-version", "MIME-Version"),
        ("rack", "RAck"),
        ("via", "Via"),
        ("x-unheard-of", "X-Unheard-Of"),
    ],
)
def test_display(key: str, display: str) -> None:
    assert display_of(key) == display
    assert key_of(display) == key


def test_credentials_and_dates_are_never_lists() -> None:
    for key in (
        "authorization",
        "proxy-authorization",
        "www-authenticate",
        "proxy-authenticate",
        "date",
        "from",
        "to",
    ):
        assert key not in LIST_HEADERS


def test_each_list_header_is_a_known_header() -> None:
    known = {name.lower() for name in names._DISPLAY_NAMES.split()}
    assert known >= LIST_HEADERS
    assert known >= set(names._COMPACT.values())
