"""The consultations that a platform publishes itself: kept beside the administrators' configuration, and put into it.

What the platform asked for stands in `jurat_consultations`. A worker's upkeep lays it into the applied configuration,
as its next version, or writes down why not. Who applies a configuration of files keeps what is published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Engine, text

from config import publications
from config.configuration import Configuration
from config.document import Consultation, Document
from config.problems import InvalidConfiguration
from jurat.statements import now, rows_json, rowset
from tasks.ledger.reading import CODE_LISTS, zones_in_force
from tasks.ledger.records import WORKER, add_audit_row

if TYPE_CHECKING:
    from tasks.ledger.publishing import Publishing

log = structlog.get_logger("jurat.consultations")

BATCH = 50
"""So many publications become one version of the configuration."""

ANY_WAITING = "EXISTS (SELECT 1 FROM jurat_consultations WHERE coalesce(answered_revision, 0) < revision)"
"""SQL that is true where a platform published something that no worker has answered yet."""

ONE_AT_A_TIME = 7882841
"""The advisory lock of PostgreSQL under which configurations, zones and consultations are published."""


class Unpublishable(Exception):
    """The configuration would take something away that is needed: a source or a question from checks that are on their
    way, or a name or a criterion from a consultation that the platform published.
    """


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a platform asked for last about one consultation, and nobody has answered."""

    name: str
    document: str | None
    revision: int
    by: str
    applied: bool
    """Whether an earlier revision is in the configuration."""


@dataclass(frozen=True, slots=True)
class _Imported:
    """The names of zones in force and of lists that have codes."""

    zones: Collection[str]
    lists: Collection[str]


def with_published(connection: Connection, configuration: Configuration) -> Configuration:
    """The administrators' configuration with the consultations that are published beside it.

    Raises Unpublishable with what of it stands in their way.
    """
    document = configuration.document
    kept: dict[str, Consultation] = {}
    wrong: list[str] = []
    for name, stored in _published(connection).items():
        if name in document.consultations:
            wrong.append(f"the platform has published a consultation '{name}' too; rename this one")
            continue
        try:
            kept[name] = publications.published(document, name, stored, None, None)
        except InvalidConfiguration as error:
            said = publications.sentence(error)
            wrong.append(f"the consultation '{name}', which the platform published, would not fit any more: {said}")
    if wrong:
        raise Unpublishable("; ".join(wrong) + ". Keep what it uses, or have the platform withdraw it first")
    return Configuration.of(publications.laid_over(document, kept)) if kept else configuration


class Consultations:
    """Puts what platforms published into the configuration. Safe to run in every worker at once."""

    def __init__(self, engine: Engine, publishing: Publishing) -> None:
        self._engine = engine
        self._publishing = publishing
        self._dialect = engine.dialect.name

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Answer what is waiting, oldest first; how many publications were answered.

        None where somebody publishes at this moment, nor where a newer jurat applied the configuration: it answers.
        """
        with self._engine.begin() as connection:
            if not self._our_turn(connection):
                return 0
            asked = self._waiting(connection, limit)
            last, base = _newest(connection)
            if not asked or base is None:
                return 0
            imported = _imported(connection)
            refused: dict[str, str] = {}
            accepted: dict[str, Consultation | None] = {}
            for each in asked:
                try:
                    accepted[each.name] = self._examined(connection, each, base, imported)
                except _Refused as error:
                    refused[each.name] = str(error)
            document = publications.without(base, accepted)
            document = publications.laid_over(document, {n: part for n, part in accepted.items() if part is not None})
            version = self._publish(connection, asked, accepted, document, last)
            self._answer(connection, asked, refused)
        for each in asked:
            facts = {"consultation": each.name, "revision": each.revision, "config_version": version}
            log.info("publication refused" if each.name in refused else "publication applied", **facts)
        return len(asked)

    def _our_turn(self, connection: Connection) -> bool:
        if self._dialect != "postgresql":
            return True
        sql = f"SELECT pg_try_advisory_xact_lock({ONE_AT_A_TIME})"
        return bool(connection.execute(text(sql)).scalar())

    def _waiting(self, connection: Connection, limit: int) -> list[_Asked]:
        # What a platform publishes anew at this moment waits for its commit.
        lock = "FOR UPDATE SKIP LOCKED" if self._dialect == "postgresql" else ""
        rows = connection.execute(
            text(
                "SELECT name, document, revision, published_by, applied_document IS NOT NULL FROM jurat_consultations "
                f"WHERE coalesce(answered_revision, 0) < revision ORDER BY published_at, name LIMIT :limit {lock}"
            ),
            {"limit": limit},
        )
        return [_Asked(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    def _examined(
        self, connection: Connection, asked: _Asked, base: Document, imported: _Imported
    ) -> Consultation | None:
        """The consultation as it goes into the configuration; None where it is withdrawn. Raises _Refused."""
        if not asked.applied and asked.name in base.consultations:
            raise _Refused(f"the administrators' configuration has a consultation '{asked.name}'; choose another name")
        consultation = None
        if asked.document is not None:
            try:
                consultation = publications.published(base, asked.name, asked.document, imported.zones, imported.lists)
            except InvalidConfiguration as error:
                raise _Refused(publications.sentence(error)) from None
            except Exception as error:
                # One that our own code fails on must not keep all others from being published.
                log.exception("publication unreadable", consultation=asked.name, error=type(error).__name__)
                raise _Refused("it can not be read: tell the administrators, whose workers' log says why") from None
        if asked.applied:
            alone = {} if consultation is None else {asked.name: consultation}
            candidate = Configuration.of(base.model_copy(update={"consultations": alone}))
            if waiting := self._publishing.orphaned(connection, candidate, asked.name):
                raise _Refused(
                    f"checks are on their way that it would have no place for: {waiting}; "
                    "publish it again once they are settled, or keep their questions until then"
                )
        return consultation

    def _publish(
        self,
        connection: Connection,
        asked: Sequence[_Asked],
        accepted: Mapping[str, Consultation | None],
        document: Document,
        last: tuple[int, str] | None,
    ) -> int | None:
        """Store the next version of the configuration, with an audit row for each publication in it."""
        done = [each for each in asked if each.name in accepted]
        version = last[0] if last else None
        configuration = Configuration.of(document)
        if done and not (last and last[1] == configuration.digest):
            people = {each.by for each in done}
            who = people.pop() if len(people) == 1 else WORKER
            version = self._publishing.store(connection, configuration, last, who, only=set(accepted))
        for each in done:
            action = "consultation withdraw" if each.document is None else "consultation publish"
            detail: dict[str, Any] = {"revision": each.revision, "version": version}
            add_audit_row(connection, each.by, action, each.name, detail)
        return version

    def _answer(self, connection: Connection, asked: Sequence[_Asked], refused: Mapping[str, str]) -> None:
        rows = [
            {
                "name": each.name,
                "revision": each.revision,
                "refused": refused.get(each.name),
                "kept": each.name in refused,
            }
            for each in asked
        ]
        connection.execute(text(_answer(self._dialect)), {"rows": rows_json(rows)})


class _Refused(Exception):
    """What was published can not be put into the configuration; says why."""


def _published(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        text("SELECT name, applied_document FROM jurat_consultations WHERE applied_document IS NOT NULL ORDER BY name")
    )
    return {row[0]: row[1] for row in rows}


def _newest(connection: Connection) -> tuple[tuple[int, str] | None, Document | None]:
    """The version and digest of what was applied last, and its document; None for one that only a newer jurat reads."""
    row = connection.execute(
        text("SELECT version, digest, CAST(document AS text) FROM jurat_configs ORDER BY version DESC LIMIT 1")
    ).first()
    if row is None:
        return None, Document()
    try:
        return (row[0], row[1]), Configuration.from_json(row[2]).document
    except InvalidConfiguration:
        return (row[0], row[1]), None


def _imported(connection: Connection) -> _Imported:
    dialect = connection.dialect.name
    zones, lists = ({row[0] for row in connection.execute(text(sql))} for sql in (zones_in_force(dialect), CODE_LISTS))
    return _Imported(zones, lists)


def _answer(dialect: str) -> str:
    columns = "name text, revision int, refused text, kept boolean"
    return f"""
        UPDATE jurat_consultations SET answered_revision = r.revision, answered_at = {now(dialect)},
          refused = r.refused, applied_document = CASE WHEN r.kept THEN applied_document ELSE document END
        FROM {rowset(dialect, columns)} WHERE jurat_consultations.name = r.name"""
