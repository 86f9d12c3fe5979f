"""Limits how often one browser's address may be wrong, with passwords or with access codes, under whatever name.

Each attempt counts when it begins, and is given back when it was right: many at once are no more than one by one.

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

    def count_one(self) -> None:
        """Count an attempt from the address of this request. End it with 429 if too many were wrong."""
        with self._lock:
            now, address = self._clock(), _address()
            began, wrong = self._wrong.get(address, (now, 0))
            if now - began >= self._window_s:
                began, wrong = now, 0
            if wrong >= self._most:
                abort(429)
            self._wrong.pop(address, None)
            self._wrong[address] = began, wrong + 1
            if len(self._wrong) > _MOST_KEPT:
                del self._wrong[next(iter(self._wrong))]  # the one who was wrong longest ago

    def was_right(self) -> None:
        """Give the attempt of this request back."""
        with self._lock:
            began, wrong = self._wrong.get(_address(), (0.0, 0))
            if wrong > 1:
                self._wrong[_address()] = began, wrong - 1
            else:
                self._wrong.pop(_address(), None)


def _address() -> str:
    return request.remote_addr or ""
