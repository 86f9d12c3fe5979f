"""Asks for confirmation before a command does something that cannot be undone."""

from __future__ import annotations

import sys

import click

from cli.output import Exit, Failure


def confirm(warning: str, question: str) -> bool:
    """Whether the person at the terminal says yes. Raises Failure without a terminal."""
    if not at_terminal():
        raise Failure(f"{warning} There is no terminal to ask at; add --yes", Exit.USAGE)
    return click.confirm(f"{warning} {question}", err=True)


def at_terminal() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin.isatty()
