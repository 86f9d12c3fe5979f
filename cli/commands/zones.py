"""`zones`: imports and lists zones. `zone_lists` imports those that are lists of addresses, `zone_views` shows them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import Group, as_option, dry_run_option, from_option
from cli.commands.zone_lists import import_addresses
from cli.commands.zone_views import affected, diff, locate, show
from cli.database import applied_configuration, open_database
from cli.output import Exit, Output, columns, count_text, fields_of, time_text

if TYPE_CHECKING:
    from adapters.zone_import.files import ZoneFile
    from store.datasets.zones import ZonesImported


def degrees(value: str) -> tuple[float, float, float, float]:
    """West, south, east and north, in degrees."""
    from adapters.zone_import.layers import box_of

    try:
        return box_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group(cls=Group)
def zones() -> None:
    """Import, list and draw zones, and show what a new version changes."""


@zones.command(
    name="import",
    examples=(
        "jurat zones import districts.geojson --dry-run",
        "jurat zones import districts.gpkg --name-property code_insee --title-property nom",
        "jurat zones import districts.zip --expect 2.2,48.8,2.5,48.9 --from 2027-01-01",
    ),
    codes={Exit.USAGE: "errors in the file, wrong usage or settings; nothing was imported"},
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--name-property",
    metavar="PROPERTY",
    default="id",
    help="Property of a feature with the zone's name, as the configuration uses it.",
)
@click.option("--title-property", metavar="PROPERTY", default="name", help="Property with its title for people.")
@click.option("--layer", metavar="NAME", help="The layer of a GeoPackage that has several.")
@click.option("--crs", metavar="NAME", help="The coordinate system of a file that names none, such as EPSG:2154.")
@click.option(
    "--expect", "expected", type=degrees, metavar="W,S,E,N", help="Where the zones must lie: degrees, WGS 84."
)
@click.option("--overlapping", is_flag=True, help="Allow zones that overlap.")
@from_option
@dry_run_option
@as_option
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
) -> None:
    """Import the zones of a GeoJSON, GeoPackage, KML or zipped Shapefile, each as its next version.

    A zone that did not change keeps its version. With a single bad feature, nothing is imported; every fault is
    reported with feature and vertex. Running workers use a new version within 5 s of its time.
    """
    from adapters.zone_import.files import ZoneFileError, read_zone_file, refuse_swapped
    from adapters.zone_import.layers import ZoneFileRequest
    from store.datasets.narrow_zones import narrow_zones
    from store.datasets.zones import NewZone, import_zones

    read = read_zone_file(file, ZoneFileRequest(name_property, title_property, layer, crs, expected, overlapping))
    with open_database() as service:
        if expected is None:
            refuse_swapped(file, read, service.queries.some_shapes())
        configuration = applied_configuration(service)
        contents = {zone.id: zone.wkb for zone in read.zones}
        if configuration and (narrow := list(narrow_zones(configuration, contents))):
            raise ZoneFileError(file, narrow)
        new = [NewZone(zone.id, zone.title, zone.digest, zone.wkb, read.crs, zone.outline) for zone in read.zones]
        done = import_zones(service.database, new, who, begins, dry_run=dry_run)
    _report_import(out, file, read, done, begins, dry_run=dry_run)


@zones.command(name="list", examples=("jurat zones list", "jurat zones list --all"))
@click.option("--all", "everything", is_flag=True, help="Also versions that were replaced.")
def list_(out: Output, *, everything: bool) -> None:
    """List the imported zones: for each, the version in force and those to come."""
    from config.uses import zones_in_use

    with open_database() as service:
        history = service.queries.zone_history()
        states = service.queries.zone_states(history)
        configuration = applied_configuration(service)
        known = {zone.name for zone in history}
        used = zones_in_use(configuration.questions.values(), known) if configuration else set()
    rows = [
        {
            "zone": zone.name,
            **fields_of(zone, "title", "version"),
            "state": state,
            **fields_of(zone, "in_force_from", "imported_at", "imported_by", "login", "crs", "digest"),
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


for _other in (import_addresses, show, locate, diff, affected):
    zones.add_command(_other)


def _report_import(
    out: Output, file: Path, read: ZoneFile, done: ZonesImported, begins: datetime | None, *, dry_run: bool
) -> None:
    from adapters.zone_import.bounds import in_words

    head = ("zone", "title", "version", "changed", "vertices")
    new = set(done.new)
    facts = [(zone.id, zone.title, done.versions[zone.id], zone.id in new, zone.vertices) for zone in read.zones]
    rows = [dict(zip(head, each, strict=True)) for each in facts]
    lines = columns(head, ((*each[:3], "yes" if each[3] else "no", each[4]) for each in facts))
    document = {"dry_run": dry_run, "crs": read.crs, "in_force_from": begins, "notes": read.notes, "zones": rows}
    out.show(document, lines)
    for note in read.notes:
        out.say(f"{file.name}: note: {note}")
    out.say(f"the zones lie {in_words(read.box)}")
    when = f", in force from {time_text(begins)}" if begins and new else ""
    would = "would be " if dry_run else ""
    out.say(f"{count_text(len(new), 'zone')} {would}imported{when}, {len(rows) - len(new)} unchanged")
