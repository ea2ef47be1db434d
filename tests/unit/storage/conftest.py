"""A SQLite database with all tables, and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.storage import schema
from appliance.storage.engine import Database
from tests.unit.storage.made import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path / 'sipbox.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    schema.create(url, schema.GROUPS)
    database = Database(url)
    yield database
    database.close()
