"""Checks what rules refer to: fields, inputs, meanings, and what a criterion demands."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from config.problems import printable
from config.registry.lint.origin import origin_problems
from config.registry.model.answer_formats import Csv
from config.registry.model.demands import demanding, demands_of
from config.registry.model.expressions import gives_given
from config.registry.model.parts import Fault
from config.registry.model.record import NAMES
from config.registry.model.rules import EqualsRule, MinAgeRule, NameRule, OneOfRule, Rule, StatusRule, ValidAtRule
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
            said = f"an earlier rule is told something of another form by '{name}'"
            yield ("rules", index, "requirement"), f"{said} — give one of them another name"


def doubt_of(source: RecordSource) -> Fault | None:
    """What may be meant, but decides on less than a registry could: a record that has no names."""
    if NAMES in source.record.fields:
        return None
    said = "no name is compared, so that a mistyped number gives a stranger's verdict"
    return ("record", "fields"), f"{said} — add names: EXPRESSION and check: name where the registry gives names"


def _check_rule(rule: Rule, source: RecordSource) -> Iterator[Fault]:
    fields, meanings = source.record.fields, source.record.status
    match rule:
        case NameRule():
            yield from _check_name(rule, source)
        case StatusRule() if rule.meaning not in meanings:
            hint = did_you_mean(rule.meaning, meanings) or "declare it"
            yield ("is",), f"the status map has no meaning '{rule.meaning}' — {hint}"
        case EqualsRule() | OneOfRule() if rule.field == NAMES:
            yield ("field",), "names are compared by a rule of their own — write check: name"
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
    if isinstance(rule, EqualsRule):
        yield from _check_input("input", rule.input, source)
    if isinstance(rule, OneOfRule | ValidAtRule | MinAgeRule) and rule.optional and rule.requirement is None:
        yield ("optional",), "nothing is demanded of the criterion here, so nothing is optional — remove it"


def _check_number(rule: EqualsRule, source: RecordSource) -> Iterator[Fault]:
    if rule.absent == "pass":
        yield ("absent",), "a record without a number is nobody's — remove absent: pass"
    if rule.input in _named(source):
        said = f"'{rule.input}' is a name, and a name is never a key"
        yield ("input",), f"{said} — compare the number with an input that holds one"
    else:
        yield from _check_same_kind(rule, source)


def _check_words(rule: OneOfRule) -> Iterator[Fault]:
    """A word that nobody has listed is new, and refuses nobody."""
    if rule.field == "status":
        yield ("field",), "a status has words of its own, by the record's map — write check: status, is: MEANING"
    elif rule.refuses and rule.reason is Reason.STATUS_INACTIVE:
        yield ("reason",), "who is inactive is told by a status — write check: status, or another reason"
    elif rule.refuses and rule.values is not None and rule.refusing is None:
        said = "a word that is new to the registry would refuse as well"
        yield ("values",), f"{said} — add refuses: [WORD, …], the other words that it is known to have"
    if rule.refusing is not None and not rule.refuses:
        yield ("refuses",), "nothing is refused here — write else: refused, or remove it"
    if twice := sorted({*(rule.values or ())} & {*(rule.refusing or ())}):
        yield ("refuses",), f"'{printable(twice[0])}' stands among the values, too — keep it in one of the lists"


def _check_name(rule: NameRule, source: RecordSource) -> Iterator[Fault]:
    names = source.record.fields.get(NAMES)
    if names is None:
        yield (), "the record gives no names to compare — add fields: { names: EXPRESSION }"
    if rule.given is None and isinstance(names, str) and gives_given(names):
        hint = "add given: INPUT, or leave given out of the names"
        yield (), f"the record gives given names, and nothing compares them — {hint}"
    if rule.given is None and rule.compatible == "pass":
        said = "a part of the name would do, and may be a word that many have"
        yield (), f"{said} — write compatible: undetermined, or compare a given name too"
    if rule.absent == "pass":
        yield from _check_nameless(source)
    for option, name in (("family", rule.family), ("given", rule.given)):
        if name is not None and name not in source.inputs and name in source.record.fields:
            listed = ", ".join(source.inputs)
            yield (option,), f"'{name}' is a field of the record — write an input here: {listed}"
        elif name is not None:
            yield from _check_input(option, name, source)


def _check_nameless(source: RecordSource) -> Iterator[Fault]:
    """Where there is no name, check digits alone tell a number from a mistyped one."""
    for rule in source.rules:
        if isinstance(rule, EqualsRule) and rule.field == "number" and rule.input in source.inputs:
            number = source.inputs[rule.input]
            if number.format is None or number.format_when is not None:
                said = f"a mistyped '{rule.input}' would refuse for a stranger's status, where no name is left"
                yield ("absent",), f"{said} — give it a format with check digits, always, or remove absent: pass"


def _check_dates(rule: ValidAtRule | MinAgeRule, source: RecordSource) -> Iterator[Fault]:
    fields = source.record.fields
    for option, name in rule.fields.items():
        if name not in fields:
            yield (option,), _unknown("field of the record", name, fields)
        elif name not in source.record.dates:
            said = f"'{name}' is read as text"
            yield (option,), f"{said} — write {name}: {{ value: EXPRESSION, date: FORMAT }} in the record"
    if isinstance(rule, MinAgeRule) and _has_short_year(source.record.dates.get(rule.field, "")):
        said = "two digits do not tell a child from somebody of a hundred years"
        yield ("field",), f"{said} — ask for a date with four (%Y)"


def _has_short_year(form: str) -> bool:
    return "%y" in form


def _named(source: RecordSource) -> set[str | None]:
    """The inputs that are names."""
    return {name for rule in source.rules if isinstance(rule, NameRule) for name in (rule.family, rule.given)}


def _check_same_kind(rule: EqualsRule, source: RecordSource) -> Iterator[Fault]:
    """A day is compared with a day: 1966-05-28 is no text that a registry would write by chance."""
    given, is_date = source.inputs.get(rule.input), rule.field in source.record.dates
    if given is None:
        return
    if is_date and _has_short_year(source.record.dates[rule.field]):
        yield ("field",), "two digits do not tell 1960 from 2060 — ask for a date with four (%Y)"
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
    """Of one date alone, a key that moved looks like an open end. A table says which columns it has."""
    first = source.steps[-1].decoders[0]
    if first == "csv" or isinstance(first, Csv):
        return
    for index, rule in enumerate(source.rules):
        if isinstance(rule, ValidAtRule) and rule.absent == "pass" and len(rule.fields) == 1:
            said = "what has expired would pass where the only date has another key"
            hint = "let the field say what stands for an open end, such as end == '' && '9999-12-31' || end"
            yield ("rules", index, "absent"), f"{said} — {hint}, and remove absent: pass"
