"""docs/scaling.md: its tables are what the simulation says."""

from __future__ import annotations

import pytest

from benchmarks.scaling_simulation import PAGE, filled, named, tables

REMEDY = "run: python -m benchmarks.scaling_simulation --write"


@pytest.fixture(scope="module")
def computed() -> dict[str, str]:
    return tables()


def test_every_table_has_its_place(computed: dict[str, str]) -> None:
    assert sorted(named(PAGE.read_text())) == sorted(computed)


def test_the_tables_are_the_simulations(computed: dict[str, str]) -> None:
    page = PAGE.read_text()
    assert filled(page, computed) == page, REMEDY
