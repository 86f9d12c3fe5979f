"""What every source is, and the two ways in which a lookup can end.

"No" is a value and "no answer" is an error. A source that answered returns a `Finding`, `Places` or `NeedsReview`. A
source that gave no answer raises a `SourceError`, whose class says what to do next. Boulder splits them in the same way
(letsencrypt/boulder, va/va.go): a failed validation is a result with its records, an error is our problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

from config.levels import Level
from jurat.vocabulary import Outcome, Reason, outcomes_of

Evidence = Mapping[str, Any]
"""Facts behind a verdict, as a JSON object without personal data: no name, number, address, position or label."""


@dataclass(frozen=True, slots=True)
class Query:
    """What one lookup asks. `timeout` bounds the whole lookup in seconds.

    `answer` is the participant's confirmed answer in clear. Nothing but the request to the source may contain it: no
    log, error, evidence or other URL. `requirement` is what the criterion demands beyond the answer (`professions`,
    `min_age`), empty for addresses. With `fresh`, a registry is asked over new connections: on a kept one, the late
    answer to someone else's request may come first.
    """

    answer: Mapping[str, Any] = field(repr=False)
    requirement: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 10.0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Redemption:
    """A code that the verdict uses up: the ledger redeems it in the verdict's transaction, or refuses. It was stored
    under `fingerprint`, and may be under one of the `others` by then, or also.
    """

    code_list: str
    fingerprint: str
    others: Sequence[str] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class NumberClaim:
    """A number that the verdict claims for one participant: no one else is accepted with it.

    `namespace` says what kind of number it is. `fingerprints` are the keyed hashes under which it may be stored, one
    for each key of this worker.
    """

    namespace: str
    fingerprints: Sequence[str]


_PERMITTED = frozenset((outcome, reason) for reason in Reason for outcome in outcomes_of(reason))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a source found, decided as far as the source itself can decide it.

    Raises ValueError when the reason may not carry the outcome: an adapter cannot invent a refusal.
    """

    outcome: Outcome
    reason: Reason
    evidence: Evidence = field(default_factory=dict)
    data_date: date | None = None
    redemption: Redemption | None = None
    claim: NumberClaim | None = None

    def __post_init__(self) -> None:
        if (self.outcome, self.reason) not in _PERMITTED:
            raise ValueError(f"{self.reason} cannot be {self.outcome}")


Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees (WGS 84)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One candidate of a geocoder as the source gives it, with the point in WGS 84 degrees.

    `number` is the house number with its suffix ("8", "8bis"), `score` the source's own measure from 0 to 1 where it
    has one. `hamlet` is a hamlet, quarter or former town that is a part of the town, `city`: people write either as
    their town. `extent` is the box around the whole street, for places of level `street` where the source knows all of
    it. `accuracy` is by how many metres the point may be wrong, where the source says so for each. Only level and score
    may be stored as evidence.
    """

    level: Level
    longitude: float
    latitude: float
    number: str | None = None
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    city_code: str | None = None
    score: float | None = None
    extent: Box | None = None
    accuracy: float | None = None
    hamlet: str | None = None

    @property
    def town(self) -> str:
        """Its town as people write it, with the postcode, and after its hamlet if it has one."""
        name = ", ".join(part for part in (self.hamlet, self.city) if part)
        return " ".join(part for part in (self.postcode, name) if part)

    def __repr__(self) -> str:
        return f"Place({self.level}, score={self.score})"


@dataclass(frozen=True, slots=True)
class Places:
    """A geocoder's candidates, best first (in the source's order); empty when it knows none.

    `provider` is the type of the source: the rule has a score floor and a margin for each. `attribution` is what the
    data's licence asks to be named. `unknown_words` are words of the typed street that occur in no street name that the
    source knows. Only such a word may be a misspelling. `misspelled` are typed names of streets with letters that are
    in none of its names. `knows_code` is False where the source says that no place has the answer's `city_code`: then
    it may be that of a whole town, of whose districts the source has the codes. `lettered` says that the source was
    asked for 8 b as well, which "8 Haus B" may mean. `near` are houses that may have been meant instead, best first:
    they are offered, and never decide.
    """

    provider: str
    places: Sequence[Place]
    data_date: date | None = None
    attribution: str = ""
    unknown_words: frozenset[str] = field(default=frozenset(), repr=False)
    misspelled: frozenset[str] = field(default=frozenset(), repr=False)
    knows_code: bool = True
    lettered: bool = False
    near: Sequence[Place] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """No source can decide this answer, so a reviewer does (sources of type `manual`)."""

    evidence: Evidence = field(default_factory=dict)


Found = Finding | Places | NeedsReview
"""What a lookup returns when the source answered."""


def verdict_text(outcome: Outcome, reason: Reason) -> str:
    """A verdict as the tests of a description write it: `accepted`, `refused/status_inactive`."""
    return str(outcome) if outcome is Outcome.ACCEPTED else f"{outcome}/{reason}"


class SourceError(Exception):
    """The source gave no answer. Subclasses say what to do; none of them ever refuses a participant.

    `detail` is one sentence for the operator without personal data or secrets: it never holds a URL's query, a body or
    the message of another exception. `retry_after` is how many seconds the source itself asked us to wait.
    """

    reason: ClassVar[Reason] = Reason.SOURCE_UNAVAILABLE

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Unavailable(SourceError):
    """Down, unreachable, slow or in error (5xx, reset, timeout). Ask again later."""


class TimedOut(Unavailable):
    """No connection or no whole answer within the time."""


class Refused(Unavailable):
    """The connection was refused: nothing listens there, or the source shuts us out."""


class Throttled(SourceError):
    """We asked too often (429, or how the source says it). All lookups wait `retry_after` seconds."""

    reason = Reason.SOURCE_THROTTLED


class InMaintenance(SourceError):
    """The source says that it is closed for now. All lookups wait `retry_after` seconds."""

    reason = Reason.SOURCE_MAINTENANCE


class Credentials(SourceError):
    """The source refuses our key or password. An administrator must act; it is retried from time to time until then."""

    reason = Reason.SOURCE_CREDENTIALS


class RejectedRequest(SourceError):
    """The source calls our request malformed. Asking the same again is useless."""

    reason = Reason.SOURCE_REJECTED_REQUEST


class Unreadable(SourceError):
    """The answer is too large, malformed, or not as documented. It is retried, in case that passes."""

    reason = Reason.SOURCE_UNREADABLE


class Blocked(SourceError):
    """The request would go where the operator does not allow it (another host, a private address, no https)."""

    reason = Reason.SOURCE_BLOCKED


ERRORS: Mapping[Reason, type[SourceError]] = {
    kind.reason: kind for kind in (Unavailable, Throttled, InMaintenance, Credentials, RejectedRequest, Unreadable)
}
"""The error for each reason that a source may have for not answering."""


Another = Callable[[float], float | None]
"""Pays for one more request of a lookup, and gives the seconds until it may be sent.

None, and nothing is paid, where the source's quota allows no request within the given seconds.
"""


@runtime_checkable
class Source(Protocol):
    """One configured source, shared by all lookup threads of a process."""

    def look_up(self, query: Query) -> Found:
        """Ask the source once, within `query.timeout` seconds as a whole. Thread-safe.

        Raises SourceError when the source gives no answer; its class says what to do.
        """

    def close(self) -> None:
        """Release connections, if there are any. Lookups in progress may fail with `Unavailable`."""
        return


class SourceOfMany(Source, Protocol):
    """A source for which many lookups cost little more than one."""

    def look_up(self, query: Query) -> Found:
        (found,) = self.look_up_many([query])
        if isinstance(found, SourceError):
            raise found
        return found

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        """What `look_up` returns or raises for each of `queries`, in their order. Thread-safe.

        Raises SourceError when the source gives no answer to any of them.
        """


def of_many(source: Source) -> SourceOfMany | None:
    """`source` where it can look up many at once, else None."""
    return cast("SourceOfMany", source) if hasattr(source, "look_up_many") else None
