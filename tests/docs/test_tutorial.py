"""The tutorial, done again: every command is typed, and every output compared."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.transcript import Transcript
from tests.harness.ports import free_port
from tests.harness.sipbox import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_every_command_and_every_output(tmp_path: Path) -> None:
    # baresip binds the port above its own as well.
    ports = {"5060": free_port(), "5062": free_port(2), "5064": free_port(2), "5066": free_port()}
    replaced = {there: str(here) for there, here in ports.items()}
    for script in (DOCS / "tutorial").iterdir():
        text = script.read_text()
        for there, here in replaced.items():
            text = text.replace(there, here)
        copy = tmp_path / script.name
        copy.write_text(text)
        copy.chmod(0o755)
    with Transcript(DOCS / "tutorial.md", tmp_path, str(Path(sys.executable).parent), replaced) as tutorial:
        assert tutorial.run() > 50
