"""Reads the applied configuration within a transaction, whatever plan its worker has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text

from config.configuration import Configuration, Question, digest_of
from config.problems import InvalidConfiguration
from config.sources import SourceModel
from jurat.access import Rule, Terms
from jurat.batches import Rows, Statement, run
from store.configurations.config_versions import written
from store.dialects import dialect_of


@dataclass(frozen=True, slots=True)
class AccessTerms:
    """What the access rows add up by: each consultation's rule, and the terms of its questions in their order."""

    rules: Mapping[str, Rule]
    terms: Mapping[str, Mapping[str, Terms]]

    @classmethod
    def of(cls, configuration: Configuration) -> Self:
        """The book of a configuration."""
        terms: dict[str, dict[str, Terms]] = {}
        for question in sorted(configuration.questions.values(), key=lambda question: question.position):
            terms.setdefault(question.consultation, {})[question.name] = question.terms
        return cls(configuration.access, terms)

    def alike(self, other: AccessTerms, consultation: str) -> bool:
        """Whether a consultation adds up by both in the same way."""
        return (self.rules.get(consultation), self.terms.get(consultation)) == (
            other.rules.get(consultation),
            other.terms.get(consultation),
        )


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """One applied configuration; version 0, without any question, where none is."""

    version: int
    book: AccessTerms
    questions: Mapping[tuple[str, str], Question]
    sources: Mapping[str, SourceModel]


NOTHING = AppliedConfig(0, AccessTerms({}, {}), {}, {})


class Applied:
    """Knows the newest applied configuration and reads it anew when there is another."""

    def __init__(self) -> None:
        self._seen: tuple[tuple[int, str] | None, AppliedConfig] = (None, NOTHING)

    def newest(self, connection: Connection) -> AppliedConfig:
        """The newest configuration that this version of jurat can read: while a fleet is updated, the newest of all may
        have been applied by a newer one. What is added up by an older edition is added up again by those who can.
        """
        return self.edition(connection, run(connection, NEWEST)[0])

    def edition(self, connection: Connection, found: Rows) -> AppliedConfig:
        """The same, where `NEWEST` has just found so."""
        row = found[0] if found else None
        # By the digest as well: a version that was rolled back, or lost with its database, is another one later.
        newest = (row[0], row[1]) if row else None
        seen, edition = self._seen
        if newest != seen:
            edition = _read(connection)
            self._seen = newest, edition
        return edition


_LAST = "ORDER BY version DESC LIMIT 1"

NEWEST: Statement = (f"SELECT version, digest FROM jurat_configs {_LAST}", {})
"""The version and digest of what was applied last."""


def _read(connection: Connection) -> AppliedConfig:
    versions = connection.execute(text("SELECT version FROM jurat_configs ORDER BY version DESC")).scalars().all()
    for version in versions:
        try:
            configuration = Configuration.from_json(written(connection, version) or "")
        except InvalidConfiguration:
            continue
        return AppliedConfig(version, AccessTerms.of(configuration), configuration.questions, configuration.sources)
    return NOTHING


def says(connection: Connection, version: int, document: str) -> bool:
    """Whether the newest `version` says the same as this document, as `Configuration.to_json` writes it.

    The digest of a version that PostgreSQL put together is of its own text, so that nobody else can say it.
    """
    sql = "SELECT digest, change IS NULL FROM jurat_configs WHERE version = :version"
    digest, as_it_was_sent = connection.execute(text(sql), {"version": version}).one()
    if as_it_was_sent or not dialect_of(connection).has_jsonb:
        return bool(digest == digest_of(document))
    sql = "SELECT document = CAST(:document AS jsonb) FROM jurat_configs WHERE version = :version"
    return bool(connection.execute(text(sql), {"version": version, "document": document}).scalar())
