"""SIPp registers: the challenge, the right password, the wrong one, many at once (RFC 3261 §10, RFC 2617)."""

from __future__ import annotations

from pathlib import Path

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.wire.conftest import keys


def row(user: str, password: str) -> list[str]:
    return [user, sipp.digest(user, password), "127.0.0.1:9"]


def test_phones_register_with_their_passwords(box: Sipbox, tmp_path: Path) -> None:
    users = [str(number) for number in range(1000, 1200)]
    box.add_subscribers({user: f"secret-{user}" for user in users})
    counted = sipp.run(
        "register",
        tmp_path,
        box.address,
        users=[row(user, f"secret-{user}") for user in users],
        calls=len(users),
        rate=200,
        keys=keys(box),
    )
    assert counted.successful == len(users)
    assert box.sql("select count(distinct username), count(*) from location") == [(len(users), len(users))]


def test_phones_register_over_tcp(box: Sipbox, tmp_path: Path) -> None:
    counted = sipp.run(
        "register",
        tmp_path,
        box.address,
        users=[row(user, f"secret-{user}") for user in ("10", "11", "12")],
        calls=30,
        transport="t1",
        keys=keys(box),
    )
    assert counted.successful == 30
    assert box.sql("select count(distinct username) from location") == [(3,)]


def test_phones_register_over_a_lossy_path(box: Sipbox, tmp_path: Path) -> None:
    """A REGISTER or its answer that got lost is sent again; the same CSeq twice changes nothing (§10.3)."""
    counted = sipp.run(
        "register",
        tmp_path,
        box.address,
        users=[row(user, f"secret-{user}") for user in ("10", "11", "12")],
        calls=150,
        rate=100,
        lost=10,
        keys=keys(box),
    )
    assert counted.successful == 150
    assert counted.retransmissions > 0
    assert box.sql("select count(distinct username), count(*) from location") == [(3, 3)]


def test_a_wrong_password_is_challenged_again_and_leaves_no_trace(box: Sipbox, tmp_path: Path) -> None:
    counted = sipp.run(
        "refused_register",
        tmp_path,
        box.address,
        users=[row("10", "guess"), row("nobody", "guess")],
        calls=20,
        keys=keys(box),
    )
    assert counted.successful == 20
    assert box.sql("select count(*) from location") == [(0,)]


def test_a_phone_leaves(box: Sipbox, tmp_path: Path) -> None:
    users = [row("10", "secret-10")]
    sipp.run("register", tmp_path, box.address, users=users, keys=keys(box))
    assert box.sql("select count(*) from location") == [(1,)]
    sipp.run("unregister", tmp_path, box.address, users=users, keys=keys(box, expires=0))
    assert box.sql("select count(*) from location") == [(0,)]
