"""What a person types: ``sipbox <noun> <verb>``, one file for each noun.

Standard output has data and nothing else, standard error has talk. Exit codes: 0 done, 1 failed, 2 wrong
usage, 3 degraded (it works, and somebody should look). Passwords come from a prompt or standard input, never
from the command line, where every process of the machine could read them, and are never printed.
"""

from __future__ import annotations


def main() -> None:
    """The entry point of the command ``sipbox``."""
    from appliance.cli.application import sipbox

    sipbox(prog_name="sipbox")
