from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from appliance.storage import schema
from appliance.storage.engine import Database
from appliance.storage.heads import is_current, is_known, newest_step


@pytest.mark.parametrize("group", schema.GROUPS)
def test_the_files_say_what_alembic_says(group: str) -> None:
    script: ScriptDirectory = schema._script()
    assert newest_step(group) in script.get_heads()


def test_a_database_is_current_when_its_steps_are_the_newest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    database = Database(url)
    try:
        assert not is_current(database)
        schema.create(url)
        assert is_current(database)
        assert not is_current(database, ("core", "presence"))
        schema.create(url, ["presence"])
        assert is_current(database, ("core", "presence"))
        with database.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE alembic_version SET version_num = 'core_0001' WHERE version_num LIKE 'core%'"
            )
        assert not is_current(database)
    finally:
        database.close()


def test_a_later_versions_step_is_told_from_ours() -> None:
    assert is_known("core_0001")
    assert is_known(newest_step("core"))
    assert not is_known("core_9999")
    assert not is_known("media_0001")
