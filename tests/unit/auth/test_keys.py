"""The secret: made once, private, and the same afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.auth.keys import Keys, load_keys, shared_keys
from appliance.errors import SettingsError


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret"
    first = load_keys(path).derive("nonce")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keys(path).derive("nonce") == first
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_each_purpose_and_each_secret_has_its_own_key() -> None:
    keys = Keys(bytes(32))
    assert len({keys.derive("nonce"), keys.derive("branch"), Keys(b"\1" * 32).derive("nonce")}) == 3


def test_a_damaged_secret_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(SettingsError, match="must hold 32 bytes, not 5: remove it"):
        load_keys(tmp_path / "secret")


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        load_keys(tmp_path / "file" / "secret")


def test_a_shared_key_is_the_same_for_all_who_have_the_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("0123456789abcdef" * 4 + "\n")
    other.write_text("0123456789abcdef" * 4)
    one.chmod(0o640)
    other.chmod(0o600)
    assert shared_keys(str(one)).derive("neighbours") == shared_keys(str(other)).derive("neighbours")


def test_a_shared_key_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        shared_keys(str(path))
    path.write_text("short")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="at least 32 letters"):
        shared_keys(str(path))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by everybody: 'chmod o= "):
        shared_keys(str(path))
