from __future__ import annotations

from pathlib import Path

from appliance.diagnosis.backup import Nightly, judge, look, properties
from tests.unit.diagnosis.made import around

HOUR, DAY = 3600.0, 86_400.0
NOW = 1_796_000_000.0
HERE = Path("/var/backups/sipbox")


def nightly(**changes: object) -> Nightly:
    return Nightly(True, HERE)._replace(**changes)  # type: ignore[arg-type]


def test_last_night() -> None:
    found = judge(nightly(newest=NOW - 5 * HOUR), NOW)
    assert (found.state, found.what) == ("ok", "on: the newest in /var/backups/sipbox is 5 h old")


def test_too_old() -> None:
    found = judge(nightly(newest=NOW - 3 * DAY), NOW)
    assert (found.state, found.what) == ("wrong", "the newest backup in /var/backups/sipbox is 3 days old")
    assert found.todo.startswith("Make one now: systemctl start sipbox-backup;")
    assert judge(nightly(newest=NOW - 3 * DAY, every=7 * DAY), NOW).state == "ok"


def test_the_first_one_is_still_to_come() -> None:
    assert judge(nightly(since=NOW - HOUR), NOW).state == "ok"
    found = judge(nightly(since=NOW - 2 * DAY), NOW)
    assert (found.state, found.what) == ("wrong", "there is no backup in /var/backups/sipbox")


def test_one_that_failed_and_none_that_is_wanted() -> None:
    assert judge(nightly(newest=NOW, failed=True), NOW).what == "the last backup failed"
    assert judge(nightly(forbidden=True), NOW).state == "unknown"
    assert judge(Nightly(False, HERE), NOW).state == "off"


def test_the_directory_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "2026-11-29T033000Z.tar").touch()
    (tmp_path / "2026-11-28T033000Z.tar").touch()
    made = 1_795_923_000.0  # the newer one
    for age, state in ((HOUR, "ok"), (2 * DAY, "wrong")):
        found = look(around(tmp_path, backups=tmp_path, wall=lambda age=age: made + age))
        assert found.state == state, found
    assert look(around(tmp_path, backups=tmp_path / "none")).state == "wrong"


def test_what_systemd_says_of_the_timer(tmp_path: Path) -> None:
    (tmp_path / "2026-11-29T033000Z.tar").touch()
    told = (
        "ActiveState=active\nLastTriggerUSec=Sun 2026-11-22 03:30:00 CET\n"
        "NextElapseUSecRealtime=Sun 2026-11-29 03:30:00 CET\n"
        f"Result=success\nEnvironment=BACKUP_DIRECTORY=/x KEEP_DAILY=7 BACKUP_DIRECTORY={tmp_path}\n"
    )
    six_days_on = 1_795_923_000.0 + 6 * DAY
    assert look(around(tmp_path, printed={"systemctl": told}, wall=lambda: six_days_on)).state == "ok"
    daily = told.replace("2026-11-29", "2026-11-23")
    found = look(around(tmp_path, printed={"systemctl": daily}, wall=lambda: six_days_on))
    assert found.what == f"the newest backup in {tmp_path} is 6 days old"
    failed = told.replace("success", "exit-code")
    assert look(around(tmp_path, printed={"systemctl": failed})).what == "the last backup failed"
    assert look(around(tmp_path, printed={"systemctl": "ActiveState=inactive\n"})).state == "off"
    assert look(around(tmp_path)).state == "off"
    assert properties(None) == {}
