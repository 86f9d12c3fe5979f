"""`submit`, `status`, `wait`: checks from the shell, through the client that a platform uses."""

from __future__ import annotations

import sys
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.command import check_argument, check_id, command, contract_name, locale_option
from cli.database import open_client, open_engine_on
from cli.output import ACCESS_CODES, Exit, Failure, Output, columns, fields_of, outcome_code, time_text

if TYPE_CHECKING:
    from jurat import Client, ParticipantStatus, Result

_LARGEST = 64 * 1024


@command(
    examples=(
        "jurat submit budget p-42 code --answer-file answer.json",
        """jurat submit budget p-42 residence --wait 30 \\
    --field number=8 --field "street=quai de la Brême" --field postcode=00100""",
        'echo \'{"code": "…"}\' | jurat submit budget p-42 code --answer-file -',
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_SEAL_KEY", "JURAT_BROKER_URL"),
    codes={
        Exit.DONE: "taken; with --wait: accepted",
        Exit.REFUSED: "with --wait: refused",
        Exit.USAGE: "not taken: wrong usage or settings, no such question, an answer that it does not take, or one "
        "that was confirmed before",
        Exit.PENDING: "with --wait: taken, and not yet decided at the timeout",
        Exit.UNDETERMINED: "with --wait: undetermined, or a person decides",
    },
)
@click.argument("consultation", type=contract_name)
@click.argument("participant", type=contract_name)
@click.argument("question", type=contract_name)
@click.option("--answer", metavar="JSON", help="The answer. Other users of this machine can see it: prefer a file.")
@click.option(
    "--answer-file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True), help="Read it; - is stdin."
)
@click.option(
    "--field",
    "fields",
    metavar="NAME=VALUE",
    multiple=True,
    help="One field of the answer; repeat it. Others can see it, too.",
)
@click.option(
    "--id", "check_id", type=check_id, metavar="UUID", help="The check's id; the same id means the same check."
)
@click.option("--priority", type=click.Choice(["interactive", "bulk"]), default="interactive", help="How urgent it is.")
@click.option(
    "--wait", "seconds", metavar="SECONDS", type=click.FloatRange(0, 86400), help="Wait this long for the verdict."
)
@locale_option
def submit(
    out: Output,
    consultation: str,
    participant: str,
    question: str,
    *,
    answer: str | None,
    answer_file: str | None,
    fields: Sequence[str],
    check_id: UUID | None,
    priority: str,
    seconds: float | None,
    locale: str,
) -> Exit:
    """Submit one confirmed answer, and print the id of its check.

    The answer is a JSON object with the fields that the question asks for. It is sealed before it is stored, and cannot
    be changed later.
    """
    from config.settings import read_settings
    from worker.keyring import mismatch

    content = read_answer(out, answer, answer_file, fields)
    settings = read_settings()
    if settings.seal_key is None:
        raise Failure(
            "JURAT_SEAL_KEY is not set: an answer cannot be sealed; set it to the workers' public key, or, only where "
            "there are no keys yet, make them with `bin/jurat keys generate`",
            Exit.USAGE,
        )
    if problem := mismatch(settings):  # the workers' keys are set here as well, and none would open the answer
        raise Failure(problem, Exit.USAGE)
    with open_client(settings) as platform:
        with open_engine_on(settings) as engine, engine.begin() as connection:
            check = platform.submit(
                connection,
                consultation=consultation,
                participant=participant,
                question=question,
                answer=content,
                id=check_id,
                priority=priority,
            )
        platform.ring()
        if not check.created:
            out.say("this id was submitted before; the answer confirmed then is kept")
        if seconds is None:
            out.show({"check_id": check.id, "round": check.round, "created": check.created}, [str(check.id)])
            return Exit.DONE
        return _wait(out, platform, check.id, seconds, locale)


@command(
    examples=(
        "jurat status 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
        "jurat status --access budget p-42",
        "jurat status --json ID ID ID",
    ),
    codes={
        Exit.DONE: "accepted; with --access: granted",
        Exit.REFUSED: "refused; with --access: blocked",
        Exit.PENDING: "on its way; with --access: pending",
        Exit.UNDETERMINED: "undetermined, or a person decides; with --access: incomplete",
    },
)
@click.argument("check_ids", metavar="[ID]…", type=check_id, nargs=-1)
@click.option(
    "--access",
    nargs=2,
    type=contract_name,
    metavar="CONSULTATION PARTICIPANT",
    help="A participant's access instead of checks.",
)
@locale_option
def status(out: Output, check_ids: Sequence[UUID], *, access: tuple[str, str] | None, locale: str) -> Exit:
    """Show the state of checks, or the access that a participant's verdicts add up to.

    For several checks, the exit code is the first of 2, 1, 4, 5 that any of them has.
    """
    if bool(check_ids) == bool(access):
        raise click.UsageError("Give the ids of checks, or --access with a consultation and a participant.")
    with open_client() as platform:
        if access:
            return _show_access(out, platform.participant_status(*access), *access, locale)
        results = platform.results(list(dict.fromkeys(check_ids)))
        found = {result.check_id for result in results}
        missing = [str(check_id) for check_id in dict.fromkeys(check_ids) if check_id not in found]
        if len(check_ids) == 1 and missing:
            platform.result(check_ids[0])  # raises with the sentence for it
        documents = [_document(platform, result, locale) for result in results]
        one = len(check_ids) == 1
        out.show(documents[0] if one else documents, _lines(documents[0]) if one else _table(documents))
        if missing:
            raise Failure(f"there is no check {', '.join(missing)}", Exit.USAGE)
        codes = {_code(result) for result in results}
        return next(code for code in (Exit.REFUSED, Exit.PENDING, Exit.UNDETERMINED, Exit.DONE) if code in codes)


@command(
    examples=("jurat wait 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071 --timeout 60",),
    codes={
        Exit.DONE: "accepted",
        Exit.REFUSED: "refused",
        Exit.PENDING: "not yet decided at the timeout",
        Exit.UNDETERMINED: "undetermined, or a person decides",
    },
)
@check_argument
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(0, 86400), default=30, help="How long to wait.")
@locale_option
def wait(out: Output, check_id: UUID, *, timeout: float, locale: str) -> Exit:
    """Wait until a check is settled or goes to review, and show it."""
    with open_client() as platform:
        return _wait(out, platform, check_id, timeout, locale)


def _wait(out: Output, platform: Client, check_id: UUID, seconds: float, locale: str) -> Exit:
    from jurat import WaitTimeout

    try:
        result = platform.wait(check_id, seconds)
    except WaitTimeout as error:
        out.say(str(error))
        result = platform.result(check_id)
    document = _document(platform, result, locale)
    out.show(document, _lines(document))
    return _code(result)


def _code(result: Result) -> Exit:
    if not result.settled:
        return Exit.UNDETERMINED if result.state == "review" else Exit.PENDING
    return outcome_code(result.outcome)


_SHOWN = ("check_id", "consultation", "participant", "question", "state", "outcome", "reason", "decided_at")


def _document(platform: Client, result: Result, locale: str) -> dict[str, Any]:
    message = platform.message(result.reason, locale, result.consultation) if result.reason else None
    return {**fields_of(result, *_SHOWN, "revision", "next_poll_ms"), "message": message}


def _lines(document: dict[str, Any]) -> list[str]:
    return [*_table([document]), *filter(None, [document["message"]])]


def _table(documents: Sequence[dict[str, Any]]) -> list[str]:
    return columns(("check", *_SHOWN[1:-1], "decided"), ([document[name] for name in _SHOWN] for document in documents))


def _show_access(
    out: Output, participant_status: ParticipantStatus, consultation: str, participant: str, locale: str
) -> Exit:
    access, message = participant_status.access, participant_status.access_message(locale)
    questions = [
        {
            "question": name,
            "state": state,
            "rounds_left": access.rounds_left.get(name, 0),
            "open": name in access.open,
            "renewable": name in access.renewable,
            "message": participant_status.message(name, locale),
        }
        for name, state in access.questions.items()
    ]
    document = {
        "consultation": consultation,
        "participant": participant,
        "access": access.state,
        "granted_until": access.granted_until,
        "message": message,
        "contact": participant_status.contact(locale),
        "questions": questions,
    }
    rows = columns(
        ("question", "state", "answers left", "open now"),
        (
            (
                line["question"],
                line["state"],
                line["rounds_left"],
                "to renew" if line["renewable"] else "yes" if line["open"] else "no",
            )
            for line in questions
        ),
    )
    until = f" until {time_text(access.granted_until)}" if access.granted_until else ""
    out.show(document, [f"access: {access.state}{until}", "", *rows, message])
    return ACCESS_CODES[access.state]


def read_answer(out: Output, answer: str | None, answer_file: str | None, fields: Sequence[str]) -> dict[str, Any]:
    """The answer from the one option that gives it."""
    from config.regular_files import read_given

    if (answer is not None) + (answer_file is not None) + bool(fields) != 1:
        raise click.UsageError("Give the answer once: with --answer-file, --answer or --field.")
    if fields:
        return parse_fields(fields)
    if answer is not None:
        return _parse_object(answer.encode("utf-8", "surrogatepass"), "--answer")
    if answer_file == "-":
        stream = sys.stdin.buffer
        if stream.isatty():
            out.say("Type the answer as JSON; end with Ctrl-D.")
        return _parse_object(stream.read(_LARGEST + 1), "standard input")
    return _parse_object(read_given(Path(str(answer_file)), _LARGEST + 1), str(answer_file))


def parse_fields(fields: Sequence[str], place: str = "--field", known: Container[str] = ()) -> dict[str, Any]:
    """The fields from texts NAME=VALUE; `known` were given elsewhere.

    A mistake is reported by `place` and number, without its text, which is personal data.
    """
    content: dict[str, Any] = {}
    part = "number" if place == "--field" else "part"  # of an address, "number" is one of its fields
    for number, field in enumerate(fields, 1):
        name, sign, value = field.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{part} {number} is not NAME=VALUE", param_hint=place)
        if name in content or name in known:
            raise click.BadParameter(f"{part} {number} gives a field for the second time", param_hint=place)
        content[name] = value
    return content


def _parse_object(content: bytes, place: str) -> dict[str, Any]:
    """A JSON object. Mistakes are reported by their place, without the text, which is personal data."""
    import json

    if len(content) > _LARGEST:
        raise Failure(f"{place}: is larger than {_LARGEST // 1024} KiB, the limit for an answer", Exit.USAGE)
    try:
        value = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_check_unique)
    except json.JSONDecodeError as error:
        raise Failure(f"{place}:{error.lineno}:{error.colno}: is not JSON: {error.msg}", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise Failure(f"{place}: is not UTF-8 text", Exit.USAGE) from None
    except (ValueError, RecursionError):
        raise Failure(f"{place}: is no JSON object with each field once", Exit.USAGE) from None
    if not isinstance(value, dict):
        raise Failure(f'{place}: is no JSON object; write {{"field": "value"}}', Exit.USAGE)
    return value


def _check_unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a field appears twice")
    return members
