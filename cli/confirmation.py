"""Asks for confirmation before a command does something that cannot be undone."""

from __future__ import annotations

import sys

import click

from cli.output import Exit, Failure


def agreed(warning: str, question: str) -> bool:
    """Whether the person at the terminal says yes.

    Raises Failure where nobody is there.
    """
    if not at_terminal():
        raise Failure(f"{warning} Nobody is here to ask: say --yes", Exit.USAGE)
    return click.confirm(f"{warning} {question}", err=True)


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()
