"""Checks a configuration that somebody typed into a page, in a process of its own.

That process has no environment, and time and memory have an end: one test of a registry can ask for any amount of work.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from config.configuration import Configuration
from config.problems import Problem, Severity

MOST_SECONDS = 30
MOST_MEMORY = 1 << 30
MOST_AT_ONCE = 2
PATIENCE = 3.0
"""Seconds that a check waits for its turn: whoever waits holds a thread that other pages need."""

_ROOT = Path(__file__).resolve().parents[2]
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
    given = {
        "typed": {"text": text, "zones": sorted(zones), "lists": sorted(lists), "applied": applied},
        "seconds": MOST_SECONDS,
        "memory": MOST_MEMORY,
    }
    if not _turns.acquire(timeout=PATIENCE):
        raise NotChecked("others are being checked at the moment; try again")
    try:
        with tempfile.TemporaryDirectory(prefix="jurat-check-") as folder:
            ran = subprocess.run(
                [sys.executable, "-P", "-s", "-B", "-m", "adapters.registry_tests.typed_text"],
                input=json.dumps(given).encode(),
                capture_output=True,
                cwd=folder,
                env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "HOME": folder},
                timeout=2 * MOST_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        ran = None
    finally:
        _turns.release()
    if ran is None or ran.returncode:
        raise NotChecked(f"the check took more than {MOST_SECONDS} s or {MOST_MEMORY >> 20} MB, or failed")
    return checked(json.loads(ran.stdout))


def checked(found: Mapping[str, Any]) -> Checked:
    """What was found, as `typed_text.check` says it."""
    problems = [Problem(**{**each, "severity": Severity(each["severity"])}) for each in found["problems"]]
    document = found["document"]
    return Checked(problems, found["more"], None if document is None else Configuration.from_json(document))
