"""Consultations that a platform publishes itself: checks them at once, and asks for their publication.

The platform chooses among the criteria of the applied configuration (`jurat_criteria`) and fills only what they leave
open. A worker looks at the rest and puts it into the configuration. On PostgreSQL the functions of the contract do what
stands here, with rights that a platform does not have; on SQLite this module does, and says the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jurat.errors import InvalidConsultation
from jurat.names import is_storable
from jurat.statements import Statements, now
from jurat.vocabulary import PublicationState

LARGEST = 256 << 10
"""Bytes of the document as JSON in UTF-8."""

DEEPEST = 40
"""Maps and lists in one another, in what platforms publish and in files."""

OPTIONS = ("access", "contact", "four_eyes", "messages", "questions", "retain", "review_due", "title")
"""What a consultation may say, sorted. Which of them a worker knows, it says itself."""

QUESTION_OPTIONS = (*("criterion", "deadline", "on_undetermined", "renew", "rounds", "title", "valid_for", "with"),)
"""The same of a question."""

MOST_PUBLISHED = 1_000
LARGEST_TOGETHER = 16 << 20
"""So many consultations a platform has at most, of so many bytes together: each worker reads them all."""

TOO_MANY = f"the platform has {MOST_PUBLISHED:,} consultations already, as many as it may"
WITHDRAW_ONE = "withdraw one that is over"
TOO_LARGE_TOGETHER = f"with it, all published consultations would be larger than {LARGEST_TOGETHER >> 20} MiB together"
SHORTEN_OR_WITHDRAW = "shorten its texts, or withdraw one that is over"

MOST_QUESTIONS = 50
MOST_NAMED = 12

NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
NAMED = "a name has lower-case letters, digits, '-' and '_', at most 63, and begins with a letter or digit"
_MAP = "must be a map (key: value)"
_NAMES = {"zone": ("zone", "zones"), "list": ("list of codes", "lists")}
"""Of each parameter what it names, and the attribute of `Choices` that has those."""


@dataclass(frozen=True, slots=True)
class PublicationProblem:
    """The first thing that is wrong with a publication: the SQLSTATE under which PostgreSQL says it, where, and what
    to do (or nothing).
    """

    code: str
    place: str
    problem: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is there to choose from: each criterion with what it leaves open, zones in force, lists that have codes.

    `ours` are the consultations that the platform has published, `theirs` says that administrators have one of this
    name. `others` counts those of another name that the platform has, or that are still in the configuration, and
    `bytes_of_others` what they take.
    """

    criteria: Mapping[str, Sequence[str]]
    zones: Collection[str]
    lists: Collection[str]
    ours: Collection[str] = ()
    theirs: bool = False
    others: int = 0
    bytes_of_others: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """What became of the last publication of a consultation.

    `refused` says why it was refused. `config_version` is the configuration since which its rounds and its rule are as
    they are; None while no revision of it is in force.
    """

    name: str
    state: PublicationState
    revision: int
    config_version: int | None
    refused: str | None


def publish(statements: Statements, name: str, document: Mapping[str, Any] | None, by: str) -> int:
    """Ask for a consultation in the platform's transaction, or for its withdrawal; the revision.

    Raises InvalidConsultation; nothing is written then.
    """
    written = None if document is None else _encoded(document)
    given = {"name": name, "document": written, "by": by}
    for argument, value in (("name", name), ("published_by", by)):
        if not isinstance(value, str):
            raise InvalidConsultation(argument, "must be text")
        if not is_storable(value):
            raise InvalidConsultation(argument, "must be 1 to 200 printable characters")
    if statements.dialect == "postgresql":
        found = [PublicationProblem(*row) for row in statements.run(_EXAMINE, given)]
    else:
        found = [each] if (each := problem_of(name, written, by, _known(statements, name))) else []
    for problem in found:
        raise InvalidConsultation(problem.place, problem.problem, problem.hint)
    if statements.dialect == "postgresql":
        return int(statements.run(_PUBLISH, given)[0][0])
    return int(statements.run(_INSERT, given)[0][0])


def problem_of(name: str, document: str | None, by: str, known: Choices) -> PublicationProblem | None:
    """The first thing that is wrong, in the order in which `jurat_check_consultation` looks; None where nothing is.

    `document` is JSON text, None to withdraw the consultation.
    """
    return next(_problems(name, document, by, known), None)


def _problems(name: str, document: str | None, by: str, known: Choices) -> Iterator[PublicationProblem]:
    if not NAME.fullmatch(name):
        yield PublicationProblem("JU010", "name", NAMED)
    if not 0 < len(by) <= 200 or not by.isprintable():
        yield PublicationProblem("JU010", "published_by", "must be 1 to 200 printable characters")
    here = f"consultations.{name}"
    if document is None:
        if name not in known.ours:
            yield PublicationProblem(
                "JU012", here, "the platform has published no such consultation", _there_is(name, known.ours)
            )
        return
    size = len(document.encode())
    if size > LARGEST:
        yield PublicationProblem("JU010", "document", "is larger than 256 KiB", "shorten its texts")
    if known.others >= MOST_PUBLISHED:
        yield PublicationProblem("JU010", here, TOO_MANY, WITHDRAW_ONE)
    if known.bytes_of_others + size > LARGEST_TOGETHER:
        yield PublicationProblem("JU010", here, TOO_LARGE_TOGETHER, SHORTEN_OR_WITHDRAW)
    whole = json.loads(document)
    if not all(map(is_storable, _texts(whole))):
        yield PublicationProblem("JU010", "document", "a text in it holds a NUL or half a character", "remove it")
    if not isinstance(whole, dict):
        yield PublicationProblem("JU011", here, _MAP)
    if known.theirs:
        yield PublicationProblem(
            "JU012", here, "the administrators' configuration has this name", "choose another name"
        )
    yield from _unknown_options(here, whole, OPTIONS)
    yield from _wrong_questions(here, whole, known)
    asked = whole["questions"]
    spoken_of = sorted(set(_strings(whole.get("access"))) - set(asked))
    if spoken_of:
        said = f"there is no question '{_shown(spoken_of[0])}' here"
        yield PublicationProblem("JU011", f"{here}.access", said, _there_is(spoken_of[0], asked))


def _wrong_questions(here: str, whole: Mapping[str, Any], known: Choices) -> Iterator[PublicationProblem]:
    if "questions" not in whole:
        yield PublicationProblem("JU011", here, "'questions' is missing")
    questions, place = whole["questions"], f"{here}.questions"
    if not isinstance(questions, dict):
        yield PublicationProblem("JU011", place, _MAP)
    if not questions:
        yield PublicationProblem("JU011", place, "is empty")
    if len(questions) > MOST_QUESTIONS:
        yield PublicationProblem("JU011", place, f"has more than {MOST_QUESTIONS} entries")
    for name, question in questions.items():
        yield from _wrong_question(f"{place}.{_shown(name)}", name, question, known)


def _wrong_question(here: str, name: str, question: Any, known: Choices) -> Iterator[PublicationProblem]:
    if not NAME.fullmatch(name):
        yield PublicationProblem("JU011", here, NAMED)
    if not isinstance(question, dict):
        yield PublicationProblem("JU011", here, _MAP)
    yield from _unknown_options(here, question, QUESTION_OPTIONS)
    if "criterion" not in question:
        yield PublicationProblem("JU011", here, "'criterion' is missing")
    criterion = question["criterion"]
    if not isinstance(criterion, str):
        yield PublicationProblem("JU011", f"{here}.criterion", "must be text")
    if criterion not in known.criteria:
        said = f"there is no criterion '{_shown(criterion)}'"
        yield PublicationProblem("JU011", f"{here}.criterion", said, _there_is(criterion, known.criteria))
    yield from _wrong_parameters(here, criterion, question.get("with", {}), known)


def _wrong_parameters(here: str, criterion: str, filled: Any, known: Choices) -> Iterator[PublicationProblem]:
    if not isinstance(filled, dict):
        yield PublicationProblem("JU011", f"{here}.with", _MAP)
    left_open = sorted(known.criteria[criterion])
    for parameter in sorted(set(filled) - set(left_open)):
        said = f"criterion '{criterion}' does not leave it open"
        hint = f"it leaves open: {', '.join(left_open) or 'nothing'}"
        yield PublicationProblem("JU011", f"{here}.with.{_shown(parameter)}", said, hint)
    for parameter in left_open:
        if parameter not in filled:
            said = f"criterion '{criterion}' leaves {parameter} open, and this question does not fill it"
            yield PublicationProblem("JU011", here, said, f"add with: {{ {parameter}: NAME }}")
    for parameter in left_open:
        place, value = f"{here}.with.{parameter}", filled[parameter]
        if not isinstance(value, str):
            yield PublicationProblem("JU011", place, "must be text")
        kind, there = _NAMES.get(parameter, ("", ""))
        if kind and value not in (names := getattr(known, there)):
            yield PublicationProblem("JU011", place, f"there is no {kind} '{_shown(value)}'", _there_is(value, names))


def _unknown_options(here: str, found: Mapping[str, Any], options: Sequence[str]) -> Iterator[PublicationProblem]:
    for option in sorted(set(found) - set(options)):
        yield PublicationProblem("JU011", f"{here}.{_shown(option)}", "unknown option", _there_is(option, options))


def _there_is(word: str, known: Collection[str]) -> str:
    """What there is to choose from; what begins as `word` does comes first."""
    near = sorted(known, key=lambda name: (name[:3] != word[:3], name))
    more = f" and {len(near) - MOST_NAMED} more" if len(near) > MOST_NAMED else ""
    return f"there is {', '.join(near[:MOST_NAMED]) or 'none'}{more}"


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:80]


def _encoded(document: Mapping[str, Any]) -> str:
    """The document as JSON in its order: that of the questions is that of the form.

    Raises InvalidConsultation for what is no JSON, or could not be stored.
    """
    deep = InvalidConsultation("document", f"maps and lists are nested more than {DEEPEST} deep", "check the brackets")
    try:
        written = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise deep from None
    except (TypeError, ValueError):
        raise InvalidConsultation("document", "is no JSON: maps, lists, texts, numbers and booleans") from None
    if any("\ud800" <= character <= "\udfff" for character in written):
        raise InvalidConsultation("document", "a text in it holds a NUL or half a character", "remove it")
    if len(written) <= LARGEST and _is_deep(document):
        raise deep
    return written


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [part for each in level for part in _parts(each)]
    return bool(level)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            yield from value
            for part in value.values():
                yield from _texts(part)
        case _:
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    """Every text in a value that is no key."""
    match value:
        case str():
            yield value
        case dict():
            for part in value.values():
                yield from _strings(part)
        case list():
            for part in value:
                yield from _strings(part)


def _known(statements: Statements, name: str) -> Choices:
    criteria = {row[0]: json.loads(row[1]) for row in statements.run("SELECT name, open FROM jurat_criteria", {})}
    zones, lists = ({row[0] for row in statements.run(sql, {})} for sql in (_ZONES, _LISTS))
    ours = {row[0] for row in statements.run("SELECT name FROM jurat_consultations WHERE document IS NOT NULL", {})}
    theirs = bool(statements.run(_THEIRS, {"name": name}))
    ((others, size),) = statements.run(_OTHERS, {"name": name})
    return Choices(criteria, zones, lists, ours, theirs, others, size)


_ZONES = f"SELECT DISTINCT name FROM jurat_zones WHERE in_force_from <= {now('sqlite')}"

_LISTS = """
    WITH RECURSIVE found (list) AS (
      SELECT min(list) FROM jurat_codes
      UNION ALL SELECT (SELECT min(k.list) FROM jurat_codes k WHERE k.list > found.list) FROM found
      WHERE found.list IS NOT NULL)
    SELECT list FROM found WHERE list IS NOT NULL"""

_LENGTHS = [f"coalesce(length(CAST({column} AS blob)), 0)" for column in ("document", "applied_document")]

_OTHERS = f"""
    SELECT count(*), coalesce(sum(max({", ".join(_LENGTHS)})), 0) FROM jurat_consultations
    WHERE name <> :name AND coalesce(document, applied_document) IS NOT NULL"""

_THEIRS = """
    SELECT 1 FROM jurat_questions q WHERE q.consultation = :name AND NOT EXISTS (
      SELECT 1 FROM jurat_consultations c WHERE c.name = :name AND c.applied_document IS NOT NULL)
    LIMIT 1"""

_ARGUMENTS = "CAST(:name AS text), CAST(:document AS json), CAST(:by AS text)"
_EXAMINE = f"SELECT code, place, problem, hint FROM jurat_check_consultation({_ARGUMENTS})"
_PUBLISH = f"SELECT jurat_publish_consultation({_ARGUMENTS})"

_INSERT = f"""
    INSERT INTO jurat_consultations (name, document, published_by, published_at)
    VALUES (:name, :document, :by, {now("sqlite")})
    ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = revision + 1,
      published_by = excluded.published_by, published_at = excluded.published_at
    RETURNING revision"""
"""What the function of PostgreSQL does, for SQLite. docs/platforms/publish-consultations.md has it for any language."""

PUBLICATION = """
    SELECT c.document IS NULL, c.revision, c.answered_revision, c.refused, c.applied_document IS NOT NULL,
      (SELECT max(q.config_version) FROM jurat_questions q WHERE q.consultation = c.name)
    FROM jurat_consultations c WHERE c.name = :name"""


def publication_from(name: str, row: Sequence[Any]) -> Publication:
    """A row of `PUBLICATION`."""
    withdrawn, revision, answered, refused, applied, version = row
    if (answered or 0) < revision:
        state = PublicationState.WAITING
    elif refused is not None:
        state = PublicationState.REFUSED
    else:
        state = PublicationState.WITHDRAWN if withdrawn else PublicationState.PUBLISHED
    why = refused if state is PublicationState.REFUSED else None
    return Publication(name, state, revision, version if applied else None, why)
