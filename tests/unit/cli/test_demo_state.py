from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.cli import demo_state
from appliance.cli.demo_state import prepare
from appliance.config import load
from appliance.errors import SettingsError
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration import subscribers
from appliance.storage.engine import Database


@pytest.fixture(autouse=True)
def _every_address_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_state, "_require_free", lambda listener: None)
    monkeypatch.setattr(demo_state, "_free_address", lambda http: http)


def begin(directory: Path, listen: str = "127.0.0.1:5060") -> demo_state.Place:
    return prepare(directory, listen, "127.0.0.1:8080")


def has_password(place: demo_state.Place, user: str, password: str | None) -> bool | None:
    database = Database(place.settings.database.url)
    try:
        who = AddressOfRecord(user, place.settings.sip.domains[0])
        return subscribers.has_password(database, who, password or "")
    finally:
        database.close()


def test_the_first_start_makes_two_subscribers_with_random_passwords(tmp_path: Path) -> None:
    place, other = begin(tmp_path / "a"), begin(tmp_path / "b")
    assert list(place.passwords) == ["10", "11"]
    secrets = {*place.passwords.values(), *other.passwords.values()}
    assert len(secrets) == 4
    assert all(secret is not None and len(secret) == 12 for secret in secrets)
    for user, password in place.passwords.items():
        assert has_password(place, user, password)


def test_what_is_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    place = begin(tmp_path / "state")
    for path in (place.config.parent, *place.config.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_second_start_has_the_same_passwords(tmp_path: Path) -> None:
    assert begin(tmp_path).passwords == begin(tmp_path).passwords


def test_the_settings_can_be_used_by_other_verbs(tmp_path: Path) -> None:
    place = begin(tmp_path)
    assert load(str(place.config)) == place.settings


def test_another_address_is_another_domain_with_the_same_passwords(tmp_path: Path) -> None:
    first, second = begin(tmp_path), begin(tmp_path, "192.0.2.15")
    assert second.settings.sip.domains == ("192.0.2.15",)
    assert second.settings.sip.listen == ("udp:192.0.2.15:5060", "tcp:192.0.2.15:5060")
    assert second.passwords == first.passwords
    assert has_password(second, "10", second.passwords["10"])
    assert begin(tmp_path, "[::1]:5070").settings.sip.domains == ("[::1]",)


def test_a_password_that_was_changed_since_is_not_overwritten(tmp_path: Path) -> None:
    place = begin(tmp_path)
    database = Database(place.settings.database.url)
    subscribers.set_password(database, AddressOfRecord("10", "127.0.0.1"), "mine")
    database.close()
    assert begin(tmp_path).passwords == {"10": None, "11": place.passwords["11"]}
    assert has_password(place, "10", "mine")


def test_a_long_path_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 100)
    control = Path(begin(directory).settings.sip.control)
    try:
        assert len(str(control)) < 107
        assert begin(directory).settings.sip.control == str(control)
    finally:
        control.parent.rmdir()


def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--listen: .* listens everywhere"):
        begin(tmp_path, "0.0.0.0:5060")
    (tmp_path / "passwords.json").write_text("{")
    with pytest.raises(SettingsError, match="is damaged: remove it"):
        begin(tmp_path)
