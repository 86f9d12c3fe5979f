"""Asks a registry about many participants in one request.

Each participant gets the records that have the number that was typed, and nobody is judged by another one's. Records
with a number that nobody has asked for may be somebody's all the same, whose number the registry writes otherwise, or
say that it looked for something else: then nobody who has no record of their own was told anything. Such an answer is
no answer for them, and for the others it is as good as any: one odd number does not stand in the way of a whole batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.base import Finding, Found, Query, SourceError, Unavailable, Unreadable
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.numbers import Malformed, clean
from config.registry import RegistrySource
from config.registry.model.record import NUMBER
from config.registry.model.rules import EqualsRule


def adapter_class(model: RegistrySource) -> type[RegistryAdapter]:
    """What asks the registry that `model` describes."""
    return RegistryAdapter if model.batch is None else RegistryOfMany


@dataclass(frozen=True, slots=True)
class _BatchMember:
    """A query whose answer is cleaned; `number` is what its records are found by."""

    query: Query
    inputs: Mapping[str, str] = field(repr=False)
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was answered about `asked` numbers: the records of each number, and those that have none of them."""

    asked: int
    theirs: Mapping[str, Sequence[Any]] = field(repr=False)
    strange: Sequence[Any] = field(repr=False)

    def about(self, number: str) -> Sequence[Any]:
        """The records of one number.

        Raises:
            Unreadable: one that may be among them has another number.
        """
        found = self.theirs.get(number, ())
        if found or not self.strange:
            return found
        if self.asked > 1:
            raise Unreadable("the answer has records with numbers that nobody has asked for")
        return self.strange


class RegistryOfMany(RegistryAdapter):
    """A registry whose description has a `batch`. `most` queries are answered by one request; see `RegistryAdapter`."""

    def __init__(self, model: RegistrySource, **options: Any) -> None:
        if model.batch is None:
            raise ValueError("the description has no batch")
        super().__init__(model, **options)
        self.most = model.batch.most
        self._join = model.batch.join
        self._key = next(rule.input for rule in model.rules if isinstance(rule, EqualsRule) and rule.field == NUMBER)

    def look_up(self, query: Query) -> Found:
        """As one of many that is alone."""
        (found,) = self.look_up_many([query])
        if isinstance(found, SourceError):
            raise found
        return found

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        """Ask once for all of `queries`, at most `most`: what became of each, in their order."""
        cleaned = [self._cleaned(query) for query in queries]
        asked = [each for each in cleaned if isinstance(each, _BatchMember)]
        found = iter(self._found(asked) if asked else ())
        return [next(found) if isinstance(each, _BatchMember) else each for each in cleaned]

    def _cleaned(self, query: Query) -> _BatchMember | Finding:
        try:
            inputs = clean(query.answer, self._inputs)
        except Malformed as malformed:
            return self._malformed(malformed, {"version": self._model.version})
        return _BatchMember(query, inputs, inputs[self._key])

    def _found(self, asked: Sequence[_BatchMember]) -> Iterator[Found | SourceError]:
        numbers = list(dict.fromkeys(each.number for each in asked))
        evidence: dict[str, Any] = {"version": self._model.version, "batch": len(numbers)}
        answer: Finding | _Answer | SourceError
        try:
            answer = self._answered(numbers, min(each.query.timeout for each in asked), evidence)
        except SourceError as error:
            answer = error
        for each in asked:
            match answer:
                case _Answer():
                    yield self._judged(each, answer, dict(evidence))
                case Finding():
                    yield replace(answer, evidence=dict(answer.evidence))
                case SourceError():
                    yield answer

    def _answered(self, numbers: Sequence[str], timeout: float, evidence: dict[str, Any]) -> _Answer | Finding:
        if len(numbers) > self.most:
            raise Unavailable("more was to be asked at once than one request may hold")
        try:
            answer = self._ask({self._key: self._join.join(numbers)}, timeout, evidence)
        except Malformed:
            answer = None
        if answer is None:
            raise Unreadable("the numbers cannot stand in the request together")
        if isinstance(answer, Finding):
            return answer
        theirs: dict[str, list[Any]] = defaultdict(list)
        strange = []
        wanted = set(numbers)
        for record in self._reader.find(answer):
            held = wanted & self._numbers(record)
            for number in held:
                theirs[number].append(record)
            if not held:
                strange.append(record)
        return _Answer(len(numbers), theirs, strange)

    def _numbers(self, record: Mapping[str, Any]) -> set[str | None]:
        """The numbers of a record, as those that were typed are cleaned; none where they cannot be read."""
        try:
            return set(map(self._inputs[self._key].text, self._reader.numbers(record)))
        except Unreadable:
            return set()

    def _judged(self, asked: _BatchMember, answer: _Answer, evidence: dict[str, Any]) -> Found | SourceError:
        try:
            return self._judge(answer.about(asked.number), asked.query, asked.inputs, evidence)
        except SourceError as error:
            return error
        except Exception as error:  # noqa: BLE001 - what it failed on may be one record, and says nothing of the others
            return Unreadable(f"the adapter failed with {type(error).__name__}")
