"""``sipbox subscriber apply`` against a running server, on both databases, and with ten thousand of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.sipbox import Sipbox

MANY = 10_000


def apply(box: Sipbox, file: Path, *options: str, timeout: float = 60) -> dict[str, Any]:
    told = box.cli("subscriber", "apply", str(file), "--json", "--yes", *options, timeout=timeout)
    return dict(json.loads(told.stdout))


def test_phones_notice_at_once(box: Sipbox, tmp_path: Path) -> None:
    file = tmp_path / "subscribers.yml"
    with box.phone("20", "first") as phone:
        assert phone.register().status == 401
        file.write_text("- {user: 20, password: first, aliases: [reception], permissions: [ld]}\n")
        assert apply(box, file)["added"] == [f"20@{box.domain}"]
        assert phone.register().status == 200
        assert box.cli("alias", "list", "20", "--json").stdout.count("reception") == 1

        file.write_text("- {user: 20, password: second, aliases: [], permissions: [int]}\n")
        (line,) = apply(box, file, "--diff")["diff"]
        assert line == (
            f"~ 20@{box.domain}: password: changed; alias reception@{box.domain}: removed;"
            " permission ld: removed; permission int: added"
        )
        with box.phone("20", "second") as other:
            assert other.register().status == 200
        assert f"20@{box.domain}" in box.cli("online").stdout

        file.write_text("- {user: 21}\n")
        assert apply(box, file, "--remove")["removed"] == [f"20@{box.domain}"]
        assert box.cli("online").stdout == ""
        with box.phone("20", "second") as gone:
            assert gone.register().status == 401
    # Those whom no file has named are still there.
    with box.phone("10", "secret-10") as phone:
        assert phone.register().status == 200


def test_without_a_password_nobody_gets_in(box: Sipbox, tmp_path: Path) -> None:
    file = tmp_path / "subscribers.yml"
    file.write_text("- user: 20\n")
    apply(box, file)
    for guess in ("", "20", "None"):
        with box.phone("20", guess) as phone:
            assert phone.register().status == 401
    box.cli("subscriber", "passwd", "20", typed="set by hand\n")
    with box.phone("20", "set by hand") as phone:
        assert phone.register().status == 200
    assert apply(box, file)["changed"] is False


def test_a_bad_entry_changes_nothing(box: Sipbox, tmp_path: Path) -> None:
    file = tmp_path / "subscribers.csv"
    file.write_text("user,password,permissions\n20,a,ld\n21,b,everything\n")
    refused = box.cli("subscriber", "apply", str(file), check=False)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"sipbox: {file}:3: the permission 'everything' is none of local, ld, int, voicemail, free-pstn;"
        " --any allows it\n"
    )
    assert box.sql("select count(*) from subscriber") == [(3,)]


@pytest.mark.timeout(400)
def test_ten_thousand(box: Sipbox, tmp_path: Path) -> None:
    """Under a minute, and the second time under ten seconds, with room for a slow machine."""
    file = tmp_path / "subscribers.csv"
    lines = [f"{1000 + n},pass-{n},First,Last,u{n}@example.org,desk{n},local ld" for n in range(MANY)]
    file.write_text(
        "user,password,first_name,last_name,email,aliases,permissions\n" + "\n".join(lines) + "\n"
    )

    began = time.monotonic()
    assert len(apply(box, file, timeout=180)["added"]) == MANY
    first = time.monotonic() - began
    began = time.monotonic()
    assert apply(box, file, timeout=180)["changed"] is False
    second = time.monotonic() - began
    print(f"ten thousand: {first:.1f} s, and again: {second:.1f} s")
    assert first < 60
    assert second < 30

    assert box.sql("select count(*) from subscriber where managed_by = 'apply'") == [(MANY,)]
    assert box.sql("select count(*) from dbaliases") == [(MANY,)]
    assert box.sql("select count(*) from grp") == [(2 * MANY,)]
    with box.phone("5000", "pass-4000") as phone:
        assert phone.register().status == 200
    file.write_text(file.read_text().replace("pass-", "new-"))
    assert len(apply(box, file, timeout=180)["changed_subscribers"]) == MANY
    with box.phone("5001", "new-4001") as phone:
        assert phone.register().status == 200
    file.write_text("user\n1000\n")
    assert len(apply(box, file, "--remove", timeout=180)["removed"]) == MANY - 1
    assert box.sql("select count(*) from dbaliases") == [(1,)]
