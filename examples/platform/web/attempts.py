"""Limits how often one browser's address may be wrong, with passwords or with access codes, under whatever name.

Each process counts for itself, and forgets when it ends. A limit for several processes or addresses belongs into the
proxy in front of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from flask import abort, request

_MOST_KEPT = 10_000


class Attempts:
    """Counts what went wrong for each address, for `window_s` seconds from the first; `most` are allowed. Threads share
    it.
    """

    def __init__(self, most: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._lock = Lock()
        self._wrong: dict[str, tuple[float, int]] = {}

    def refuse_more(self) -> None:
        """End the request with 429 if its address was wrong too often."""
        with self._lock:
            began, wrong = self._wrong.get(_address(), (0.0, 0))
            if wrong >= self._most and self._clock() - began < self._window_s:
                abort(429)

    def was_wrong(self) -> None:
        """Count one for the address of this request."""
        with self._lock:
            now, address = self._clock(), _address()
            began, wrong = self._wrong.pop(address, (now, 0))
            if now - began >= self._window_s:
                began, wrong = now, 0
            self._wrong[address] = began, wrong + 1
            if len(self._wrong) > _MOST_KEPT:
                del self._wrong[next(iter(self._wrong))]  # the one who was wrong longest ago


def _address() -> str:
    return request.remote_addr or ""
