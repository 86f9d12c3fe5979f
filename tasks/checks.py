"""A check as a worker sees it: claimed, looked up, decided."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from adapters.base import NumberClaim, Redemption
from jurat.vocabulary import Outcome, Priority, Reason
from tasks.trace_context import submit_span

MOST_LOST_LEASES = 3
"""A check that lost its workers so often is not looked up again: it may be what kills them."""


@dataclass(frozen=True, slots=True)
class ClaimedCheck:
    """A check that this worker holds under `fence`. Its answer is sealed.

    `lookups` counts failed lookups, `lost_leases` workers that vanished with it. `seconds_left` is the time to its
    deadline when it was claimed. After the deadline, `reviewed` means that a review's due date has passed, and
    `last_reason` is that review's, or else the last attempt's.

    Its lookup may begin `starts_in` seconds after the claim has returned, and at most `late` seconds later; then it
    needs another start. `probe` means that its source counts as broken and is tried with this one check.

    `leaning` is the side ("inside" or "outside") on which the source before saw the address, without being sure enough
    to decide. `reply_key` is the platform's public key for candidates of an ambiguous address. `forsaken` means that
    its answer has waited too long for a missing key.

    It had been due for `waited` seconds when it was claimed. `submitted` is when it was submitted, as a reading of this
    process's monotonic clock, plus the seconds for which it stood still; None where that is unknown.
    """

    id: UUID
    fence: int
    consultation: str
    participant: str
    question: str
    source: str
    sealed: bytes | None
    answer_key: str | None
    lookups: int
    lost_leases: int
    seconds_left: float
    last_reason: Reason | None = None
    reviewed: bool = False
    traceparent: str | None = None
    starts_in: float = 0.0
    late: float = math.inf
    probe: bool = False
    leaning: str | None = None
    reply_key: bytes | None = None
    forsaken: bool = False
    priority: str = Priority.BULK
    waited: float = 0.0
    submitted: float | None = None

    @property
    def overdue(self) -> bool:
        """Whether its deadline had passed when it was claimed."""
        return self.seconds_left <= 0

    @property
    def trace_id(self) -> str | None:
        """The trace that the check was submitted in; None where the platform gave none, or one that is malformed."""
        span = submit_span(self.traceparent)
        return span.trace_id if span else None

    @property
    def log_fields(self) -> dict[str, Any]:
        """What each line of the log about this check says of it."""
        fields: dict[str, Any] = {"check_id": str(self.id), "fence": self.fence}
        if trace_id := self.trace_id:
            fields["trace_id"] = trace_id
        return fields

    def __repr__(self) -> str:
        return f"ClaimedCheck({self.id}, fence={self.fence})"


@dataclass(frozen=True, slots=True)
class Settle:
    """The check ends with this verdict. `candidates` are the addresses that may be meant, sealed for the platform; if
    its participant was offered so many lately that no more are, `otherwise` is done instead. `claim` is the number that
    it rests on; if another participant holds that already, `if_taken` is done instead.
    """

    outcome: Outcome
    reason: Reason
    evidence: Mapping[str, Any] = field(default_factory=dict)
    data_date: date | None = None
    redemption: Redemption | None = None
    candidates: bytes | None = field(default=None, repr=False)
    claim: NumberClaim | None = None
    if_taken: Review | None = None
    otherwise: Settle | Review | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """The check waits `seconds` and is looked up again. `pause` pauses its whole source for so many seconds."""

    seconds: float
    reason: Reason
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class NextSource:
    """The source gave no evidence; the next one is asked now. `pause` as in `Later`, `leaning` as in `ClaimedCheck`."""

    source: str
    reason: Reason
    pause: float | None = None
    leaning: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer decides, within `seconds`. `places` are those found for an address, sealed as its answer is."""

    reason: Reason
    seconds: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    places: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The lookup was not started, or its result cannot be written: the check is due again in `seconds`, at no cost."""

    seconds: float = 0.0


Decision = Settle | Later | NextSource | Review | GiveBack


class Ended(StrEnum):
    """How one lookup ended: with an answer of the source, or without."""

    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One lookup that took `duration` seconds; of many at once, what all of them took.

    `refused` means that the source refused the connection itself, `timed_out` that it took too long. `http_status` is
    that of the last answer over HTTP, None where there was none. `ended_at` is a reading of this process's monotonic
    clock; None means now. Of attempts that shared one request, only one counts for the source's health: the others are
    not `counted`.
    """

    ended: Ended
    reason: Reason
    duration: float
    refused: bool = False
    ended_at: float | None = field(default=None, compare=False)
    counted: bool = True
    timed_out: bool = False
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one held check, to be written. Its verdict is kept for `retain` seconds, None is for ever."""

    held: ClaimedCheck
    decision: Decision
    config_version: int
    attempt: Attempt | None = None
    retain: float | None = None
