"""`zones`: the areas that addresses are looked for in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.command import Group, as_option
from worker.output import Exit, Output, columns, count_text

if TYPE_CHECKING:
    from worker.bootstrap import Service


@click.group(cls=Group)
def zones() -> None:
    """Import and list zones."""


@zones.command(
    name="import",
    examples=(
        "jurat zones import districts.geojson",
        "jurat zones import insee.geojson --name-property code_insee --title-property nom",
    ),
    environment=("JURAT_DATABASE_URL",),
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
@click.option("--dry-run", is_flag=True, help="Read and check the file, and change nothing.")
@as_option
@click.pass_obj
def import_(out: Output, file: Path, *, name_property: str, title_property: str, dry_run: bool, who: str) -> Exit:
    """Import the zones of a GeoJSON file (WGS 84; Polygon or MultiPolygon), each as its next version.

    A zone that did not change keeps its version. With one bad feature nothing is imported, and everything that is
    wrong is told with feature and vertex. Running workers use a new version within 5 s.
    """
    from adapters.address.zone_files import ZoneFileError, read_zones
    from tasks.ledger.publishing import NewZone
    from worker.database import opened

    shapes = read_zones(file, name_property=name_property, title_property=title_property)
    if unusable := [f"{shape.id!r} is no name that a configuration can use" for shape in shapes if not _fits(shape.id)]:
        raise ZoneFileError(file, [*unusable, "lower-case letters, digits, '-' and '_' are allowed, at most 63"])
    with opened() as service:
        before = service.reading.zone_versions()
        new = [NewZone(shape.id, shape.title, shape.digest, shape.wkb) for shape in shapes]
        if dry_run:
            known = service.reading.zones(shape.id for shape in shapes)
            versions = {
                shape.id: before.get(shape.id, 0) + (shape.id not in known or known[shape.id].digest != shape.digest)
                for shape in shapes
            }
        else:
            versions = service.publishing.import_zones(new, who)
    rows = [
        {
            "zone": shape.id,
            "title": shape.title,
            "version": versions[shape.id],
            "changed": versions[shape.id] != before.get(shape.id),
            "vertices": shape.vertices,
        }
        for shape in shapes
    ]
    lines = columns(
        ("zone", "title", "version", "changed", "vertices"),
        (
            (row["zone"], row["title"], row["version"], "yes" if row["changed"] else "no", row["vertices"])
            for row in rows
        ),
    )
    out.show({"dry_run": dry_run, "zones": rows}, lines)
    changed = sum(bool(row["changed"]) for row in rows)
    out.say(f"{count_text(changed, 'zone')} {'would be ' if dry_run else ''}imported, {len(rows) - changed} unchanged")
    return Exit.DONE


@zones.command(name="list", examples=("jurat zones list",), environment=("JURAT_DATABASE_URL",))
@click.pass_obj
def list_(out: Output) -> Exit:
    """List the imported zones, each in its newest version."""
    from worker.database import opened

    with opened() as service:
        found = list(service.reading.zones().values())
        used = _used(service)
    rows = [
        {
            "zone": zone.name,
            "title": zone.title,
            "version": zone.version,
            "imported_at": zone.imported_at,
            "digest": zone.digest,
            "used": zone.name in used,
        }
        for zone in found
    ]
    lines = columns(
        ("zone", "title", "version", "imported", "used"),
        (
            (row["zone"], row["title"], row["version"], row["imported_at"], "yes" if row["used"] else "no")
            for row in rows
        ),
    )
    out.show(rows, lines)
    if not rows:
        out.say("no zone is imported; run `bin/jurat zones import FILE`")
    return Exit.DONE


def _fits(name: str) -> bool:
    import re

    from config.limits import NAME_PATTERN

    return re.fullmatch(NAME_PATTERN, name) is not None


def _used(service: Service) -> set[str]:
    """The zones that a question of the applied configuration names."""
    from config.configuration import Configuration

    version = service.reading.config_version()
    if version is None:
        return set()
    questions = Configuration.from_json(service.reading.config(version)).questions.values()
    return {question.zone for question in questions if question.zone}
