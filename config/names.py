"""What a name in a configuration is. Apart, for the process that reads hostile files loads it, and little else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NAME_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,62}$"
NAMED: Final = "a name has lower-case letters, digits, '-' and '_', at most 63, and begins with a letter or digit"
"""`jurat.publications` has the twin: importing it would bring SQLAlchemy into that process."""

ZONES_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,62}[*]?$"
ZONES_NAMED: Final = f"{NAMED}; a '*' after it means every zone whose name begins so"

MOST_ZONES: Final = 2000
"""Zones of one question at most."""


def fits(name: str, asked: str) -> bool:
    """Whether `asked` is this name, or a beginning of it with a `*` after it."""
    return name.startswith(asked[:-1]) if asked.endswith("*") else name == asked


def named(known: Iterable[str], asked: Iterable[str]) -> list[str]:
    """The known names that one of `asked` is or begins, sorted."""
    wanted = tuple(asked)
    exact, beginnings = set(wanted), tuple(each[:-1] for each in wanted if each.endswith("*"))
    return sorted(name for name in known if name in exact or name.startswith(beginnings))
