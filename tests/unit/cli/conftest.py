"""A command line with settings and a database of its own, and a server that can be told what to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance import control
from appliance.cli.application import sipbox
from appliance.errors import ControlError
from appliance.storage import schema


class Server:
    """Stands for the running server: ``answers`` by command; errors are raised; without one it is down."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, path: str, command: str, /, *, timeout: float = 2.0, **args: Any) -> Any:
        if command not in self.answers:
            raise control.ServerDown(f"nobody answers at {path}")
        self.asked.append((command, args))
        answer = self.answers[command]
        if isinstance(answer, ControlError):
            raise answer
        return answer

    def stream(self, path: str, command: str, /, *, timeout: float = 2.0, **args: Any) -> Iterator[Any]:
        yield from self.call(path, command, timeout=timeout, **args)


class CommandLine:
    """``sipbox`` with the settings of ``directory``."""

    def __init__(self, directory: Path, server: Server) -> None:
        self.directory = directory
        self.server = server
        self.config = directory / "sipbox.toml"
        self.url = f"sqlite:///{directory / 'sipbox.db'}"
        self.settings()

    def settings(self, domains: str = '["example.org"]', more: str = "") -> None:
        where = self.directory
        self.config.write_text(
            f'[sip]\ndomains = {domains}\nstate_dir = "{where}"\ncontrol = "{where}/control.sock"\n'
            f'[database]\nurl = "{self.url}"\n'
            f'[agent]\nsocket = "{where}/agent.sock"\nfifo = "{where}/fifo"\n'
            f'reply_dir = "{where}/replies"\n{more}'
        )

    def __call__(self, *arguments: str, typed: str = "", env: Mapping[str, str] | None = None) -> Result:
        """The outcome, whatever it is, except a traceback."""
        usual: dict[str, str | None] = {"SIPBOX_CONFIG": str(self.config), **(env or {})}
        result = CliRunner().invoke(sipbox, arguments, input=typed, env=usual, prog_name="sipbox")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def done(self, *arguments: str, typed: str = "") -> str:
        """What it printed on standard output; it has to end with 0."""
        result = self(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(control, "call", server.call)
    monkeypatch.setattr(control, "stream", server.stream)
    return server


@pytest.fixture
def bare(tmp_path: Path, server: Server) -> CommandLine:
    """Without a database."""
    return CommandLine(tmp_path, server)


@pytest.fixture
def cli(bare: CommandLine) -> CommandLine:
    """With the core tables."""
    schema.create(bare.url)
    return bare
