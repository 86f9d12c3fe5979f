"""`access`, `reopen`, `erase`: what staff do for one participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, as_option, command, confirm, contract_name
from cli.database import open_database
from cli.output import ACCESS_CODES, Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from store.requests.participants import Participant
    from store.requests.request_rows import Request


@click.group(cls=Group)
def access() -> None:
    """Show a participant's access, revoke it, restore it, or move it to another id."""


@access.command(
    examples=("jurat access show budget p-42",),
    codes={
        Exit.DONE: "granted",
        Exit.REFUSED: "blocked",
        Exit.PENDING: "pending",
        Exit.UNDETERMINED: "incomplete: something is open to answer",
    },
)
@click.argument("consultation", type=contract_name)
@click.argument("participant", type=contract_name)
def show(out: Output, consultation: str, participant: str) -> Exit:
    """Show a participant's access, the verdict of each answer, and what people did about it. No answer is shown."""
    from store.requests.participants import read_participant

    with open_database() as service:
        found = read_participant(service.database, (consultation, participant))
    if found is None:
        raise Failure(f"that participant has confirmed no answer in consultation {consultation:.80}", Exit.USAGE)
    out.show({"consultation": consultation, "participant": participant, **asdict(found)}, _lines(found))
    return ACCESS_CODES[found.access]


def _request_command(
    kind: str, text: str, *, example: str, done: str, refused: str, more: Sequence[str] = ()
) -> click.Command:
    """A command that does one thing about a participant at once.

    `text` is its help. It takes the arguments consultation, participant and `more`. It prints `done`, and refuses for
    the reasons in `refused`.
    """

    @as_option
    def run(out: Output, /, *, who: str, **named: str) -> None:
        from store.requests.participants import read_participant
        from store.requests.request_runner import Requests

        request = _request(kind, who, **named)
        with open_database() as service:
            Requests(service.database).do(request)
            key = (named["consultation"], named.get("target", named["participant"]))
            found = read_participant(service.database, key)
        state = found.access if found else None
        out.show({"request": request.id, "access": state}, [f"{done}; access: {state}" if state else done])

    for name in reversed(("consultation", "participant", *more)):
        run = click.argument(name, type=contract_name)(run)
    return command(
        name=kind,
        help=text,
        examples=(f"jurat {example} --as clerk-7",),
        codes={Exit.REFUSED: f"refused, and nothing was changed: {refused}"},
    )(run)


revoke = _request_command(
    "revoke",
    "Block a participant's access until it is restored. Meanwhile, no answer of theirs is taken.",
    example="access revoke budget p-42",
    done="access is revoked",
    refused="it is already revoked",
)
restore = _request_command(
    "restore",
    "Undo a revocation: access again depends on the verdicts.",
    example="access restore budget p-42",
    done="access is restored",
    refused="it is not revoked",
)
transfer = _request_command(
    "transfer",
    """Move everything of a participant in a consultation to TARGET, another id of the same person.

    Pending answers move, too. Refused if the other id has answered there itself.
    """,
    example="access transfer budget p-42 p-97",
    done="moved",
    refused="the other id has answers of its own, or one of the two was erased",
    more=("target",),
)
reopen = _request_command(
    "reopen",
    "Allow a participant one more answer to a question. Verdicts stay as they are.",
    example="reopen budget p-42 residence",
    done="one more answer is allowed",
    refused="the question can already be answered, an answer is pending, or access is revoked",
    more=("question",),
)

for _command in (revoke, restore, transfer):
    access.add_command(_command)


@command(
    examples=("jurat erase p-42", "jurat erase p-42 --consultation budget --yes"),
    environment=("JURAT_DATABASE_URL", "JURAT_ERASURE_JOURNAL", "JURAT_HASH_KEYS"),
    codes={Exit.REFUSED: "you said no, and nothing was erased"},
)
@click.argument("participant", type=contract_name)
@click.option("--consultation", type=contract_name, metavar="NAME", help="Only from this consultation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
def erase(out: Output, participant: str, *, consultation: str | None, yes: bool, who: str) -> None:
    """Erase a participant: a random id replaces theirs, and answers, candidates and notes are deleted.

    Verdicts stay, as they name no one. Pending checks end undetermined. A number stays in use, so that no one gets a
    second access by being erased. Shows first what exists, and asks. It cannot be undone.
    """
    from store.requests.erasure import traces
    from store.requests.request_runner import Requests

    with open_database() as service:
        found = traces(service.database, participant, consultation)
        if not found:
            where = "in any consultation" if consultation is None else f"in consultation {consultation:.80}"
            raise Failure(f"nothing exists of that participant {where}; check the id", Exit.USAGE)
        for line in columns(
            ("consultation", "checks", "on their way", "access"),
            map(attrgetter("consultation", "checks", "on_their_way", "access"), found),
        ):
            out.say(line)
        if not yes and not confirm("This cannot be undone.", "Erase?"):
            raise Failure("nothing was erased", Exit.REFUSED)
        request = _request("erase", who, consultation=consultation, participant=participant)
        journal = service.journal
        Requests(service.database, journal=journal).do(request)
    document = {"request": request.id, "consultations": [asdict(each) for each in found]}
    out.show(document, [f"erased from {count_text(len(found), 'consultation')}"])
    if journal is None:
        out.say("an older backup would bring it back: set JURAT_ERASURE_JOURNAL, see docs/runbooks/restore-a-backup.md")


def _request(kind: str, who: str, **given: Any) -> Request:
    from jurat.ids import uuid7
    from store.requests.request_rows import Request, RequestKind, is_about_asker

    request = Request(uuid7(), RequestKind(kind), who, **given)
    if is_about_asker(request):
        raise Failure("--as must name the person who does this, not the participant's id", Exit.USAGE)
    return request


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
            map(attrgetter("check_id", "question", "round", "state", "outcome", "reason", "decided_at"), found.answers),
        )
    if found.interventions:
        yield ""
        yield from columns(
            ("at", "what", "question", "by", "came of it"),
            (
                (
                    each.asked_at,
                    each.kind,
                    each.question,
                    each.by_whom,
                    each.refused or ("done" if each.dealt_with_at else "waits"),
                )
                for each in found.interventions
            ),
        )
