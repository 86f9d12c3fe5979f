"""Judges the record that has a participant's number, wherever it was found, and claims the number for that participant.

What a registry and a roster have in common: they clean what was typed, and apply the rules to the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from adapters.base import Finding, NumberClaim, Query, Unreadable
from adapters.fingerprints import Fingerprints
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import Record, RecordReader
from adapters.registry.rules import Case, Rules
from adapters.registry.several import combined, newest
from adapters.registry.trace import LookupTrace
from adapters.rosters import MOST_ALIKE
from config.hours import parse_zone
from config.registry.model.record import Newest
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
        self,
        asked: Asked,
        records: Sequence[Any],
        evidence: dict[str, Any],
        absent: Outcome | None = None,
        *,
        complete: bool = True,
    ) -> Finding:
        """The finding from the records that have the number; without one it is `absent`, by default the description's.
        Unless they are `complete`, another one with the number may be missing.

        Raises Unreadable where a record is not as described.
        """
        several = self._model.record.several
        self._trace.on_records(records)
        if records and several is not None:
            # Without one that has the number, the rules say of the first that its number is another.
            records = self._own(asked, records) or records[:1]
        evidence["records"] = len(records)
        if not records:
            return Finding(absent or Outcome(self._model.record.absent), Reason.RECORD_NOT_FOUND, evidence)
        ambiguous = Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence)
        lone = self._model.record.several_kind == "one"
        if len(records) > (1 if lone else MOST_ALIKE):
            return ambiguous
        findings = self._judge_each(asked, [self._reader.read(record) for record in records], evidence)
        if not findings:
            return ambiguous
        finding = combined(several, findings if complete or lone else [*findings, ambiguous])
        return finding if self._holder is None else self._holder.add_claim(finding, asked.inputs)

    def _judge_each(self, asked: Asked, records: Sequence[Record], evidence: Mapping[str, Any]) -> Sequence[Finding]:
        """The findings from the records that count; none where it cannot be told which is the newest."""
        several, today = self._model.record.several, self._today()
        counting, findings = records, []
        if isinstance(several, Newest) and len(records) > 1:
            counting = newest(records, several.newest, today)
        for record in records:
            self._trace.on_record(record)
            if any(record is each for each in counting):
                case = Case(record, asked.inputs, asked.query.requirement, dict(evidence), today)
                findings.append(self._rules.judge(case, self._trace.on_rule))
        return findings

    def _own(self, asked: Asked, records: Sequence[Any]) -> Sequence[Any]:
        """The records that have the typed number, or one that no participant could type: it may be theirs, written in
        another way. Raises Unreadable where a record has none.
        """
        numbers = [(self._reader.numbers(record), record) for record in records]
        if not all(found for found, _ in numbers):
            raise Unreadable("one of several records has no number")
        for name in self._model.number_inputs[:1]:
            wanted, clean_number = {asked.inputs.get(name), None}, self._inputs[name].clean_record_value
            return [record for found, record in numbers if wanted & set(map(clean_number, found))]
        return ()
