"""Says how an answer was checked and decided, as `jurat explain` does, in sentences. It names no participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from console.findings import rules_of, sentences_of
from jurat.messages import message_for
from jurat.vocabulary import AccessState, QuestionState, State
from pages.language import gettext as _
from pages.language import locale
from store.explanation import ExplainedVerdict, Explanations
from store.queries import Queries


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found: each rule with whether it holds, and other sentences."""

    rules: list[tuple[bool, str]]
    known: list[str]


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """One verdict, the message that the participant reads, and what it rests on."""

    row: ExplainedVerdict
    message: str
    evidence: Evidence


def read(engine: Engine, check: UUID) -> dict[str, Any]:
    """What a page says of a check. Raises LookupError if there is none."""
    reader = Explanations(engine)
    found = reader.check(check)
    texts = reader.own_texts(found.consultation)
    evidence = [verdict.evidence for verdict in found.verdicts]
    evidence += [found.review.evidence] if found.review else []
    named = {zone for each in evidence if isinstance(zone := each.get("zone"), str)}
    areas = {name: zone.title for name, zone in Queries(engine).zone_versions(named).items()} if named else {}
    verdicts = [
        ShownVerdict(row, message_for(row.reason, locale(), texts), evidence_of(row.evidence, areas))
        for row in found.verdicts
    ]
    return {
        "found": found,
        "verdicts": verdicts,
        "reviewed": evidence_of(found.review.evidence, areas) if found.review else None,
        "states": states(),
        "access": access(found.access.access) if found.access else None,
    }


def access(state: str) -> str:
    """What a participant's answers add up to."""
    return {
        AccessState.GRANTED: _("This participant has access."),
        AccessState.PENDING: _("Answers of this participant are still being checked."),
        AccessState.INCOMPLETE: _("Something is still open to answer."),
        AccessState.BLOCKED: _("This participant has no access."),
    }.get(AccessState(state), state)


def states() -> dict[str, str]:
    """The states of questions and of checks, in a few words."""
    return {
        QuestionState.OPEN: _("open to answer"),
        QuestionState.PENDING: _("being checked"),
        QuestionState.REVIEW: _("a person has to decide"),
        QuestionState.ACCEPTED: _("accepted"),
        QuestionState.REFUSED: _("refused"),
        QuestionState.UNDETERMINED: _("undetermined"),
        State.LEASED: _("being checked"),
        State.SETTLED: _("decided"),
    }


def evidence_of(evidence: Mapping[str, Any], areas: Mapping[str, str]) -> Evidence:
    """Sentences for rules are not said twice."""
    rules = rules_of(evidence)
    said = {sentence for _held, sentence in rules}
    known = sentences_of(evidence, areas.get(str(evidence.get("zone"))))
    return Evidence(rules, [sentence for sentence in known if sentence not in said])
