"""`access`, `reopen`, `erase`: what staff do for one participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.command import Command, Group, NameParam, as_option
from cli.output import ACCESS_CODES, Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from store.requests.erasure import Trace
    from store.requests.participants import Participant
    from store.requests.request_rows import Request

_READS = ("JURAT_DATABASE_URL",)


@click.group(cls=Group)
def access() -> None:
    """Show what a participant's verdicts add up to, take access away, give it back, or move it to another id."""


@access.command(
    examples=("jurat access show budget p-42",),
    environment=_READS,
    codes={
        Exit.DONE: "granted",
        Exit.REFUSED: "blocked",
        Exit.PENDING: "pending",
        Exit.UNDETERMINED: "incomplete: something is open to answer",
    },
)
@click.argument("consultation", type=NameParam())
@click.argument("participant", type=NameParam())
@click.pass_obj
def show(out: Output, consultation: str, participant: str) -> Exit:
    """Show a participant's access, each answer with its verdict, and what persons did about it. No answer is shown."""
    from cli.database import opened
    from store.requests.participants import read_participant

    with opened() as service:
        found = read_participant(service.database, (consultation, participant))
    if found is None:
        raise Failure(f"that participant has confirmed no answer in consultation {consultation:.80}", Exit.USAGE)
    out.show({"consultation": consultation, "participant": participant, **asdict(found)}, _lines(found))
    return ACCESS_CODES[found.access]


def _asking(kind: str, words: str, *, about: str, done: str, refused: str, more: Sequence[str] = ()) -> click.Command:
    """The command that asks for one thing about a participant and does it at once.

    `words` are its help, `about` is an example of its arguments, which are those of `more` behind the participant.
    `done` is said when it was done, and `refused` is why it may not be.
    """

    @as_option
    @click.pass_obj
    def ask(out: Output, /, *, who: str, **named: str) -> Exit:
        return _about(out, kind, done, who, **named)

    for name in reversed(("consultation", "participant", *more)):
        ask = click.argument(name, type=NameParam())(ask)
    make = click.command(
        kind,
        Command,
        help=words,
        examples=(f"jurat {about} --as clerk-7",),
        environment=_READS,
        codes={Exit.REFUSED: f"refused, and nothing was changed: {refused}"},
    )
    return make(ask)


revoke = _asking(
    "revoke",
    "Block a participant's access until it is restored. No answer of theirs is taken meanwhile.",
    about="access revoke budget p-42",
    done="access is revoked",
    refused="it is revoked already",
)
restore = _asking(
    "restore",
    "Take a revocation back: access is what the verdicts add up to again.",
    about="access restore budget p-42",
    done="access is restored",
    refused="it is not revoked",
)
transfer = _asking(
    "transfer",
    """Give all that a participant has in a consultation to TARGET, another id of the same person.

    Answers on their way go along. Refused where the other id has answered there itself.
    """,
    about="access transfer budget p-42 p-97",
    done="moved",
    refused="the other id has answers of its own, or one of both was erased",
    more=("target",),
)
reopen = _asking(
    "reopen",
    "Allow a participant one more answer to a question than it takes. Verdicts stay as they are.",
    about="reopen budget p-42 residence",
    done="one more answer is allowed",
    refused="the question may be answered already, an answer is on its way, or access is revoked",
    more=("question",),
)

for _command in (revoke, restore, transfer):
    access.add_command(_command)


@click.command(
    cls=Command,
    examples=("jurat erase p-42", "jurat erase p-42 --consultation budget --yes"),
    environment=_READS,
    codes={Exit.REFUSED: "you said no, and nothing was erased"},
)
@click.argument("participant", type=NameParam())
@click.option("--consultation", type=NameParam(), metavar="NAME", help="Only from this consultation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
@click.pass_obj
def erase(out: Output, participant: str, *, consultation: str | None, yes: bool, who: str) -> Exit:
    """Erase a participant: a random word takes the place of the id, and answers, candidates and notes go.

    Verdicts stay, for they name nobody. Checks on their way end undetermined. A number stays held, so that nobody gets
    a second access by being erased. Says first what is there, and asks. It cannot be undone.
    """
    from cli.confirmation import agreed
    from cli.database import opened
    from store.requests.erasure import traces
    from store.requests.request_runner import Requests

    with opened() as service:
        found = traces(service.database, participant, consultation)
        if not found:
            where = "in any consultation" if consultation is None else f"in consultation {consultation:.80}"
            raise Failure(f"nothing is there of that participant {where}; check the id", Exit.USAGE)
        for line in _traces(found):
            out.say(line)
        if not yes and not agreed("This cannot be undone.", "Erase?"):
            raise Failure("nothing was erased", Exit.REFUSED)
        request = _request("erase", who, consultation=consultation, participant=participant)
        Requests(service.database).do(request)
    document = {"request": request.id, "consultations": [asdict(each) for each in found]}
    out.show(document, [f"erased from {count_text(len(found), 'consultation')}"])
    return Exit.DONE


def _about(out: Output, kind: str, done: str, who: str, **named: str) -> Exit:
    """Ask for something about a participant and do it at once.

    Raises CannotBeDone.
    """
    from cli.database import opened
    from store.requests.participants import read_participant
    from store.requests.request_runner import Requests

    request = _request(kind, who, **named)
    with opened() as service:
        Requests(service.database).do(request)
        found = read_participant(service.database, (named["consultation"], named.get("target", named["participant"])))
    state = found.access if found else None
    out.show({"request": request.id, "access": state}, [f"{done}; access: {state}" if state else done])
    return Exit.DONE


def _request(kind: str, who: str, **given: Any) -> Request:
    from jurat.ids import uuid7
    from store.requests.request_rows import Request, RequestKind

    if who in (given["participant"], given.get("target")):
        raise Failure("--as must name who does this, and not the participant by their id", Exit.USAGE)
    return Request(uuid7(), RequestKind(kind), who, **given)


def _traces(found: Sequence[Trace]) -> Iterator[str]:
    yield from columns(
        ("consultation", "checks", "on their way", "access"),
        ([each.consultation, each.checks, each.on_their_way, each.access] for each in found),
    )


def _lines(found: Participant) -> Iterator[str]:
    until = f" until {time_text(found.granted_until)}" if found.granted_until else ""
    yield f"access: {found.access}{until}{', revoked by a person' if found.revoked else ''}"
    yield ""
    yield from columns(
        ("question", "state", "answers left"),
        ([name, state, found.rounds_left.get(name, 0)] for name, state in found.questions.items()),
    )
    if found.answers:
        yield ""
        yield from columns(
            ("check", "question", "round", "state", "outcome", "reason", "decided"),
            (
                [each.check_id, each.question, each.round, each.state, each.outcome, each.reason, each.decided_at]
                for each in found.answers
            ),
        )
    if found.interventions:
        yield ""
        yield from columns(
            ("at", "what", "question", "by", "came of it"),
            (
                [each.asked_at, each.kind, each.question, each.by_whom, each.refused or _came_of(each.dealt_with_at)]
                for each in found.interventions
            ),
        )


def _came_of(dealt_with_at: Any) -> str:
    return "waits" if dealt_with_at is None else "done"
