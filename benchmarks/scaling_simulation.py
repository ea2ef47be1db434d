"""How many phones boxes carry, and why: the tables of docs/scaling.md.

    python -m benchmarks.scaling_simulation            # prints all tables, computed from scaling_inputs.json
    python -m benchmarks.scaling_simulation --write    # the same, into docs/scaling.md
    python -m benchmarks.scaling_simulation --renew    # takes the newest results first, then writes

``--renew`` reads benchmarks/results/: run side_by_side or scaling_loads, and scaling_pieces, before it. What
is assumed stands in scaling_inputs.json with its reason: change it there to see what it would do. The same
inputs give the same tables.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.scaling_box import Carrier
from benchmarks.scaling_inputs import FILE, inputs, renewed
from benchmarks.scaling_tables import all_tables

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"
_TABLE = re.compile(r"(<!-- table: ([a-z ]+) -->\n)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)


def tables() -> dict[str, str]:
    """Each table by its name, computed from the file of inputs."""
    kept = json.loads(FILE.read_text())
    return all_tables(Carrier(inputs(kept)), kept)


def named(page: str) -> list[str]:
    """The tables that a page has a place for."""
    return [found[2] for found in _TABLE.finditer(page)]


def filled(page: str, computed: Mapping[str, str]) -> str:
    """The page with each table at its place; raises KeyError for a place whose table is not computed."""
    return _TABLE.sub(lambda found: f"{found[1]}{computed[found[2]]}\n{found[3]}", page)


def main() -> None:
    """Print, or write into the page."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    options.add_argument("--renew", action="store_true", help="take the newest results first, then write")
    given = options.parse_args()
    if given.renew:
        kept = renewed(json.loads(FILE.read_text()))
        FILE.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    computed = tables()
    if given.write or given.renew:
        PAGE.write_text(filled(PAGE.read_text(), computed))
        print(f"{PAGE.name}: {len(computed)} tables")
        return
    for name, text in computed.items():
        print(f"\n{name}\n\n{text}")


if __name__ == "__main__":
    main()
