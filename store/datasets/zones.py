"""Imports zones: each as its next version, in force from a time on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, text

from jurat.columns import Moment, moment
from jurat.statements import now
from store.configurations.config_versions import take_turn
from store.verdicts.records import add_audit_row


@dataclass(frozen=True, slots=True)
class NewZone:
    """A zone to import; `geometry` is WKB in WGS 84, `digest` its hash, `crs` the system that its file was in.

    `outline` is what pages draw: the coordinates of a GeoJSON MultiPolygon, as JSON text.
    """

    name: str
    title: str
    digest: str
    geometry: bytes
    crs: str = "EPSG:4326"
    outline: str | None = None


@dataclass(frozen=True, slots=True)
class ZonesImported:
    """What an import did, or would do: the version of each zone by its name, and the names of those that are new."""

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

    A zone that will be the same then already keeps its version. No stored version ever changes: one that is still
    to come is taken back by importing the former one from the same time on. With `dry_run` nothing is stored.
    """
    versions: dict[str, int] = {}
    new: list[str] = []
    with engine.begin() as connection:
        take_turn(connection, wait=True)
        begins = Moment().process_bind_param(in_force_from, connection.dialect)
        for zone in zones:
            then, newest = connection.execute(
                text(_versions_then(engine.dialect.name)), {"name": zone.name, "begins": begins}
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
                _store_zone(connection, zone, versions[zone.name], begins, who)
    return ZonesImported(versions, new)


def _store_zone(connection: Connection, zone: NewZone, version: int, begins: Any, who: str) -> None:
    parameters = {**asdict(zone), "version": version, "begins": begins, "who": who}
    (begun,) = connection.execute(text(_add_zone(connection.dialect.name)), parameters).one()
    detail = {
        "version": version,
        "digest": zone.digest,
        "crs": zone.crs,
        "in_force_from": f"{moment(begun):%Y-%m-%dT%H:%M:%SZ}",
    }
    add_audit_row(connection, who, "zones import", zone.name, detail)


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
