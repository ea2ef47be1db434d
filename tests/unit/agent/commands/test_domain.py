"""The commands of the module domain, in OpenSER's words."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.control import ServerDown
from appliance.errors import ControlError
from tests.unit.agent.commands.answering import Answering, run


def test_domains_are_told_one_a_line() -> None:
    rows = [{"host": "example.org", "domain": "example.org"}, {"host": "192.0.2.1", "domain": "example.org"}]
    assert run(Answering(domains=rows), "domain_dump") == "200 OK\nexample.org\n192.0.2.1\n\n"


def test_domains_are_read_again() -> None:
    process = Answering(domains_reload=2)
    assert run(process, "domain_reload") == "200 OK\n\n"
    assert process.asked == [("domains_reload", {})]


def test_domains_that_cannot_be_read() -> None:
    class Away(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ControlError(503, "the database is away")

    class Down(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ServerDown("nobody answers")

    assert run(Away(), "domain_reload") == "500 Domain table reload failed\n\n"
    with pytest.raises(ServerDown):  # the FIFO has an answer of its own to that
        run(Down(), "domain_reload")
