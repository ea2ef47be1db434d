"""Where passwords come from: a prompt that does not show them, or the first line of standard input."""

from __future__ import annotations

import sys

import click


def read_password(whose: str) -> str:
    """The password, asked for twice on a terminal. click.UsageError when it cannot be one."""
    if sys.stdin.isatty():
        password = str(
            click.prompt(f"Password for {whose}", hide_input=True, confirmation_prompt="Again", err=True)
        )
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("the password is empty; type it at the prompt, or give it on standard input")
    return checked_password(password)


def checked_password(password: str) -> str:
    """``password`` when it can be one; click.UsageError, which does not repeat it, when it cannot."""
    if not password.isprintable() or len(password) > 128:
        raise click.UsageError("a password has at most 128 characters, and no control characters")
    return password
