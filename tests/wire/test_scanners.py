"""SIPVicious as it comes, and again with a phone's User-Agent: it finds no user and no password, its address
is kept out within seconds, and a phone at another address notices nothing.

It is a program of its own (GPL), which is run as one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

SCANNER = "127.9.9.9"
HERE = "127.0.0.77"
PHONE = "Yealink SIP-T46U 108.86.0.45"
#: Runs one of its programs from another address, and with another User-Agent than its own: there are no
#: options for it that work.
DISGUISED = f"""
import importlib, socket, sys

class FromElsewhere(socket.socket):
    def bind(self, address):
        super().bind(("{SCANNER}", address[1]))

socket.socket = FromElsewhere
from sipvicious.libs import svhelper
given = svhelper.makeRequest.__defaults__
given = tuple(sys.argv[1] if each == "friendly-scanner" else each for each in given)
svhelper.makeRequest.__defaults__ = given
program = importlib.import_module("sipvicious." + sys.argv[2])
sys.argv = sys.argv[2:]
program.main()
"""


@pytest.fixture
def box() -> Iterator[Sipbox]:
    with Sipbox(agent=True) as server:
        # Words that svcrack would come to, if it was let.
        server.add_subscribers({"100": "345", "101": "secret-101", "11": "secret-11"})
        yield server


@pytest.fixture
def phone(box: Sipbox) -> Iterator[Phone]:
    with Phone("11", "secret-11", proxy=box.address, domain=box.domain, address=HERE) as phone:
        assert phone.register().status == 200
        yield phone


def sipvicious(program: str, *arguments: str, agent: str = "friendly-scanner") -> str:
    done = subprocess.run(
        [sys.executable, "-c", DISGUISED, agent, program, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def found(text: str) -> list[str]:
    """The rows of its table, which it draws around what it has found."""
    return [
        line for line in re.findall(r"(?m)^\| (.*?) *\|", text) if not line.startswith(("Extension", "SIP D"))
    ]


def test_svmap_finds_nobody(box: Sipbox, phone: Phone) -> None:
    for agent in ("friendly-scanner", PHONE):
        told = sipvicious("svmap", "-p", str(box.port), box.host, agent=agent)
        assert found(told) == [], told
    assert phone.ask(phone.request("OPTIONS", f"sip:{box.domain}")).status == 200


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
@pytest.mark.parametrize("agent", ["friendly-scanner", PHONE])
def test_svwar_finds_no_user(box: Sipbox, phone: Phone, agent: str, method: str) -> None:
    told = sipvicious(
        "svwar", "-m", method, "-e", "90-900", "--force", "-t", "0.001", "--maximumtime", "2",
        "-p", str(box.port), box.host, agent=agent,
    )  # fmt: skip
    assert found(told) == [], told
    assert "found nothing" in told
    assert phone.register().status == 200


@pytest.mark.parametrize("options", [(), ("-n",)])
def test_svcrack_finds_no_password_and_is_banned_within_seconds(
    box: Sipbox, phone: Phone, options: tuple[str, ...]
) -> None:
    crack = ("svcrack", "-u", "100", "-r", "100-999", "--maximumtime", "2", "-p", str(box.port), box.host)
    told = sipvicious(*crack, *options)
    assert found(told) == [], told
    assert _bans(box) == []  # it got no answer at all

    told = sipvicious(*crack, *options, agent=PHONE)
    assert found(told) == [], told
    assert [row["source"] for row in _bans(box)] == [SCANNER]
    assert "event=source-banned" in box.log
    assert box.log.count("bad response") <= 12
    assert f"{SCANNER} banned for 300 s: guessing" in box.log
    assert phone.register().status == 200
    with Phone("100", "345", proxy=box.address, domain=box.domain, address=HERE) as owner:
        assert owner.register().status == 200


def test_a_ban_is_kept_over_a_restart_and_lifted_by_hand(box: Sipbox, phone: Phone, tmp_path: Path) -> None:
    with Phone("101", "secret-101", proxy=box.address, domain=box.domain, address=SCANNER) as banned:
        assert banned.register().status == 200
        assert "is never banned" in box.cli("ban", "add", SCANNER, check=False).stderr
        box.cli("registration", "remove", "101", "--yes")
    with Phone("101", "secret-101", proxy=box.address, domain=box.domain, address="127.9.9.8") as banned:
        box.cli("ban", "add", "127.9.9.8", "--seconds", "600")
        banned.send(banned.request("REGISTER", f"sip:{box.domain}", to=f"<{banned.aor}>"))
        assert phone.register().status == 200
        assert banned.unread == []
        written = box.directory / "state" / "bans.json"
        wait_until("it is on disk", written.exists)
        box.restart()
        assert [row["source"] for row in _bans(box)] == ["127.9.9.8"]
        assert "127.9.9.8" in box.cli("fifo", "pike_list").stdout
        assert box.cli("ban", "lift", "127.9.9.8").stderr == "127.9.9.8 is banned no longer\n"
        assert banned.register().status == 200
        assert "not banned" in box.cli("ban", "lift", "127.9.9.8", check=False).stderr


def _bans(box: Sipbox) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(box.cli("ban", "list", "--json").stdout)
    return rows
