"""Consultations that a platform publishes itself: checks whose each is and how large, and asks for its publication.

What a consultation says is checked where that decides: by the worker that puts it into the configuration. On PostgreSQL
the functions of the contract do what this module does for SQLite, with rights that a platform does not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jurat.dialects import SQLITE
from jurat.errors import InvalidConsultation
from jurat.names import PRINTABLE, is_printable, is_storable
from jurat.statements import Statements
from jurat.vocabulary import PublicationState

LARGEST = 256 << 10
"""Most bytes of a document, as JSON in UTF-8."""

MOST_PUBLISHED = 1_000
LARGEST_TOGETHER = 16 << 20
"""How many consultations a platform may have, and how many bytes together: each worker reads them all."""

TOO_MANY = f"the platform has {MOST_PUBLISHED:,} consultations already, as many as it may"
WITHDRAW_ONE = "withdraw one that is over"
TOO_LARGE_TOGETHER = f"with it, all published consultations would be larger than {LARGEST_TOGETHER >> 20} MiB together"
SHORTEN_OR_WITHDRAW = "shorten its texts, or withdraw one that is over"

NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
NAMED = "a name has lower-case letters, digits, '-' and '_', at most 63, and begins with a letter or digit"


@dataclass(frozen=True, slots=True)
class PublicationProblem:
    """The first thing that is wrong with a publication: its SQLSTATE on PostgreSQL, its place, and what to do."""

    code: str
    place: str
    problem: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class KnownConsultations:
    """What the database has of consultations when one is published.

    `published`: the platform has published it before. `of_administrators`: their configuration has one of its name.
    `others` counts those of another name that the platform has, or that are still in the configuration, and
    `bytes_of_others` says how large they are.
    """

    published: bool = False
    of_administrators: bool = False
    others: int = 0
    bytes_of_others: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """What became of the last publication of a consultation.

    `refused` says why it was refused. `config_version` is the configuration that brought its present rounds and rule;
    None while no revision of it is in force.
    """

    name: str
    state: PublicationState
    revision: int
    config_version: int | None
    refused: str | None


def publish(statements: Statements, name: str, document: Mapping[str, Any] | None, by: str) -> int:
    """Publish a consultation in the platform's transaction, or withdraw it; its revision.

    Raises InvalidConsultation; nothing is written then.
    """
    written = None if document is None else _encoded(document)
    given = {"name": name, "document": written, "by": by}
    for argument, value in (("name", name), ("published_by", by)):
        if not isinstance(value, str):
            raise InvalidConsultation(argument, "must be text")
        if not is_storable(value):
            raise InvalidConsultation(argument, PRINTABLE)
    if statements.dialect.has_functions:
        found = [PublicationProblem(*row) for row in statements.run(_EXAMINE, given)]
    else:
        (row,) = statements.run(_KNOWN, {"name": name})
        known = KnownConsultations(bool(row[0]), bool(row[1]), *row[2:])
        found = [each] if (each := problem_of(name, written, by, known)) else []
    for problem in found:
        raise InvalidConsultation(problem.place, problem.problem, problem.hint)
    return int(statements.run(_PUBLISH if statements.dialect.has_functions else _INSERT, given)[0][0])


def problem_of(name: str, document: str | None, by: str, known: KnownConsultations) -> PublicationProblem | None:
    """The first thing that is wrong, in the order of `jurat_check_consultation`, its twin; None if nothing is.

    `document` is JSON text, None to withdraw the consultation.
    """
    here, size = f"consultations.{name}", len((document or "").encode())
    if not NAME.fullmatch(name):
        return PublicationProblem("JU010", "name", NAMED)
    if not is_printable(by):
        return PublicationProblem("JU010", "published_by", PRINTABLE)
    if document is None:
        problem = "the platform has published no such consultation"
        return None if known.published else PublicationProblem("JU012", here, problem)
    if size > LARGEST:
        return PublicationProblem("JU010", "document", "is larger than 256 KiB", "shorten its texts")
    if known.others >= MOST_PUBLISHED:
        return PublicationProblem("JU010", here, TOO_MANY, WITHDRAW_ONE)
    if known.bytes_of_others + size > LARGEST_TOGETHER:
        return PublicationProblem("JU010", here, TOO_LARGE_TOGETHER, SHORTEN_OR_WITHDRAW)
    if known.of_administrators:
        problem = "the administrators' configuration has this name"
        return PublicationProblem("JU012", here, problem, "choose another name")
    return None


def _encoded(document: object) -> str:
    """The document as JSON in its order: that of the questions is that of the form.

    Raises InvalidConsultation for what is no JSON, or cannot be stored.
    """
    if not isinstance(document, Mapping):
        raise InvalidConsultation("document", "must be a map (key: value)")
    try:
        written = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise InvalidConsultation("document", "maps and lists are nested too deep", "check the brackets") from None
    except (TypeError, ValueError):
        raise InvalidConsultation("document", "is no JSON: maps, lists, texts, numbers and booleans") from None
    if not is_storable(written):
        raise InvalidConsultation("document", "a text in it holds half a character", "remove it")
    return written


_KNOWN = """
    SELECT coalesce(max(name = :name AND document IS NOT NULL), 0),
      EXISTS (SELECT 1 FROM jurat_questions q WHERE q.consultation = :name)
        AND NOT coalesce(max(name = :name AND applied_document IS NOT NULL), 0),
      coalesce(sum(name <> :name), 0),
      coalesce(sum(CASE WHEN name <> :name THEN max(coalesce(length(CAST(document AS blob)), 0),
                                                    coalesce(length(CAST(applied_document AS blob)), 0)) END), 0)
    FROM jurat_consultations WHERE coalesce(document, applied_document) IS NOT NULL"""
"""A row of `KnownConsultations`, on SQLite."""

_ARGUMENTS = "CAST(:name AS text), CAST(:document AS json), CAST(:by AS text)"
_EXAMINE = f"SELECT code, place, problem, hint FROM jurat_check_consultation({_ARGUMENTS})"
_PUBLISH = f"SELECT jurat_publish_consultation({_ARGUMENTS})"

_INSERT = f"""
    INSERT INTO jurat_consultations (name, document, published_by, published_at)
    VALUES (:name, :document, :by, {SQLITE.now()})
    ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = revision + 1,
      published_by = excluded.published_by, published_at = excluded.published_at
    RETURNING revision"""
"""Does on SQLite what the function does on PostgreSQL. docs/platforms/publish-consultations.md documents it."""

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
