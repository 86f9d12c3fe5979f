"""The source of type `simulated`: magic answers for trying a platform out, in test environments alone.

The first text in the answer that is one of these words decides:

| answer | what happens |
|---|---|
| `accept`, or no magic word | accepted, `record_matches` |
| `refuse`, `refuse:REASON` | refused, `status_inactive` or the reason given |
| `undetermined`, `undetermined:REASON` | undetermined, `record_not_found` or the reason given |
| `review` | a reviewer is needed |
| `slow:2s` | accepted after so many seconds (or `ms`), or no answer at the timeout |
| `down`, `throttled`, `maintenance`, `unreadable` | no answer, every time |
| `down:3` (any of the four) | no answer the first three times that this very answer is looked up, then accepted |

A reason that does not go with the outcome gives undetermined, `answer_unreadable`. Each process counts for itself.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from adapters.base import ERRORS, Finding, Found, NeedsReview, Query, Source, TimedOut
from jurat.vocabulary import Outcome, Reason

_WORD = re.compile(
    r"(accept|review)|(refuse|undetermined)(?::([a-z_]{1,40}))?"
    r"|slow:([0-9]{1,5}(?:\.[0-9]{1,3})?)(ms|s)|(down|throttled|maintenance|unreadable)(?::([0-9]{1,3}))?"
)
_TROUBLE: Mapping[str, Reason] = {
    "down": Reason.SOURCE_UNAVAILABLE,
    "throttled": Reason.SOURCE_THROTTLED,
    "maintenance": Reason.SOURCE_MAINTENANCE,
    "unreadable": Reason.SOURCE_UNREADABLE,
}
_MOST_REMEMBERED = 10_000


class Simulated(Source):
    """Does as the answer says. `sleep` is a parameter for tests."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._asked: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()

    def look_up(self, query: Query) -> Found:
        """Do what the magic word says. Raises SourceError for one of trouble, or a wait beyond the timeout."""
        word = next(filter(None, map(_magic, query.answer.values())), None)
        if word is None:
            return _finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)
        plain, outcome, reason, seconds, unit, trouble, times = word.groups()
        if plain == "review":
            return NeedsReview({"simulated": True})
        if outcome is not None:
            return _decide(outcome, reason)
        if seconds is not None:
            return self._slow(float(seconds) / (1000 if unit == "ms" else 1), query.timeout)
        if trouble is not None and (times is None or self._count(query.answer) <= int(times)):
            raise ERRORS[_TROUBLE[trouble]](f"simulated: {trouble}")
        return _finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)

    def _slow(self, seconds: float, timeout: float) -> Found:
        self._sleep(min(seconds, timeout))
        if seconds > timeout:
            raise TimedOut(f"simulated: no answer within {timeout:g} s")
        return _finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)

    def _count(self, answer: Mapping[str, Any]) -> int:
        key = hash(tuple(sorted((name, str(value)) for name, value in answer.items())))
        with self._lock:
            self._asked[key] = self._asked.get(key, 0) + 1
            self._asked.move_to_end(key)
            while len(self._asked) > _MOST_REMEMBERED:
                self._asked.popitem(last=False)
            return self._asked[key]


def _magic(value: Any) -> re.Match[str] | None:
    return _WORD.fullmatch(value.strip()) if isinstance(value, str) else None


def _decide(word: str, reason: str | None) -> Found:
    outcome = Outcome.REFUSED if word == "refuse" else Outcome.UNDETERMINED
    default = Reason.STATUS_INACTIVE if word == "refuse" else Reason.RECORD_NOT_FOUND
    try:
        return _finding(outcome, Reason(reason) if reason else default)
    except ValueError:  # no reason, or one that does not go with the outcome
        return _finding(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)


def _finding(outcome: Outcome, reason: Reason) -> Finding:
    return Finding(outcome, reason, {"simulated": True})
