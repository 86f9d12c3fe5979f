"""`review`: shows what waits for a reviewer, and records decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.command import Group, as_option, check_argument, contract_name, locale_option
from cli.database import open_database, require_unseal
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from store.explanation import Explained, QueuedRow
    from store.requests.request_rows import RequestKind
    from worker.service import Service


@click.group(cls=Group)
def review() -> None:
    """List the checks that wait for a person, look at one, decide it, or open a settled one again."""


@review.command(name="list", examples=("jurat review list", "jurat review list --consultation budget --overdue"))
@click.option("--consultation", type=contract_name, metavar="NAME", help="Only of this consultation.")
@click.option("--overdue", is_flag=True, help="Only those that should have been decided by now.")
@click.option("--all", "whole", is_flag=True, help="Also those that are not needed now, after the others.")
def list_(out: Output, consultation: str | None, *, overdue: bool, whole: bool) -> None:
    """List the checks that wait for a person, those due first at the top.

    A check is not needed while another answer of the participant is accepted in its place. The list names no
    participant and shows no answer and no note.
    """
    from store.explanation import Explanations

    with open_database() as service:
        found = Explanations(service.database).queue(consultation, overdue=overdue)
    shown = [each for each in found if whole or each.needed]
    out.show([asdict(each) for each in shown], _table(shown))
    if left_out := len(found) - len(shown):
        out.say(f"{count_text(left_out, 'check')} left out that need no decision now; `--all` shows them")
    elif not found:
        out.say("no check waits for a person")


@review.command(
    examples=(
        "jurat review show 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
        "jurat review show 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 --answer",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_UNSEAL_KEYS"),
    codes={Exit.REFUSED: "the answer cannot be opened: it is not in review, or is sealed for another key"},
)
@check_argument
@click.option(
    "--answer",
    is_flag=True,
    help="Open the answer and the participant's note with the worker's key. That is audited.",
)
@as_option
@locale_option
def show(out: Output, check_id: UUID, *, answer: bool, who: str, locale: str) -> None:
    """Show why a check is in review: each lookup and rule, whether it was contested, and when the decision is due.

    Without --answer it shows no personal data. If the check was settled before, its answer is erased; its note is kept
    while it is in review.
    """
    from cli.commands.explain import document_of, lines_of, read_check

    with open_database() as service:
        found, texts = read_check(service, check_id, locale)
        opened = _open_sealed(service, check_id, who) if answer else {}
    lines = [*lines_of(found, texts), *(_answer_lines(**opened) if opened else ())]
    out.show({**document_of(found, texts), **opened}, lines)


@review.command(
    examples=(
        "jurat review decide 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 person_accepted",
        "jurat review decide 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 profession_not_eligible --as clerk-7",
    ),
    codes={
        Exit.DONE: "decided, whatever was decided",
        Exit.REFUSED: "it is not in review, and nothing was changed",
        Exit.PENDING: "recorded; a second person must decide the same",
    },
)
@check_argument
@click.argument("reason", metavar="REASON")
@as_option
def decide(out: Output, check_id: UUID, reason: str, *, who: str) -> Exit:
    """Decide a check that is in review: person_accepted, person_refused, or another reason that refuses.

    The decision is the check's next verdict. If the consultation requires four eyes, it takes effect when a second
    person decides the same.
    """
    from store.requests.request_rows import DECIDING, RequestKind

    if reason not in DECIDING:
        raise Failure(f"{reason!r:.80} is no reason for a person to give; use one of {', '.join(DECIDING)}", Exit.USAGE)
    found, waiting = _do(RequestKind.DECIDE, check_id, who, reason)
    last = found.verdicts[-1] if found.verdicts else None
    document = {"check_id": check_id, "reason": reason, "waiting": waiting is not None, "state": found.state}
    document |= {"outcome": last and last.outcome, "revision": last and last.revision}
    access = f"; access: {found.access.access}" if found.access else ""
    verdict = f"{last.outcome}, {last.reason} (revision {last.revision}){access}" if last else ""
    out.show(document, [f"check {check_id}: {waiting or verdict}"])
    return Exit.PENDING if waiting else Exit.DONE


@review.command(
    name="open",
    examples=("jurat review open 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",),
    codes={Exit.REFUSED: "it is not settled, or its question is no longer asked, and nothing was changed"},
)
@check_argument
@as_option
def open_(out: Output, check_id: UUID, *, who: str) -> None:
    """Put a settled check before a person again.

    Its verdict holds until there is a decision, and for good if none is made in time. Its answer is erased: the
    participant must give the person what is needed to decide.
    """
    from store.requests.request_rows import RequestKind

    found, _ = _do(RequestKind.OPEN, check_id, who)
    due = found.review.due_at if found.review else None
    lines = [f"check {check_id}: in review until {time_text(due)}"]
    out.show({"check_id": check_id, "state": found.state, "due_at": due}, lines)


def _do(kind: RequestKind, check_id: UUID, who: str, reason: str | None = None) -> tuple[Explained, str | None]:
    """Do it at once. Returns the check as it is now, and a message if the request waits. Raises CannotBeDone."""
    from jurat.ids import uuid7
    from store.explanation import Explanations
    from store.requests.request_rows import Request
    from store.requests.request_runner import Requests

    with open_database() as service:
        message = Requests(service.database).do(Request(uuid7(), kind, who, check_id=check_id, reason=reason))
        return Explanations(service.database).check(check_id), message


def _open_sealed(service: Service, check_id: UUID, who: str) -> dict[str, Any]:
    """The answer and the note in clear; audited. Raises Unopenable if no key does it, CannotBeDone outside a review."""
    from store.requests.reviews import SealedReviews, in_clear

    unseal = require_unseal(service.settings)
    found = SealedReviews(service.database).sealed(check_id, who)
    try:
        return in_clear(found, unseal)
    except (ValueError, RecursionError):
        raise Failure(f"the answer or the note of check {check_id} cannot be read", Exit.REFUSED) from None


def _answer_lines(answer: Any, note: str | None, places: Any) -> Iterator[str]:
    yield ""
    if isinstance(answer, dict):
        yield "answer:"
        yield from (f"  {_printable(name)}: {_printable(value)}" for name, value in answer.items())
    else:
        yield "answer: erased when the check was settled" if answer is None else "answer: is no JSON object"
    if places:
        yield "found, the best first (latitude, longitude):"
        yield from (f"  {_printable(each['address'])} ({each['latitude']}, {each['longitude']})" for each in places)
    if note is not None:
        yield "note of the participant:"
        yield from (f"  {_printable(line)}" for line in note.splitlines())


def _printable(value: Any) -> str:
    """A participant's text, without characters that control the terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))


def _table(found: list[QueuedRow]) -> Iterator[str]:
    yield from columns(
        ("check", "consultation", "question", "reason", "since", "due", "contested", "decisions"),
        (
            (
                *attrgetter("check_id", "consultation", "question", "reason", "opened_at")(each),
                _due(each),
                "yes" if each.contested else "no",
                count_text(len(each.words), "decision") if each.words else "",
            )
            for each in found
        ),
    )


def _due(queued: QueuedRow) -> str:
    if not queued.needed:
        return f"{time_text(queued.due_at)} (not needed now)"
    return f"{time_text(queued.due_at)}{' (overdue)' if queued.overdue else ''}"
