"""``sipbox import`` as far as it goes without the old database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.ports import free_port
from tests.unit.cli.conftest import CommandLine

SECRET = "s3cret-word"


def test_the_url_is_never_on_the_command_line(cli: CommandLine) -> None:
    done = cli("import", "--from", f"mysql://reader:{SECRET}@localhost/kamailio")
    assert done.exit_code == 2
    assert "a URL on the command line can be read by everybody" in done.output
    assert SECRET not in done.output
    assert "say --from FILE" in cli("import").output


@pytest.mark.parametrize("url", [f"postgresql://a:{SECRET}@h/db", f"mysql://a:{SECRET}@h", SECRET, ""])
def test_what_is_no_url_of_mysql_is_refused_without_saying_it(
    cli: CommandLine, tmp_path: Path, url: str
) -> None:
    file = tmp_path / "old"
    file.write_text(f"# the old one\n\n{url}\n")
    done = cli("import", "--from", str(file))
    assert done.exit_code == 1
    assert "has to be like mysql+pymysql://reader:PASSWORD@HOST/kamailio" in done.output
    assert SECRET not in done.output


def test_a_database_that_is_away_is_one_line_without_the_password(cli: CommandLine) -> None:
    where = f"mysql://reader:{SECRET}@127.0.0.1:{free_port()}/kamailio"
    for done in (
        cli("import", "--from", "-", typed=where),
        cli("import", env={"SIPBOX_IMPORT_URL": where}),
    ):
        assert done.exit_code == 1
        assert done.output.startswith("sipbox: the old database says \"Can't connect to MySQL server")
        assert len(done.output.splitlines()) == 1
        assert SECRET not in done.output


def test_a_file_that_is_not_there(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("import", "--from", str(tmp_path / "nothing"))
    assert "cannot be read: No such file or directory" in done.output
