"""Checks that an answer which does not repeat the number is bound to it by its request, as `check: sent` says.

The number must be in the very request whose answer is used, and in one form: a number that can be
written in two ways could be used twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import jmespath

from config.problems import Fault, Path, printable
from config.registry.model.expressions import Node, children_of, names_below
from config.registry.model.record import CARRIED, NUMBER
from config.registry.model.rules import EqualsRule, NameRule, Rule, SentRule, StatusRule
from config.registry.model.source import Kept, RecordSource, RegistryDescription, Step
from config.registry.model.templates import Filter, pieces, texts_in
from config.registry.model.text_functions import SIGNATURES
from config.suggestions import did_you_mean

_FROM: Path = ("record", "from")
_NOT_SEALING = frozenset({"headers", "auth"})
_LEFT_OUT = frozenset({"query", "form", "json"})
"""Parts of a request that are left out as a whole where an input is missing."""

_INJECTIVE = frozenset({Filter.XML, Filter.UPPER, Filter.LOWER})
"""Filters that leave two numbers of one form different from each other."""


def sealing_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What does not go with `check: sent`, and with values of earlier answers in the record."""
    yield from _carried_problems(source)
    for index, rule in enumerate(source.rules):
        if isinstance(rule, SentRule):
            yield from _rule_problems(("rules", index), rule, source)
    if not source.sent:
        for _, step in _carrying(source)[:1]:
            said = f"the answer of the step '{step.name}' is used, and nothing binds it to the number"
            yield _FROM, f"{said} — add {{ check: sent, input: … }} to the rules"
        return
    if source.batch is not None:
        said = "an answer about many people that does not repeat their numbers is about none of them"
        yield ("batch",), f"{said} — remove batch:"
    if source.record.several is not None:
        yield ("record", "several"), "no record says whose it is, so that there may be only one — remove it"
    for index, step in enumerate(source.steps):
        if step.next is not None and step.next.url is not None:
            said = "an answer that does not repeat the number could lead to a page about somebody else"
            yield ("steps", index, "next", "url"), f"{said} — write parameter: NAME"
    if not any(map(_says_yes, source.rules)):
        said = "any answer at all would be a yes, for no rule asks what it says"
        yield ("rules",), f"{said} — add a rule on its status, its names or another field"


def _rule_problems(path: Path, rule: SentRule, source: RegistryDescription) -> Iterator[Fault]:
    if rule is not source.sent[0]:
        yield path, "the number is already sent as another input — keep one of the rules"
    field = source.inputs.get(rule.input)
    if field is None:
        return
    if field.pattern is None and (field.format is None or field.format_when is not None):
        said = f"a '{rule.input}' that can be written in two ways could be used twice"
        yield ("inputs", rule.input), f"{said}, as no answer says how it is written — give it a pattern: or a format:"
    needed = [rule.input, *filter(None, [field.format_after])]
    for index, step in (*_carrying(source), (len(source.steps) - 1, source.steps[-1])):
        for name in needed:
            if not _holds(step, name, source):
                said = f"its answer does not repeat '{name}', and this request does not send it as it is"
                hint = f"write {{{name}}} in its url, query or body, in a text without optional inputs"
                yield ("steps", index, "request"), f"{said} — {hint}"


def _holds(step: Step, name: str, source: RecordSource) -> bool:
    """Whether a request always sends the input, unchanged, where no proxy or server overlooks it."""
    optional = {each for each, field in source.inputs.items() if not field.required}
    for place, tree in step.request.templates():
        for _, text in texts_in(tree) if place[0] not in _NOT_SEALING else ():
            found = [placeholder for _, placeholder in pieces(text) if placeholder is not None]
            is_sent = any(each.name == name and _INJECTIVE.issuperset(each.filters) for each in found)
            if is_sent and not (place[0] in _LEFT_OUT and optional & {each.name for each in found}):
                return True
    return False


def _says_yes(rule: Rule) -> bool:
    """Whether a rule holds only for what an answer says."""
    match rule:
        case SentRule():
            return False
        case EqualsRule():
            return rule.field != NUMBER and rule.absent != "pass"
        case NameRule() | StatusRule():
            return True
    return not rule.optional


def _carrying(source: RegistryDescription) -> list[tuple[int, Step]]:
    """The steps before the last that set a value which the record takes, with their positions."""
    steps = enumerate(source.steps[:-1])
    return [(index, step) for index, step in steps if source.record.carried & step.set.keys()]


def _carried_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What the record cannot take from earlier answers: what is secret, or not said as it is by the registry."""
    known = {name: kept for step in source.steps[:-1] for name, kept in step.set.items()}
    for name in names_below(source.record.origin, CARRIED):
        if name is None:
            yield _FROM, f"'{CARRIED}' holds what earlier steps have set — write {CARRIED}.NAME"
        elif name not in known:
            hint = did_you_mean(name, known) or "let an earlier step set it"
            yield _FROM, f"no earlier step sets '{printable(name)}' — {hint}"
        elif isinstance(kept := known[name], Kept) and kept.secret:
            yield _FROM, f"'{name}' is secret, and a record is shown — take another value"
    for index, step in _carrying(source):
        for name in sorted(source.record.carried & step.set.keys()):
            kept = step.set[name]
            if not _is_plain(jmespath.compile(kept.value if isinstance(kept, Kept) else kept).parsed):
                said = "a part of the record is taken from an answer as it is, without defaults, conditions or choices"
                place: Path = ("steps", index, "set", name)
                yield (
                    (*place, "value") if isinstance(kept, Kept) else place,
                    f"{said} — write a path: body.company.number",
                )


def _is_plain(node: Node) -> bool:
    """Whether an expression is a path, or a text function of one. Then a key that is gone ends the lookup."""
    match node["type"]:
        case "field":
            return True
        case "subexpression":
            return all(map(_is_plain, children_of(node)))
        case "function_expression":
            return node["value"] in SIGNATURES and _is_plain(children_of(node)[0])
        case "index_expression":
            return node["children"][0]["type"] == "function_expression" and _is_plain(node["children"][0])
    return False
