"""Asks a registry about many participants in one request.

Each participant is judged only by records that have the number that was typed. A record with a number that was not
asked for may be a participant's whose number the registry writes in another way, or show that the registry looked for
something else. So such an answer is no answer for those who have no record of their own; for the others it is valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.base import Finding, Found, Query, SourceError, SourceOfMany, Unavailable, Unreadable
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.judge import Asked
from adapters.registry.numbers import Malformed
from config.registry import RegistrySource


def adapter_class(model: RegistrySource) -> type[RegistryAdapter]:
    """The class whose adapters ask the registry that `model` describes."""
    return RegistryAdapter if model.batch is None else RegistryOfMany


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer about `count` numbers: the records of each number, and those that have none of them."""

    count: int
    by_number: Mapping[str, Sequence[Any]] = field(repr=False)
    others: Sequence[Any] = field(repr=False)

    def records_of(self, number: str) -> Sequence[Any]:
        """The records of one number. Raises Unreadable where a record with another number may be among them."""
        found = self.by_number.get(number, ())
        if found or not self.others:
            return found
        if self.count > 1:
            raise Unreadable("the answer has records with numbers that were not asked for")
        return self.others


class RegistryOfMany(RegistryAdapter, SourceOfMany):
    """A registry whose description has a `batch`: one request answers `most` queries. See `RegistryAdapter`."""

    def __init__(self, model: RegistrySource, **options: Any) -> None:
        if model.batch is None:
            raise ValueError("the description has no batch")
        super().__init__(model, **options)
        self.most = model.batch.most
        self._join = model.batch.join
        self._key = model.number_inputs[0]

    def look_up(self, query: Query) -> Found:
        """Look up one, as a batch of its own."""
        return SourceOfMany.look_up(self, query)

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        """Ask once for all of `queries`, at most `most`: the result of each, in their order."""
        prepared = [self._prepare(query) for query in queries]
        members = [each for each in prepared if isinstance(each, Asked)]
        found = iter(self._find(members) if members else ())
        return [next(found) if isinstance(each, Asked) else each for each in prepared]

    def _find(self, members: Sequence[Asked]) -> Iterator[Found | SourceError]:
        numbers = list(dict.fromkeys(each.inputs[self._key] for each in members))
        evidence: dict[str, Any] = {"version": self._model.version, "batch": len(numbers)}
        answer: Finding | _Answer | SourceError
        try:
            answer = self._ask_all(numbers, min(each.query.timeout for each in members), evidence)
        except SourceError as error:
            answer = error
        for each in members:
            match answer:
                case _Answer():
                    yield self._judge_member(each, answer, dict(evidence))
                case Finding():
                    yield replace(answer, evidence=dict(answer.evidence))
                case SourceError():
                    yield answer

    def _ask_all(self, numbers: Sequence[str], timeout: float, evidence: dict[str, Any]) -> _Answer | Finding:
        if len(numbers) > self.most:
            raise Unavailable("more numbers were to be asked for than one request may hold")
        try:
            found = self._ask({self._key: self._join.join(numbers)}, timeout, evidence)
        except Malformed:
            found = None
        if found is None:
            raise Unreadable("the numbers cannot be sent in one request")
        if isinstance(found, Finding):
            return found
        by_number: dict[str, list[Any]] = defaultdict(list)
        others = []
        wanted = set(numbers)
        for record in found:
            matching = wanted & self._numbers(record)
            for number in matching:
                by_number[number].append(record)
            if not matching:
                others.append(record)
        return _Answer(len(numbers), by_number, others)

    def _numbers(self, record: Mapping[str, Any]) -> set[str | None]:
        """The numbers of a record, cleaned as typed ones are; none where they cannot be read."""
        try:
            return set(map(self._inputs[self._key].clean_record_value, self._reader.numbers(record)))
        except Unreadable:
            return set()

    def _judge_member(self, member: Asked, answer: _Answer, evidence: dict[str, Any]) -> Found | SourceError:
        try:
            return self._judge(member, answer.records_of(member.inputs[self._key]), evidence)
        except SourceError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one record may be at fault, and must not fail the others
            return Unreadable(f"the adapter failed with {type(error).__name__}")
