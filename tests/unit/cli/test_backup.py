from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from appliance.errors import StorageError
from tests.unit.cli.conftest import CommandLine, Server


@pytest.fixture
def place(cli: CommandLine) -> Path:
    """Where the backups go; the box has a subscriber, a secret and a credential."""
    cli.done("subscriber", "add", "10", typed="x\n")
    (cli.directory / "secret").write_bytes(b"s" * 32)
    (cli.directory / "credentials").mkdir(mode=0o700)
    (cli.directory / "credentials" / "phones.key").write_text("0123")
    return cli.directory / "backups"


def create(cli: CommandLine, place: Path, *more: str) -> Path:
    return Path(cli.done("backup", "create", "--directory", str(place), *more).strip())


def test_the_whole_box_is_in_it(cli: CommandLine, place: Path) -> None:
    file = create(cli, place)
    assert file.parent == place
    told = json.loads(cli.done("backup", "verify", str(file), "--json"))
    assert told["files"] == ["settings/sipbox.toml", "credentials/phones.key", "state/secret"]
    assert told["rows"]["subscriber"] == 1
    with tarfile.open(file) as tar:
        settings = tar.extractfile("settings/sipbox.toml")
        assert settings is not None
        assert settings.read() == cli.config.read_bytes()
    assert "whole" in cli.done("backup", "verify", str(file))


def test_list(cli: CommandLine, place: Path) -> None:
    assert "no backups" in cli("backup", "list", "--directory", str(place)).stderr
    file = create(cli, place)
    (place / "2020-01-01T000000Z.tar").write_text("nonsense")
    newest, broken = json.loads(cli.done("backup", "list", "--directory", str(place), "--json"))
    assert newest["file"] == str(file)
    assert newest["rows"] == 1
    assert newest["bytes"] == file.stat().st_size
    assert broken["rows"] is None
    assert str(file) in cli.done("backup", "list", "--directory", str(place))


def test_older_ones_go_when_asked(cli: CommandLine, place: Path) -> None:
    place.mkdir(mode=0o700)
    old = [place / f"2020-01-0{day}T000000Z.tar" for day in (1, 2, 3)]
    for each in old:
        each.touch()
    create(cli, place)
    assert all(each.exists() for each in old)
    create(cli, place, "--keep-daily", "2", "--keep-weekly", "2")
    assert [each.exists() for each in old] == [False, False, True]


def test_nothing_goes_when_the_new_one_fails(cli: CommandLine, place: Path) -> None:
    place.mkdir(mode=0o700)
    old = place / "2020-01-01T000000Z.tar"
    old.touch()
    cli.done("database", "drop", "--yes")
    failed = cli("backup", "create", "--directory", str(place), "--keep-daily", "0")
    assert failed.exit_code == 1
    assert [each.name for each in place.iterdir()] == [old.name]


def test_one_that_cannot_be_read_back_is_none(
    cli: CommandLine, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(file: Path) -> None:
        raise StorageError(f"{file} is damaged")

    monkeypatch.setattr("appliance.storage.archive.verify", damaged)
    failed = cli("backup", "create", "--directory", str(place))
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert list(place.iterdir()) == []


def test_restore(cli: CommandLine, place: Path) -> None:
    file = create(cli, place)
    cli.done("subscriber", "add", "11", typed="x\n")
    (cli.directory / "secret").write_bytes(b"t" * 32)
    (cli.directory / "credentials" / "phones.key").unlink()
    refused = cli("backup", "restore", str(file))
    assert refused.exit_code == 1
    assert "has rows" in refused.stderr
    assert cli("backup", "restore", "--replace", str(file), typed="n\n").exit_code == 1
    assert len(json.loads(cli.done("subscriber", "list", "--json"))) == 2
    result = cli("backup", "restore", "--replace", str(file), "--yes")
    assert result.exit_code == 0
    assert "tar -xOf" in result.stderr
    assert [row["username"] for row in json.loads(cli.done("subscriber", "list", "--json"))] == ["10"]
    assert (cli.directory / "secret").read_bytes() == b"s" * 32
    assert (cli.directory / "credentials" / "phones.key").read_text() == "0123"
    cli.done("database", "drop", "--yes")
    cli.done("backup", "restore", str(file))
    cli.done("subscriber", "show", "10")


def test_the_authority_that_phones_believe_comes_back_and_its_certificates_do_not(
    cli: CommandLine, place: Path
) -> None:
    tls = cli.directory / "tls"
    tls.mkdir()
    for name in ("authority.pem", "authority-key.pem", "certificate.pem", "key.pem"):
        (tls / name).write_text(f"the old {name}")
    file = create(cli, place)
    for name in ("authority.pem", "authority-key.pem", "certificate.pem", "key.pem"):
        (tls / name).write_text("another box's")
    cli.done("backup", "restore", "--replace", str(file), "--yes")
    assert (tls / "authority.pem").read_text() == "the old authority.pem"
    assert (tls / "authority-key.pem").read_text() == "the old authority-key.pem"
    assert (tls / "authority-key.pem").stat().st_mode & 0o077 == 0
    assert (tls / "certificate.pem").read_text() == "another box's"


def test_nothing_is_restored_below_a_running_server(cli: CommandLine, place: Path, server: Server) -> None:
    file = create(cli, place)
    server.answers["status"] = {}
    refused = cli("backup", "restore", "--replace", str(file), "--yes")
    assert refused.exit_code == 1
    assert "systemctl stop sipbox.target" in refused.stderr


def test_a_file_that_is_no_backup_removes_nothing(cli: CommandLine, place: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("nonsense")
    assert cli("backup", "restore", "--replace", str(wrong), "--yes").exit_code == 1
    assert cli("backup", "restore", str(tmp_path / "none"), "--yes").exit_code == 2
    cli.done("subscriber", "show", "10")


def test_a_directory_that_others_may_enter_is_refused(cli: CommandLine, place: Path) -> None:
    place.mkdir(mode=0o755)
    refused = cli("backup", "create", "--directory", str(place))
    assert refused.exit_code == 1
    assert "chmod 700" in refused.stderr
