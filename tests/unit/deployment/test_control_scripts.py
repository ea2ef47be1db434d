"""The two scripts of the role sip that run on the control machine: which release this is, and its wheels."""

from __future__ import annotations

import importlib.util
import io
import re
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def script(name: str) -> ModuleType:
    path = REPOSITORY / "roles" / "sip" / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


source, wheels = script("release_source"), script("fetch_wheels")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small one, with what a release is made of and what it is not."""
    for name, text in {
        "appliance/__init__.py": '__version__ = "1.2.3"\n',
        "appliance/sip/uri.py": "first = 1\n",
        "appliance/sip/__pycache__/uri.cpython-311.pyc": "compiled",
        "templates/phones/snom/snom.xml": "<settings/>",
        "templates/sipbox.toml.j2": "",
        "tests/test_uri.py": "",
        "docs/settings.md": "# Settings\n",
        "appliance/sip/uri.cpython-311-x86_64-linux-gnu.so": "compiled",
        "scripts/compile_core.py": "",
        **dict.fromkeys(("pyproject.toml", "README.md", "LICENSE", "requirements.lock"), "x\n"),
        "requirements-compile.lock": "x\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_a_release_is_named_by_its_version_and_what_is_in_it(checkout: Path) -> None:
    name = source.release_of(checkout)
    assert re.fullmatch(r"1\.2\.3\+[0-9a-f]{8}", name)
    (checkout / "tests/test_uri.py").write_text("changed")
    (checkout / "appliance/sip/__pycache__/more.pyc").write_text("changed")
    assert source.release_of(checkout) == name
    (checkout / "appliance/sip/uri.py").write_text("first = 2\n")
    changed = source.release_of(checkout)
    assert changed != name
    (checkout / "appliance/sip/uri.py").rename(checkout / "appliance/sip/url.py")
    assert source.release_of(checkout) not in (name, changed)


def test_the_archive_has_what_is_needed_and_is_the_same_each_time(checkout: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "out" / name for name in ("one.tar", "two.tar")]
    for archive in archives:
        source.pack(checkout, archive)
        (checkout / "appliance/sip/uri.py").touch()
    first, second = (archive.read_bytes() for archive in archives)
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as opened:
        assert "templates/phones/snom/snom.xml" in opened.getnames()
        assert not [name for name in opened.getnames() if "pycache" in name or name.startswith("tests")]
        assert {member.mode for member in opened.getmembers()} == {0o644}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.tar", "two.tar"]


def test_every_manylinux_tag_up_to_the_box_s_glibc_is_asked_for() -> None:
    tags = wheels.platforms("x86_64", "2.36")
    assert tags[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_34_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= set(tags)
    assert "manylinux_2_37_x86_64" not in tags
    arm = wheels.platforms("aarch64", "2.41")
    assert (arm[0], arm[-1]) == ("manylinux_2_41_aarch64", "manylinux2014_aarch64")


#: What pip says at the end, and what an administrator is told.
COMPLAINTS = {
    "ERROR: No matching distribution found for gevent==26.9.0": (
        "there is no wheel of gevent 26.9.0 for Python 3.11 on aarch64"
    ),
    "WARNING: Connection broken\nERROR: No matching distribution found for alembic==1.20.1": (
        "cannot be fetched on the control machine: the package index cannot be reached for alembic 1.20.1"
    ),
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  rich==15.0.0 from https://example.org/rich.whl:": (
        "the wheel of rich==15.0.0 is not the one in requirements.lock"
    ),
    "ERROR: [Errno 28] No space left on device": (
        "cannot be fetched on the control machine: [Errno 28] No space left on device"
    ),
}


@pytest.mark.parametrize(("said", "sentence"), COMPLAINTS.items())
def test_what_cannot_be_fetched_is_named_in_one_sentence(said: str, sentence: str) -> None:
    told = wheels.refusal(said, "Python 3.11 on aarch64")
    assert sentence in told
    assert "\n" not in told


def test_markers_that_hold_on_every_box_are_taken_off_whatever_the_control_machine_is() -> None:
    lock = wheels.MARKERS.sub("", (REPOSITORY / "requirements.lock").read_text())
    assert re.search(r"(?m)^cysystemd==\S+ \\$", lock)
    assert not re.findall(r"(?m)^\S+==.* ; .*$", lock), "a marker that the script does not know"


def test_an_unknown_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no wheels for riscv64: a box is x86_64 or aarch64"):
        wheels.fetch(REPOSITORY / "requirements.lock", "3.11", "riscv64", "2.36", tmp_path)
