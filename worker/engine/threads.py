"""Runs a thread of the engine: a loop that survives every error, shows that it is alive, and stops when asked."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from sqlalchemy.exc import DBAPIError

from config.logger import get_logger
from jurat.database import is_away, is_unfit, state_of

log = get_logger("jurat.engine")

_LOG_EVERY = 60.0
_LONGEST_REST = 2.0

Explain = Callable[[Exception], Mapping[str, str]]
"""Says why the database cannot be used and what to do, without a secret. Never raises."""


def in_short(error: Exception) -> Mapping[str, str]:
    """The class of an error, for engines without a better explanation."""
    return {"error": type(getattr(error, "orig", None) or error).__name__}


class Outage:
    """Logs outages of the database once a minute for all threads, so that they do not fill the disk. Thread-safe."""

    def __init__(self, explain: Explain = in_short, begun: Callable[[], object] = lambda: None) -> None:
        self._explain = explain
        self._begun = begun
        """Called when the first thread cannot use it."""
        self._lock = threading.Lock()
        self._without: set[str] = set()
        """The threads that cannot use it."""
        self._logged_at = float("-inf")

    def met_by(self, thread: str, error: Exception) -> None:
        with self._lock:
            if not self._without:
                self._begun()
            self._without.add(thread)
            if time.monotonic() - self._logged_at < _LOG_EVERY:
                return
            self._logged_at = time.monotonic()
        log.warning("database away" if is_away(error) else "database unusable", thread=thread, **self._explain(error))

    def over_for(self, thread: str) -> None:
        with self._lock:
            self._without.discard(thread)
            if self._without:
                return
        log.info("database back", thread=thread)


class EngineThread(ABC):
    """Runs `step` again and again. An error is logged and the next step comes a little later, 2 s at the most."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.beat = time.monotonic()
        self.away = False
        """Whether the database could not be used at the last step: it was away, or lacks the tables that we need."""
        self.away_at = 0.0
        """When that was last found, as a reading of `time.monotonic`."""
        self.outage = Outage()
        """Shared by all threads of an engine."""
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"jurat-{name}", daemon=True)
        self._logged: dict[str, float] = {}

    @abstractmethod
    def step(self) -> None:
        """One round of the loop. Waits by itself when there is nothing to do, a second at the most."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have the loop end after the step that is under way."""
        self.stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end, for at most `timeout` seconds; whether it came."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def _run(self) -> None:
        rest = 0.1
        while not self.stopping.is_set():
            self.beat = time.monotonic()
            try:
                self.step()
                rest = 0.1
                if self.away:
                    self.away = False
                    self.outage.over_for(self.name)
            except Exception as error:
                if is_away(error) or is_unfit(error):
                    self.away, self.away_at = True, time.monotonic()
                    self.outage.met_by(self.name, error)
                elif isinstance(error, DBAPIError):  # of a trigger or constraint, say: no fault of the code around it
                    self._warn("engine thread failed: the database refuses a statement", error=_name(error))
                elif self._may_log(f"failed {type(error).__name__}"):
                    log.exception("engine thread failed", thread=self.name, error=type(error).__name__)
            else:
                continue
            self.stopping.wait(rest)
            rest = min(_LONGEST_REST, rest * 2)

    def _warn(self, event: str, **facts: object) -> None:
        """Log a warning once a minute at most, so that an outage does not fill the disk."""
        if self._may_log(event):
            log.warning(event, thread=self.name, **facts)

    def _may_log(self, event: str) -> bool:
        now = time.monotonic()
        if now - self._logged.get(event, float("-inf")) < _LOG_EVERY:
            return False
        self._logged[event] = now
        return True


def _name(error: DBAPIError) -> str:
    """The error's code or class; never its text, which may name a person."""
    return state_of(error) or type(error.orig or error).__name__
