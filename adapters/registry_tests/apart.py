"""Checks a configuration that somebody typed into a page, in a process of its own.

That process has no environment, and time and memory have an end: one test of a registry can ask for any amount of work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from adapters.apart import NotEnded, run_apart
from config.configuration import Configuration
from config.problems import Problem, Severity

MOST_SECONDS = 30
MOST_MEMORY = 1 << 30
MOST_AT_ONCE = 2
PATIENCE = 3.0
"""Seconds that a check waits for its turn: a check that waits holds a thread that other pages need."""

_turns = BoundedSemaphore(MOST_AT_ONCE)


class NotChecked(Exception):
    """The check came to no end. The message says why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: the most serious problems by place, and how many more; the configuration if there is no error."""

    problems: Sequence[Problem]
    more: int
    configuration: Configuration | None


def check_apart(text: str, zones: Collection[str], lists: Collection[str], applied: str | None) -> Checked:
    """Check a text as `config apply` checks files, but for what it must not ask of this machine: see `typed_text`.

    `applied` is a configuration that passed before, as it is stored. Raises NotChecked.
    """
    typed = {"text": text, "zones": sorted(zones), "lists": sorted(lists), "applied": applied}
    if not _turns.acquire(timeout=PATIENCE):
        raise NotChecked("others are being checked at the moment; try again")
    try:
        return checked(run_apart("adapters.registry_tests.typed_text", typed, MOST_SECONDS, MOST_MEMORY))
    except NotEnded:
        raise NotChecked(f"the check took more than {MOST_SECONDS} s or {MOST_MEMORY >> 20} MB, or failed") from None
    finally:
        _turns.release()


def checked(found: Mapping[str, Any]) -> Checked:
    """What was found, as `typed_text.check` says it."""
    problems = [Problem(**{**each, "severity": Severity(each["severity"])}) for each in found["problems"]]
    document = found["document"]
    return Checked(problems, found["more"], None if document is None else Configuration.from_json(document))
