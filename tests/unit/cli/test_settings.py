from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tests.unit.cli.conftest import CommandLine


def test_check_of_what_is_in_order(bare: CommandLine) -> None:
    result = bare("config", "check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{bare.config} is in order\n"


def test_check_of_another_file_names_file_line_and_path(bare: CommandLine, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[sip]\n\nlisten = [5060]\n")
    result = bare("config", "check", str(wrong))
    assert result.exit_code == 1
    assert result.stderr == f"sipbox: {wrong}:3: sip.listen[0]: has to be a text, and is a whole number\n"


def test_check_remarks(bare: CommandLine) -> None:
    bare.settings(more='[registrar]\nlocation_mode = "memory"\n')
    result = bare("config", "check")
    assert result.exit_code == 0
    assert "note: " in result.stderr
    assert "registrations are lost at each restart" in result.stderr


def test_show_hides_the_password_in_both_forms(bare: CommandLine) -> None:
    bare.url = "mysql+pymysql://sipbox:s3cret@localhost/openser"
    bare.settings()
    shown = bare.done("config", "show")
    assert tomllib.loads(shown)["database"]["url"] == "mysql+pymysql://sipbox:***@localhost/openser"
    as_json = json.loads(bare.done("config", "show", "--json"))
    assert as_json["database"]["url"] == "mysql+pymysql://sipbox:***@localhost/openser"
    assert as_json["registrar"]["min_expires"] == 60
