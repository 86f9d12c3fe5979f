"""Children that are forked off, as pre-forking web servers do it."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds for what a quick machine does at once: only what never comes is told from what comes late."""


def in_children(count: int, work: Callable[[int], object], meanwhile: Callable[[], object] | None = None) -> list[int]:
    """The exit codes of `count` children that do `work(number)` at once: 0, 1 where it raised, or minus a signal.

    The parent does `meanwhile` as often as it can until all have ended.
    """
    children = [_child(number, work) for number in range(count)]
    codes: dict[int, int] = {}
    end = time.monotonic() + PATIENCE
    while len(codes) < count:
        for child in (child for child in children if child not in codes):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                codes[child] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                os.kill(child, 9)
        if meanwhile:
            meanwhile()
        time.sleep(0.005)
    return [codes[child] for child in children]


def _child(number: int, work: Callable[[int], object]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(number)
        code = 0
    except BaseException:  # noqa: BLE001 - the test's own process must not go on here
        traceback.print_exc()
    finally:
        os._exit(code)
