"""``sipbox phone`` on SQLite; what a phone is then served is tests/wire/test_provisioning.py."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from appliance.errors import ControlError
from appliance.provisioning.vault import new_key, open_vault
from tests.unit.cli.conftest import CommandLine, Server

MAC = "001565123456"


@pytest.fixture
def phones(cli: CommandLine) -> CommandLine:
    """With the key that seals, and phones that are served."""
    key = cli.directory / "phones.key"
    key.write_text(new_key())
    key.chmod(0o600)
    cli.settings(more=f'[phones]\nkey_file = "{key}"\nhttp = "127.0.0.1:8088"\n')
    return cli


def test_a_phone_is_added_with_its_subscribers(phones: CommandLine, server: Server) -> None:
    server.answers["forget"] = None
    done = phones("phone", "add", "00:15:65:12:34:56", "Yealink T46S", "10", "11@example.org")
    assert done.exit_code == 0
    assert done.stderr == (
        "10@example.org added\n11@example.org added\n"
        f"the phone {MAC} added; 'sipbox phone show {MAC}' tells its URL\n"
    )
    assert server.asked == [
        ("forget", {"table": "subscriber", "keys": [["10", "example.org"], ["11", "example.org"]]})
    ]
    shown = json.loads(phones.done("phone", "show", MAC, "--json"))
    assert [line["user"] for line in shown["lines"]] == ["10@example.org", "11@example.org"]
    assert shown["url"] == f"http://127.0.0.1:8088/{shown['token']}/"
    assert shown["state"] == "never seen"


def test_no_password_and_no_secret_of_its_path_is_listed(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10", "--password", typed="geheim-10\n")
    token = json.loads(phones.done("phone", "show", MAC, "--json"))["token"]
    for verb in (("list",), ("list", "--json")):
        assert token not in phones.done("phone", *verb)
    for verb in (("list", "--json"), ("show", MAC), ("show", MAC, "--json"), ("dhcp",)):
        assert "geheim-10" not in phones.done("phone", *verb)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "nonsense", "t46s", "10"), 2, "'nonsense' is no MAC address"),
        (("add", MAC, "t99x", "10"), 1, "phone 001565123456: model: 't99x' is unknown"),
        (("add", "00:0b:82:00:00:01", "budgetone-100", "10", "11"), 1, "a budgetone-100 has 1, not 2"),
        (("add", MAC, "t46s", "10@elsewhere.example"), 1, "elsewhere.example is not served"),
        (("show", MAC), 1, f"there is no phone {MAC}; 'sipbox phone list' shows all"),
        (("remove", MAC, "--yes"), 1, "there is no phone"),
        (("enable", MAC), 1, "there is no phone"),
        (("renew", MAC), 1, "there is no phone"),
        (("dhcp", MAC), 1, "there is no phone"),
    ],
)
def test_what_cannot_be(phones: CommandLine, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = phones("phone", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert phones.done("phone", "list", "--json").replace(" ", "") == '{\n"phones":[],\n"unknown":[]\n}\n'


def test_a_second_one_with_that_mac_is_refused(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10")
    again = phones("phone", "add", MAC, "t46s", "11")
    assert (again.exit_code, again.stderr) == (
        1,
        f"sipbox: there is a phone {MAC} already; 'sipbox phone show {MAC}' tells whose\n",
    )


def test_a_password_that_nobody_knows_is_asked_for_or_replaced(phones: CommandLine) -> None:
    phones.done("subscriber", "add", "10", typed="his own\n")
    refused = phones("phone", "add", MAC, "t46s", "10")
    assert refused.exit_code == 1
    assert (
        "the password of 10@example.org is not known here; give it, or say --new-passwords" in refused.stderr
    )
    phones.done("phone", "add", MAC, "t46s", "10", "--password", typed="his own\n")


def test_disabled_enabled_renewed_removed(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10")

    def shown(key: str) -> str:
        return str(json.loads(phones.done("phone", "show", MAC, "--json"))[key])

    phones.done("phone", "disable", MAC)
    assert shown("state") == "disabled"
    phones.done("phone", "enable", MAC)
    assert shown("state") == "never seen"
    token = shown("token")
    phones.done("phone", "renew", MAC)
    assert shown("token") != token
    assert phones("phone", "remove", MAC, typed="n\n").exit_code == 1
    phones.done("phone", "remove", MAC, "--yes")
    assert phones.done("subscriber", "list", "--json") != "[]\n"


def test_a_changed_password_is_sealed_for_the_phone(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10")
    changed = phones("subscriber", "passwd", "10", typed="another\n")
    assert changed.stderr.endswith("phones have to fetch it: 'sipbox phone resync 10@example.org'\n")
    (phones.directory / "phones.key").unlink()
    refused = phones("subscriber", "passwd", "10", typed="third\n")
    assert refused.exit_code == 1
    assert "phones.key_file: there is no" in refused.stderr


def test_a_password_of_a_file_reaches_the_phone(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10")
    file = phones.directory / "subscribers.csv"
    file.write_text("user,password\n10,another\n11,eleven\n")

    def secret() -> str:
        with closing(sqlite3.connect(phones.directory / "sipbox.db")) as database:
            ((sealed, serial),) = database.execute(
                "SELECT secret, serial FROM phone_line JOIN phone USING (mac)"
            ).fetchall()
            said.append(serial)
        return open_vault(str(phones.directory / "phones.key"), {}).open(sealed, "10@example.org")

    said: list[int] = []
    secret()
    phones.done("subscriber", "apply", str(file), "--check")
    assert secret() != "another"
    phones.done("subscriber", "apply", str(file))
    assert secret() == "another"
    phones.done("subscriber", "apply", str(file))
    secret()
    assert said == [1, 1, 2, 2]
    (phones.directory / "phones.key").unlink()
    file.write_text("user,password\n10,third\n12,twelve\n")
    refused = phones("subscriber", "apply", str(file))
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "phones.key_file: there is no" in refused.stderr
    assert phones("subscriber", "show", "12").exit_code == 1
    file.write_text("user,password\n11,other\n")
    phones.done("subscriber", "apply", str(file))  # who has no phone needs no key


def test_without_http_there_is_no_url(phones: CommandLine) -> None:
    phones.done("phone", "add", MAC, "t46s", "10")
    key = phones.directory / "phones.key"
    phones.settings(more=f'[phones]\nkey_file = "{key}"\n')
    assert json.loads(phones.done("phone", "show", MAC, "--json"))["url"] is None
    refused = phones("phone", "dhcp")
    assert refused.stderr == (
        "sipbox: phones are not served: set http in the section [phones] of the settings\n"
    )


def test_resync_asks_the_server(phones: CommandLine, server: Server) -> None:
    answer = {"contact": "sip:10@192.0.2.5", "event": "check-sync", "status": 200, "reason": "OK"}
    server.answers["resync"] = [answer | {"answered": True}]
    assert "200 OK" in phones.done("phone", "resync", "10")
    assert server.asked == [("resync", {"aor": "10@example.org"})]
    server.answers["resync"] = [answer | {"answered": False}]
    silent = phones("phone", "resync", "10")
    assert silent.exit_code == 1
    assert "no answer" in silent.stdout
    server.answers["resync"] = ControlError(404, "10@example.org has no phone registered")
    assert phones("phone", "resync", "10").stderr == "sipbox: 10@example.org has no phone registered\n"
