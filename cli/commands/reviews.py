"""`review`: shows what waits for a reviewer, and records decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.command import CheckIdParam, Group, NameParam, as_option, locale_option
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from config.settings import Settings
    from jurat.seal import Unseal
    from store.explanation import Explained, QueuedRow
    from store.requests.request_rows import Request
    from worker.bootstrap import Service


@click.group(cls=Group)
def review() -> None:
    """List the checks that wait for a person, look at one, decide it, or open a settled one again."""


@review.command(
    name="list",
    examples=("jurat review list", "jurat review list --consultation budget --overdue"),
    environment=("JURAT_DATABASE_URL",),
)
@click.option("--consultation", type=NameParam(), metavar="NAME", help="Only of this consultation.")
@click.option("--overdue", is_flag=True, help="Only those that should have been decided by now.")
@click.option("--all", "whole", is_flag=True, help="Also those that are not needed now, behind the others.")
@click.pass_obj
def list_(out: Output, consultation: str | None, *, overdue: bool, whole: bool) -> Exit:
    """List the checks that wait for a person; what is due first comes first.

    A check is not needed while another answer of the participant is accepted in its place. It names no participant and
    shows no answer and no note.
    """
    from cli.database import opened
    from store.explanation import Explanations

    with opened() as service:
        found = Explanations(service.database).queue(consultation, overdue=overdue)
    shown = [each for each in found if whole or each.needed]
    out.show([asdict(each) for each in shown], _table(shown))
    if left_out := len(found) - len(shown):
        out.say(f"{count_text(left_out, 'check')} left out that no decision is needed of now; `--all` shows them")
    elif not found:
        out.say("nothing waits for a person")
    return Exit.DONE


@review.command(
    examples=(
        "jurat review show 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
        "jurat review show 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 --answer",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_UNSEAL_KEYS"),
    codes={Exit.REFUSED: "the answer cannot be opened: it is not in review, or is sealed for another key"},
)
@click.argument("check_id", metavar="ID", type=CheckIdParam())
@click.option(
    "--answer",
    is_flag=True,
    help="Open the answer and the participant's note with the worker's key. That is in the audit.",
)
@as_option
@locale_option
@click.pass_obj
def show(out: Output, check_id: UUID, *, answer: bool, who: str, locale: str) -> Exit:
    """Show why a check is before a person: each look-up and rule, whether it was contested, and until when to decide.

    Without --answer it shows nobody's data. The answer of a check that was settled before is erased; its note is there
    as long as it is in review.
    """
    from cli.commands.explain import document_of, lines_of, texts_of
    from cli.database import opened
    from store.explanation import Explanations

    with opened() as service:
        try:
            explanations = Explanations(service.database)
            found = explanations.check(check_id)
        except LookupError as error:
            raise Failure(str(error), Exit.USAGE) from None
        texts = texts_of(explanations, found, locale)
        seen = _opened(service, check_id, who) if answer else None
    document = document_of(found, texts)
    out.show(
        {**document, **seen} if seen else document, [*lines_of(found, texts), *(_seen_lines(seen) if seen else ())]
    )
    return Exit.DONE


@review.command(
    examples=(
        "jurat review decide 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 person_accepted",
        "jurat review decide 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 profession_not_eligible --as clerk-7",
    ),
    environment=("JURAT_DATABASE_URL",),
    codes={
        Exit.DONE: "decided, whatever was decided",
        Exit.REFUSED: "it is not in review, and nothing was changed",
        Exit.PENDING: "said, and a second person must say the same",
    },
)
@click.argument("check_id", metavar="ID", type=CheckIdParam())
@click.argument("reason", metavar="REASON")
@as_option
@click.pass_obj
def decide(out: Output, check_id: UUID, reason: str, *, who: str) -> Exit:
    """Decide a check that is in review: person_accepted, person_refused, or another reason that refuses.

    The decision is the check's next verdict. Where the consultation wants four eyes, it takes effect once a second
    person has said the same.
    """
    from store.requests.request_rows import DECIDING, RequestKind

    if reason not in DECIDING:
        raise Failure(f"{reason!r:.80} is not for a person to say; expected one of {', '.join(DECIDING)}", Exit.USAGE)
    found, waiting = _ask(_request(RequestKind.DECIDE, check_id, who, reason))
    document = {"check_id": check_id, "reason": reason, "waiting": waiting is not None, **_last(found)}
    out.show(document, [f"check {check_id}: {waiting or _verdict(found)}"])
    return Exit.PENDING if waiting else Exit.DONE


@review.command(
    name="open",
    examples=("jurat review open 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.REFUSED: "it is not settled, or its question is asked no more, and nothing was changed"},
)
@click.argument("check_id", metavar="ID", type=CheckIdParam())
@as_option
@click.pass_obj
def open_(out: Output, check_id: UUID, *, who: str) -> Exit:
    """Put a settled check before a person again.

    Its verdict stands until there is a decision, or for good when nobody decides in time. Its answer is erased: what a
    person decides by comes from the participant.
    """
    from store.requests.request_rows import RequestKind

    found, _ = _ask(_request(RequestKind.OPEN, check_id, who))
    due = found.review.due_at if found.review else None
    out.show({"check_id": check_id, "state": found.state, "due_at": due}, [f"check {check_id}: {_until(found)}"])
    return Exit.DONE


def _request(kind: Any, check_id: UUID, who: str, reason: str | None = None) -> Request:
    from jurat.ids import uuid7
    from store.requests.request_rows import Request

    return Request(uuid7(), kind, who, check_id=check_id, reason=reason)


def _ask(request: Request) -> tuple[Explained, str | None]:
    """Do it at once; the check as it stands now, and what is to be said where it is not simply done.

    Raises CannotBeDone.
    """
    from cli.database import opened
    from store.explanation import Explanations
    from store.requests.request_runner import Requests

    with opened() as service:
        said = Requests(service.database).do(request)
        return Explanations(service.database).check(UUID(str(request.check_id))), said


def _last(found: Explained) -> dict[str, Any]:
    last = found.verdicts[-1] if found.verdicts else None
    return {"state": found.state, "outcome": last and last.outcome, "revision": last and last.revision}


def _verdict(found: Explained) -> str:
    last = found.verdicts[-1]
    access = f"; access: {found.access.access}" if found.access else ""
    return f"{last.outcome}, {last.reason} (revision {last.revision}){access}"


def _until(found: Explained) -> str:
    return f"in review until {time_text(found.review.due_at if found.review else None)}"


def _opened(service: Service, check_id: UUID, who: str) -> dict[str, Any]:
    """The answer and the note in clear. It is audited.

    Raises Failure: no key opens them here. CannotBeDone: it is not in review.
    """
    from jurat.seal import Unopenable
    from store.requests.reviews import ReviewDecisions

    unseal = _unseal(service.settings)
    found = ReviewDecisions(service.database).sealed(check_id, who)
    try:
        answer = None if found.answer is None else json.loads(unseal.open(found.answer, found.answer_key))
        note = None if found.note is None else unseal.open(found.note, found.note_key).decode()
    except Unopenable as error:
        raise Failure(str(error), Exit.REFUSED) from None
    except (ValueError, RecursionError):
        raise Failure(f"the answer or the note of check {check_id} cannot be read", Exit.REFUSED) from None
    return {"answer": answer, "note": note}


def _unseal(settings: Settings) -> Unseal:
    from jurat.seal import Unseal, key_from_text

    keys = [key_from_text(key.get_secret_value(), "JURAT_UNSEAL_KEYS") for key in settings.unseal_keys]
    if not keys:
        raise Failure("JURAT_UNSEAL_KEYS is not set: the answer cannot be opened here", Exit.USAGE)
    return Unseal(keys)


def _seen_lines(seen: dict[str, Any]) -> Iterator[str]:
    yield ""
    if isinstance(seen["answer"], dict):
        yield "answer:"
        yield from (f"  {_harmless(name)}: {_harmless(value)}" for name, value in seen["answer"].items())
    else:
        yield "answer: erased when the check was settled" if seen["answer"] is None else "answer: is no JSON object"
    if seen["note"] is not None:
        yield "note of the participant:"
        yield from (f"  {_harmless(line)}" for line in seen["note"].splitlines())


def _harmless(value: Any) -> str:
    """Somebody else's text on this terminal, without what would steer it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))


def _table(found: list[QueuedRow]) -> Iterator[str]:
    yield from columns(
        ("check", "consultation", "question", "reason", "since", "due", "contested", "said so far"),
        (
            (
                each.check_id,
                each.consultation,
                each.question,
                each.reason,
                each.opened_at,
                _due(each),
                "yes" if each.contested else "no",
                count_text(len(each.words), "word") if each.words else "",
            )
            for each in found
        ),
    )


def _due(queued: QueuedRow) -> str:
    if not queued.needed:
        return f"{time_text(queued.due_at)} (not needed now)"
    return f"{time_text(queued.due_at)}{' (overdue)' if queued.overdue else ''}"
