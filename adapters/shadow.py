"""Asks a new version of a source what it would have found. It decides nothing, and no check waits for it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Full, Queue
from typing import Any, Final

from adapters.base import Another, Finding, Found, Query, Source, SourceError, verdict_text
from config.logger import get_logger
from jurat.vocabulary import Outcome, Reason

log = get_logger("jurat.sources")

_MOST_WAITING: Final = 4
"""Lookups that wait for the shadow, which hold answers in memory; further ones are not asked of it."""

_LONGEST_WAIT_S: Final = 5.0
"""Seconds that a lookup of the shadow may wait for its quota."""

_REST_S: Final = 60.0
"""Seconds in which the shadow is not asked again after it gave no answer; longer where it asks for that."""


class ShadowSource:
    """The new version, `source`, which looks up a `share` of what the old one has found, one after the other.

    Each lookup, of at most `timeout` seconds, is paid with `another`, from the shadow's own quota. `note` gets both
    verdicts. The thread starts with the first lookup, and ends with `close`.
    """

    def __init__(
        self,
        source: Source,
        share: float,
        *,
        timeout: float,
        another: Another,
        note: Callable[[str, str], object],
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._share, self._timeout = source, share, timeout
        self._another, self._note = another, note
        self._chance, self._clock = chance, clock
        self._waiting: Queue[tuple[Query, str] | None] = Queue(_MOST_WAITING)
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._rest_until = 0.0

    def offer(self, query: Query, found: object) -> None:
        """Perhaps look `query` up as well, later. Never waits. `found` by the old version, which must have answered."""
        if not isinstance(found, Finding) or self._chance() >= self._share or self._closed.is_set():
            return
        with suppress(Full):
            self._waiting.put_nowait((query, verdict_text(found.outcome, found.reason)))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Forget what waits, and end. Does not wait for a lookup that runs."""
        self._closed.set()
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        with suppress(Full):
            self._waiting.put_nowait(None)

    def _run(self) -> None:
        while not self._closed.is_set() and (each := self._waiting.get()) is not None:
            query, decided = each
            try:
                found = self._look_up(query)
            except Exception as error:  # noqa: BLE001 - whatever a new description does, the thread goes on
                found = verdict_text(Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
                log.warning("the shadow failed", why=type(error).__name__)
            if found:
                self._note(decided, found)

    def _look_up(self, query: Query) -> str:
        """The verdict; "" where the shadow may not be asked now."""
        if self._clock() < self._rest_until:
            return ""
        try:
            wait = self._another(_LONGEST_WAIT_S)
        except SourceError:  # the database is away
            return ""
        if wait is None or self._closed.wait(wait):
            return ""
        try:
            found = self._source.look_up(replace(query, timeout=self._timeout))
        except SourceError as error:
            self._rest_until = self._clock() + max(_REST_S, error.retry_after or 0.0)
            return verdict_text(Outcome.UNDETERMINED, error.reason)
        return verdict_text(found.outcome, found.reason) if isinstance(found, Finding) else ""


def shadowed(source: Source, shadow: ShadowSource) -> Source:
    """`source`, whose findings are offered to `shadow`."""
    return (_ShadowedMany if hasattr(source, "look_up_many") else _Shadowed)(source, shadow)


class _Shadowed:
    def __init__(self, source: Any, shadow: ShadowSource) -> None:
        self._source, self._shadow = source, shadow

    def look_up(self, query: Query) -> Found:
        found: Found = self._source.look_up(query)
        self._shadow.offer(query, found)
        return found

    def close(self) -> None:
        """Close the source, and end its shadow's lookups."""
        self._shadow.close()
        self._source.close()


class _ShadowedMany(_Shadowed):
    """The same of a source that looks up many at once."""

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        answers: Sequence[Found | SourceError] = self._source.look_up_many(queries)
        for query, found in zip(queries, answers, strict=True):
            self._shadow.offer(query, found)
        return answers
