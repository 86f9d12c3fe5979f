"""`explain`: shows how a check was decided and why, without personal data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cli.command import check_argument, command, locale_option
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, time_text

if TYPE_CHECKING:
    from store.explanation import ContestRow, Explained, ExplainedVerdict, ReviewRow
    from worker.service import Service


@command(
    examples=(
        "jurat explain 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
        "jurat explain --json --locale de 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
    ),
)
@check_argument
@locale_option
def explain(out: Output, check_id: UUID, *, locale: str) -> None:
    """Show every lookup of a check, and each of its verdicts rule by rule, with what it means for access.

    Each verdict comes with the message for the participant. No participant is named and no answer is shown: the
    evidence of a verdict holds neither. That of a review may hold the distance to a border, and is shown to reviewers.
    """
    with open_database() as service:
        found, texts = read_check(service, check_id, locale)
    out.show(document_of(found, texts), lines_of(found, texts))


def read_check(service: Service, check_id: UUID, locale: str) -> tuple[Explained, dict[str, str]]:
    """A check, and the message for the participant for each verdict's reason. Raises Failure if there is none."""
    from jurat.messages import message_for
    from store.explanation import Explanations

    explanations = Explanations(service.database)
    try:
        found = explanations.check(check_id)
    except LookupError as error:
        raise Failure(str(error), Exit.USAGE) from None
    own = explanations.own_texts(found.consultation)
    return found, {verdict.reason: message_for(verdict.reason, locale, own) for verdict in found.verdicts}


def document_of(found: Explained, texts: Mapping[str, str]) -> dict[str, Any]:
    """For programs: the check as it is stored, with a sentence for each rule."""
    document = asdict(found)
    for verdict in document["verdicts"]:
        verdict["message"] = texts[verdict["reason"]]
        verdict["rules"] = _rules(verdict["evidence"])
    if document["review"] is not None:
        document["review"]["rules"] = _rules(document["review"]["evidence"])
    return document


def _rules(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    from cli.lookups.verdict_text import rule_text, rules_of

    rules = rules_of(evidence)
    return [{"rule": rule, "held": held, "said": rule_text(rule, evidence, held=held)} for rule, held in rules]


def lines_of(found: Explained, texts: Mapping[str, str]) -> Iterator[str]:
    """For people: lookups, verdicts with the message for the participant, the review, and access."""
    yield f"check {found.id}: {found.consultation}/{found.question}, round {found.round}, {found.state}"
    yield f"submitted {time_text(found.submitted_at)}, to be looked up by {time_text(found.deadline_at)}"
    yield ""
    if found.attempts:
        yield from columns(
            ("lookup at", "source", "took", "result", "reason"),
            (
                (each.started_at, each.source, f"{each.duration_ms:.0f} ms", each.result, each.reason)
                for each in found.attempts
            ),
        )
    else:
        yield "no lookup was made"
    for verdict in found.verdicts:
        yield from _verdict(verdict)
        yield f"  the participant reads: {texts[verdict.reason]}"
    if not found.verdicts:
        where = "a person must decide" if found.state == "review" else f"it waits for the source {found.source}"
        yield from ("", f"no verdict yet; {where}")
        yield from _waiting(found)
    for contest in found.contests:
        yield from ("", _contest(contest))
    if found.review is not None:
        yield from _review(found.review)
    for word in found.words:
        yield f"  {word.by_whom} decided {word.reason}, {time_text(word.at)}; a second person must decide the same"
    if found.access is not None:
        left = found.access.rounds_left or 0
        rounds = f", {left} more {'answer' if left == 1 else 'answers'} allowed" if left else ""
        state = found.access.question or "no longer asked"
        yield from ("", f"access: {found.access.access}; this question counts as {state}{rounds}")
        if by := found.access.ended_by:
            yield f"it is not needed now: {', '.join(by)} was accepted in its place"


def _waiting(found: Explained) -> Iterator[str]:
    from store.explanation import WaitsFor

    match found.waits_for:
        case WaitsFor.NO_WORKER:
            yield f"no live worker serves {found.source} (no_worker); see `bin/jurat fleet`"
        case WaitsFor.KEY_MISSING:
            yield f"no live worker has the key {found.answer_key} (key_missing): its deadline is extended meanwhile"


def _verdict(verdict: ExplainedVerdict) -> Iterator[str]:
    data = f", data of {verdict.data_date}" if verdict.data_date else ""
    yield ""
    yield (
        f"verdict {verdict.revision}, {time_text(verdict.decided_at)}, by the {verdict.decided_by}: "
        f"{verdict.outcome}, {verdict.reason} ({verdict.source}{data}, configuration {verdict.config_version})"
    )
    yield from _evidence(dict(verdict.evidence))


def _contest(contest: ContestRow) -> str:
    document = f", with the document {contest.document}" if contest.document else ""
    said = f"contested by the participant {time_text(contest.asked_at)}{document}"
    if contest.refused is not None:
        return f"{said}, which could not be done: {contest.refused}"
    return said if contest.applied_at else f"{said}; a worker has yet to put it before a person"


def _review(review: ReviewRow) -> Iterator[str]:
    yield ""
    if review.decided_at is None:
        yield f"in review since {time_text(review.opened_at)} ({review.reason}), until {time_text(review.due_at)}"
    else:
        yield f"was in review from {time_text(review.opened_at)} ({review.reason}) to {time_text(review.decided_at)}"
    yield from _evidence(dict(review.evidence))


def _evidence(evidence: dict[str, Any]) -> Iterator[str]:
    from cli.lookups.verdict_text import fact_lines, rule_lines

    yield from (f"  {line}" for line in rule_lines(evidence))
    yield from (f"  {line}" for line in fact_lines(evidence))
