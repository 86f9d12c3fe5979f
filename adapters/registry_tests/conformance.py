"""Plays every failure case and every changed shape of an answer against a description.

None of that may accept or refuse anybody. Shapes are played three times: as who is accepted by the right answer, as who
is refused by it, and as a stranger who typed the same number. What is taken for a registry's word all the same is told
with the option that takes it for one, so that it can be mended before the description is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from adapters.http_client.reply import Reply
from adapters.registry_tests.dependence import Dependence, keys_read
from adapters.registry_tests.description_tests import Tried
from adapters.registry_tests.encoder import Levels, Unwritable
from adapters.registry_tests.failure_cases import MOODS
from adapters.registry_tests.mutations import TAKEN_AWAY, MutationKind, Shape, shapes
from adapters.registry_tests.offline_run import Answer, NoAnswer, OfflineRun, Path, Played
from config.registry import RegistrySource
from config.registry.model.answer_formats import Csv
from config.registry.model.rules import EqualsRule, MinAgeRule, NameRule, OneOfRule, StatusRule, ValidAtRule
from config.registry.model.source import Step
from config.registry.model.trials import Trial
from jurat.vocabulary import Outcome

_STATUS: Final = "status"
_WHOLE: Final = frozenset({MutationKind.ALL_NULL, MutationKind.ALL_RENAMED})
_MOVED: Final = frozenset({MutationKind.GONE, MutationKind.RENAMED})
"""Changes after which a date is not said. That it is null may say that there is no end."""

_STRANGERS_NAMES: Final = ("Xenquilth", "Ozymbry")
"""Of nobody. They have no word in common with any record's."""

_SAYS: Final = "ask for what the registry says, such as suspended == `false`, not for what it leaves out"
_NULL: Final = "let it be null where the registry does not say so"
_NAMELESS: Final = (
    "remove absent: pass, for this registry gives names to compare; where it keeps no name of some who are gone, add a "
    "test of such a record, refused for its status"
)
_OPEN_END: Final = (
    "let the field say what stands for an open end, such as end == '' && '9999-12-31' || end, and be null where "
    "nothing is said; or write absent: undetermined"
)


@dataclass(frozen=True, slots=True)
class Acted:
    """One mood, or one other `shaped` form of the answer of `test`, at one step, and what it came to.

    Where that is wrong, `place` is the option to fix, below the source, and `said` and `hint` what is wrong with it.
    """

    test: str
    step: str
    mood: str
    found: str
    shaped: bool = False
    place: Path | None = None
    said: str = ""
    hint: str = ""


def play_moods(source: RegistrySource, offline_run: OfflineRun, tried: Sequence[Tried]) -> Iterator[Acted]:
    """Every mood and every other shape, at each step, beginning with what the tests that are accepted are answered.

    Nothing where no test is accepted, as it should be: then nothing gets as far. Of who is refused, and of strangers,
    only what is wrong is told: they are as numerous, and come to what they came to before.
    """
    passed = [test for test in tried if test.passed]
    accepted = [test for test in passed if test.trial.outcome is Outcome.ACCEPTED]
    for number, test in enumerate(accepted):
        for scene in _scenes(source, offline_run, test, _Role.ACCEPTED):
            if number == 0:
                yield from scene.moods()
            yield from scene.cuts()
            yield from scene.shapes()
    if not accepted:
        return
    keeps_no_name = _keeps_no_name(source, offline_run, passed)
    others = [(test, _Role.REFUSED) for test in passed if test.trial.outcome is Outcome.REFUSED]
    others += [(test, _Role.STRANGER) for test in _strangers(source, offline_run, passed)]
    for test, role in others:
        for scene in _scenes(source, offline_run, test, role):
            wrong = (acted for acted in scene.shapes() if acted.place is not None)
            yield from (acted for acted in wrong if not (keeps_no_name and acted.place == _nameless(source)))


class _Role(Enum):
    """Who is looked up, and so what no other shape of the answer may come to."""

    ACCEPTED = auto()
    """May not be refused."""
    REFUSED = auto()
    """May not be accepted."""
    STRANGER = auto()
    """Of another name than the record's: may not be either."""


def _scenes(source: RegistrySource, offline_run: OfflineRun, test: Tried, role: _Role) -> Iterator[_Scene]:
    for index, step in enumerate(source.steps):
        if step.name in test.replies:
            yield _Scene(source, offline_run, test, index, role)


def _strangers(source: RegistrySource, offline_run: OfflineRun, passed: Sequence[Tried]) -> Iterator[Tried]:
    """The tests with the name of nobody typed in, as far as the name matters: not where nobody has the number."""
    for test in passed:
        trial = _of_a_stranger(source, test.trial)
        if trial is None or test.trial.outcome is Outcome.UNDETERMINED:
            continue
        try:
            played = offline_run.play(trial, test.replies)
        except NoAnswer:
            continue
        if played.outcome is Outcome.UNDETERMINED:
            yield replace(test, trial=trial)


def _keeps_no_name(source: RegistrySource, offline_run: OfflineRun, passed: Sequence[Tried]) -> bool:
    """Whether a test shows that a record without a name is refused for its status, as `absent: pass` says.

    Then a record whose name is gone is no other shape, but one more of those.
    """
    if _nameless(source) is None:
        return False
    for test in passed:
        trial = _of_a_stranger(source, test.trial)
        if trial is None or test.trial.outcome is not Outcome.REFUSED:
            continue
        try:
            place = offline_run.play(trial, test.replies).place
        except NoAnswer:
            continue
        match place:
            case ("rules", int() as index) if isinstance(source.rules[index], StatusRule):
                return True
    return False


def _nameless(source: RegistrySource) -> Path | None:
    """Where a rule says that a record without a name may refuse."""
    for index, rule in enumerate(source.rules):
        if isinstance(rule, NameRule) and rule.absent == "pass":
            return ("rules", index, "absent")
    return None


def _of_a_stranger(source: RegistrySource, trial: Trial) -> Trial | None:
    typed = dict(trial.input)
    for rule in source.rules:
        if isinstance(rule, NameRule):
            for name, input_name in zip(_STRANGERS_NAMES, (rule.family, rule.given), strict=True):
                if input_name is not None:
                    typed[input_name] = name[: source.inputs[input_name].max_length]
    return trial.model_copy(update={"input": typed}) if typed != trial.input else None


class _Scene:
    """One step of one test, to be answered otherwise."""

    def __init__(self, source: RegistrySource, offline_run: OfflineRun, test: Tried, index: int, role: _Role) -> None:
        self._source = source
        self._rehearsal = offline_run
        self._test = test
        self._index = index
        self._step: Step = source.steps[index]
        self._role = role
        self._reply = test.replies[self._step.name]
        self._levels = Levels(self._step, self._reply)
        is_last = index == len(source.steps) - 1
        self._resting = Dependence(source, self._reply) if is_last else None

    def moods(self) -> Iterator[Acted]:
        for mood in MOODS:
            yield self._act(f"the registry {mood.name}", mood.answer)

    def cuts(self) -> Iterator[Acted]:
        """The right answer, broken off in a way that no length told, where its form could tell."""
        first = self._step.decoders[0]
        if isinstance(first, Csv) and not first.csv.final_line_end:
            return
        whole = self._reply.body
        for said, length in (("in the middle", len(whole) // 2), ("near its end", len(whole.rstrip()) - 2)):
            if 0 < length < len(whole):
                cut = Reply(self._reply.status, self._reply.headers, whole[:length])
                yield self._act(f"the answer breaks off {said}", cut)

    def shapes(self) -> Iterator[Acted]:
        is_read = keys_read(self._source, self._index)
        for level, tree in enumerate(self._levels.trees):
            unchanged = self._levels.with_tree(level, tree).body
            for shape in shapes(tree, is_read):
                try:
                    reply = self._levels.with_tree(level, shape.tree)
                except Unwritable:
                    continue
                if reply.body != unchanged:  # XML does not tell a list of one from one
                    yield self._act(f"in the answer {shape}", reply, shape, level)

    def _act(self, mood: str, answer: Answer, shape: Shape | None = None, level: int = 0) -> Acted:
        try:
            played = self._play(answer)
        except NoAnswer as missing:
            found = f"goes on to {missing.step}"
            return Acted(self._test.trial.name, self._step.name, mood, found, shape is not None)
        acted = Acted(self._test.trial.name, self._step.name, mood, str(played), shape is not None)
        match self._role, played.outcome:
            case (_, Outcome.UNDETERMINED) | (_Role.REFUSED, Outcome.REFUSED):
                return acted
            case _Role.ACCEPTED, Outcome.REFUSED:
                place = self._refusing(played)
                return self._wrong(acted, place, "this refuses", _refusal_hint(place, shape))
            case _Role.STRANGER, Outcome.REFUSED:
                return self._wrong(acted, *self._refused_stranger(played))
            case _Role.STRANGER, _:
                hint = "give names that the record holds, and null where it holds none"
                return self._wrong(acted, ("record", "fields", "names"), "this accepts a stranger", hint)
        if shape is None or shape.kind in _WHOLE:
            hint = "add an outcome that ends with every answer that is not as it should be, such as when: !(…)"
            return self._wrong(acted, ("steps", self._index), "this step goes on, and somebody is accepted", hint)
        if (field := self._read_from_nothing(shape, level)) is not None:
            return self._wrong(acted, *field)
        if self._role is _Role.REFUSED and not any(self._is_named_null(name, shape, level) for name in self._dates()):
            place = self._refusing(self._play(self._reply))
            return self._wrong(acted, place, "who is refused by this is accepted", _SAYS)
        return acted

    def _play(self, answer: Answer) -> Played:
        return self._rehearsal.play(self._test.trial, {**self._test.replies, self._step.name: answer})

    def _wrong(self, acted: Acted, place: Path, said: str, hint: str) -> Acted:
        where = f"{said} when {acted.mood} (test '{acted.test}', step '{acted.step}')"
        return replace(acted, place=place, said=where, hint=hint)

    def _refusing(self, played: Played) -> Path:
        """The line to fix: of a rule that refuses, the field that it was misled by."""
        match played.place:
            case ("rules", int() as index):
                match self._source.rules[index]:
                    case StatusRule():
                        return ("record", "fields", _STATUS)
                    case EqualsRule(field=name) | OneOfRule(field=name) | MinAgeRule(field=name):
                        return ("record", "fields", name)
                    case ValidAtRule(fields=fields):
                        return ("record", "fields", next(iter(fields.values())))
        return played.place

    def _refused_stranger(self, played: Played) -> tuple[Path, str, str]:
        said = "this refuses a stranger who typed the number by mistake"
        nameless = _nameless(self._source)
        if nameless is not None and played.place[0] == "rules":
            return nameless, said, _NAMELESS
        place = self._refusing(played)
        return place, said, _refusal_hint(place, None)

    def _rests(self, name: str, shape: Shape, level: int, kinds: frozenset[MutationKind]) -> bool:
        """Whether a field that a rule looks at rests on what this shape took away from all entries of the answer."""
        if self._resting is None or shape.of_one or shape.kind not in kinds or not shape.place:
            return False
        if name == _STATUS and not any(isinstance(rule, StatusRule) for rule in self._source.rules):
            return False
        return self._resting.rests(name, self._levels, level, shape.place)

    def _read_from_nothing(self, shape: Shape, level: int) -> tuple[Path, str, str] | None:
        """The field that still accepts though a key that it rests on was taken away, and what is wrong with it."""
        if self._rests(_STATUS, shape, level, TAKEN_AWAY):
            return ("record", "fields", _STATUS), "this still gives a status that accepts", _SAYS
        for name in self._dates():
            if self._rests(name, shape, level, _MOVED):
                return ("record", "fields", name), "this would still accept", _OPEN_END
        if self._role is _Role.ACCEPTED and (made_up := self._made_up(shape, level)):
            hint = _OPEN_END if made_up in self._dates() else _NULL
            return ("record", "fields", made_up), "this still accepts", hint
        return None

    def _made_up(self, shape: Shape, level: int) -> str | None:
        """The first field that a rule looks at and that is a default of the description, now that a key was taken away.

        A key that a field does not need may be gone, and one of several that say the same as well.
        """
        if self._resting is None or shape.of_one or not shape.place or shape.kind not in TAKEN_AWAY:
            return None
        dates = self._dates()
        for name in _fields_of(self._source):
            if name == _STATUS or (name in dates and shape.kind not in _MOVED):
                continue
            if self._resting.makes_up(name, self._levels, level, shape.place, shape.tree, self._accepts):
                return name
        return None

    def _accepts(self, reply: Reply) -> bool:
        try:
            return self._play(reply).outcome is Outcome.ACCEPTED
        except NoAnswer:
            return False

    def _dates(self) -> list[str]:
        rules = [rule for rule in self._source.rules if isinstance(rule, ValidAtRule)]
        return [name for rule in rules for name in rule.fields.values()]

    def _is_named_null(self, name: str, shape: Shape, level: int) -> bool:
        """Whether null stands for an open end: where the key is gone, nobody was accepted for it."""
        return self._rests(name, shape, level, frozenset({MutationKind.NULL}))


def _fields_of(source: RegistrySource) -> list[str]:
    """The fields that the rules look at, each once, in order."""
    found: dict[str, None] = {}
    for rule in source.rules:
        match rule:
            case NameRule():
                found["names"] = None
            case StatusRule():
                found[_STATUS] = None
            case ValidAtRule(fields=fields):
                found |= dict.fromkeys(fields.values())
            case EqualsRule(field=name) | OneOfRule(field=name) | MinAgeRule(field=name):
                found[name] = None
    return [name for name in found if name in source.record.fields]


def _refusal_hint(place: Path, shape: Shape | None) -> str:
    match place:
        case ("record", "fields", *_) if shape is not None and shape.of_one:
            said = "let it be null where an entry of the list lacks it"
            return (
                f"{said}, such as (!(list[?!(code)]) && list[].code) || `null`, so that nothing is refused for the rest"
            )
        case ("record", "fields", *_):
            return "let it be null where the registry does not say so, so that nothing is refused"
        case ("record", *_):
            said = "let from be null where the registry does not say that nobody is there"
            return f"{said}, or write absent: undetermined"
    return "ask for what the registry itself says in the body when nobody is there"
