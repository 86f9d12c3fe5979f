"""Judges the record that has a participant's number, wherever it was found, and claims the number for that participant.

What a registry and a roster have in common: they clean what was typed, and apply the rules to the one record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from adapters.base import Finding, NumberClaim, Query
from adapters.fingerprints import Fingerprints
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import RecordReader
from adapters.registry.rules import Case, Rules
from adapters.registry.trace import LookupTrace
from config.hours import parse_zone
from config.registry.model.source import RecordSource
from jurat.vocabulary import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and its inputs as they are sent and compared."""

    query: Query = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """Claims the number by which a record was found. Two sources with the same `namespace` look up the same people."""

    input: str
    namespace: str
    fingerprints: Fingerprints

    @staticmethod
    def of(source: RecordSource, name: str, fingerprints: Fingerprints) -> NumberHolder | None:
        """The holder for the numbers of the source `name`; None where several participants may have one."""
        if not source.one_person or not source.number_inputs:
            return None
        return NumberHolder(source.number_inputs[0], source.number_kind or name, fingerprints)

    def add_claim(self, finding: Finding, inputs: Mapping[str, str]) -> Finding:
        """The finding, with a claim of its number where it accepts."""
        if finding.outcome is not Outcome.ACCEPTED:
            return finding
        number = inputs[self.input]
        return replace(finding, claim=NumberClaim(self.namespace, self.fingerprints.all(self.namespace, number)))


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class RecordJudge:
    """The part of a source that does not depend on where its records are.

    `clock` returns the time with its zone; `watch` receives each step. `fingerprints` hash the numbers that the source
    `name` claims; without them it claims none.
    """

    _model: RecordSource

    def __init__(
        self,
        model: RecordSource,
        *,
        clock: Callable[[], datetime],
        watch: LookupTrace | None,
        name: str,
        fingerprints: Fingerprints | None,
    ) -> None:
        self._model = model
        self._clock, self._zone = clock, parse_zone(model.record.timezone)
        self._inputs = {name: Cleaner(field, today=self._today) for name, field in model.inputs.items()}
        self._reader = RecordReader(model.record)
        self._rules = Rules(model)
        self._holder = None if fingerprints is None else NumberHolder.of(model, name, fingerprints)
        self._trace = watch or LookupTrace()

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _prepare(self, query: Query) -> Asked | Finding:
        """The query with its inputs cleaned, or the finding where one cannot be right."""
        try:
            return Asked(query, clean(query.answer, self._inputs))
        except Malformed as malformed:
            return self._reject(malformed, {"version": self._model.version})

    def _reject(self, malformed: Malformed, evidence: dict[str, Any]) -> Finding:
        """The finding for an input that cannot be right. Only the trace says which it was."""
        if malformed.input:
            self._trace.on_malformed(malformed.input, malformed.failed)
        return Finding(Outcome.UNDETERMINED, malformed.reason, evidence)

    def _judge(
        self, asked: Asked, records: Sequence[Any], evidence: dict[str, Any], absent: Outcome | None = None
    ) -> Finding:
        """The finding from the records that have the number; without one it is `absent`, by default the description's.

        Raises Unreadable where the record is not as described.
        """
        evidence["records"] = len(records)
        self._trace.on_records(records)
        if not records:
            return Finding(absent or Outcome(self._model.record.absent), Reason.RECORD_NOT_FOUND, evidence)
        if len(records) > 1:
            return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence)
        record = self._reader.read(records[0])
        self._trace.on_record(record)
        case = Case(record, asked.inputs, asked.query.requirement, evidence, self._today())
        finding = self._rules.judge(case, self._trace.on_rule)
        return finding if self._holder is None else self._holder.add_claim(finding, asked.inputs)
