"""Plays every failure case and every mutation of an answer against a description.

None of them may accept or refuse anyone. Mutations are played three times: for a participant whom the right answer
accepts, for one whom it refuses, and for a stranger who typed the same number. Where one is taken for a verdict all the
same, the option to fix is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from adapters.http_client.reply import Reply
from adapters.registry_tests.dependence import Dependence, keys_read
from adapters.registry_tests.description_tests import TrialResult
from adapters.registry_tests.encoder import Levels, Unwritable, changed_reply
from adapters.registry_tests.failure_cases import MOODS
from adapters.registry_tests.mutations import (
    CHANGES,
    TAKEN_AWAY,
    Mutation,
    MutationKind,
    change_at,
    mutations,
    rename_key,
)
from adapters.registry_tests.offline_run import Answer, Fault, NoAnswer, OfflineRun, Path, Played
from config.registry import RegistrySource
from config.registry.model.answer_formats import Csv
from config.registry.model.record import NAMES, STATUS
from config.registry.model.rules import NameRule, StatusRule, ValidAtRule, fields_of
from config.registry.model.trials import Trial
from jurat.vocabulary import Outcome

_WHOLE: Final = frozenset({MutationKind.ALL_NULL, MutationKind.ALL_RENAMED})
_MOVED: Final = frozenset({MutationKind.GONE, MutationKind.RENAMED})
"""Mutations that remove a date. Null may mean that there is no end."""

_SILENT: Final = frozenset({MutationKind.GONE, MutationKind.NULL})
"""Mutations that take a key away and leave no trace of it."""

_NAMES_AT: Final[Path] = ("record", "fields", NAMES)

_STRANGERS_NAMES: Final = ("Xenquilth", "Ozymbry")
"""Names of no one: they share no word with any record's."""

_SAYS: Final = "ask for what the registry says, such as suspended == `false`, not for what it leaves out"
_LAST: Final = "ask for what only the last page says, so that a key with another name does not look like the end"
_NULL: Final = "let it be null where the registry does not say so"
_NAMELESS: Final = (
    "remove absent: pass, for this registry gives names to compare; where it keeps no name of some who are gone, add a "
    "test of such a record, refused for its status"
)
_ELSEWHERE: Final = (
    "what is absent may have another key: let it be null unless every key is known, such as "
    'items[?!(ended) && !(keys(@)[?!contains(`["name", "ended"]`, @)])], or unless another entry has it'
)
_OPEN_END: Final = (
    "let the field give the value that means an open end, such as end == '' && '9999-12-31' || end, and be null where "
    "nothing is said; or write absent: undetermined"
)


@dataclass(frozen=True, slots=True)
class MoodResult:
    """One mood, or one mutation (`mutated`) of the answer of `test`, at one step, and its verdict.

    Where that is wrong, `place` is the option to fix, below the source; `problem` and `hint` say what is wrong with it.
    """

    test: str
    step: str
    mood: str
    found: str
    mutated: bool = False
    place: Path | None = None
    problem: str = ""
    hint: str = ""


def play_moods(offline_run: OfflineRun, results: Sequence[TrialResult]) -> Iterator[MoodResult]:
    """Play every mood and every mutation at each step. Yields nothing where no test is accepted.

    For those who are refused, and for strangers, only what is wrong is reported.
    """
    passed = [test for test in results if test.passed]
    accepted = [test for test in passed if test.trial.outcome is Outcome.ACCEPTED]
    accepted.sort(key=lambda test: -len(test.replies))  # moods are played on all pages
    for number, test in enumerate(accepted):
        for scene in _scenes(offline_run, test, _Applicant.ACCEPTED):
            if number == 0:
                yield from scene.moods()
            yield from scene.cuts()
            yield from scene.mutations()
    if not accepted:
        return
    as_strangers = list(_play_as_strangers(offline_run, passed))
    keeps_no_name = _keeps_no_name(offline_run.source, as_strangers)
    others = [(test, _Applicant.REFUSED) for test in passed if test.trial.outcome is Outcome.REFUSED]
    others += [(test, _Applicant.OPEN) for test in passed if _is_open(offline_run, test)]
    others += [
        (stranger, _Applicant.STRANGER)
        for test, stranger, played in as_strangers
        # The name matters here: no one else has the number.
        if test.trial.outcome is not Outcome.UNDETERMINED and played.outcome is Outcome.UNDETERMINED
    ]
    for test, role in others:
        for scene in _scenes(offline_run, test, role):
            wrong = (result for result in scene.mutations() if result.place is not None)
            yield from (each for each in wrong if not (keeps_no_name and each.place == _nameless(offline_run.source)))


class _Applicant(Enum):
    """The participant who is looked up, and so the verdict that no mutation may come to."""

    ACCEPTED = auto()
    """May not be refused."""
    REFUSED = auto()
    """May not be accepted."""
    OPEN = auto()
    """Was left undetermined by a rule: may be neither, where the same is said in another way."""
    STRANGER = auto()
    """Has another name than the record: may be neither."""


def _scenes(offline_run: OfflineRun, test: TrialResult, role: _Applicant) -> Iterator[_MutatedPage]:
    for index, step in enumerate(offline_run.source.steps):
        for page in step.pages:
            if page in test.replies:
                yield _MutatedPage(offline_run, test, index, page, role)


def _is_open(offline_run: OfflineRun, test: TrialResult) -> bool:
    """Whether a test is undetermined by a rule or for want of a record, rather than by the answer as a whole."""
    if test.trial.outcome is not Outcome.UNDETERMINED or not test.replies:
        return False
    place = offline_run.play(test.trial, test.replies).place
    return place[0] == "rules" or place == ("record", "absent")


def _play_as_strangers(
    offline_run: OfflineRun, passed: Sequence[TrialResult]
) -> Iterator[tuple[TrialResult, TrialResult, Played]]:
    """Each test, the same with a stranger's name typed in, and what that comes to."""
    for test in passed:
        if (trial := _with_strangers_name(offline_run.source, test.trial)) is not None:
            try:
                played = offline_run.play(trial, test.replies)
            except NoAnswer:
                continue
            yield test, replace(test, trial=trial), played


def _keeps_no_name(source: RegistrySource, as_strangers: Sequence[tuple[TrialResult, TrialResult, Played]]) -> bool:
    """Whether a test shows that a record without a name is refused for its status, as `absent: pass` says. Then a
    record whose name is gone is no mutation, but one more of those.
    """
    if _nameless(source) is None:
        return False
    for test, _, played in as_strangers:
        match test.trial.outcome, played.place:
            case Outcome.REFUSED, ("rules", int() as index) if isinstance(source.rules[index], StatusRule):
                return True
    return False


def _nameless(source: RegistrySource) -> Path | None:
    """Where a rule says that a record without a name may refuse."""
    for index, rule in enumerate(source.rules):
        if isinstance(rule, NameRule) and rule.absent == "pass":
            return ("rules", index, "absent")
    return None


def _with_strangers_name(source: RegistrySource, trial: Trial) -> Trial | None:
    typed = dict(trial.input)
    for rule in source.rules:
        if isinstance(rule, NameRule):
            for name, input_name in zip(_STRANGERS_NAMES, (rule.family, rule.given), strict=True):
                if input_name is not None:
                    typed[input_name] = name[: source.inputs[input_name].max_length]
    return trial.model_copy(update={"input": typed}) if typed != trial.input else None


class _MutatedPage:
    """One page of one step of one test, to be given other answers."""

    def __init__(self, offline_run: OfflineRun, test: TrialResult, index: int, page: str, role: _Applicant) -> None:
        self._source = source = offline_run.source
        self._offline_run = offline_run
        self._test = test
        self._index = index
        self._step = source.steps[index]
        self._role = role
        self._page = page
        self._reply = test.replies[page]
        self._levels = Levels(self._step, self._reply)
        is_last = index == len(source.steps) - 1
        self._dependence = Dependence(source, test.replies) if is_last else None

    def moods(self) -> Iterator[MoodResult]:
        yield from (self._act(f"the registry {mood.name}", mood.answer) for mood in MOODS)
        if self._source.sent:
            yield self._act("a cache answers in its place", replace(self._reply, headers={"age": "30"}))
        if position := self._step.pages.index(self._page):
            before = self._test.replies[self._step.pages[position - 1]]
            yield self._act("the registry answers the page before once more", before)

    def cuts(self) -> Iterator[MoodResult]:
        """The right answer, cut off where no Content-Length shows it but its format could."""
        first = self._step.decoders[0]
        if isinstance(first, Csv) and not first.csv.final_line_end:
            return
        whole = self._reply.body
        for where, length in (("in the middle", len(whole) // 2), ("near its end", len(whole.rstrip()) - 2)):
            if 0 < length < len(whole):
                yield self._act(f"the answer breaks off {where}", replace(self._reply, body=whole[:length]))

    def mutations(self) -> Iterator[MoodResult]:
        is_read = keys_read(self._source, self._index)
        for level, tree in enumerate(self._levels.trees):
            if not tree:
                continue  # nothing to change, and no table
            unchanged = self._levels.with_tree(level, tree).body
            for mutation in mutations(tree, is_read):
                try:
                    reply = self._levels.with_tree(level, mutation.tree)
                except Unwritable:
                    continue
                if reply.body != unchanged:  # XML writes a list of one as one
                    yield self._act(f"in the answer {mutation}", reply, mutation, level)

    def _act(self, mood: str, answer: Answer, mutation: Mutation | None = None, level: int = 0) -> MoodResult:
        try:
            played = self._play(answer, self._elsewhere(mutation, level))
        except NoAnswer as missing:
            found = f"goes on to {missing.step}"
            return MoodResult(self._test.trial.name, self._page, mood, found, mutation is not None)
        result = MoodResult(self._test.trial.name, self._page, mood, str(played), mutation is not None)
        short = self._step.next is not None and len(played.asked) < len(self._test.replies)
        if short and played.place[0] in ("record", "rules"):
            wrong = self._wrong(result, Fault(("steps", self._index, "next", "last"), "pages are not read", _LAST))
            # Null is how registries write that there is no next page.
            return result if mutation and mutation.kind in (MutationKind.NULL, MutationKind.ALL_NULL) else wrong
        return self._checked(result, played, answer, mutation, level)

    def _checked(
        self, result: MoodResult, played: Played, answer: Answer, mutation: Mutation | None, level: int
    ) -> MoodResult:
        """The result, with what is wrong with it for the participant who was looked up."""
        match self._role, played.outcome:
            case (_, Outcome.UNDETERMINED) | (_Applicant.REFUSED, Outcome.REFUSED):
                return result
            case _Applicant.ACCEPTED, Outcome.REFUSED:
                place = self._refusing(played)
                return self._wrong(result, Fault(place, "this refuses", _refusal_hint(place, mutation)))
            case _Applicant.OPEN, _:
                place = self._refusing(self._play(self._reply))
                place = ("record", "from") if place == ("record", "absent") else place
                problem = f"a participant whom this leaves open is {played.outcome}"
                wrong = self._wrong(result, Fault(place, problem, _ELSEWHERE))
                return result if self._says_another(mutation, place, answer) else wrong
            case _Applicant.STRANGER, Outcome.REFUSED:
                return self._wrong(result, self._refused_stranger(played))
            case _Applicant.STRANGER, _:
                hint = "give names that the record holds, and null where it holds none"
                return self._wrong(result, Fault(_NAMES_AT, "this accepts a stranger", hint))
        if mutation is None or mutation.kind in _WHOLE:
            hint = "add an outcome that ends with every answer that is not as it should be, such as when: !(…)"
            place = ("steps", self._index)
            return self._wrong(result, Fault(place, "this step goes on, and a participant is accepted", hint))
        if (fault := self._accepts_without_key(mutation, level)) is not None:
            return self._wrong(result, fault)
        # Null may mean an open end; where the key is gone, no one was accepted.
        null = frozenset({MutationKind.NULL})
        if self._role is _Applicant.REFUSED and not any(
            self._depends(each, mutation, level, null) for each in self._dates()
        ):
            place = self._refusing(self._play(self._reply))
            return self._wrong(result, Fault(place, "a participant whom this refuses is accepted", _SAYS))
        return result

    def _play(self, answer: Answer, others: Mapping[str, Answer] = MappingProxyType({})) -> Played:
        return self._offline_run.play(self._test.trial, {**self._test.replies, **others, self._page: answer})

    def _elsewhere(self, mutation: Mutation | None, level: int) -> Mapping[str, Answer]:
        """The other pages, where a key is changed as on all of them."""
        others = [] if mutation is None or not mutation.place or mutation.of_one else self._step.pages
        return {
            page: changed_reply(self._step, self._test.replies[page], level, mutation.place, CHANGES[mutation.kind])
            for page in others
            if mutation is not None and page != self._page and page in self._test.replies
        }

    def _wrong(self, result: MoodResult, fault: Fault) -> MoodResult:
        problem = f"{fault.problem} when {result.mood} (test '{result.test}', step '{result.step}')"
        return replace(result, place=fault.place, problem=problem, hint=fault.hint)

    def _refusing(self, played: Played) -> Path:
        """The line to fix: of a rule that refuses, the field that misled it."""
        match played.place:
            case ("rules", int() as index):
                return ("record", "fields", fields_of(self._source.rules[index])[0])
        return played.place

    def _refused_stranger(self, played: Played) -> Fault:
        problem = "this refuses a stranger who typed the number by mistake"
        nameless = _nameless(self._source)
        if nameless is not None and played.place[0] == "rules":
            return Fault(nameless, problem, _NAMELESS)
        place = self._refusing(played)
        return Fault(place, problem, _refusal_hint(place, None))

    def _says_another(self, mutation: Mutation | None, place: Path, answer: Answer) -> bool:
        """Whether a mutated answer looks as it does about someone else, who is rightly decided: it leaves out what does
        not apply, calls a key as before in other entries, or has fewer or shorter names, of which one matches.
        """
        if mutation is None or mutation.kind in _SILENT or (mutation.of_one and mutation.kind is MutationKind.RENAMED):
            return True
        if place != _NAMES_AT or self._dependence is None or not isinstance(answer, Reply):
            return False
        return not self._dependence.gives_more(NAMES, answer)

    def _depends(self, name: str, mutation: Mutation, level: int, kinds: frozenset[MutationKind]) -> bool:
        """Whether a field that a rule reads depends on a key that was taken from all entries of the answer."""
        if self._dependence is None or mutation.of_one or mutation.kind not in kinds or not mutation.place:
            return False
        if name == STATUS and not any(isinstance(rule, StatusRule) for rule in self._source.rules):
            return False
        return self._dependence.depends_on(name, level, mutation.place)

    def _accepts_without_key(self, mutation: Mutation, level: int) -> Fault | None:
        """The field that still accepts though a key that it depends on was taken away."""
        if self._depends(STATUS, mutation, level, TAKEN_AWAY):
            return Fault(("record", "fields", STATUS), "this still gives a status that accepts", _SAYS)
        if mutation.kind is MutationKind.GONE and self._sees_renaming(mutation, level):
            # A description that knows all keys may take an absent one for what it means.
            return None
        for name in self._dates():
            if self._depends(name, mutation, level, _MOVED):
                return Fault(("record", "fields", name), "this would still accept", _OPEN_END)
        if self._role is _Applicant.ACCEPTED and (made_up := self._find_made_up(mutation, level)):
            hint = _OPEN_END if made_up in self._dates() else _NULL
            return Fault(("record", "fields", made_up), "this still accepts", hint)
        return None

    def _find_made_up(self, mutation: Mutation, level: int) -> str | None:
        """The first field that a rule reads and that is a default of the description, now that a key was taken away. A
        key that a field does not need may be gone, and so may one of several that say the same.
        """
        if self._dependence is None or mutation.of_one or not mutation.place or mutation.kind not in TAKEN_AWAY:
            return None
        dates = self._dates()
        for name in dict.fromkeys(name for rule in self._source.rules for name in fields_of(rule)):
            if (
                name not in self._source.record.fields
                or name == STATUS
                or (name in dates and mutation.kind not in _MOVED)
            ):
                continue
            if self._dependence.makes_up(name, level, mutation.place, mutation.tree, self._accepts):
                return name
        return None

    def _sees_renaming(self, mutation: Mutation, level: int) -> bool:
        """Whether no one is accepted where the key that a mutation took away has another name."""
        renamed = change_at(self._levels.trees[level], mutation.place, rename_key)
        try:
            others = self._elsewhere(replace(mutation, kind=MutationKind.RENAMED), level)
            return not self._accepts(self._levels.with_tree(level, renamed), others)
        except Unwritable:
            return False

    def _accepts(self, reply: Reply, others: Mapping[str, Answer] = MappingProxyType({})) -> bool:
        try:
            return self._play(reply, others).outcome is Outcome.ACCEPTED
        except NoAnswer:
            return False

    def _dates(self) -> list[str]:
        rules = [rule for rule in self._source.rules if isinstance(rule, ValidAtRule)]
        return [name for rule in rules for name in rule.fields.values()]


def _refusal_hint(place: Path, mutation: Mutation | None) -> str:
    match place:
        case ("record", "fields", *_) if mutation is not None and mutation.of_one:
            hint = "let it be null where an entry of the list lacks it"
            return (
                f"{hint}, such as (!(list[?!(code)]) && list[].code) || `null`, so that nothing is refused for the rest"
            )
        case ("record", "fields", *_):
            return "let it be null where the registry does not say so, so that nothing is refused"
        case ("record", *_):
            hint = "let from be null where the registry does not say that it has no such record"
            return f"{hint}, or write absent: undetermined"
    return "ask for what the registry itself says in the body when it has no such record"
