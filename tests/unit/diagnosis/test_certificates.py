from __future__ import annotations

import time
from pathlib import Path

from appliance.diagnosis.certificates import judge, look
from appliance.transport.certificates import look_at
from tests.harness.authority import Authority
from tests.unit.diagnosis.made import STATUS, around

NOW, DAY = 1_800_000_000.0, 86_400
FILE = {"name": "default", "file": "/etc/sipbox/tls/certificate.pem", "expires": NOW + 40 * DAY}


def test_in_order() -> None:
    for shown in (None, [FILE]):
        found = judge([FILE], "", shown, NOW)
        assert (found.state, found.what) == ("ok", "on: 1 certificate, good for 40 days")


def test_soon_over() -> None:
    found = judge([FILE, {**FILE, "name": "example.org", "expires": NOW + 1.5 * DAY}], "", None, NOW)
    assert (found.state, found.what) == ("wrong", "/etc/sipbox/tls/certificate.pem expires in 1 day")
    assert "sipbox certificate reload" in found.todo


def test_new_files_that_nobody_is_shown() -> None:
    found = judge([FILE], "", [{**FILE, "expires": NOW + 3 * DAY}], NOW)
    assert found.what == "the server shows other certificates than the files have"
    assert found.todo == "sipbox certificate reload."


def test_what_the_files_say(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("sip.example.org", days=30)
    text = f'[tls]\ncertificate = "{certificate}"\ncertificate_key = "{key}"\n'
    assert look(around(tmp_path, text="")).state == "off"
    assert look(around(tmp_path, text=text, wall=time.time)).state == "ok"
    (files,) = around(tmp_path, text=text).settings.certificates
    shown = [look_at(files, time.time()).told()]
    here = around(tmp_path, STATUS, text, answers={"certificates": shown}, wall=time.time)
    assert look(here).state == "ok"
    key.unlink()
    found = look(around(tmp_path, text=text, wall=time.time))
    assert (found.state, f"{key} cannot be read" in found.what) == ("wrong", True)
