from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from os import mkfifo
from pathlib import Path

import pytest

from appliance.cli.fifo_client import quoted
from tests.unit.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("10@example.org", "10@example.org"),
        ("", '""'),
        (" blanks ", '" blanks "'),
        ('say "hi"', '"say \\"hi\\""'),
        ("From: a\r\nTo: b\r\n", '"From: a\r\nTo: b\r\n"'),
        ("a::b", '"a::b"'),
    ],
)
def test_an_argument_as_a_line(argument: str, line: str) -> None:
    assert quoted(argument) == line


Answering = Callable[[str], "threading.Thread"]


@pytest.fixture
def answer(bare: CommandLine) -> Iterator[tuple[Answering, list[str]]]:
    """Reads one request from the FIFO and writes ``reply`` into the reply FIFO that it names."""
    mkfifo(bare.directory / "fifo")
    (bare.directory / "replies").mkdir()
    requests: list[str] = []
    threads: list[threading.Thread] = []
    ready = threading.Event()

    def start(reply: str) -> threading.Thread:
        def run() -> None:
            # Open for both: the FIFO has a reader from the start, as the agent's has.
            with (bare.directory / "fifo").open("r+b", buffering=0) as fifo:
                ready.set()
                request = b""
                while not request.endswith(b"\n\n"):
                    request += fifo.read(4096)
            requests.append(request.decode())
            name = requests[0].splitlines()[0].rpartition(":")[2]
            with (bare.directory / "replies" / name).open("w") as out:
                out.write(reply)

        thread = threading.Thread(target=run)
        threads.append(thread)
        thread.start()
        ready.wait(5)
        return thread

    yield start, requests
    for thread in threads:
        thread.join(5)


def test_a_reply_is_printed_without_its_200(bare: CommandLine, answer: tuple[Answering, list[str]]) -> None:
    start, requests = answer
    start("200 OK\nServer:: sipbox\n\n")
    assert bare.done("fifo", "ul_show_contact", "location", "10@example.org") == "Server:: sipbox\n"
    first, *arguments = requests[0].split("\n")
    assert first.startswith(":ul_show_contact:sipbox_")
    assert arguments == ["location", "10@example.org", "", ""]
    assert list((bare.directory / "replies").iterdir()) == []


def test_an_error_reply_ends_with_1(bare: CommandLine, answer: tuple[Answering, list[str]]) -> None:
    start, _ = answer
    start("500 command 'nonsense' not available\n")
    result = bare("fifo", "nonsense")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "sipbox: command 'nonsense' not available\n"


def test_nobody_reads_the_fifo(bare: CommandLine, tmp_path: Path) -> None:
    assert "no reply FIFO can be made" in bare("fifo", "which").stderr
    (tmp_path / "replies").mkdir()
    assert "cannot be used: No such file" in bare("fifo", "which").stderr
    mkfifo(tmp_path / "fifo")
    result = bare("fifo", "which")
    assert result.exit_code == 1
    assert "is the agent running?" in result.stderr
    assert list((tmp_path / "replies").iterdir()) == []


def test_no_reply_in_time(bare: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "replies").mkdir()
    mkfifo(tmp_path / "fifo")
    with (tmp_path / "fifo").open("r+b", buffering=0):
        result = bare("fifo", "--timeout", "0.05", "which")
    assert result.exit_code == 1
    assert "no reply in time" in result.stderr


@pytest.mark.parametrize("arguments", [["a:b"], [""], ["x", "y" * 5000]])
def test_what_cannot_be_sent(bare: CommandLine, arguments: list[str]) -> None:
    assert bare("fifo", *arguments).exit_code == 1
