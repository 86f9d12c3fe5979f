"""Compares the shape of an answer, which is its places and the types there, with those that a description's tests know.

Values are never kept: a difference has places and types alone.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from adapters.http_client.reply import WHOLE, Reply
from adapters.registry.decoder import Decoded, Origin, ReplyDecoder
from adapters.registry.places import ANY, EACH, Place, dotted, places_read
from adapters.registry.trace import LookupTrace
from adapters.registry.trial_replies import ReadFile, trial_reply
from config.problems import printable
from config.registry import RegistrySource
from config.registry.model.rules import OutcomeRule
from config.registry.model.source import Step
from config.registry.trial_files import NoFile, read_shipped
from jurat.vocabulary import Outcome

ABSENT: Final = "absent"
_TYPES: Final[Mapping[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}
_LONGEST_PATH: Final = 200
_MOST_NOTED: Final = 5

_Types = Mapping[Place, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Drift:
    """A place whose types no test shows: `found` in the answer of a step, `known` from the tests."""

    step: str
    place: Place
    found: frozenset[str]
    known: frozenset[str]
    is_read: bool
    """Whether the description reads this place."""

    @property
    def path(self) -> str:
        return printable(dotted(self.place), _LONGEST_PATH) or "the answer"

    def __str__(self) -> str:
        return f"{self.path} {self._what()}"

    def _what(self) -> str:
        if not self.known:
            return "is new"
        if ABSENT in self.found - self.known:
            return "is gone" if self.found == {ABSENT} else "is gone from some entries"
        return f"is {_list(self.found - self.known)}, not {_list(self.known - {ABSENT})}"


def note_of(drifts: Collection[Drift]) -> str:
    """What differs at places that the description reads, in one line; "" if nothing does."""
    found = [str(drift) for drift in drifts if drift.is_read]
    more = f" … and {len(found) - _MOST_NOTED} more" if len(found) > _MOST_NOTED else ""
    return "; ".join(found[:_MOST_NOTED]) + more


class AnswerBodies(LookupTrace):
    """Keeps the body of each answer of a lookup that no outcome took for something else than the record: of several
    pages the first, which is what the tests of a step show.
    """

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}

    def on_reply(self, step: str, reply: Reply, decoded: Decoded) -> None:
        if _is_whole(reply, decoded):
            self.bodies.setdefault(step, decoded.body)

    def on_outcome(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        if held:
            self.bodies.pop(step, None)


class DriftWatch:
    """Compares answers about the control record with the tests, at most once in `every` seconds. It gives `note` what
    differs at places that are read; "" if nothing does. Used by one thread at a time.
    """

    def __init__(
        self,
        source: RegistrySource,
        note: Callable[[str], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        every: float = 3600.0,
    ) -> None:
        self._source, self._note = source, note
        self._clock, self._every = clock, every
        self._next = -math.inf
        self._shapes: Shapes | None = None

    def compare(self, bodies: Mapping[str, Any], typed: Mapping[str, str]) -> None:
        """Compare the answers of one lookup, if it is time. A description with a test whose answer is in a file that
        is not here is never compared.
        """
        if not bodies or self._clock() < self._next:
            return
        self._next = self._clock() + self._every
        try:
            self._shapes = self._shapes or Shapes(self._source, read_shipped)
        except NoFile:
            self._next = math.inf
        else:
            self._note(note_of(self._shapes.compare(bodies, typed)))


class Shapes:
    """The shapes that the tests of a description know, by step.

    A place has the types that accepted tests show; of one that they do not have, others show them. Raises NoFile where
    the answer of a test cannot be read.
    """

    def __init__(self, source: RegistrySource, read_file: ReadFile) -> None:
        self._known: dict[str, _Types] = {}
        self._read: dict[str, frozenset[Place]] = {}
        for index, step in enumerate(source.steps):
            self._read[step.name] = places_read(source, index)
            answers = list(_answers(source, step, read_file))
            seen, accepted = defaultdict[Place, set[str]](set), defaultdict[Place, set[str]](set)
            for body, typed, _ in answers:
                _add_types(seen, body, typed)
            keys = _keys_by_place(seen)
            for body, typed, is_accepted in answers:
                if is_accepted:
                    _add_types(accepted, body, typed, keys)
            if accepted:
                self._known[step.name] = {
                    place: frozenset(accepted[place] if accepted[place] - {ABSENT} else accepted[place] | types)
                    for place, types in seen.items()
                }

    def compare(self, bodies: Mapping[str, Any], typed: Mapping[str, str]) -> list[Drift]:
        """Where answers differ from the tests, topmost places first. `typed` are the inputs of their lookup."""
        return [drift for step, body in bodies.items() for drift in self._drifts(step, body, _words(typed))]

    def _drifts(self, step: str, body: Any, typed: frozenset[str]) -> Iterator[Drift]:
        known, found = self._known.get(step), defaultdict[Place, set[str]](set)
        if known is None:
            return
        _add_types(found, body, typed, _keys_by_place(known))
        for place, types in sorted(found.items()):
            before = known.get(place, frozenset())
            if not types <= before and place[:-1] in known:
                keys, read = tuple(key for key in place if key != EACH), self._read[step]
                is_read = not keys or any(map(partial(_is_at, keys), read))
                may_be_data = is_read and not before and keys not in read
                shown = (*place[:-1], ANY) if may_be_data else place
                yield Drift(step, shown, frozenset(types), before, is_read)


def _answers(source: RegistrySource, step: Step, read_file: ReadFile) -> Iterator[tuple[Any, frozenset[str], bool]]:
    """The whole answers of a step in the tests, with what was typed and whether that is accepted."""
    decoder = ReplyDecoder(step)
    for index, trial in enumerate(source.tests):
        if response := trial.responses.get(step.name):
            reply = trial_reply(response, step, ("tests", index, "responses", step.name), read_file)
            decoded = decoder.read(reply)
            if _is_whole(reply, decoded):
                yield decoded.body, _words(trial.input), trial.outcome is Outcome.ACCEPTED


def _is_at(keys: Place, read: Place) -> bool:
    return len(keys) == len(read) and all(one in (ANY, key) for key, one in zip(keys, read, strict=True))


def _is_whole(reply: Reply, decoded: Decoded) -> bool:
    return reply.status in WHOLE and decoded.origin is Origin.WHOLE


def _add_types(
    types: dict[Place, set[str]], body: Any, typed: frozenset[str], keys: Mapping[Place, Collection[str]] | None = None
) -> None:
    """Add the types at each place of `body`, and that those of `keys` are absent that an object lacks."""
    waiting: list[tuple[Place, Any]] = [((), body)]
    while waiting:
        place, node = waiting.pop()
        types[place].add(_TYPES[type(node)])
        if isinstance(node, dict):
            children = {ANY if _word(key) in typed else key: child for key, child in node.items()}
            waiting += [((*place, key), child) for key, child in children.items()]
            for key in (keys or {}).get(place, ()):
                if key not in children:
                    types[*place, key].add(ABSENT)
        elif isinstance(node, list):
            waiting += [((*place, EACH), child) for child in node]


def _keys_by_place(known: Collection[Place]) -> dict[Place, list[str]]:
    """The keys that the objects at each place may have."""
    keys: dict[Place, list[str]] = defaultdict(list)
    for place in known:
        if place and place[-1] != EACH:
            keys[place[:-1]].append(place[-1])
    return keys


def _words(typed: Mapping[str, str]) -> frozenset[str]:
    return frozenset(filter(None, map(_word, typed.values())))


def _word(text: str) -> str:
    """What cleaning makes of what was typed, whichever it is."""
    return "".join(filter(str.isalnum, text)).casefold()


def _list(types: Collection[str]) -> str:
    return " or ".join(sorted(types))
