"""A document whose commands are run again, and whose outputs are compared with what is printed now.

Fenced blocks mean something by the words behind the fence:

- ``console``: a shell. ``$`` begins a command, ``>`` goes on with it, the rest is its whole output.
- ``console NAME``: another terminal, in which a program keeps running. ``^C`` ends it. Its output is not
  compared here.
- ``text NAME``: what that terminal shows since the last such block of it, waited for: each traced message
  with its lines in their order; lines may be left out, and messages too.

What differs from run to run (times, tags, nonces, process ids ...) is compared as a placeholder. Ports and
the tutorial's directory are other ones in a test, and are put back before anything is compared.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.harness.process import Process
from tests.harness.waiting import wait_until

_FENCE = re.compile(r"^```(\S*) ?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_SERVES = re.compile(r"\bsipbox\b.* serve\b")

PLACEHOLDERS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d{4})?", "DATE"),
        (r"\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\b", "DATE"),
        (r"\b\d+ \[sec\]", "N [sec]"),
        (r"\b\d\d:\d\d:\d\d(?:\.\d+)?\b", "TIME"),
        (r"\b0\(\d+\)", "0(PID)"),
        (r"\bprocess \d+", "process PID"),
        (r"\b(tag|ftag|sig|branch)=[^;>\s]+", r"\1=…"),
        (r"\b(nonce|cnonce|response)=\"[^\"]*\"", r'\1="…"'),
        (r"\bnc=[0-9a-f]{8}", "nc=…"),
        (r"\brport=\d+", "rport=…"),
        (r"(?m)^Call-ID: .*$", "Call-ID: …"),
        (r"(?m)^CSeq: \d+", "CSeq: …"),
        (r"\b(1[01])-0x[0-9a-f]+", r"\1-0x…"),
        (r"(?<=:8088/)[\w-]{27}\b", "TOKEN"),
        (r"(?m)^token +[\w-]{27}$", "token TOKEN"),
        (r"\bbaresip v[\d.]+ \([^)]*\)", "baresip"),
        (r"\bexpires=\d+", "expires=…"),
        (r"\b\d+ s\b", "N s"),
        (r"(?<=up )\s*\S.*? \(since", "N (since"),
        (r"\b\d+(?:\.\d+)? (?:ms|KB|KiB|bytes)\b", "N"),
        # Tables are as wide as what stands in them.
        (r"-{3,}", "---"),
        (r"─{3,}", "───"),
        (r"[ \t]+", " "),
    )
]


class Block(NamedTuple):
    """A fenced block: ``kind`` and ``name`` behind its fence, the line where it stands."""

    kind: str
    name: str
    text: str
    line: int


class Command(NamedTuple):
    """A command, and the output that stands below it."""

    text: str
    output: str


def blocks(document: str) -> Iterator[Block]:
    for found in _FENCE.finditer(document):
        yield Block(found[1], found[2].strip(), found[3], document.count("\n", 0, found.start()) + 1)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    typed: list[str] = []
    output: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ ") or line == "^C":
            if typed:
                yield Command("\n".join(typed), "\n".join(output))
            typed, output = [line.removeprefix("$ ")], []
        elif line.startswith("> ") or line == ">":
            typed.append(line[2:])
        else:
            assert typed, f"line {block.line}: output without a command"
            output.append(line)
    if typed:
        yield Command("\n".join(typed), "\n".join(output))


def normal(text: str) -> str:
    """``text`` with placeholders for what differs from run to run."""
    for pattern, replacement in PLACEHOLDERS:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


class Shell:
    """One bash that keeps its variables from command to command, as a person's terminal does."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment),
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """Its output, errors included; the exit status is what is printed of it."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        mark = f"end-{secrets.token_hex(8)}"
        self._bash.stdin.write(f"{command}\nprintf '\\n%s\\n' {mark}\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.rstrip("\n") == mark:
                return "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}")

    def close(self) -> None:
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait(10)
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                pipe.close()


class Transcript:
    """Runs a document in ``directory``.

    ``replaced`` maps what it says (ports) to what is used here; ``variables`` are there before it begins.
    ``patience`` is how long to wait for what a terminal is to show, in seconds.
    """

    def __init__(
        self,
        document: Path,
        directory: Path,
        path: str,
        replaced: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        patience: float = 20.0,
    ) -> None:
        self.patience = patience
        self._document = document
        self._directory = directory
        self._replaced = dict(replaced)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIPBOX_")}
        self._environment = {
            **kept,
            "PATH": f"{path}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "110",
            **(variables or {}),
        }
        self._shell = Shell(directory, self._environment)
        self._terminals: dict[str, Process] = {}
        self._seen: dict[str, int] = {}

    def __enter__(self) -> Transcript:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self._terminals.values():
            terminal.close()
        self._shell.close()

    def run(self) -> int:
        """Everything, from top to bottom; how many commands there were."""
        count = 0
        for block in blocks(self._document.read_text()):
            if block.kind == "console" and block.name:
                count += self._type(block)
            elif block.kind == "console":
                for command in commands(block):
                    self._compare(block, command)
                    count += 1
            elif block.kind == "text" and block.name:
                self._find(block)
        return count

    # --------------------------------------------------------------------------------------------------------

    def here(self, text: str) -> str:
        for there, here in self._replaced.items():
            text = text.replace(there, here)
        return text

    def there(self, text: str) -> str:
        for there, here in self._replaced.items():
            text = text.replace(here, there)
        return text.replace(str(self._directory), "/home/you/tutorial")

    def _compare(self, block: Block, command: Command) -> None:
        printed = self.there(self._shell.run(self.here(command.text)))
        assert normal(printed) == normal(command.output), (
            f"{self._document.name}, block at line {block.line}\n$ {command.text}\n"
            f"--- printed now:\n{printed}\n--- {self._document.name}:\n{command.output}"
        )

    def _type(self, block: Block) -> int:
        """In another terminal: end what runs there, or start something."""
        count = 0
        for command in commands(block):
            count += 1
            running = self._terminals.get(block.name)
            if command.text == "^C":
                assert running is not None, f"line {block.line}: nothing runs in {block.name}"
                os.killpg(running.pid, signal.SIGINT)
                running.wait(15)
                continue
            if running is not None:
                running.wait(5)
                running.close()
            log = self._directory / f".{block.name}.log"
            self._seen.setdefault(block.name, 0)
            exports = self._shell.run("export -p")
            script = f"{exports}\n{self.here(command.text)}"
            before = log.stat().st_size if log.exists() else 0
            self._terminals[block.name] = started = Process(
                ["bash", "-c", script], log=log, environment=self._environment, directory=self._directory
            )
            if _SERVES.search(command.text):
                self._await_ready(started, before)
            else:
                self._settle(log)
        return count

    def _await_ready(self, server: Process, before: int) -> None:
        """A server of ours says when it answers; on a busy machine that takes a while."""
        until = time.monotonic() + 60
        while b"event=ready" not in server.log_path.read_bytes()[before:] and time.monotonic() < until:
            if not server.running:
                return  # what it has said is looked at elsewhere
            time.sleep(0.05)

    def _settle(self, log: Path) -> None:
        """A moment, as a person takes it to go to the next terminal: until it has said something, or so."""
        before, until = log.stat().st_size, time.monotonic() + 4
        while log.stat().st_size == before and time.monotonic() < until:
            time.sleep(0.05)

    def _find(self, block: Block) -> None:
        """Wait until the terminal has shown all of it."""
        start = self._seen[block.name]
        wanted = [normal(entry) for entry in block.text.strip("\n").split("\n\n")]
        missing = wanted[0]

        def shown() -> int:
            nonlocal missing
            text = self._printed_by(block.name)
            place = start
            for entry in wanted:
                found = _place_of(entry, text, place)
                if found is None:
                    missing = entry
                    return 0
                place = found
            return place

        try:
            self._seen[block.name] = wait_until(
                "the terminal shows it", shown, timeout=self.patience, every=0.1
            )
        except AssertionError:
            raise AssertionError(
                f"{self._document.name}, block at line {block.line}: {block.name} does not show\n{missing}\n"
                f"\n--- but:\n{self._printed_by(block.name)[start:][-12000:]}"
            ) from None

    def _printed_by(self, terminal: str) -> str:
        return self.there((self._directory / f".{terminal}.log").read_text(errors="replace"))


def _place_of(entry: str, text: str, start: int) -> int | None:
    """Where in ``text`` the first entry ends, from ``start`` on, that has all the lines of ``entry``."""
    wanted = [line for line in entry.splitlines() if line != "…"]
    place = start
    for chunk in re.split(r"(?<=\n)\n+", text[start:]):
        place = text.index(chunk, place) + len(chunk)
        lines = iter(normal(chunk).splitlines())
        if all(any(line == other for other in lines) for line in wanted):
            return place
    return None
