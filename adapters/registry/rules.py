"""Applies the rules of a description to a record, in order.

A refusal waits until the number, and the name where the record gives one, have matched. Lint checks a description for
that order; it is enforced here as well, for descriptions that were never linted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from adapters.base import Finding, Unreadable
from adapters.edit_distance import count_slips
from adapters.person_names.comparison import Band, Name, compare, is_withheld
from adapters.person_names.organisations import compare_organisations
from adapters.registry.dates import DaySpan
from adapters.registry.numbers import AHEAD, Cleaner, compact, parse_day
from adapters.registry.record import Record, text_of
from config.registry.model.inputs import Input, NumberFormat
from config.registry.model.record import NAMES, NUMBER, STATUS
from config.registry.model.rules import (
    EqualsRule,
    MinAgeRule,
    NameRule,
    OneOfRule,
    Rule,
    SentRule,
    StatusRule,
    ValidAtRule,
)
from config.registry.model.source import RecordSource
from jurat.vocabulary import Outcome, Reason

Failure = tuple[Outcome, Reason]
"""The verdict of a rule that does not hold."""

_DIFFERS: Failure = (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
_AMBIGUOUS: Failure = (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)
_NOT_PUBLIC: Failure = (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
_UNKNOWN: Failure = (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
_MISSING: Failure = (Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)

_YEARS = re.compile("[0-9]{1,3}")


@dataclass(slots=True)
class Case:
    """One record, and what it is compared with. `inputs` are the cleaned answer, `today` is the registry's own day."""

    record: Record = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    requirement: Mapping[str, Any]
    evidence: dict[str, Any]
    today: date
    number_matched: bool = False
    name_matched: bool = False
    unnamed: bool = False


_Check = Callable[[Case], Failure | None]
OnRule = Callable[[int, Rule, Failure | None], None]
"""Receives each rule that was applied, with its index in the description, and its verdict where it does not hold."""


class Rules:
    """The rules of one source, compiled. Thread-safe."""

    def __init__(self, source: RecordSource) -> None:
        self._checks = tuple((rule, _compile(rule, source)) for rule in source.rules)
        self._has_names = NAMES in source.record.fields
        self._repeats_number = not source.sent
        self._numbers = frozenset(source.number_inputs)
        self._inputs = source.inputs

    def judge(self, case: Case, on_rule: OnRule = lambda *_: None) -> Finding:
        """The finding of the first rule that does not hold, or that the record matches.

        Raises Unreadable where the record has no number to compare, or a date that cannot be.
        """
        refusal: tuple[Failure, Rule] | None = None
        for index, (rule, check) in enumerate(self._checks):
            failure = check(case)
            on_rule(index, rule, failure)
            if failure is None:
                continue
            if failure[0] is not Outcome.REFUSED or self._may_refuse(case, rule):
                return _finding(case, failure, rule)
            if case.unnamed:
                return _finding(case, _NOT_PUBLIC, rule)
            refusal = refusal or (failure, rule)
        if not self._is_theirs(case):
            return _finding(case, _NOT_PUBLIC if case.number_matched and case.unnamed else _DIFFERS)
        if refusal is not None:
            return (
                _finding(case, *refusal) if self._may_refuse(case, refusal[1]) else _finding(case, _DIFFERS, refusal[1])
            )
        return Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, case.evidence)

    def _is_theirs(self, case: Case) -> bool:
        """Whether the record is the participant's own: by number, and by name where the registry gives names."""
        return case.number_matched and (case.name_matched or not self._has_names)

    def _may_refuse(self, case: Case, rule: Rule) -> bool:
        """Whether `rule` may refuse for this record. A record without a name may be a stranger's, by a mistyped number,
        or the participant's own in a changed format. Some registries keep no more than that of those who are gone: then
        only its status counts, and only where check digits show that the number is not mistyped. Where the answer does
        not even repeat the number, nothing but a name shows that it is theirs.
        """
        if self._is_theirs(case):
            return case.name_matched or self._repeats_number
        gone = self._repeats_number and case.number_matched and case.unnamed and isinstance(rule, StatusRule)
        return gone and all(_has_check_digits(self._inputs[name], case.inputs[name]) for name in self._numbers)


def _has_check_digits(field: Input, number: str) -> bool:
    """Whether a number that was cleaned as `field` has valid check digits. An RPPS has them where Luhn holds."""
    is_rpps = field.format is NumberFormat.FR_RPPS
    return field.has_check_digits and (not is_rpps or compact(NumberFormat.LUHN, number) is not None)


def _finding(case: Case, failure: Failure, rule: Rule | None = None) -> Finding:
    if rule is not None:
        case.evidence["rule"] = rule.check
    return Finding(*failure, case.evidence)


def _compile(rule: Rule, source: RecordSource) -> _Check:
    check: Callable[[Failure, Case], Failure | None]
    match rule:
        case EqualsRule() if rule.field in source.record.dates:
            check = partial(_same_day, rule)
        case EqualsRule():
            compared = source.inputs[rule.input]
            check = partial(_equals, rule, Cleaner(compared), frozenset((compared.values or {}).values()))
        case SentRule():
            return partial(_sent, rule, is_repeated=NUMBER in source.record.fields)
        case OneOfRule():
            check = partial(_one_of, rule)
        case StatusRule():
            # Of several meanings that list a word, the first counts.
            listed = reversed(source.record.status.items())
            check = partial(_status, rule, {word: meaning for meaning, words in listed for word in words})
        case ValidAtRule():
            check = partial(_valid_at, rule)
        case MinAgeRule():
            check = partial(_min_age, rule)
        case NameRule():
            return partial(_name, rule, (Outcome.UNDETERMINED, rule.reason))
    return partial(check, (rule.outcome, rule.reason))


def _equals(
    rule: EqualsRule, cleaner: Cleaner, choices: frozenset[str], failure: Failure, case: Case
) -> Failure | None:
    values, is_number = case.record.values(rule.field), rule.field == NUMBER
    if not values and is_number:
        raise Unreadable("the record has no number")
    if not values:
        return None if rule.absent == "pass" else _NOT_PUBLIC
    if len(values) > 1 and is_number:
        return _AMBIGUOUS
    typed, held = case.inputs.get(rule.input), [cleaner.clean_record_value(value) for value in values]
    if typed is not None and typed in held:
        case.number_matched = case.number_matched or is_number
        return None
    if is_number:
        return failure
    if None in held or any(map(is_withheld, values)):
        # No participant could type it: the value is withheld, or written in another way.
        return _NOT_PUBLIC
    return _UNKNOWN if choices and not choices.issuperset(held) else failure


def _sent(rule: SentRule, case: Case, *, is_repeated: bool) -> None:
    """Always holds: lint sees to it that the request sent the number. One in the record has to match as well."""
    case.number_matched = case.number_matched or (not is_repeated and rule.input in case.inputs)


def _same_day(rule: EqualsRule, failure: Failure, case: Case) -> Failure | None:
    spans = case.record.dates(rule.field)
    if not spans:
        return None if rule.absent == "pass" else _NOT_PUBLIC
    ahead = timedelta() if rule.reason is Reason.BIRTH_DATE_DIFFERS else AHEAD
    if any(span.first > case.today + ahead for span in spans):
        raise Unreadable("a date of the record is further in the future than any valid one")
    typed = parse_day(case.inputs.get(rule.input))
    if typed is not None and any(typed in span for span in spans):
        return None
    if rule.refuses and typed is not None and any(_is_near(span, typed) for span in spans):
        # A slip, of the participant or of the registry, is no evidence of another person.
        return (Outcome.UNDETERMINED, rule.reason) if rule.reason is Reason.BIRTH_DATE_DIFFERS else _DIFFERS
    return failure


def _is_near(span: DaySpan, typed: date) -> bool:
    """Whether a date may be `typed` all the same: one digit is wrong, two neighbours or day and month are swapped, or
    one of both is 1 January, which is written where the day is not known.
    """
    days = [span.first + timedelta(index) for index in range((span.last - span.first).days + 1)]
    if (1, 1) in {(day.month, day.day) for day in (typed, *(days if len(days) == 1 else ()))}:
        return True
    return any(
        (day.year, day.month, day.day) == (typed.year, typed.day, typed.month)
        or count_slips(day.isoformat(), typed.isoformat(), 1) <= 1
        for day in days
    )


def _one_of(rule: OneOfRule, failure: Failure, case: Case) -> Failure | None:
    wanted, refusing = rule.values or (), rule.refusing
    if rule.requirement is not None:
        demanded = case.requirement.get(rule.requirement)
        if demanded is None:
            return None if rule.optional else _MISSING
        codes = map(text_of, demanded if isinstance(demanded, list | tuple) else [demanded])
        # Every value begins with the empty text.
        wanted = tuple(code for code in codes if code)
        if not wanted:
            return _MISSING
    values = case.record.values(rule.field)
    if not values:
        # Absence is no evidence: the registry may withhold the value, or have moved it.
        return _NOT_PUBLIC

    def is_among(value: str, words: tuple[str, ...]) -> bool:
        return value.startswith(words) if rule.match == "prefix" else value in words

    if any(is_among(value, wanted) for value in values):
        return None
    if any(map(is_withheld, values)):
        return _NOT_PUBLIC
    return failure if refusing is None or all(is_among(value, refusing) for value in values) else _UNKNOWN


def _status(rule: StatusRule, meanings: Mapping[str, str], failure: Failure, case: Case) -> Failure | None:
    found = {meanings.get(value) for value in case.record.values(STATUS)}
    meaning = found.pop() if len(found) == 1 else None
    if meaning is None:
        return _UNKNOWN
    case.evidence["status"] = meaning
    return None if meaning == rule.meaning else failure


def _name(rule: NameRule, failure: Failure, case: Case) -> Failure | None:
    if rule.absent == "pass" and not case.record.names:
        case.unnamed = True
        return None
    if rule.kind == "organisation":
        names = [name.family for name in case.record.names if not name.given]
        band = compare_organisations(case.inputs[rule.family], names)
    else:
        typed = Name(case.inputs[rule.family], case.inputs[rule.given] if rule.given is not None else "")
        band = compare(typed, case.record.names, two_surnames=rule.two_surnames)
    if band is None:
        return _NOT_PUBLIC
    case.evidence["name"] = band.name.lower()
    if band < (Band.COMPATIBLE if rule.compatible == "pass" else Band.EXACT):
        return failure
    case.name_matched = True
    return None


def _valid_at(rule: ValidAtRule, failure: Failure, case: Case) -> Failure | None:
    demanded = None if rule.requirement is None else case.requirement.get(rule.requirement)
    day = case.today if demanded is None else parse_day(demanded)
    if day is None or (demanded is None and rule.requirement is not None and not rule.optional):
        return _MISSING
    begins = case.record.dates(rule.begin) if rule.begin is not None else ()
    ends = case.record.dates(rule.until) if rule.until is not None else ()
    known = [bool(dates) for field, dates in ((rule.begin, begins), (rule.until, ends)) if field is not None]
    if not all(known) and (rule.absent != "pass" or (len(known) > 1 and not any(known))):
        # Absence is no evidence, and no open end where the record should have two dates and has none.
        return _NOT_PUBLIC
    if begins and ends and min(each.first for each in begins) > max(each.last for each in ends):
        return _AMBIGUOUS
    return _combine(failure, (_has_begun(span, day) for span in begins), (_lasts(span, day) for span in ends))


def _min_age(rule: MinAgeRule, failure: Failure, case: Case) -> Failure | None:
    years = rule.years
    if rule.requirement is not None:
        demanded = case.requirement.get(rule.requirement)
        if demanded is None:
            return None if rule.optional else _MISSING
        years = _years_of(demanded)
    if years is None:
        return _MISSING
    births = case.record.dates(rule.field)
    if not births:
        return _NOT_PUBLIC
    if any(birth.first > case.today for birth in births):
        raise Unreadable("a birth date of the record is in the future")
    return _combine(failure, (_has_age(birth, years, case.today) for birth in births))


def _combine(failure: Failure, *conditions: Iterable[bool | None]) -> Failure | None:
    """Whether all conditions hold, each given by one or several dates as yes, no or not known. A condition does not
    hold where all its dates say so, and is open where they contradict each other.
    """
    values = [set(condition) for condition in conditions]
    if {False} in values:
        return failure
    if any(None in each for each in values):
        return _NOT_PUBLIC
    return _AMBIGUOUS if any(len(each) > 1 for each in values) else None


def _has_begun(span: DaySpan, day: date) -> bool | None:
    return True if day >= span.last else False if day < span.first else None


def _lasts(span: DaySpan, day: date) -> bool | None:
    """Whether what ends on a day of `span` is still valid on `day`; it is valid to the end of its last day."""
    return True if day <= span.first else False if day > span.last else None


def _has_age(birth: DaySpan, years: int, today: date) -> bool | None:
    least, most = _age(birth.last, today), _age(birth.first, today)
    return True if least >= years else False if most < years else None


def _age(birth: date, today: date) -> int:
    """Whole years. In other years, a birthday on the 29th of February counts from the 1st of March."""
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def _years_of(value: Any) -> int | None:
    text = str(value)
    return int(text) if not isinstance(value, bool) and _YEARS.fullmatch(text) else None
