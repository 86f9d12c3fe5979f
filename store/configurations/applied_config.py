"""Reads the applied configuration within a transaction, independently of the worker's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text

from config.configuration import Configuration, Question
from config.sources import SourceModel
from jurat.access import Rule, Terms
from jurat.batches import Rows, Statement, run
from store.configurations.config_versions import configuration_of


@dataclass(frozen=True, slots=True)
class AccessTerms:
    """How access adds up: each consultation's rule, and the terms of its questions in their order."""

    rules: Mapping[str, Rule]
    questions: Mapping[str, Mapping[str, Terms]]

    @classmethod
    def of(cls, configuration: Configuration) -> Self:
        questions: dict[str, dict[str, Terms]] = {}
        for question in sorted(configuration.questions.values(), key=lambda question: question.position):
            questions.setdefault(question.consultation, {})[question.name] = question.terms
        return cls(configuration.access, questions)

    def alike(self, other: AccessTerms, consultation: str) -> bool:
        """Whether a consultation adds up in the same way under both."""
        return (self.rules.get(consultation), self.questions.get(consultation)) == (
            other.rules.get(consultation),
            other.questions.get(consultation),
        )


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """One applied configuration; version 0, without questions, before the first."""

    version: int
    terms: AccessTerms
    questions: Mapping[tuple[str, str], Question]
    sources: Mapping[str, SourceModel]


NOTHING = AppliedConfig(0, AccessTerms({}, {}), {}, {})


class ConfigReader:
    """Reads the newest applied configuration, and keeps it until there is another."""

    def __init__(self) -> None:
        self._last: tuple[tuple[int, str] | None, AppliedConfig] = (None, NOTHING)

    def newest(self, connection: Connection) -> AppliedConfig:
        """The newest configuration that this version of jurat can read: while a fleet is updated, a newer version may
        have applied the newest. Workers of that version add up again what was added up under an older configuration.
        """
        return self.read(connection, run(connection, NEWEST)[0])

    def read(self, connection: Connection, found: Rows) -> AppliedConfig:
        """The newest configuration, by the result of `NEWEST`."""
        row = found[0] if found else None
        # By the digest as well: a version that was rolled back, or lost with its database, is another one later.
        newest = (row[0], row[1]) if row else None
        last, applied = self._last
        if newest != last:
            applied = _read(connection)
            self._last = newest, applied
        return applied


NEWEST: Statement = ("SELECT version, digest FROM jurat_configs ORDER BY version DESC LIMIT 1", {})
"""The version and digest of the configuration that was applied last."""


def _read(connection: Connection) -> AppliedConfig:
    versions = connection.execute(text("SELECT version FROM jurat_configs ORDER BY version DESC")).scalars().all()
    for version in versions:
        if found := configuration_of(connection, version):
            return AppliedConfig(version, AccessTerms.of(found), found.questions, found.sources)
    return NOTHING
