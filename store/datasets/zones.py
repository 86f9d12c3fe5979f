"""Imports zones: each as its next version, in force from a time on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from jurat.times import moment
from store.configurations.turn import take_turn
from store.dialects import StoreDialect, dialect_of
from store.verdicts.records import add_audit_row


@dataclass(frozen=True, slots=True)
class NewZone:
    """A zone to import; `geometry` is WKB in WGS 84, `digest` its hash, `crs` the coordinate system of its file.
    `outline` is for drawing on pages: the coordinates of a GeoJSON MultiPolygon, as JSON text.
    """

    name: str
    title: str
    digest: str
    geometry: bytes
    crs: str = "EPSG:4326"
    outline: str | None = None


@dataclass(frozen=True, slots=True)
class ZonesImported:
    """What an import did, or would do: the version of each zone by name, and the names of those with a new version."""

    versions: Mapping[str, int]
    new: Sequence[str]


def import_zones(
    engine: Engine,
    zones: Sequence[NewZone],
    who: str,
    in_force_from: datetime | None = None,
    *,
    dry_run: bool = False,
) -> ZonesImported:
    """Store zones, each as its next version, in force from a time on (None: at once).

    A zone that will be the same at that time keeps its version. No stored version ever changes: a future one is taken
    back by importing the former one from the same time on. With `dry_run` nothing is stored.
    """
    versions: dict[str, int] = {}
    new: list[str] = []
    with engine.begin() as connection:
        take_turn(connection, wait=True)
        begins = in_force_from and dialect_of(connection).time_text(in_force_from)
        for zone in zones:
            sql, parameters = _versions_then(dialect_of(engine)), {"name": zone.name, "begins": begins}
            then, digest, newest = connection.execute(text(sql), parameters).one()
            if digest == zone.digest:
                versions[zone.name] = then
                continue
            versions[zone.name] = (newest or 0) + 1
            new.append(zone.name)
            if not dry_run:
                _store_zone(connection, zone, versions[zone.name], begins, who)
    return ZonesImported(versions, new)


def _store_zone(connection: Connection, zone: NewZone, version: int, begins: Any, who: str) -> None:
    dialect = dialect_of(connection)
    sql = f"""
        INSERT INTO jurat_zones (name, version, title, digest, geometry, imported_by, imported_at, in_force_from, crs,
                                 outline)
        VALUES (:name, :version, :title, :digest, :geometry, :who, {dialect.now()}, {_begins(dialect)}, :crs,
                {dialect.parameter("outline", "jsonb")})
        RETURNING in_force_from"""
    parameters = {**asdict(zone), "version": version, "begins": begins, "who": who}
    in_force_from = f"{moment(connection.execute(text(sql), parameters).scalar_one()):%Y-%m-%dT%H:%M:%SZ}"
    detail = {"version": version, "digest": zone.digest, "crs": zone.crs, "in_force_from": in_force_from}
    add_audit_row(connection, who, "zones import", zone.name, detail)


def _begins(dialect: StoreDialect) -> str:
    """SQL for the time `:begins`, or for now."""
    return f"coalesce({dialect.parameter('begins', 'timestamptz')}, {dialect.now()})"


def _versions_then(dialect: StoreDialect) -> str:
    """SQL for the version of a zone that would be in force at `:begins`, its digest, and the newest version of all."""
    return f"""
        SELECT z.version, z.digest, n.newest
        FROM (SELECT max(version) AS newest FROM jurat_zones WHERE name = :name) n
        LEFT JOIN jurat_zones z ON z.name = :name AND z.version = (
          SELECT version FROM jurat_zones WHERE name = :name AND in_force_from <= {_begins(dialect)}
          ORDER BY in_force_from DESC, version DESC LIMIT 1)"""
