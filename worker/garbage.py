"""Spares a process the search for garbage among all that it loads: there is none, and it took half of a short command.

Python looks again and again while modules are loaded, and once more through all of them when the process ends.
"""

from __future__ import annotations

import atexit
import gc
from typing import Final

_USUAL: Final = gc.get_threshold()
_SELDOM: Final = 50_000
"""New objects until the next search, Python's own are 700: what a command makes is hardly ever searched."""


def collect_seldom() -> None:
    """While this process loads what it needs, or for all of a command; and not at all when it ends.

    Only for a program of its own: inside another program (`worker.embedded`), that program decides.
    """
    gc.set_threshold(_SELDOM)
    atexit.register(gc.freeze)


def collect_as_usual() -> None:
    """From now on, but what is there by now is searched no more: for a process that stays."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
