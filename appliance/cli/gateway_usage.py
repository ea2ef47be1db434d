"""What was typed wrongly of a gateway, a route or a trusted peer is wrong usage: exit code 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from appliance.cli.gateway_words import BadRow


@contextmanager
def as_usage() -> Iterator[None]:
    """Within, a row that cannot be is told with the usage of the command."""
    try:
        yield
    except BadRow as error:
        raise click.UsageError(str(error)) from error
