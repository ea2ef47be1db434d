from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import CommandLine
from tests.unit.cli.test_documentation import verbs


@pytest.mark.filterwarnings("ignore:.*make_default_short_help:DeprecationWarning")  # click-man calls it
def test_every_verb_has_its_page(bare: CommandLine, tmp_path: Path) -> None:
    place = tmp_path / "man" / "man1"
    bare("manual", str(place))
    pages = {path.name for path in place.iterdir()}
    assert pages >= {f"{path.replace(' ', '-')}.1" for path, _ in verbs()} | {"sipbox.1"}
    page = (place / "sipbox-registration-list.1").read_text()
    for word in ("List registrations", "expiring", "Only phones behind a NAT."):
        assert word in page


def test_a_directory_that_cannot_be_written_is_told(bare: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = bare("manual", str(tmp_path / "file" / "man1"))
    assert refused.exit_code == 1
    assert "name a directory that is yours" in refused.stderr
