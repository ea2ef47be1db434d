from __future__ import annotations

from pathlib import Path

import pytest

from appliance.agent.page_door import CREDENTIAL, open_door
from appliance.errors import SettingsError


@pytest.mark.parametrize(
    ("http", "verdict"),
    [
        ("127.0.0.1:8080", "open"),
        ("[::1]:8080", "open"),
        ("localhost:8080", "open"),
        ("192.0.2.1:8080", "closed"),
        ("[::]:8080", "closed"),
        ("pbx.example.org:8080", "closed"),
    ],
)
def test_without_a_password_only_this_machine_looks(http: str, verdict: str) -> None:
    assert open_door("", http, {}).ask("192.0.2.9", None) == verdict


def test_a_password_is_asked_for_here_too(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    door = open_door(str(tmp_path / "password"), "127.0.0.1:8080", {})
    assert door.ask("127.0.0.1", None) == "password"
    assert door.ask("127.0.0.1", "correct horse") == "open"
    assert door.ask("127.0.0.1", "pass\u00e9") == "password"


def test_a_credential_of_systemd_comes_first(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text("battery staple")
    door = open_door("/nonexistent", "127.0.0.1:8080", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert door.ask("127.0.0.1", "battery staple") == "open"


def test_an_empty_credential_is_none(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text("\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert open_door("", "127.0.0.1:8080", environment).ask("x", None) == "open"
    assert open_door("", "192.0.2.1:8080", environment).ask("x", None) == "closed"


def test_what_cannot_be_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"agent\.password_file: /nonexistent cannot be read: No such file"
    ):
        open_door("/nonexistent", "127.0.0.1:8080", {})
    (tmp_path / "short").write_text("1234567")
    with pytest.raises(SettingsError, match="has less than 8 characters"):
        open_door(str(tmp_path / "short"), "127.0.0.1:8080", {})
