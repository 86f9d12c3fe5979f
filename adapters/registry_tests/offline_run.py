"""Runs a description without a network: the registry's answers are given, and the adapter does the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

from adapters.base import Finding, Query, SourceError, Unreadable
from adapters.http_client.reply import Reply
from adapters.registry.batches import adapter_class
from adapters.registry.rules import Failure
from adapters.registry.trace import LookupTrace
from config.hours import parse_zone
from config.registry import RegistrySource
from config.registry.model.rules import OutcomeRule, Rule
from config.registry.model.trials import Trial
from jurat.vocabulary import Outcome, Reason

Path = tuple[str | int, ...]
"""A place below the source, as ("steps", 0, "outcomes", 2)."""

Answer = Reply | SourceError
"""What a registry answers, or why there is no answer."""

_MADE_UP = "made-up"
"""What stands for every secret: a rehearsal reads none."""

_TIMEOUT_S = 60.0


class NoAnswer(Exception):
    """A step was asked for which nothing is given. `step` is its name."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, slots=True)
class Played:
    """How a look-up ended. `place` is the option that decided; `asked` are the steps that were sent."""

    outcome: Outcome
    reason: Reason
    place: Path
    asked: tuple[str, ...]
    detail: str = ""

    def __str__(self) -> str:
        return verdict_text(self.outcome, self.reason)


def verdict_text(outcome: Outcome, reason: Reason) -> str:
    """A verdict as the tests of a description write it: `accepted`, `refused/status_inactive`."""
    return str(outcome) if outcome is Outcome.ACCEPTED else f"{outcome}/{reason}"


class OfflineRun:
    """One description, compiled once and played as often as is wanted. Not thread-safe."""

    def __init__(self, source: RegistrySource) -> None:
        self._registry = _Registry([step.name for step in source.steps], source.max_bytes)
        self._notes = _Notes({step.name: index for index, step in enumerate(source.steps)})
        self._zone = parse_zone(source.record.timezone)
        self._now = datetime.now(UTC)
        self._adapter = adapter_class(source)(
            source,
            secret=lambda _: _MADE_UP,
            transport=self._registry,
            clock=lambda: self._now,
            watch=self._notes,
        )

    def play(self, trial: Trial, answers: Mapping[str, Answer]) -> Played:
        """What the look-up of `trial` comes to when each step is answered so; on the trial's day.

        Raises:
            NoAnswer: a step was asked for which there is none.
        """
        self._now = self._noon(trial.today) if trial.today else datetime.now(UTC)
        self._registry.answers, self._registry.asked = answers, []
        self._notes.clear()
        query = Query(trial.input, requirement=trial.require, timeout=_TIMEOUT_S)
        try:
            found = self._adapter.look_up(query)
        except SourceError as error:
            place = self._notes.place_of(None, self._registry.asked)
            return Played(Outcome.UNDETERMINED, error.reason, place, tuple(self._registry.asked), error.detail)
        if not isinstance(found, Finding):
            raise TypeError("a registry finds no places")
        if self._notes.unfit is not None:
            name, failed = self._notes.unfit
            return Played(found.outcome, found.reason, ("inputs", name), (), failed)
        place = self._notes.place_of((found.outcome, found.reason), self._registry.asked)
        return Played(found.outcome, found.reason, place, tuple(self._registry.asked))

    def _noon(self, day: date) -> datetime:
        return datetime.combine(day, time(12), self._zone)


class _Registry:
    """Stands for the registry: answers the steps in their order."""

    def __init__(self, steps: Sequence[str], max_bytes: int) -> None:
        self._steps = steps
        self._max_bytes = max_bytes
        self.answers: Mapping[str, Answer] = {}
        self.asked: list[str] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
        timeout: float,
    ) -> Reply:
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

    def close(self) -> None:
        """Nothing to give back."""


class _Notes(LookupTrace):
    """Remembers where a look-up was decided."""

    def __init__(self, steps: Mapping[str, int]) -> None:
        self._steps = steps
        self.clear()

    def clear(self) -> None:
        self.unfit: tuple[str, str] | None = None
        self._held: Path | None = None
        self._records: int | None = None
        self._failures: list[tuple[int, Failure]] = []

    def malformed(self, name: str, failed: str) -> None:
        self.unfit = name, failed

    def tried(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        if held:
            self._held = ("steps", self._steps[step], "outcomes", index)

    def found(self, records: Sequence[Any]) -> None:
        self._records = len(records)

    def ruled(self, index: int, rule: Rule, failure: Failure | None) -> None:
        if failure is not None:
            self._failures.append((index, failure))

    def place_of(self, verdict: Failure | None, asked: Sequence[str]) -> Path:
        """The option that decided; `verdict` is None where there was no answer."""
        if self._held is not None:
            return self._held
        if not asked:
            return ("inputs",)
        if self._records is None:
            return ("steps", self._steps[asked[-1]])
        if self._records != 1:
            return ("record", "from" if self._records else "absent")
        for index, failure in self._failures:
            if failure == verdict:
                return ("rules", index)
        return ("rules",) if verdict is not None else ("record", "fields")
