from __future__ import annotations

import hashlib
import json
from pathlib import Path

from appliance.diagnosis.finding import Finding
from appliance.diagnosis.installed import MISSING, UNREADABLE, judge, look
from tests.unit.diagnosis.made import STATUS, around

SUMS = {"/a": "1", "/b": "2"}


def test_as_it_was_installed() -> None:
    found = judge(SUMS, SUMS, "r1", "r1", "/x", "/x")
    assert found == Finding("ok", "release r1, 2 files as they were installed")


def test_edited_and_missing_and_unreadable_files() -> None:
    edited = judge(SUMS, {**SUMS, "/b": "3"}, "r1", "r1", "", "")
    assert edited.state == "wrong" and edited.what.startswith("/b was changed by hand")
    assert "ansible-playbook site.yml" in edited.todo
    gone = judge(SUMS, {**SUMS, "/a": MISSING}, "r1", "r1", "", "")
    assert (gone.state, gone.what) == ("wrong", "/a is missing")
    closed = judge(SUMS, {**SUMS, "/a": UNREADABLE}, "r1", "r1", "", "")
    assert closed.state == "ok" and closed.what.endswith("/a may not be read by this user")


def test_another_release() -> None:
    cut_off = judge(SUMS, SUMS, "r2", "r1", "", "")
    assert cut_off.state == "wrong" and "r2 was installed last" in cut_off.what
    not_restarted = judge(SUMS, SUMS, "r2", "r2", "/releases/r1", "/releases/r2")
    assert not_restarted.state == "wrong" and "still runs /releases/r1" in not_restarted.what
    assert "systemctl restart" in not_restarted.todo


def test_the_record_held_against_the_files(tmp_path: Path) -> None:
    assert look(around(tmp_path)).state == "off"
    (tmp_path / "etc/sipbox").mkdir(parents=True)
    (tmp_path / "opt/sipbox").mkdir(parents=True)
    (tmp_path / "opt/sipbox/current").symlink_to("/opt/sipbox/releases/r1")
    (tmp_path / "etc/sipbox/sipbox.toml").write_text("[sip]\n")
    sums = {"/etc/sipbox/sipbox.toml": hashlib.sha256(b"[sip]\n").hexdigest()}
    record = tmp_path / "etc/sipbox/installed.json"
    record.write_text(json.dumps({"release": "r1", "files": sums}))
    assert look(around(tmp_path)).state == "ok"
    (tmp_path / "etc/sipbox/sipbox.toml").write_text("[sip]\n# mine\n")
    assert "/etc/sipbox/sipbox.toml was changed by hand" in look(around(tmp_path)).what
    assert "still runs /elsewhere" in look(around(tmp_path, {**STATUS, "program": "/elsewhere"})).what
    record.write_text("{")
    assert look(around(tmp_path)).what.endswith("is damaged")
