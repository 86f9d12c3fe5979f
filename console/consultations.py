"""Consultations: whom each is open to, what became of its answers, and what would leave fewer undetermined."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, render_template, request

from config.configuration import Configuration, Question
from console.advice import advice
from console.applied import applied, queries
from console.criteria import criterion_words, rule_words
from console.identity.roles import Role
from console.parts import parts
from console.people import needs
from jurat.vocabulary import Outcome, State
from pages.language import say
from pages.reasons import why
from store.monitoring.consultations import MOST, Answers, ConsultationCounts, Counts

pages = Blueprint("consultations", __name__, url_prefix="/<locale>/consultations")

PAGE, QUESTIONS = 25, 10
"""Consultations, and questions of one, on a page."""

RESULTS = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNDETERMINED, State.REVIEW, State.PENDING)
"""What an answer came to, or where it is. One that a worker holds is as good as pending."""


@dataclass(frozen=True, slots=True)
class ReasonShare:
    """The answers with one reason: how many, which share of all that are settled, and what would leave fewer."""

    why: str
    count: int
    share: float
    advice: str | None


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """The answers to a question that came to the same."""

    name: str
    count: int
    parts: Sequence[ReasonShare]


@dataclass(frozen=True, slots=True)
class QuestionResults:
    """One question: its criterion in words, its sources, and what its answers came to."""

    title: str
    words: Sequence[str]
    sources: Sequence[str]
    results: Sequence[OutcomeCount]


@pages.get("/")
@needs(Role.READER)
def table() -> str:
    """The consultations of the applied configuration, by name, with what waits."""
    questions = _questions(applied())
    names = sorted(name for name in questions if name > request.args.get("after", ""))
    shown = {name: questions[name] for name in names[:PAGE]}
    waiting = _counts().waiting({name: [s for each in asked for s in each.sources] for name, asked in shown.items()})
    titles = {name: _title(name, asked) for name, asked in shown.items()}
    return render_template(
        "consultations/table.html", shown=shown, titles=titles, waiting=waiting,
        after=names[PAGE - 1] if len(names) > PAGE else None, continued="after" in request.args,
    )  # fmt: skip


@pages.get("/<name>")
@needs(Role.READER)
def consultation(name: str) -> str:
    """One consultation."""
    found = applied()
    asked = _questions(found).get(name) or abort(404)
    counts = _counts().counts(name)
    zones = queries().zone_versions({name for each in asked for name in (each.zone, *each.zones) if name})
    areas = {zone.name: zone.title for zone in zones.values()}
    titles = {each.name: say(dict(each.title)) or each.name for each in asked}
    first = max(0, request.args.get("first", 0, type=int))
    shown = [
        QuestionResults(
            titles[each.name], list(criterion_words(each, areas)), each.sources, _results(each.name, counts.answers)
        )
        for each in asked[first : first + QUESTIONS]
    ]
    return render_template(
        "consultations/consultation.html", name=name, title=_title(name, asked), most=MOST, counts=counts,
        rule=rule_words(found.access[name], titles), four_eyes=bool(asked[0].four_eyes), shown=shown,
        following=first + QUESTIONS if len(asked) > first + QUESTIONS else None, continued=first > 0,
    )  # fmt: skip


@pages.get("/<name>.csv")
@needs(Role.READER)
def figures(name: str) -> Response:
    """The counts of that page as CSV, by the names of the contract."""
    if name not in _questions(applied()):
        abort(404)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(_rows(_counts().counts(name)))
    response = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.csv")
    return response


def _rows(counts: Counts) -> Iterator[tuple[object, ...]]:
    covers = "all" if counts.are_all else f"the first {MOST}"
    yield "counted", "question", "state", "outcome", "reason", "count", "covers"
    for access, count in counts.participants.items():
        yield "participants", "", access, "", "", count, covers
    for each in counts.answers:
        yield "answers", each.question, each.state, each.outcome or "", each.reason or "", each.count, covers


def _results(question: str, answers: Sequence[Answers]) -> list[OutcomeCount]:
    of_question = [each for each in answers if each.question == question]
    settled = sum(each.count for each in of_question if each.outcome)
    totals, by_result = Counter[str](), dict[str, list[ReasonShare]]()
    for each in of_question:
        name = each.outcome or (State.REVIEW if each.state == State.REVIEW else State.PENDING)
        totals[name] += each.count
        if each.outcome and each.reason:
            said = advice(each.reason) if each.outcome == Outcome.UNDETERMINED else None
            part = ReasonShare(why(each.reason), each.count, each.count / settled, said)
            by_result.setdefault(name, []).append(part)
    return [OutcomeCount(name, totals[name], by_result.get(name, [])) for name in RESULTS if totals[name]]


def _questions(found: Configuration) -> dict[str, list[Question]]:
    """The questions of each consultation, in the order of its form."""
    questions: dict[str, list[Question]] = {}
    for each in found.questions.values():
        questions.setdefault(each.consultation, []).append(each)
    return questions


def _title(name: str, asked: Sequence[Question]) -> str:
    return say(dict(asked[0].consultation_title)) or name


def _counts() -> ConsultationCounts:
    return ConsultationCounts(parts().database.reader)
