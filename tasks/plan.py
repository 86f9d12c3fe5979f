"""The plan: an applied configuration with its sources built and its zones loaded.

A plan never changes. A worker that takes a new configuration makes a new plan; lookups in progress end with the plan
that they began with, and every verdict names its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.address.zones import Zone
from adapters.base import Found, Query, Source, Unavailable, of_many
from config.configuration import Configuration, Question
from config.sources import SourceModel
from tasks.rules.source_limits import Breaker, Demand


@dataclass(frozen=True, slots=True)
class Unusable:
    """Replaces a source that cannot be made here, so that its checks wait instead of failing for good."""

    why: str

    def look_up(self, query: Query) -> Found:
        raise Unavailable(self.why)

    def close(self) -> None:
        """Closes nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker needs to do checks. It lacks the keys of sources `left_to_others`, and claims nothing of them. The
    refusals of `suspects` are held back.
    """

    version: int
    configuration: Configuration
    sources: Mapping[str, Source]
    zones: Mapping[str, Zone]
    answer_schemas: Mapping[tuple[str, str], str]
    problems: tuple[str, ...] = field(default=())
    left_to_others: frozenset[str] = field(default=frozenset())
    suspects: frozenset[str] = field(default=frozenset())
    unions: Mapping[tuple[str, ...], Zone] = field(default_factory=dict)

    def area(self, question: Question) -> Zone | None:
        """The zone of a question, or its zones as one; None if it has none or one of them is not imported."""
        return self.unions.get(question.zones) if question.zones else self.zones.get(question.zone or "")

    def question(self, consultation: str, name: str) -> Question | None:
        """The question as configured, None if there is none."""
        return self.configuration.questions.get((consultation, name))

    def demand(self, source: str, free: int) -> Demand:
        """What this worker can take of a source with `free` slots for it."""
        return demand_of(source, self.configuration.sources[source], free)

    def at_once(self, source: str) -> int | None:
        """How many checks one lookup of a source may ask for; None is any number."""
        model = self.configuration.sources.get(source)
        if model is None or (model.together == 1 and of_many(self.sources[source])):
            return None
        return model.together

    def close(self) -> None:
        for source in self.sources.values():
            source.close()


def demand_of(name: str, model: SourceModel, free: int) -> Demand:
    """What a worker with `free` slots can take of a source."""
    return Demand(
        name,
        free * model.together,
        concurrency=model.concurrency,
        interval=model.interval,
        burst=model.lookups_at_once,
        late=model.late,
        daily=None if model.daily is None else model.daily // model.requests,
        hours=None if model.hours is None else model.hours.parsed,
        breaker=Breaker(model.breaker.failures, model.breaker.probe),
        batch=model.together,
    )
