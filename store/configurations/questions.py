"""Writes the questions of the applied configuration for platforms: a row each, with its consultation's texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from config.configuration import Configuration, Question
from jurat.statements import rows_json
from store.configurations.applied_config import AccessTerms, AppliedConfig
from store.dialects import dialect_of

CHUNK = 4 << 20
"""About so many bytes of rows are written by one statement: a worker's statement may take 10 s."""


def terms_versions(connection: Connection) -> Mapping[str, int]:
    """The version of each consultation that last changed how it adds up."""
    sql = "SELECT consultation, max(config_version) FROM jurat_questions GROUP BY consultation"
    return {row[0]: row[1] for row in connection.execute(text(sql))}


def replace_questions(
    connection: Connection,
    configuration: Configuration,
    version: int,
    before: AppliedConfig,
    versions: Mapping[str, int],
    only: Collection[str] | None = None,
) -> None:
    """Replace all questions, or add those of the consultations in `only`, which have none. The questions of a
    consultation that adds up as before keep its version in `versions` (see `terms_versions`): upkeep adds up access
    rows that are older than that again.
    """
    dialect = dialect_of(connection)
    names, of_all = (", ".join(column.split()[0] for column in columns.split(", ")) for columns in (_QUESTION, _SHARED))
    values = ", ".join([f"r.{name}" for name in names.split(", ")] + [f"t.{name}" for name in of_all.split(", ")])
    add = f"""
        WITH t AS MATERIALIZED (SELECT r.* FROM {dialect.rowset(f"consultation text, {_SHARED}", "texts")})
        INSERT INTO jurat_questions ({names}, {of_all}) SELECT {values}
        FROM {dialect.rowset(_QUESTION)} JOIN t ON t.consultation = r.consultation WHERE true"""
    terms = AccessTerms.of(configuration)
    known = before.version == version - 1  # otherwise a newer jurat applied it, and nothing can be compared
    kept = {name: number for name, number in versions.items() if known and terms.alike(before.terms, name)}
    if only is None:
        connection.execute(text("DELETE FROM jurat_questions"))
    for rows, texts in _chunks(configuration, only, kept, version):
        if only is not None and dialect.has_functions:
            # The database takes all else from the stored version.
            own = [{name: row[name] for name in _OWN} for row in rows]
            connection.execute(text("SELECT jurat_add_questions(CAST(:rows AS jsonb))"), {"rows": rows_json(own)})
        else:
            connection.execute(text(add), {"rows": rows_json(rows), "texts": rows_json(texts)})


def _chunks(
    configuration: Configuration, only: Collection[str] | None, versions: Mapping[str, int], version: int
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The rows of the questions and the texts of their consultations, in parts that each write about `CHUNK` bytes.
    Each row gets the texts, but a parameter has them once: PostgreSQL takes none of more than 255 MiB.
    """
    rows: list[dict[str, Any]] = []
    texts: dict[str, dict[str, Any]] = {}
    size = 0
    widths: dict[str, int] = {}
    for question in configuration.questions.values():
        name = question.consultation
        if only is not None and name not in only:
            continue
        row = _row(question, versions.get(name, version))
        shared = {
            "consultation": name,
            "consultation_title": question.consultation_title,
            "contact": question.contact,
            "messages": question.messages,
        }
        if name not in widths:
            widths[name] = len(rows_json([shared]).encode())
        width = widths[name] + len(rows_json([row]).encode())
        if rows and size + width > CHUNK:
            yield rows, list(texts.values())
            rows, texts, size = [], {}, 0
        rows.append(row)
        texts[name] = shared
        size += width
    if rows:
        yield rows, list(texts.values())


def _row(question: Question, version: int) -> dict[str, Any]:
    return {
        "consultation": question.consultation,
        "question": question.name,
        "position": question.position,
        "criterion": question.criterion,
        "source": question.sources[0],
        "sources": list(question.sources),
        "rounds": question.terms.rounds,
        "valid_s": question.terms.valid_s,
        "renew_s": None if question.terms.valid_s is None else question.terms.renew_s,
        "deadline_s": question.deadline_s,
        "answer_schema": question.answer_schema,
        "fields": question.fields,
        "title": question.title,
        "config_version": version,
    }


_QUESTION = (
    "consultation text, question text, position int, criterion text, source text, sources jsonb, rounds int, "
    "valid_s float8, renew_s float8, deadline_s float8, answer_schema jsonb, fields jsonb, title jsonb, "
    "config_version int"
)
_SHARED = "consultation_title jsonb, contact jsonb, messages jsonb"

_OWN = ("consultation", "question", "deadline_s", "valid_s", "renew_s", "config_version")
"""What a worker sends of a question that it adds."""
