"""What administrators put into the database: configurations, zones, codes. Each leaves an audit row."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config.configuration import Configuration, digest_of
from jurat.columns import Moment, moment
from jurat.database import is_too_much, state_of
from jurat.statements import now, rows_json, rowset
from tasks.ledger.access import AccessRows
from tasks.ledger.applied import Edition, says
from tasks.ledger.code_lists import insert_codes
from tasks.ledger.consultations import Unpublishable, with_published
from tasks.ledger.laying import lay_in, take_turn
from tasks.ledger.overdue import ENDED
from tasks.ledger.questions import replace_questions, since
from tasks.ledger.queues import unsettled
from tasks.ledger.records import add_audit_row
from tasks.ledger.reviewing import end_reviews


@dataclass(frozen=True, slots=True)
class NewZone:
    """A zone to import; `geometry` is WKB in WGS 84, `digest` its hash, `crs` the system that its file was in."""

    name: str
    title: str
    digest: str
    geometry: bytes
    crs: str = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class ZonesImported:
    """What an import did, or would do: the version of each zone by its name, and the names of those that are new."""

    versions: Mapping[str, int]
    new: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Orphans:
    """Checks on their way, of one question at one source; `review`: a person has them, and the source is done."""

    consultation: str
    question: str
    source: str
    review: bool
    count: int

    def placed_in(self, configuration: Configuration) -> bool:
        """Whether the configuration still has all that they need."""
        asked = (self.consultation, self.question) in configuration.questions
        return asked and (self.review or self.source in configuration.sources)


class Publishing:
    """The administrators' writes. Each is one transaction: an error changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name

    def apply(self, configuration: Configuration, who: str, *, force: bool = False) -> tuple[int, bool]:
        """Store a configuration as the next version, with the consultations that platforms published beside it; its
        number, and whether it differs from the one before.

        With `force`, checks that lose their source or question end `configuration_missing`.

        Raises Unpublishable with what stands in the way.
        """
        try:
            return self._apply(configuration, who, force=force)
        except DBAPIError as error:
            if not is_too_much(error):
                raise
            raise Unpublishable(
                f"the database does not hold this configuration ({state_of(error)}): it is too large, or took too "
                "long; nothing was changed. Shorten its texts, or withdraw consultations of the platform that are "
                "over: bin/jurat config withdraw NAME"
            ) from error

    def _apply(self, configuration: Configuration, who: str, *, force: bool) -> tuple[int, bool]:
        with self._engine.begin() as connection:
            self.lock(connection)
            configuration = with_published(connection, configuration)
            last = self._last(connection)
            written = configuration.to_json()
            if last and says(connection, last[0], written):
                return last[0], False
            orphans = self._orphans(connection, configuration)
            if orphans and not force:
                raise Unpublishable(_sentence(orphans))
            before, began = AccessRows().newest(connection), since(connection)
            version = self._store(connection, written, (last[0] if last else 0) + 1, who)
            replace_questions(connection, configuration, version, before, began)
            self._publish_choices(connection, configuration, version)
            if orphans:
                self._end(connection, orphans, AccessRows())
            add_audit_row(connection, who, "config apply", f"version {version}", {"digest": digest_of(written)})
        return version, True

    def whole(self, configuration: Configuration) -> Configuration:
        """What `apply` would store: the configuration with the consultations that platforms published.

        Raises Unpublishable with what of it stands in their way.
        """
        with self._engine.begin() as connection:
            return with_published(connection, configuration)

    def lay_in(
        self,
        connection: Connection,
        configuration: Configuration,
        last: tuple[int, str] | None,
        who: str,
        only: Collection[str],
        before: Edition,
    ) -> int:
        """Lay the consultations in `only` into the version `last`, of the edition `before`, as `configuration` has
        them; the number of the next. Whoever calls it has taken the turn.
        """
        began = since(connection)
        version = lay_in(connection, configuration, only, last[0] if last else 0, who)
        replace_questions(connection, configuration, version, before, began, only)
        return version

    def _store(self, connection: Connection, written: str, version: int, who: str) -> int:
        """Store a configuration as `Configuration.to_json` wrote it; its number."""
        document = "CAST(:document AS jsonb)" if self._dialect == "postgresql" else ":document"
        connection.execute(
            text(
                "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) "
                f"VALUES (:version, :digest, {document}, :who, {now(self._dialect)})"
            ),
            {"version": version, "digest": digest_of(written), "document": written, "who": who},
        )
        return version

    def orphaned(self, connection: Connection, configuration: Configuration, consultation: str) -> str:
        """The checks of a consultation that are on their way and that `configuration` has no place for, "" for none."""
        return _waiting(self._orphans(connection, configuration, consultation))

    def import_zones(
        self, zones: Sequence[NewZone], who: str, in_force_from: datetime | None = None, *, dry_run: bool = False
    ) -> ZonesImported:
        """Store zones, each as its next version, in force from a time on (None: at once).

        A zone that will be the same then already keeps its version. No stored version ever changes: one that is still
        to come is taken back by importing the former one from the same time on. With `dry_run` nothing is stored.
        """
        versions: dict[str, int] = {}
        new: list[str] = []
        with self._engine.begin() as connection:
            self.lock(connection)
            begins = Moment().process_bind_param(in_force_from, connection.dialect)
            for zone in zones:
                then, newest = connection.execute(
                    text(_versions_then(self._dialect)), {"name": zone.name, "begins": begins}
                ).one()
                known = connection.execute(
                    text("SELECT digest FROM jurat_zones WHERE name = :name AND version = :version"),
                    {"name": zone.name, "version": then or 0},
                ).scalar()
                if known == zone.digest:
                    versions[zone.name] = then
                    continue
                versions[zone.name] = (newest or 0) + 1
                new.append(zone.name)
                if not dry_run:
                    self._add_zone(connection, zone, versions[zone.name], begins, who)
        return ZonesImported(versions, new)

    def _add_zone(self, connection: Connection, zone: NewZone, version: int, begins: Any, who: str) -> None:
        parameters = {**asdict(zone), "version": version, "begins": begins, "who": who}
        parameters["outline"] = drawn(zone.geometry)
        (begun,) = connection.execute(text(_add_zone(self._dialect)), parameters).one()
        detail = {
            "version": version,
            "digest": zone.digest,
            "crs": zone.crs,
            "in_force_from": f"{moment(begun):%Y-%m-%dT%H:%M:%SZ}",
        }
        add_audit_row(connection, who, "zones import", zone.name, detail)

    def add_codes(self, code_list: str, fingerprints: Iterable[str], who: str, expires: datetime | None = None) -> int:
        """Add access codes to a list by their keyed hashes; how many were new."""
        with self._engine.begin() as connection:
            when = Moment().process_bind_param(expires, connection.dialect)
            added = insert_codes(connection, code_list, fingerprints, expires=when)
            add_audit_row(connection, who, "codes add", code_list, {"codes": added})
        return added

    def lock(self, connection: Connection) -> None:
        """One publication at a time."""
        take_turn(connection, wait=True)

    def _last(self, connection: Connection) -> tuple[int, str] | None:
        row = connection.execute(
            text("SELECT version, digest FROM jurat_configs ORDER BY version DESC LIMIT 1")
        ).first()
        return (row[0], row[1]) if row else None

    def _orphans(
        self, connection: Connection, configuration: Configuration, consultation: str | None = None
    ) -> list[_Orphans]:
        only = "" if consultation is None else "WHERE consultation = :consultation "
        rows = connection.execute(
            text(
                f"SELECT consultation, question, source, state = 'review', count(*) "
                f"FROM {unsettled('consultation, question, source, state')} {only}"
                "GROUP BY consultation, question, source, state = 'review'"
            ),
            {} if consultation is None else {"consultation": consultation},
        )
        orphans = [_Orphans(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]
        return [each for each in orphans if not each.placed_in(configuration)]

    def _end(self, connection: Connection, orphans: Sequence[_Orphans], access: AccessRows) -> None:
        columns = ("consultation", "question", "source")
        in_review, others = (
            rows_json([{name: getattr(each, name) for name in columns} for each in orphans if each.review is review])
            for review in (True, False)
        )
        connection.execute(text(_end(self._dialect)), {"rows": others})
        found = connection.execute(text(_in_review(self._dialect)), {"rows": in_review})
        reviews = {UUID(str(row[0])): (row[1], row[2]) for row in found}
        access.wait_for(connection, set(reviews.values()))
        end_reviews(connection, access, reviews)

    def _publish_choices(self, connection: Connection, configuration: Configuration, version: int) -> None:
        """Replace the criteria that a platform may choose from, and have a row for each source."""
        connection.execute(text("DELETE FROM jurat_criteria"))
        rows = [
            {
                "name": choice.name,
                "kind": choice.kind,
                "sources": choice.sources,
                "open": choice.open,
                "answer_schema": choice.answer_schema,
                "fields": choice.fields,
                "config_version": version,
            }
            for choice in configuration.choices
        ]
        connection.execute(text(_add_criteria(self._dialect)), {"rows": rows_json(rows)})
        names = rows_json([{"name": name} for name in configuration.sources])
        connection.execute(text(_add_sources(self._dialect)), {"rows": names})


def _waiting(orphans: Sequence[_Orphans]) -> str:
    return ", ".join(
        f"{each.count} of {each.consultation}/{each.question} "
        + ("in review" if each.review else f"at source {each.source}")
        for each in orphans
    )


def _sentence(orphans: Sequence[_Orphans]) -> str:
    return (
        f"checks are on their way that this configuration has no place for: {_waiting(orphans)}. Wait until "
        "they are settled, keep the source and question until then, or use --force: they then end undetermined "
        "(configuration_missing)"
    )


_ORPHANS = "consultation text, question text, source text"


def _orphaned(dialect: str, columns: str) -> str:
    named = " AND ".join(f"u.{column.split()[0]} = r.{column.split()[0]}" for column in _ORPHANS.split(", "))
    return f"{rowset(dialect, _ORPHANS)} JOIN {unsettled(columns)} ON {named}"


@lru_cache
def _end(dialect: str) -> str:
    orphaned = _orphaned(dialect, "id, consultation, question, source")
    return f"""
        UPDATE jurat_checks SET deadline_at = {now(dialect)}, due_at = {now(dialect)}, stood_s = {ENDED}
        WHERE id IN (SELECT u.id FROM {orphaned}) AND state IN ('pending', 'leased')"""


@lru_cache
def _in_review(dialect: str) -> str:
    orphaned = _orphaned(dialect, "id, consultation, participant, question, source, state")
    return f"SELECT u.id, u.consultation, u.participant FROM {orphaned} WHERE u.state = 'review'"


@lru_cache
def _add_criteria(dialect: str) -> str:
    columns = "name text, kind text, sources jsonb, open jsonb, answer_schema jsonb, fields jsonb, config_version int"
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    values = ", ".join(f"r.{name}" for name in names.split(", "))
    return f"INSERT INTO jurat_criteria ({names}) SELECT {values} FROM {rowset(dialect, columns)} WHERE true"


@lru_cache
def _add_sources(dialect: str) -> str:
    return f"""
        INSERT INTO jurat_sources (name) SELECT r.name FROM {rowset(dialect, "name text")} WHERE true
        ON CONFLICT (name) DO NOTHING"""


def _begins(dialect: str) -> str:
    """SQL for the time `:begins`, or for now."""
    given = "CAST(:begins AS timestamptz)" if dialect == "postgresql" else ":begins"
    return f"coalesce({given}, {now(dialect)})"


@lru_cache
def _versions_then(dialect: str) -> str:
    """The version of a zone that would be in force at `:begins`, and the newest of all."""
    return f"""
        SELECT (SELECT version FROM jurat_zones WHERE name = :name AND in_force_from <= {_begins(dialect)}
                ORDER BY in_force_from DESC, version DESC LIMIT 1),
               (SELECT max(version) FROM jurat_zones WHERE name = :name)"""


def drawn(geometry: bytes) -> str | None:
    """The outline of a zone as JSON; None where its geometry cannot be read, which a worker says where it is used."""
    from adapters.address.outlines import outline_of  # noqa: PLC0415 - its libraries are large, and workers import none

    try:
        return json.dumps(outline_of(geometry), separators=(",", ":"))
    except ValueError:
        return None


def _outline(dialect: str) -> str:
    return "CAST(:outline AS jsonb)" if dialect == "postgresql" else ":outline"


@lru_cache
def _add_zone(dialect: str) -> str:
    return f"""
        INSERT INTO jurat_zones (name, version, title, digest, geometry, imported_by, imported_at, in_force_from, crs,
                                 outline)
        VALUES (:name, :version, :title, :digest, :geometry, :who, {now(dialect)}, {_begins(dialect)}, :crs,
                {_outline(dialect)})
        RETURNING in_force_from"""
