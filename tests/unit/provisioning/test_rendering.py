from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.files import render
from appliance.provisioning.rendering import Templates, shipped_templates
from tests.unit.provisioning.phones_made import MAC, phone

ROOT = Path(__file__).parents[3]


def test_an_administrators_template_goes_before_ours(tmp_path: Path) -> None:
    (tmp_path / "cisco").mkdir()
    (tmp_path / "cisco" / "settings.xml.j2").write_text(
        "<flat-profile>{{ phone.mac }} {{ site.url }}</flat-profile>"
    )
    templates = Templates(tmp_path)
    own = render(phone("spa504g"), f"{MAC}.xml", templates)
    ours = render(phone("spa504g"), "spa504g.cfg", templates)
    assert own is not None
    assert own.content == b"<flat-profile>000b82123456 http://192.0.2.10:8088/token/</flat-profile>"
    assert ours is not None
    assert b"Profile_Rule" in ours.content


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{% if %}", r"settings.xml.j2:1 cannot be used"),
        ("{{ phone.mac.x }}", "has no attribute 'x'"),
    ],
)
def test_a_template_at_fault_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "cisco").mkdir()
    (tmp_path / "cisco" / "settings.xml.j2").write_text(text)
    with pytest.raises(PhoneRefused, match=words) as caught:
        render(phone("spa504g"), f"{MAC}.xml", Templates(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_as_good_as_none(tmp_path: Path) -> None:
    assert render(phone("spa504g"), f"{MAC}.xml", Templates(tmp_path / "none")) is not None


def test_a_wheel_carries_the_templates(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(unpacked)
    inside = unpacked / "appliance" / "provisioning" / "templates"
    assert _names(inside) == _names(ROOT / "templates" / "phones")
    found = subprocess.run(
        [sys.executable, "-c", "from appliance.provisioning.rendering import *; print(shipped_templates())"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(inside), found.stderr


def test_a_checkout_has_them_where_administrators_look() -> None:
    assert shipped_templates() == ROOT / "templates" / "phones"


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.j2")}
