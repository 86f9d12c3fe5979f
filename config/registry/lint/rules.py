"""Checks what rules refer to: fields, inputs, meanings, and what a criterion demands."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from config.problems import Fault, printable
from config.registry.lint.answers import read_as
from config.registry.lint.origin import origin_problems
from config.registry.model.demands import demanding, demands_of
from config.registry.model.expressions import gives_given
from config.registry.model.record import NAMES
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
from config.registry.model.source import RecordSource, RegistryDescription
from config.suggestions import did_you_mean
from jurat.vocabulary import Reason


def rule_problems(source: RecordSource) -> Iterator[Fault]:
    """What does not fit together in the rules, whatever their order."""
    if isinstance(source, RegistryDescription):
        yield from origin_problems(source)
        yield from _open_end_problems(source)
    for index, rule in enumerate(source.rules):
        for below, said in _check_rule(rule, source):
            yield ("rules", index, *below), said
    forms = demands_of(source)
    for index, name, demanding_rule in demanding(source):
        if demanding_rule.demanded is not forms[name]:
            said = f"an earlier rule takes '{name}' in another form"
            yield ("rules", index, "requirement"), f"{said} — give one of them another name"


def doubts_of(source: RecordSource) -> Iterator[Fault]:
    """What may be intended, but decides on less than a registry could: on no name or no number."""
    if NAMES not in source.record.fields:
        said = "no name is compared, so a mistyped number gives a stranger's verdict"
        yield ("record", "fields"), f"{said} — add names: EXPRESSION and check: name if the registry gives names"
    for rule in source.sent:
        said = "where the registry ignores or mixes up what was asked, a stranger's verdict goes unnoticed"
        hint = "prefer a request whose answer repeats the number, and try numbers of others and of nobody"
        yield ("rules", source.rules.index(rule)), f"{said} — {hint}"


def _check_rule(rule: Rule, source: RecordSource) -> Iterator[Fault]:
    fields, meanings = source.record.fields, source.record.status
    match rule:
        case NameRule():
            yield from _check_name(rule, source)
        case StatusRule() if rule.meaning not in meanings:
            hint = did_you_mean(rule.meaning, meanings) or "declare it"
            yield ("is",), f"the status map has no meaning '{rule.meaning}' — {hint}"
        case EqualsRule() | OneOfRule() if rule.field == NAMES:
            yield ("field",), "names have a rule of their own — write check: name"
        case EqualsRule() | OneOfRule() if rule.field not in fields:
            yield ("field",), _unknown("field of the record", rule.field, fields)
        case EqualsRule(field="number"):
            yield from _check_number(rule, source)
        case EqualsRule():
            yield from _check_same_kind(rule, source)
        case OneOfRule() if rule.field in source.record.dates:
            yield ("field",), f"'{rule.field}' is a date — compare it by valid_at, min_age or equals"
        case OneOfRule():
            yield from _check_words(rule)
        case ValidAtRule() | MinAgeRule():
            yield from _check_dates(rule, source)
    if isinstance(rule, EqualsRule | SentRule):
        yield from _check_input("input", rule.input, source)
    if isinstance(rule, OneOfRule | ValidAtRule | MinAgeRule) and rule.optional and rule.requirement is None:
        yield ("optional",), "this rule takes nothing from the criterion, so nothing is optional — remove it"


def _check_number(rule: EqualsRule, source: RecordSource) -> Iterator[Fault]:
    if rule.absent == "pass":
        yield ("absent",), "a record without a number could be anyone's — remove absent: pass"
    names = [(each.family, each.given) for each in source.rules if isinstance(each, NameRule)]
    if any(rule.input in each for each in names):
        said = f"'{rule.input}' is a name, and a name is no number"
        yield ("input",), f"{said} — compare the number with an input that holds a number"
    else:
        yield from _check_same_kind(rule, source)


def _check_words(rule: OneOfRule) -> Iterator[Fault]:
    """A word in no list is new, and must not refuse."""
    if rule.field == "status":
        yield ("field",), "the record's map says what a status means — write check: status, is: MEANING"
    elif rule.refuses and rule.reason is Reason.STATUS_INACTIVE:
        yield ("reason",), "only a status says who is inactive — write check: status, or another reason"
    elif rule.refuses and rule.values is not None and rule.refusing is None:
        said = "a word that is new in the registry would refuse as well"
        yield ("values",), f"{said} — add refuses: [WORD, …], its other known words"
    if rule.refusing is not None and not rule.refuses:
        yield ("refuses",), "this rule does not refuse — write else: refused, or remove it"
    if twice := sorted({*(rule.values or ())} & {*(rule.refusing or ())}):
        yield ("refuses",), f"'{printable(twice[0])}' is also among the values — keep it in one of the lists"


def _check_name(rule: NameRule, source: RecordSource) -> Iterator[Fault]:
    names = source.record.fields.get(NAMES)
    if names is None:
        yield (), "the record has no names to compare — add fields: { names: EXPRESSION }"
    if rule.given is None and isinstance(names, str) and gives_given(names):
        hint = "add given: INPUT, or remove given from the names"
        yield (), f"the record has given names, and nothing compares them — {hint}"
    if rule.kind == "organisation":
        for option, is_set in (("given", rule.given is not None), ("two_surnames", rule.two_surnames)):
            if is_set:
                yield (option,), "an organisation has one name — remove it, or kind: organisation"
    elif rule.given is None and rule.compatible == "pass":
        said = "a part of the name would be enough, and many people may share it"
        yield (), f"{said} — write compatible: undetermined, or compare a given name too"
    if rule.absent == "pass" and source.sent:
        yield ("absent",), "an answer with neither number nor name could be anyone's — remove absent: pass"
    elif rule.absent == "pass":
        yield from _check_nameless(source)
    for option, name in (("family", rule.family), ("given", rule.given)):
        if name is not None and name not in source.inputs and name in source.record.fields:
            listed = ", ".join(source.inputs)
            yield (option,), f"'{name}' is a field of the record — write an input here: {listed}"
        elif name is not None:
            yield from _check_input(option, name, source)


def _check_nameless(source: RecordSource) -> Iterator[Fault]:
    """Without a name, only check digits reveal a mistyped number."""
    for name in source.number_inputs:
        number = source.inputs.get(name)
        if number is not None and not number.has_check_digits:
            said = f"without a name, a mistyped '{name}' would refuse for a stranger's status"
            yield ("absent",), f"{said} — give it a format with check digits, always, or remove absent: pass"


def _check_dates(rule: ValidAtRule | MinAgeRule, source: RecordSource) -> Iterator[Fault]:
    fields = source.record.fields
    for option, name in rule.fields.items():
        if name not in fields:
            yield (option,), _unknown("field of the record", name, fields)
        elif name not in source.record.dates:
            said = f"'{name}' is read as text"
            yield (option,), f"{said} — write {name}: {{ value: EXPRESSION, date: FORMAT }} in the record"
    if isinstance(rule, MinAgeRule) and "%y" in source.record.dates.get(rule.field, ""):
        said = "a year of two digits does not tell a child from a person of a hundred"
        yield ("field",), f"{said} — use a date with four digits (%Y)"


def _check_same_kind(rule: EqualsRule, source: RecordSource) -> Iterator[Fault]:
    """A date is compared only with a date."""
    given, is_date = source.inputs.get(rule.input), rule.field in source.record.dates
    if given is None:
        return
    if is_date and "%y" in source.record.dates[rule.field]:
        yield ("field",), "a year of two digits does not tell 1960 from 2060 — use a date with four digits (%Y)"
    elif is_date and given.type != "date":
        yield ("input",), f"'{rule.field}' is a date and '{rule.input}' is not — write type: date at the input"
    elif given.type == "date" and not is_date:
        said = f"'{rule.input}' is a date and '{rule.field}' is read as text"
        yield ("field",), f"{said} — write {rule.field}: {{ value: EXPRESSION, date: FORMAT }} in the record"


def _check_input(key: str, name: str, source: RecordSource) -> Iterator[Fault]:
    if name not in source.inputs:
        yield (key,), _unknown("input", name, source.inputs)
    elif not source.inputs[name].required:
        yield (key,), f"'{name}' may be missing — write required: true"


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"there is no {what} '{name}' — {did_you_mean(name, known) or 'declare it'}"


def _open_end_problems(source: RegistryDescription) -> Iterator[Fault]:
    """With a single date, a renamed key looks like an open end. A table says which columns it has."""
    if read_as(source.steps[-1]) == "csv":
        return
    for index, rule in enumerate(source.rules):
        if isinstance(rule, ValidAtRule) and rule.absent == "pass" and rule.begin is None:
            said = "an expired record would pass if the registry renamed the only date"
            hint = (
                "let the field say what means an open end, such as end == '' && '9999-12-31' || end"
                ", or, where that is null, contains(keys(@), 'end') && not_null(end, '9999-12-31') || `null`"
            )
            yield ("rules", index, "absent"), f"{said} — {hint}, and remove absent: pass"
