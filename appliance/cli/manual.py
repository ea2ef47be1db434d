"""``sipbox manual``: the man pages, made of the same words as ``--help``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from appliance import __version__
from appliance.cli.invocation import Verb, say
from appliance.errors import SipboxError


@click.command(cls=Verb)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def manual(directory: Path) -> None:
    """Write the man pages into DIRECTORY: `man sipbox-registration-list` and the others."""
    from click_man.core import write_man_pages

    from appliance.cli.application import NOUNS, sipbox

    context = click.Context(sipbox)
    for noun in NOUNS:
        command = sipbox.get_command(context, noun)
        if command is not None:
            sipbox.add_command(command, noun)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_man_pages("sipbox", sipbox, version=__version__, target_dir=str(directory), date=today)
    except OSError as error:
        problem = f"{directory}: {error.strerror or error}; name a directory that is yours"
        raise SipboxError(problem) from error
    say(f"{len(list(directory.glob('sipbox*.1')))} pages are in {directory}")
