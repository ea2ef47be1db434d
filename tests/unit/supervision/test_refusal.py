from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.errors import SettingsError
from appliance.supervision import refusal
from appliance.supervision.refusal import told_to_systemd


def refuse() -> None:
    with told_to_systemd():
        raise SettingsError("names no address", path="sip.listen")


def test_systemd_learns_why_and_the_next_try_is_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(refusal.time, "sleep", waited.append)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with pytest.raises(SettingsError):
            refuse()
        assert systemd.recv(1000) == b"STATUS=cannot start: sip.listen: names no address"
    assert waited == [2.0]


def test_whoever_starts_it_by_hand_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(refusal.time, "sleep", lambda _: pytest.fail("nobody waits for this"))
    with pytest.raises(SettingsError):
        refuse()
