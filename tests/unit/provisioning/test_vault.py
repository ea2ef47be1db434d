from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import SealBroken, SettingsError
from appliance.provisioning.vault import Vault, new_key, open_vault

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
OWNER = "10@example.org"


def test_what_is_sealed_opens_and_looks_different_each_time() -> None:
    vault = Vault([FIRST])
    sealed = [vault.seal("geheim-ä", OWNER) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert [vault.open(each, OWNER) for each in sealed] == ["geheim-ä"] * 2
    assert "geheim" not in "".join(sealed)


def test_it_belongs_to_one_user() -> None:
    vault = Vault([FIRST])
    with pytest.raises(SealBroken, match="or another's"):
        vault.open(vault.seal("secret", OWNER), "11@example.org")


@pytest.mark.parametrize("at", [-30, -10, -5])
def test_a_changed_letter_is_noticed(at: int) -> None:
    vault = Vault([FIRST])
    sealed = vault.seal("secret", OWNER)
    other = "A" if sealed[at] != "A" else "B"
    with pytest.raises(SealBroken):
        vault.open(sealed[:at] + other + sealed[at + 1 :], OWNER)


@pytest.mark.parametrize("text", ["", "v1", "v1..", "plain", "v2.00.00", "v1.deadbeef.AAAA", "v1.é.é"])
def test_what_is_no_seal(text: str) -> None:
    with pytest.raises(SealBroken):
        Vault([FIRST]).open(text, OWNER)


def test_an_older_key_opens_and_the_newest_seals() -> None:
    old = Vault([FIRST]).seal("secret", OWNER)
    both = Vault([SECOND, FIRST])
    assert both.open(old, OWNER) == "secret"
    assert not both.is_newest(old)
    assert both.is_newest(both.seal("secret", OWNER))
    with pytest.raises(SealBroken, match="another key"):
        Vault([SECOND]).open(old, OWNER)


def written(place: Path, text: str, mode: int = 0o600) -> str:
    place.write_text(text)
    place.chmod(mode)
    return str(place)


def test_the_credential_comes_before_the_file(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    written(credentials / "phones.key", FIRST.hex())
    file = written(tmp_path / "other.key", SECOND.hex())
    by_credential = open_vault(file, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert Vault([FIRST]).open(by_credential.seal("secret", OWNER), OWNER) == "secret"
    (credentials / "phones.key").unlink()
    by_file = open_vault(file, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert Vault([SECOND]).open(by_file.seal("secret", OWNER), OWNER) == "secret"


def test_a_new_key_is_one(tmp_path: Path) -> None:
    assert new_key() != new_key()
    open_vault(written(tmp_path / "key", new_key(), 0o400), {})


@pytest.mark.parametrize("text", ["", "abc", "0" * 63, "0" * 65, "x" * 64, f"{'0' * 64}\nx"])
def test_what_is_no_key_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        open_vault(written(tmp_path / "key", text), {})


def test_a_file_for_everybody_is_refused_and_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"everybody may read .*: chmod 600"):
        open_vault(written(tmp_path / "key", new_key(), 0o644), {})
    with pytest.raises(SettingsError, match=r"phones\.key_file: there is no"):
        open_vault(str(tmp_path / "absent"), {})
