"""GRUUs: what they say, whom they name, and that nobody else makes one."""

from __future__ import annotations

import pytest

from appliance.registrar.binding import Binding
from appliance.registrar.gruu import Gruu, Gruus, public
from appliance.sip.uri import AddressOfRecord, Uri
from tests.unit.registrar.phones import TEN

ONE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"


def bound(instance: str | None = ONE, call_id: str = "boot 1", aor: AddressOfRecord = TEN) -> Binding:
    return Binding(aor, "sip:10@192.0.2.1", 1000.0, call_id, 1, instance=instance)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gruus(clock: Clock) -> Gruus:
    return Gruus(b"k" * 32, clock)


def resolved(gruus: Gruus, text: str, domain: str = "example.org") -> Gruu | None:
    uri = Uri.parse(text)
    return gruus.resolve(uri, AddressOfRecord(uri.username.lower(), domain))


@pytest.mark.parametrize("instance", [ONE, "<urn:x:a;b=c,d?e f>", "bare"])
@pytest.mark.parametrize("user", ["10", "al/i;ce", "j\u00f6rg"])
def test_the_public_one_names_user_and_phone(gruus: Gruus, instance: str, user: str) -> None:
    aor = AddressOfRecord(user, "example.org")
    binding = bound(instance, aor=aor)
    found = resolved(gruus, public(binding))
    assert found is not None
    assert found.aor == aor
    assert found.fits(binding)
    assert not found.fits(bound("<urn:uuid:another>"))
    assert not found.fits(bound(None))


def test_it_looks_as_the_rfc_has_it() -> None:
    assert public(bound()) == f"sip:10@example.org;gr={ONE[1:-1]}"


def test_the_temporary_one_tells_nothing_and_is_new_each_time(gruus: Gruus, clock: Clock) -> None:
    first = gruus.temporary(bound())
    clock.now += 1
    second = gruus.temporary(bound())
    assert first != second
    assert "10" not in first.partition("@")[0].removeprefix("sip:tgruu.")[:2]
    assert first.endswith("@example.org;gr")
    for text in (first, second):
        found = resolved(gruus, text)
        assert found is not None
        assert found.aor == TEN
        assert found.fits(bound())


def test_one_plain_text_less_than_another_is_hidden_in_the_whole_token(gruus: Gruus, clock: Clock) -> None:
    """Two tokens of one phone have no more in common than those of two phones."""
    tokens = []
    for _ in range(2):
        tokens.append(gruus.temporary(bound()).partition("@")[0].removeprefix("sip:tgruu."))
        clock.now += 1
    same = sum(one == other for one, other in zip(*tokens, strict=True))
    assert same < len(tokens[0]) / 4


def test_a_phone_that_begins_anew_has_others(gruus: Gruus) -> None:
    found = resolved(gruus, gruus.temporary(bound()))
    assert found is not None
    assert not found.fits(bound(call_id="boot 2"))
    assert not found.fits(bound("<urn:uuid:another>"))


def test_nobody_else_makes_one(gruus: Gruus, clock: Clock) -> None:
    text = gruus.temporary(bound())
    assert resolved(Gruus(b"x" * 32, clock), text) is None
    assert resolved(gruus, text, "example.net") is None
    start, end = text.index("tgruu.") + 6, text.index("@")
    for place in range(start, end):
        forged = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert resolved(gruus, forged) is None


@pytest.mark.parametrize(
    "user", ["10", "tgruu.", "tgruu.A", "tgruu.%C3%BC", "tgruu." + "A" * 600, "tgruu.AAAA"]
)
def test_what_is_none(gruus: Gruus, user: str) -> None:
    assert resolved(gruus, f"sip:{user}@example.org;gr") is None


def test_the_contact_says_both(gruus: Gruus) -> None:
    said = gruus.parameters(bound())
    assert said.startswith(f';pub-gruu="{public(bound())}";temp-gruu="sip:tgruu.')
    assert gruus.parameters(bound(None)) == ""
