"""Reads configurations, zones, codes and checks for workers and commands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, text

from adapters.codes import StoredCode
from adapters.rosters import RosterVersion
from jurat.database import reader
from jurat.statements import rows_json
from jurat.times import instant, moment
from store import hash_keys
from store.answer_keys import sealed_answers
from store.configurations.documents import document_of, same_document
from store.datasets.address_bases import OpenDataset, open_dataset
from store.datasets.rosters import find_entries
from store.dialects import StoreDialect, dialect_of
from store.queue import backlog
from store.queue.turns import unsettled
from store.rows import columns_of, row_of
from store.workers import SourceKey, WorkerRow, workers


@dataclass(frozen=True, slots=True)
class ZoneVersion:
    """One version of a zone without its geometry, in force from `in_force_from` on; `crs` is that of its file."""

    name: str
    version: int
    title: str
    digest: str
    crs: str
    in_force_from: datetime
    imported_at: datetime
    imported_by: str


@dataclass(frozen=True, slots=True)
class ZoneImport(ZoneVersion):
    """One version of a zone, and the user of PostgreSQL who imported it. Commands alone read it: workers may meet a
    schema that does not know the user.
    """

    login: str | None


@dataclass(frozen=True, slots=True)
class ZoneRow(ZoneVersion):
    """One version of a zone with its `geometry`: WKB in WGS 84."""

    geometry: bytes


Zone = TypeVar("Zone", bound=ZoneVersion)

COMPARED_ZONES = 20
"""Imported zones that a file is compared with, to notice latitude before longitude."""


@dataclass(frozen=True, slots=True)
class CodeListRow:
    """How many access codes a list has. A code may be both expired and revoked; `free` are none of these."""

    name: str
    codes: int
    redeemed: int
    revoked: int
    expired: int
    free: int


@dataclass(frozen=True, slots=True)
class AppliedRow:
    """Who applied a version of the configuration, as which user of PostgreSQL, and when."""

    version: int
    digest: str
    applied_by: str
    login: str | None
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The state of one source. Its breaker is open since `opened_at`, None when it is closed; `failures` came in a row.

    With a daily quota, `used` lookups were taken on `day`. `waiting` is counted up to `backlog.MOST_COUNTED`;
    what waits now will be looked up in about `wait_s` seconds, None when that is unknown. `drift` is what of the last
    compared answer no test of its description shows. `shadow` counts what it would have decided as a shadow: by the
    source's verdict and its own, "refused/record_not_found accepted".

    It has been suspect since `suspect_since`: of its results, `suspect_share` had the `suspect_reason`, which usually
    has `usual_share`.
    """

    name: str
    paused_until: datetime | None
    pause_reason: str | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    waiting: int
    oldest_due_at: datetime | None
    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    day: str | None = None
    used: int = 0
    wait_s: float | None = None
    figures_at: datetime | None = None
    next_start_at: datetime | None = None
    suspect_since: datetime | None = None
    suspect_reason: str | None = None
    suspect_share: float | None = None
    usual_share: float | None = None
    drift: str | None = None
    shadow: Mapping[str, Any] | None = None


def zones_in_force(dialect: StoreDialect) -> str:
    """SQL for the names of the zones that have a version in force."""
    return f"SELECT DISTINCT name FROM jurat_zones WHERE in_force_from <= {dialect.now()}"


class Queries:
    """Plain queries, each in a short transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reader(engine)
        self._dialect = dialect_of(engine)

    def config_version(self) -> int | None:
        """The newest applied version, None when none was."""
        return self._all("SELECT max(version) FROM jurat_configs")[0][0]  # type: ignore[no-any-return]

    def newest(self) -> tuple[int | None, int, int, str | None, frozenset[str]]:
        """What a worker compares to see whether anything is new: the configuration's version; of the zone versions
        whose time has come the number and the sum, which grow when a version is imported or its time comes; the key
        that numbers are hashed with; and the suspect sources.
        """
        names = self._dialect.choose(postgresql="json_agg(name)::text", sqlite="json_group_array(name)")
        sql = f"""
            SELECT (SELECT max(version) FROM jurat_configs), count(*), coalesce(sum(version), 0),
              ({hash_keys.KEY_IN_USE}),
              (SELECT {names} FROM jurat_sources WHERE suspect_since IS NOT NULL)
            FROM jurat_zones WHERE in_force_from <= {self._dialect.now()}"""
        ((version, zones, total, key, suspects),) = self._all(sql)
        return version, zones, total, key, frozenset(json.loads(suspects or "[]"))

    def config(self, version: int) -> str:
        """The document of a version, as JSON text. Raises LookupError when there is no such version."""
        with self._engine.begin() as connection:
            document = document_of(connection, version)
        if document is None:
            raise LookupError(f"no configuration has version {version}")
        return document

    def same_document(self, version: int, document: str) -> bool:
        """Whether the newest version has the same content as this document, as `Configuration.to_json` writes it."""
        with self._engine.begin() as connection:
            return same_document(connection, version, document)

    def published(self) -> set[str]:
        """The names of the consultations in the configuration that the platform publishes itself."""
        return {row[0] for row in self._all("SELECT name FROM jurat_consultations WHERE applied_document IS NOT NULL")}

    def applied(self, version: int) -> AppliedRow:
        """Who applied a version, and when. Raises LookupError when there is no such version."""
        sql = f"SELECT {columns_of(AppliedRow)} FROM jurat_configs WHERE version = :version"
        rows = self._all(sql, {"version": version})
        if not rows:
            raise LookupError(f"no configuration has version {version}")
        return row_of(AppliedRow, rows[0])

    def versions(self, before: int | None, most: int) -> list[AppliedRow]:
        """At most so many versions of the configuration, the newest first, older than `before`."""
        older = "" if before is None else "WHERE version < :before"
        sql = f"SELECT {columns_of(AppliedRow)} FROM jurat_configs {older} ORDER BY version DESC LIMIT :most"
        rows = self._all(sql, {"most": most} | ({} if before is None else {"before": before}))
        return [row_of(AppliedRow, row) for row in rows]

    def ever_published(self) -> set[str]:
        """The names of all consultations that the platform ever published itself."""
        return {row[0] for row in self._all("SELECT name FROM jurat_consultations")}

    def zones(self, names: Iterable[str] | None = None) -> dict[str, ZoneRow]:
        """The version in force of each zone, or of those named, with its geometry."""
        return self._zones_in_force(ZoneRow, names)

    def zone_versions(self, names: Iterable[str] | None = None) -> dict[str, ZoneVersion]:
        """The version in force of each zone, or of those named, without its geometry."""
        return self._zones_in_force(ZoneVersion, names)

    def zone(self, name: str, version: int) -> ZoneRow | None:
        """One version of a zone, whether it is in force or not; None if there is none."""
        sql = f"SELECT {columns_of(ZoneRow)} FROM jurat_zones WHERE name = :name AND version = :version"
        rows = self._all(sql, {"name": name, "version": version})
        return row_of(ZoneRow, rows[0]) if rows else None

    def zone_history(self, name: str | None = None) -> list[ZoneImport]:
        """Every version of a zone, or of all zones, by name and version, including future ones."""
        sql = f"SELECT {columns_of(ZoneImport)} FROM jurat_zones" + ("" if name is None else " WHERE name = :name")
        rows = self._all(f"{sql} ORDER BY name, version", {} if name is None else {"name": name})
        return [row_of(ZoneImport, row) for row in rows]

    def zone_states(self, history: Sequence[ZoneVersion]) -> list[str]:
        """For each version of a zone, or of all zones, whether it is "in force", "to come", or "replaced"."""
        in_force = {name: zone.version for name, zone in self.zone_versions().items()}
        now = self.clock()
        last = {(zone.name, zone.in_force_from): zone.version for zone in history}  # versions rise

        def state(zone: ZoneVersion) -> str:
            if in_force.get(zone.name) == zone.version:
                return "in force"
            coming = zone.in_force_from > now and last[zone.name, zone.in_force_from] == zone.version
            return "to come" if coming else "replaced"

        return [state(zone) for zone in history]

    def some_shapes(self) -> list[bytes]:
        """The geometries (WKB) of some zones in force, with which a file is compared."""
        names = sorted(self.zone_versions())[:COMPARED_ZONES]
        return [zone.geometry for zone in self.zones(names).values()]

    def codes(self, code_list: str, fingerprints: Sequence[str]) -> dict[str, StoredCode]:
        """Those codes of a list that have one of `fingerprints`, by their fingerprints."""
        rows = self._all(
            f"""SELECT k.fingerprint, redeemed_by IS NOT NULL, revoked_at IS NOT NULL,
                       coalesce(expires_at <= {self._dialect.now()}, false)
                FROM jurat_codes k WHERE {hash_keys.among(self._dialect)}""",
            {"list": code_list, "rows": rows_json([{"fingerprint": fingerprint} for fingerprint in fingerprints])},
        )
        return {row[0]: StoredCode(row[0], bool(row[1]), bool(row[2]), bool(row[3])) for row in rows}

    def code_lists(self) -> dict[str, CodeListRow]:
        """How many codes each list has, by the list's name."""
        spent = "redeemed_by IS NOT NULL"
        revoked = "revoked_at IS NOT NULL"
        expired = f"coalesce(expires_at <= {self._dialect.now()}, false)"
        counts = (f"count(CASE WHEN {what} THEN 1 END)" for what in (spent, revoked, expired))
        free = f"count(CASE WHEN NOT ({spent} OR {revoked} OR {expired}) THEN 1 END)"
        rows = self._all(
            f"SELECT list, count(*), {', '.join(counts)}, {free} FROM jurat_codes GROUP BY list ORDER BY list"
        )
        return {row[0]: CodeListRow(*row) for row in rows}

    def hash_keys(self) -> set[str]:
        """The ids of all keys that a worker needs for codes and numbers."""
        with self._engine.begin() as connection:
            return hash_keys.hash_keys(connection)

    def code_keys(self, code_list: str) -> set[str]:
        """The ids of the keys that a list's codes were hashed with."""
        with self._engine.begin() as connection:
            return hash_keys.code_keys(connection, code_list)

    def claim_keys(self) -> set[str]:
        """The ids of the keys that claiming a number needs."""
        with self._engine.begin() as connection:
            return hash_keys.claim_keys(connection)

    def code_list_names(self) -> list[str]:
        return [row[0] for row in self._all(hash_keys.CODE_LISTS)]

    def address_base(self, name: str) -> AbstractContextManager[OpenDataset | None]:
        """The version of an address base that is in force, to be searched within the block; None without one."""
        return open_dataset(self._engine, name)

    def roster(self, dataset: str, numbers: Sequence[bytes] = ()) -> RosterVersion | None:
        """The version of a roster that is in force, with the people who have one of `numbers`; None without one."""
        return find_entries(self._engine, dataset, numbers)

    def sources(self) -> list[SourceRow]:
        """The state of each source that a configuration ever had."""
        rows = self._all(f"SELECT {columns_of(SourceRow)} FROM jurat_sources ORDER BY name")
        return [row_of(SourceRow, row) for row in rows]

    def waiting(self) -> dict[str, tuple[int, datetime | None]]:
        """How many checks wait for each source (up to `backlog.MOST_COUNTED`) and when the oldest was due."""
        with self._engine.begin() as connection:
            rows = backlog.waiting_counts(connection)
        return {row["source"]: (row["waiting"], moment(row["oldest"])) for row in rows}

    def workers(self) -> list[WorkerRow]:
        """Workers that were seen in the last day, live or not."""
        with self._engine.begin() as connection:
            return workers(connection)

    def unsettled(self) -> dict[tuple[str, str, str], int]:
        """How many checks are unsettled, by consultation, question and source."""
        columns = "consultation, question, source"
        rows = self._all(f"SELECT {columns}, count(*) FROM {unsettled(columns)} GROUP BY {columns}")
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def waiting_keys(self) -> dict[SourceKey, int]:
        """How many waiting answers are sealed for each key, by source and the key's id."""
        rows = self._all(
            f"""SELECT source, answer_key, count(*) FROM {unsettled("source, answer_key")}
                WHERE answer_key IS NOT NULL GROUP BY source, answer_key"""
        )
        return {(source, key): count for source, key, count in rows}

    def sealed_keys(self) -> set[str]:
        """The ids of the keys that stored answers and notes are sealed for."""
        with self._engine.begin() as connection:
            answers = {each.key for each in sealed_answers(connection, 1)}
        sql = "SELECT DISTINCT note_key FROM jurat_requests WHERE note IS NOT NULL AND note_key IS NOT NULL"
        return answers | {row[0] for row in self._all(sql)}

    def clock(self) -> datetime:
        return instant(self._all(f"SELECT {self._dialect.now()}")[0][0])

    def _zones_in_force(self, kind: type[Zone], names: Iterable[str] | None) -> dict[str, Zone]:
        """The version of each zone whose time came last, and of several the newest."""
        sql = f"""SELECT {columns_of(kind)} FROM jurat_zones z
                  WHERE version = (SELECT w.version FROM jurat_zones w
                                   WHERE w.name = z.name AND in_force_from <= {self._dialect.now()}
                                   ORDER BY in_force_from DESC, w.version DESC LIMIT 1)"""
        parameters: dict[str, Any] = {}
        if names is not None:
            sql += f" AND name IN (SELECT r.name FROM {self._dialect.rowset('name text')})"
            parameters["rows"] = rows_json([{"name": name} for name in sorted(set(names))])
        return {row[0]: row_of(kind, row) for row in self._all(f"{sql} ORDER BY name", parameters)}

    def _all(self, sql: str, parameters: dict[str, Any] | None = None) -> Sequence[Any]:
        with self._engine.begin() as connection:
            return connection.execute(text(sql), parameters or {}).all()
