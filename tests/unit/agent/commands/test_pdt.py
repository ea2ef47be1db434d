"""The commands of the module pdt, in OpenSER's words."""

from __future__ import annotations

import pytest

from tests.unit.agent.commands.answering import Answering, run

PREFIXES = [
    {"source": "*", "prefix": "77", "domain": "branch.example:5080"},
    {"source": "example.org", "prefix": "78", "domain": "other.example"},
]
PDT_LINES = (
    "PDT::  SDOMAIN=* PREFIX=77 DOMAIN=branch.example:5080\n",
    "PDT::  SDOMAIN=example.org PREFIX=78 DOMAIN=other.example\n",
)


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [((), PDT_LINES), (("exa",), PDT_LINES[1:]), ((".", "7"), PDT_LINES), ((".", ".", "b"), PDT_LINES[:1])],
)
def test_pdt_list(wanted: tuple[str, ...], lines: tuple[str, ...]) -> None:
    assert run(Answering(prefixes=PREFIXES), "pdt_list", *wanted) == f"200 OK\n{''.join(lines)}\n"


def test_pdt_add_and_delete() -> None:
    process = Answering(prefix_add=None, prefix_remove=1, prefixes_reload=2)
    assert run(process, "pdt_add", "*", "77", "branch.example") == "200 OK\n\n"
    assert run(process, "pdt_delete", "*", "branch.example") == "200 OK\n\n"
    assert run(process, "pdt_reload") == "200 OK\n\n"
    assert process.asked == [
        ("prefix_add", {"source": "*", "prefix": "77", "domain": "branch.example"}),
        ("prefix_remove", {"source": "*", "domain": "branch.example"}),
        ("prefixes_reload", {}),
    ]
    assert run(Answering(prefix_remove=0), "pdt_delete", "*", "x").startswith("404 Prefix not found")
    assert run(process, "pdt_add", "77", "x").startswith("400 Too few or too many arguments")
