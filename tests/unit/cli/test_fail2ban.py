from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.cli import fail2ban
from tests.harness.sipbox import REPOSITORY

ADDRESS = "192.0.2.7"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The jails as the role agent puts them there."""
    for name in fail2ban.JAILS:
        shipped = REPOSITORY / "templates" / "fail2ban" / f"{name}.jail"
        (tmp_path / f"{name}.conf").write_text(shipped.read_text())
    return tmp_path


class Client:
    """``fail2ban-client`` with bans by jail; ``away`` are jails that do not answer."""

    def __init__(self, bans: dict[str, set[str]], away: Sequence[str] = ()) -> None:
        self.bans, self.away = bans, away

    def __call__(self, words: Sequence[str]) -> str:
        verb, jail, what, address = words
        assert (verb, what) == ("set", "unbanip")
        if jail in self.away:
            raise OSError("Sorry but the jail does not exist")
        banned = self.bans.setdefault(jail, set())
        found = address in banned
        banned.discard(address)
        return str(int(found))


@pytest.mark.parametrize("jail", fail2ban.JAILS)
def test_a_ban_of_either_jail_is_lifted(place: Path, jail: str) -> None:
    client = Client({jail: {ADDRESS, "192.0.2.8"}})
    assert fail2ban.lift(ADDRESS, place, client) == (True, [])
    assert client.bans[jail] == {"192.0.2.8"}
    assert fail2ban.lift(ADDRESS, place, client) == (False, [])


def test_what_cannot_be_asked_is_said(place: Path) -> None:
    client = Client({"sipbox-phones": {ADDRESS}}, away=["sipbox-sip"])
    left = [f"fail2ban-client set sipbox-sip unbanip {ADDRESS}"]
    assert fail2ban.lift(ADDRESS, place, client) == (True, left)


def test_jails_that_are_off_or_not_there_are_not_asked(place: Path) -> None:
    file = place / "sipbox-sip.conf"
    file.write_text(file.read_text().replace("enabled  = true", "enabled  = false"))
    assert fail2ban.jails(place) == ["sipbox-phones"]
    assert fail2ban.jails(place / "nowhere") == []
    assert fail2ban.lift(ADDRESS, place / "nowhere", Client({}, away=fail2ban.JAILS)) == (False, [])


def test_a_program_that_is_not_there_or_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="fail2ban-client"):
        fail2ban.client(["ping"])
    program = tmp_path / "fail2ban-client"
    program.write_text("#!/bin/sh\necho no >&2\nexit 255\n")
    program.chmod(0o755)
    with pytest.raises(OSError, match="no"):
        fail2ban.client(["ping"])
    program.write_text('#!/bin/sh\necho "$@"\n')
    assert fail2ban.client(["set", "x"]) == "set x"
