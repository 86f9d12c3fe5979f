"""Says in words whom a consultation is open to: its rule, and the criterion of each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config.configuration import Question
from config.levels import Level
from config.limits import SourceKind
from jurat.access import Rule
from pages.language import gettext as _
from pages.language import lasting, ngettext, number


def criterion_words(asked: Question, areas: Mapping[str, str]) -> Iterator[str]:
    """What an answer must meet, and what becomes of one that no source decides. `areas` has the titles of zones."""
    match asked.kind:
        case SourceKind.ADDRESS:
            named = ", ".join(areas.get(name, name) for name in (asked.zone, *asked.zones) if name)
            yield _("The address is in %(area)s.") % {"area": named}
            if margin := asked.margins.get(Level.HOUSENUMBER):
                said = _("The map decides about houses that are at least %(margin)s metres from the border.")
                yield said % {"margin": number(round(margin))}
        case SourceKind.REGISTRY:
            yield _("The participant has an entry in the register.")
        case SourceKind.CODES:
            if "list" in asked.requirement:
                yield _("The participant has a code of the list “%(list)s”.") % asked.requirement
            else:
                yield _("The participant has a code.")
        case SourceKind.MANUAL:
            yield _("A person looks at what the participant shows.")
        case SourceKind.SIMULATED:
            yield _("A source for tests decides.")
    for name, wanted in asked.requirement.items() if asked.kind is not SourceKind.CODES else ():
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        yield f"{name}: {', '.join(map(str, values))}"
    if asked.kind is not SourceKind.MANUAL:
        yield (
            _("If no source can decide, a person does.")
            if asked.review
            else _("If no source can decide, the answer stays undetermined.")
        )
    rounds = asked.terms.rounds
    yield ngettext("It can be answered once.", "It can be answered %(count)s times.", rounds) % {"count": rounds}
    if asked.terms.valid_s is not None:
        yield _("It holds for %(time)s.") % {"time": lasting(asked.terms.valid_s)}


def rule_words(rule: Rule, titles: Mapping[str, str]) -> str:
    """The rule for access, with the titles of its questions."""
    if isinstance(rule, str):
        return _("“%(title)s”") % {"title": titles.get(rule, rule)}
    said = [rule_words(each, titles) for each in rule.rules]
    parts = [words if isinstance(each, str) else f"({words})" for each, words in zip(rule.rules, said, strict=True)]
    together, either = _("and"), _("or")
    if rule.count == len(parts):
        return f" {together} ".join(parts)
    if rule.count == 1:
        return f" {either} ".join(parts)
    return _("at least %(count)s of: %(parts)s") % {"count": number(rule.count), "parts": ", ".join(parts)}
