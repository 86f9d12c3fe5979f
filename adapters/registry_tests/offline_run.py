"""Runs a description without a network: a test gives the registry's answers, and the adapter does the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from http import HTTPStatus
from typing import Any, NamedTuple

from adapters.base import Finding, Query, Source, SourceError, Unreadable, verdict_text
from adapters.http_client.reply import Reply
from adapters.registry.batches import adapter_class
from adapters.registry.record import Record
from adapters.registry.rules import Failure
from adapters.registry.trace import LookupTrace
from adapters.registry_tests.comparisons import comparison_text, quoted
from config.hours import parse_zone
from config.registry import RegistrySource
from config.registry.model.auth import OAuth2Auth
from config.registry.model.rules import OutcomeRule, Rule
from config.registry.model.source import RecordSource, Step
from config.registry.model.trials import Trial
from jurat.vocabulary import Outcome, Reason

Path = tuple[str | int, ...]
"""A place below the source, as ("steps", 0, "outcomes", 2)."""

Answer = Reply | SourceError
"""What a registry answers, or why there is no answer."""

_TIMEOUT_S = 60.0

_STAND_IN = "00c0ffee"
"""Stands for every secret: it is hexadecimal and Base64, and has digits, as filters and keys may want."""

_TOKEN = Reply(200, {}, b'{"access_token": "made-up", "token_type": "Bearer"}')


class Fault(NamedTuple):
    """Something to fix before a description is published: a place below the source, what is wrong, and what to do."""

    place: Path
    problem: str
    hint: str


class NoAnswer(Exception):
    """The test gives no answer for a step that was asked. `step` is its name."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, slots=True)
class Played:
    """How a lookup ended. `place` is the option that decided; `asked` are the steps that were sent. `records` is how
    many records of the number were read.
    """

    outcome: Outcome
    reason: Reason
    place: Path
    asked: tuple[str, ...]
    detail: str = ""
    records: int = 0

    def __str__(self) -> str:
        return verdict_text(self.outcome, self.reason)


class OfflineRun:
    """The description of `source`, compiled once and played any number of times. Not thread-safe. Reads no secrets."""

    def __init__(self, source: RegistrySource) -> None:
        self.source = source
        pages = {page: index for index, step in enumerate(source.steps) for page in step.pages}
        self._registry = _CannedRegistry(source.steps, source.max_bytes)
        ambiguous: Path = ("record", "from" if source.record.several is None else "several")
        self._notes = DecisionTrace(pages, ambiguous)
        self._zone = parse_zone(source.record.timezone)
        self._now = datetime.now(UTC)
        self._adapter = adapter_class(source)(
            source, secret=lambda _: _STAND_IN, transport=self._registry, clock=lambda: self._now, watch=self._notes
        )

    def play(self, trial: Trial, answers: Mapping[str, Answer]) -> Played:
        """Look `trial` up on its day, with these answers. Raises NoAnswer where a step that is asked has none."""
        self._now = datetime.combine(trial.today, time(12), self._zone) if trial.today else datetime.now(UTC)
        self._registry.answers, self._registry.asked = answers, []
        self._notes.clear()
        return look_up(self._adapter, trial, self._notes, self._registry.asked)

    def compared(self, trial: Trial) -> str:
        """What decided the last lookup, of `trial`: what was compared, or could not be; "" for anything else."""
        return self._notes.compared(self.source, trial)


def look_up(adapter: Source, trial: Trial, notes: DecisionTrace, asked: Sequence[str]) -> Played:
    """Look `trial` up. The adapter reports to `notes`; `asked` then has the steps that were sent."""
    try:
        found = adapter.look_up(Query(trial.input, requirement=trial.require, timeout=_TIMEOUT_S))
    except SourceError as error:
        return Played(Outcome.UNDETERMINED, error.reason, notes.place_of(None, asked), tuple(asked), error.detail)
    if not isinstance(found, Finding):
        raise TypeError("a description finds no places")
    notes.found = found
    if notes.unfit is not None:
        name, failed = notes.unfit
        return Played(found.outcome, found.reason, ("inputs", name), (), failed)
    place = notes.place_of((found.outcome, found.reason), asked)
    return Played(found.outcome, found.reason, place, tuple(asked), records=notes.read)


class _CannedRegistry:
    """Takes the registry's place: answers the pages of the steps in their order, and any request for a token."""

    def __init__(self, steps: Sequence[Step], max_bytes: int) -> None:
        self._steps = [page for step in steps for page in step.pages]
        auths = (step.request.auth for step in steps)
        self._token_urls = {auth.url for auth in auths if isinstance(auth, OAuth2Auth)}
        self._max_bytes = max_bytes
        self.answers: Mapping[str, Answer] = {}
        self.asked: list[str] = []

    def send(self, method: str, url: str, **_: Any) -> Reply:
        if url in self._token_urls:
            self._repeat()
            return _TOKEN
        step = self._steps[len(self.asked)]
        self.asked.append(step)
        match self.answers.get(step):
            case Reply() as reply if len(reply.body) > self._max_bytes:
                raise Unreadable(f"the answer is larger than {self._max_bytes} bytes")
            case Reply() as reply:
                return reply
            case SourceError() as error:
                raise type(error)(error.detail, retry_after=error.retry_after)
        raise NoAnswer(step)

    def _repeat(self) -> None:
        """After a 401, the step is sent once more, with a new token."""
        last = self.answers.get(self.asked[-1]) if self.asked else None
        if isinstance(last, Reply) and last.status == HTTPStatus.UNAUTHORIZED:
            self.asked.pop()

    def close(self) -> None:
        """Nothing to give back."""


class DecisionTrace(LookupTrace):
    """Remembers where a lookup was decided. `steps` has the position of each page's step in the description.
    `ambiguous` is the option that decides where there are several records. `read` counts the records that were read.
    """

    def __init__(self, steps: Mapping[str, int], ambiguous: Path = ("record", "from")) -> None:
        self._steps = steps
        self._ambiguous = ambiguous
        self.clear()

    def clear(self) -> None:
        self.unfit: tuple[str, str] | None = None
        self.found: Finding | None = None
        self._held: Path | None = None
        self._records: int | None = None
        self._record: Record | None = None
        self._failures: list[tuple[int, Rule, Failure]] = []
        self.read = 0

    def on_malformed(self, name: str, failed: str) -> None:
        self.unfit = name, failed

    def on_outcome(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        if held:
            self._held = ("steps", self._steps[step], "outcomes", index)

    def on_records(self, records: Sequence[Any]) -> None:
        self._records = len(records)

    def on_record(self, record: Record) -> None:
        self.read += 1
        self._record = record

    def on_rule(self, index: int, rule: Rule, failure: Failure | None) -> None:
        if failure is not None:
            self._failures.append((index, rule, failure))

    def compared(self, source: RecordSource, trial: Trial) -> str:
        """What the rule that decided compared, or what was typed where that cannot be right; else ""."""
        if self.unfit is not None:
            typed = trial.input.get(self.unfit[0])
            return f"{quoted([typed])} was typed" if typed else ""
        if self.found is None or self._record is None:
            return ""
        verdict = (self.found.outcome, self.found.reason)
        rule = next((rule for _, rule, failure in self._failures if failure == verdict), None)
        band = str(self.found.evidence.get("name", ""))
        return "" if rule is None else comparison_text(rule, self._record, source, trial, band)

    def place_of(self, verdict: Failure | None, asked: Sequence[str]) -> Path:
        """The option that decided; `verdict` is None where there was no answer."""
        if self._held is not None:
            return self._held
        if not asked:
            return ("inputs",)
        if self._records is None:
            return ("steps", self._steps[asked[-1]])
        if not self._records:
            return ("record", "absent")
        if verdict is None:
            return ("record", "fields")
        # The rule whose failure is the verdict, or all of them.
        rest: Path = self._ambiguous if verdict[1] is Reason.AMBIGUOUS_RECORD else ("rules",)
        return next((("rules", index) for index, _, failure in self._failures if failure == verdict), rest)
