"""`zones`: imports and lists zones. `cli.commands.zone_views` shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, as_option
from cli.commands.zone_views import affected, diff, locate, show
from cli.output import Exit, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from adapters.zone_import.files import ZoneFile, ZoneShape
    from store.queries import Queries, ZoneVersion
    from worker.bootstrap import Service

COMPARED_ZONES = 20
"""Zones that are imported already and that a file is compared with, to see latitude before longitude."""


class InForceFrom(click.ParamType[datetime]):
    """A day, from its first moment in UTC on, or a time with its offset."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """In UTC."""
        try:
            if len(value) == len("2027-01-01"):
                moment = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            else:
                moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail("a day such as 2027-01-01 or a time such as 2027-01-01T00:00+01:00 is expected", param, ctx)
        if moment.tzinfo is None:
            self.fail("a time needs its offset, such as 2027-01-01T00:00+01:00, or Z for UTC", param, ctx)
        if moment <= datetime.now(UTC):
            self.fail("it has passed already: leave --from out, and the zones are in force at once", param, ctx)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.fail("it is after the last day that there is in UTC, 9999-12-31", param, ctx)


class Degrees(click.ParamType[tuple[float, float, float, float]]):
    """West, south, east and north, in degrees."""

    name = "box"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        """Refuses what is no box on the earth."""
        try:
            west, south, east, north = map(float, value.split(","))
        except ValueError:
            self.fail("four numbers are expected, such as 2.2,48.8,2.5,48.9", param, ctx)
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            self.fail("west, south, east and north are expected in this order, in degrees", param, ctx)
        return west, south, east, north


@click.group(cls=Group)
def zones() -> None:
    """Import zones, list them, look at them and at what a new version changes."""


@zones.command(
    name="import",
    examples=(
        "jurat zones import districts.geojson --dry-run",
        "jurat zones import districts.gpkg --name-property code_insee --title-property nom",
        "jurat zones import districts.zip --expect 2.2,48.8,2.5,48.9 --from 2027-01-01",
    ),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.USAGE: "something is wrong in the file, wrong usage or settings; nothing was imported"},
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--name-property",
    metavar="PROPERTY",
    default="id",
    show_default=True,
    help="Where a feature has the name of its zone, which the configuration uses.",
)
@click.option(
    "--title-property", metavar="PROPERTY", default="name", show_default=True, help="Where it has its title for people."
)
@click.option("--layer", metavar="NAME", help="The layer of a GeoPackage that has several.")
@click.option("--crs", metavar="NAME", help="The coordinate system of a file that names none, such as EPSG:2154.")
@click.option(
    "--expect", "expected", type=Degrees(), metavar="W,S,E,N", help="Where the zones must lie: degrees, WGS 84."
)
@click.option("--overlapping", is_flag=True, help="Let zones overlap, where they are meant to.")
@click.option(
    "--from",
    "begins",
    type=InForceFrom(),
    metavar="DATE",
    help="From when on they are in force: a day (in UTC), or a time with its offset. [default: at once]",
)
@click.option("--dry-run", is_flag=True, help="Read and check the file, and change nothing.")
@as_option
@click.pass_obj
def import_(
    out: Output,
    file: Path,
    *,
    name_property: str,
    title_property: str,
    layer: str | None,
    crs: str | None,
    expected: tuple[float, float, float, float] | None,
    overlapping: bool,
    begins: datetime | None,
    dry_run: bool,
    who: str,
) -> Exit:
    """Import the zones of a GeoJSON, GeoPackage or zipped Shapefile, each as its next version.

    A zone that did not change keeps its version. With one bad feature nothing is imported, and everything that is
    wrong is told with feature and vertex. Running workers use a new version within 5 s of its time.
    """
    from adapters.zone_import.files import ZoneFileError, read_zone_file
    from cli.database import opened
    from store.datasets.zones import NewZone, import_zones

    read = read_zone_file(
        file,
        name_property=name_property,
        title_property=title_property,
        layer=layer,
        crs=crs,
        expected=expected,
        overlapping=overlapping,
    )
    with opened() as service:
        if expected is None and _seem_swapped(read.zones, service.queries):
            hint = "fix the file, or give --expect with where they do lie"
            raise ZoneFileError(
                file, [f"latitude seems to come before longitude, by the zones that are imported already: {hint}"]
            )
        new = [NewZone(zone.id, zone.title, zone.digest, zone.wkb, read.crs, zone.outline) for zone in read.zones]
        done = import_zones(service.database, new, who, begins, dry_run=dry_run)
    _tell_import(out, file, read, done.versions, set(done.new), begins, dry_run=dry_run)
    return Exit.DONE


@zones.command(
    name="list", examples=("jurat zones list", "jurat zones list --all"), environment=("JURAT_DATABASE_URL",)
)
@click.option("--all", "everything", is_flag=True, help="Versions that were replaced as well.")
@click.pass_obj
def list_(out: Output, *, everything: bool) -> Exit:
    """List the imported zones: of each the version that is in force, and those that are to come."""
    from cli.database import opened

    with opened() as service:
        history = service.queries.zone_history()
        states = _states(history, service.queries)
        used = _used(service)
    rows = [
        {
            "zone": zone.name,
            "title": zone.title,
            "version": zone.version,
            "state": state,
            "in_force_from": zone.in_force_from,
            "imported_at": zone.imported_at,
            "crs": zone.crs,
            "digest": zone.digest,
            "used": zone.name in used,
        }
        for zone, state in zip(history, states, strict=True)
        if everything or state != "replaced"
    ]
    shown = ("zone", "title", "version", "state", "in_force_from", "imported_at", "crs")
    lines = columns(
        ("zone", "title", "version", "state", "from", "imported", "drawn in", "used"),
        ([*(row[name] for name in shown), "yes" if row["used"] else "no"] for row in rows),
    )
    out.show(rows, lines)
    if not rows:
        out.say("no zone is imported; run `bin/jurat zones import FILE`")
    return Exit.DONE


for _view in (show, locate, diff, affected):
    zones.add_command(_view)


def _tell_import(
    out: Output,
    file: Path,
    read: ZoneFile,
    versions: Mapping[str, int],
    new: set[str],
    begins: datetime | None,
    *,
    dry_run: bool,
) -> None:
    rows = [
        {
            "zone": zone.id,
            "title": zone.title,
            "version": versions[zone.id],
            "changed": zone.id in new,
            "vertices": zone.vertices,
        }
        for zone in read.zones
    ]
    lines = columns(
        ("zone", "title", "version", "changed", "vertices"),
        (
            (row["zone"], row["title"], row["version"], "yes" if row["changed"] else "no", row["vertices"])
            for row in rows
        ),
    )
    document = {"dry_run": dry_run, "crs": read.crs, "in_force_from": begins, "notes": read.notes, "zones": rows}
    out.show(document, lines)
    for note in read.notes:
        out.say(f"{file.name}: note: {note}")
    when = f", in force from {time_text(begins)} on" if begins and new else ""
    would = "would be " if dry_run else ""
    out.say(f"{count_text(len(new), 'zone')} {would}imported{when}, {len(rows) - len(new)} unchanged")


def _seem_swapped(found: Sequence[ZoneShape], queries: Queries) -> bool:
    """Whether the zones of a file would lie among those in force if their axes were swapped, and do not so."""
    import shapely

    from adapters.zone_import.sets import seem_swapped

    names = sorted(queries.zone_versions())[:COMPARED_ZONES]
    known = shapely.from_wkb([zone.geometry for zone in queries.zones(names).values()], on_invalid="ignore")
    shapes = shapely.from_wkb([zone.wkb for zone in found])
    return seem_swapped(list(shapes), [shape for shape in known if shape is not None])


def _states(history: Sequence[ZoneVersion], queries: Queries) -> list[str]:
    """Of each version: it is in force, to come, or replaced."""
    in_force = {name: zone.version for name, zone in queries.zone_versions().items()}
    now = queries.clock()
    last = {(zone.name, zone.in_force_from): zone.version for zone in history}  # versions rise

    def state(zone: ZoneVersion) -> str:
        if in_force.get(zone.name) == zone.version:
            return "in force"
        coming = zone.in_force_from > now and last[zone.name, zone.in_force_from] == zone.version
        return "to come" if coming else "replaced"

    return [state(zone) for zone in history]


def _used(service: Service) -> set[str]:
    """The zones that a question of the applied configuration names."""
    from config.configuration import Configuration

    version = service.queries.config_version()
    if version is None:
        return set()
    questions = Configuration.from_json(service.queries.config(version)).questions.values()
    return {question.zone for question in questions if question.zone}
