from __future__ import annotations

import json
import tomllib
from pathlib import Path

from appliance.control import ServerDown
from appliance.errors import ControlError
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


def test_workers_that_know_other_settings_are_listed(bare: CommandLine) -> None:
    result = bare("config", "outdated")
    assert (result.exit_code, result.stdout) == (0, ""), "nobody runs"
    bare.server.answers["outdated"] = []
    assert bare("config", "outdated").stdout == ""
    bare.server.answers["outdated"] = [1]
    assert bare.done("config", "outdated") == "1\n"
    bare.server.answers["outdated"] = ControlError(404, "there is no such command")
    assert bare.done("config", "outdated") == "1\n", "it is of an older release"


def test_a_worker_that_does_not_say_what_it_works_with_is_not_taken_for_one_that_is_down(
    bare: CommandLine,
) -> None:
    silent = bare.server.answers["outdated"] = ServerDown("it does not answer")
    silent.__cause__ = TimeoutError()
    assert bare.done("config", "outdated") == "1\n"
    silent.__cause__ = PermissionError()
    assert bare("config", "outdated").exit_code == 1, "who may not ask does not know"


def test_show_hides_the_passwords_in_both_forms(bare: CommandLine) -> None:
    first, other = (f"mysql+pymysql://sipbox:s3cret@{host}/openser" for host in ("localhost", "192.0.2.2"))
    bare.url = f'{first}"\nothers = ["{other}"]\n# "'
    bare.settings()
    shown = bare.done("config", "show")
    assert tomllib.loads(shown)["database"]["url"] == "mysql+pymysql://sipbox:***@localhost/openser"
    assert "s3cret" not in shown
    as_json = json.loads(bare.done("config", "show", "--json"))
    assert as_json["database"]["url"] == "mysql+pymysql://sipbox:***@localhost/openser"
    assert as_json["database"]["others"] == ["mysql+pymysql://sipbox:***@192.0.2.2/openser"]
    assert as_json["registrar"]["min_expires"] == 60
