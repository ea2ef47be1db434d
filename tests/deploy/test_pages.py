"""The pages for administrators of a box: each command is typed on a deployed box, or beside it, as it stands.

In a block ``console box`` lines behind ``#`` are typed as root on the box, in ``console control`` those
behind ``$`` on the administrator's own machine, in a clone of this repository. A command has to succeed, and
what the page shows of its output has to come, in that order; ``…`` stands for anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.transcript import Block, blocks, normal
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import inventory_of
from tests.harness.box_control import Clone
from tests.harness.box_snapshot import Deployments
from tests.harness.debian_box import REPOSITORY

pytestmark = pytest.mark.timeout(1500)

PROMPTS = {"console box": "# ", "console control": "$ "}
PAGES = sorted(
    path
    for path in (REPOSITORY / "docs").glob("*.md")
    if re.search(rf"(?m)^```({'|'.join(PROMPTS)})$", path.read_text())
)


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("bookworm").boot() as copy:
        yield copy


@pytest.fixture(scope="module")
def clone(box: BootedBox, deployed: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    inventory = inventory_of([box], deployed("bookworm").inventory)
    return Clone(tmp_path_factory.mktemp("clone") / "sipbox", inventory)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_the_page(page: Path, box: BootedBox, clone: Clone) -> None:
    typed = 0
    for block in blocks(page.read_text()):
        prompt = PROMPTS.get(f"{block.kind} {block.name}")
        if prompt is None:
            continue
        for command, expected in commands(block, prompt):
            where = f"{page.name}, block at line {block.line}: {command}"
            done = box.ssh(command, check=False) if prompt == "# " else clone.run(command)
            assert done.returncode == 0, f"{where}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
            missing = not_shown(expected, done)
            assert missing is None, f"{where}\ndoes not print: {missing}\n{done.stdout}\n{done.stderr}"
            typed += 1
    assert typed


def test_the_pages_are_found() -> None:
    assert {page.stem for page in PAGES} == {"backup", "deploy", "diagnose", "everyday", "logs", "upgrade"}


def commands(block: Block, prompt: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of the block, with the output that stands below it; ``>`` goes on with a command."""
    typed, output = "", list[str]()
    for line in block.text.splitlines():
        if line.startswith(prompt):
            if typed:
                yield typed, output
            typed, output = line.removeprefix(prompt), []
        elif line.startswith("> "):
            typed += f"\n{line.removeprefix('> ')}"
        else:
            assert typed, f"line {block.line}: output without a command"
            output.append(line)
    if typed:
        yield typed, output


def not_shown(expected: list[str], done: subprocess.CompletedProcess[str]) -> str | None:
    """The first line of ``expected`` that was not printed behind the ones before it."""
    printed = iter(line.strip() for line in normal(f"{done.stdout}\n{done.stderr}").splitlines())
    for line in expected:
        pattern = re.escape(normal(line).strip()).replace("…", ".*")
        if not any(re.fullmatch(pattern, other) for other in printed):
            return line
    return None
