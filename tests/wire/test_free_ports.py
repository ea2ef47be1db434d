"""The tests' own ports: what one process was given is given to no other, until it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.harness.ports import Claims

REPOSITORY = Path(__file__).resolve().parents[2]
OTHER = """
import sys
from pathlib import Path
from tests.harness.ports import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.claim(range(100, 101)), claims.claim(range(199, 203)), claims.claim(range(300, 302)), flush=True)
sys.stdin.read()
"""


def test_a_port_is_claimed_by_one_process_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    claims = Claims(file)
    assert claims.claim(range(100, 101))
    assert claims.claim(range(200, 202))
    assert not claims.claim(range(100, 101)), "this process has it, too"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "False False True\n"
        assert not claims.claim(range(298, 301))
        assert claims.claim(range(199, 200)), "a row that was refused has claimed nothing"
    assert claims.claim(range(298, 301)), "whoever ends gives back what he had"


def test_the_oldest_ports_are_given_back(tmp_path: Path) -> None:
    claims = Claims(tmp_path / "ports", most=4)
    for first in range(100, 106):
        assert claims.claim(range(first, first + 1))
    assert not claims.claim(range(102, 103)), "four are kept"
    assert claims.claim(range(101, 102))
    assert claims.claim(range(200, 210)), "a row that is longer than what is kept is given all the same"
    assert not claims.claim(range(205, 206))
    assert claims.claim(range(300, 302))
    assert claims.claim(range(205, 206)), "rows push out rows"
