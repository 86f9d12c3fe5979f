"""`datasets`: imports, lists and removes what sources look up in the database: address bases and rosters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, as_option, configured_name, dry_run_option, named_columns, without_number_option
from cli.database import applied_configuration, open_database
from cli.output import Exit, Failure, Output, columns, count_text, fields_of

if TYPE_CHECKING:
    from worker.service import Service

_REPORTED_EVERY = 1_000_000


def past_day(value: str) -> date:
    """A day in ISO 8601, not in the future."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("a day such as 2026-11-01 is expected") from None
    if day > datetime.now(UTC).date():
        raise click.BadParameter("it is in the future")
    return day


@click.group(cls=Group)
def datasets() -> None:
    """Import, list and remove address bases and rosters."""


_FILE = click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_NAME = click.argument("name", metavar="NAME", type=configured_name)
_DATA_DATE = click.option(
    "--data-date", "day", metavar="DATE", type=past_day, help="Day of the data.  [default: when the file was changed]"
)
_USAGE = "bad rows in the file, wrong usage or settings; nothing was imported"


@datasets.command(
    name="import-addresses",
    examples=(
        "jurat datasets import-addresses towns adresses-75.csv.gz",
        (
            "jurat datasets import-addresses valmont valmont.csv \\\n"
            "      --columns number=NUMERO,street=RUE,postcode=CP,city=COMMUNE,longitude=LON,latitude=LAT"
        ),
        "jurat datasets import-addresses berlin berlin.geojson.gz --language de --dry-run",
    ),
    codes={
        Exit.REFUSED: "refused: a roster has this name, or another import of it began meanwhile",
        Exit.USAGE: _USAGE,
    },
)
@_NAME
@_FILE
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ban", "openaddresses", "csv"]),
    help="Format of the file.  [default: as its first line says; csv with --columns]",
)
@click.option(
    "--columns",
    "named",
    metavar="FIELD=COLUMN,…",
    type=named_columns,
    help="The columns of your own CSV file that are number, repetition, street, postcode, city, city_code, longitude "
    "and latitude (WGS 84, in degrees).",
)
@click.option(
    "--separator", metavar="CHARACTER", help="Separates the columns of your own CSV file.  [default: , ; | or a tab]"
)
@without_number_option
@click.option("--language", metavar="CODE", default="fr", help="Language of its street names, as in the source.")
@_DATA_DATE
@dry_run_option
@as_option
def import_addresses(
    out: Output,
    name: str,
    file: Path,
    *,
    kind: str | None,
    named: Mapping[str, str] | None,
    separator: str | None,
    streets: Sequence[str],
    language: str,
    day: date | None,
    dry_run: bool,
    who: str,
) -> None:
    """Import the address base NAME from FILE, plain, gzip or zip, as its next version, and switch to it.

    FILE is BAN's CSV, OpenAddresses' CSV or GeoJSON with one feature a line, or a CSV file of your own.

    FILE may have any size; memory does not grow with it. A single bad row prevents the switch, and every fault is
    reported with its line and column. Workers use the new version from their next lookup on. The version before stays
    in the database, and older ones are removed.
    """
    from adapters.address.languages import language as words_of
    from cli.imports import address_base
    from store.datasets.address_files import NewAddressBase

    day = _data_day(file, day)
    try:
        words_of(language)
        layout = address_base.layout(file, kind, named, separator, streets)
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from None
    base = NewAddressBase(name, file, layout, language, day)
    if dry_run:
        address_base.check_addresses(out, base)
    else:
        address_base.import_addresses(out, base, who, _progress(out))


@datasets.command(
    name="import-roster",
    examples=(
        "jurat datasets import-roster physicians physicians.csv --source physicians --data-date 2026-11-01",
        "jurat datasets import-roster physicians physicians.csv --source physicians --config jurat.yaml --dry-run",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
    codes={
        Exit.REFUSED: "refused: it is older or much shorter than the one in force, or an address base has this name",
        Exit.USAGE: _USAGE,
    },
)
@_NAME
@_FILE
@click.option(
    "--source",
    metavar="NAME",
    type=configured_name,
    required=True,
    help="The source of type roster that says how to read the file.",
)
@click.option(
    "--config",
    "paths",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="The configuration that has the source.  [default: the applied one]",
)
@click.option(
    "--skip-malformed",
    is_flag=True,
    help="Leave out people whose number is empty or malformed. While some are left out, absence refuses no one.",
)
@click.option(
    "--force", is_flag=True, help="Import even a roster that is older than the one in force, or half as long."
)
@_DATA_DATE
@dry_run_option
@as_option
def import_roster(
    out: Output,
    name: str,
    file: Path,
    *,
    source: str,
    paths: tuple[Path, ...],
    skip_malformed: bool,
    force: bool,
    day: date | None,
    dry_run: bool,
    who: str,
) -> None:
    """Import the roster NAME, a list of people, from FILE, plain, gzip or zip, as its next version, and switch to it.

    Only the number, as a keyed hash, and the columns that the source keeps are stored. These are sealed, unless workers
    of an older release run, which could not open them.

    FILE may have any size; memory does not grow with it. A single bad row prevents the switch, and every fault is
    reported with its line and column. Workers use the new version from their next lookup on. The version before stays
    in the database, and older ones are removed.
    """
    from cli.imports import roster

    day = _data_day(file, day)
    if dry_run:
        roster.check_roster(out, file, name, source, paths, day, skip_malformed=skip_malformed)
    else:
        roster.import_roster_file(
            out,
            file,
            name,
            source,
            paths,
            day,
            who,
            skip_malformed=skip_malformed,
            force=force,
            progress=_progress(out),
        )


@datasets.command(name="list", examples=("jurat datasets list",))
def list_(out: Output) -> None:
    """List the imported datasets: the version in force, the one before, and any that is being imported."""
    from store.datasets.imports import Versions

    with open_database() as service:
        found = Versions(service.database).versions()
        used = _sources_by_dataset(service)
    rows: list[dict[str, Any]] = [
        {
            "dataset": row.name,
            **fields_of(row, "version", "state", "addresses", "houses", "streets", "people", "left_out"),
            "format": row.kind,
            **fields_of(row, "language", "data_date", "imported_at", "imported_by", "digest"),
            "sources": used.get(row.name, []) if row.state == "active" else [],
            "sealed": row.is_sealed if row.is_roster else None,
        }
        for row in found
    ]
    shown = ("dataset", "version", "state", "addresses", "streets", "people", "data_date", "imported_at")
    head = ("dataset", "version", "state", "addresses", "streets", "people", "data of", "imported", "used by")
    lines = columns(head, ((*(row[name] for name in shown), ", ".join(row["sources"])) for row in rows))
    out.show(rows, lines)
    for row in found:
        if row.is_roster and not row.is_sealed:
            out.say(f"{row.name}, version {row.version}: what is kept is in clear; import its file again to seal it")
    if not rows:
        out.say("no dataset is imported; run `bin/jurat datasets import-addresses NAME FILE`")


@datasets.command(
    examples=("jurat datasets remove valmont", "jurat datasets remove valmont --force"),
    codes={Exit.REFUSED: "the applied configuration uses it, and nothing was removed"},
)
@_NAME
@click.option(
    "--force", is_flag=True, help="Remove it even if the applied configuration uses it: its checks then wait."
)
@as_option
def remove(out: Output, name: str, *, force: bool, who: str) -> None:
    """Remove all versions of a dataset, and stop a running import of it."""
    from store.datasets.imports import ImportRefused, Versions, refuse_used

    with open_database() as service:
        applied = applied_configuration(service)
        try:
            if applied and not force:
                refuse_used(name, applied.sources)
        except ImportRefused as error:
            raise Failure(
                f"{error}, or use --force: its checks then wait until one is imported again", Exit.REFUSED
            ) from None
        versions = Versions(service.database).remove(name, who)
    if not versions:
        raise Failure(f"there is no dataset {name}; `bin/jurat datasets list` shows them", Exit.USAGE)
    out.show({"dataset": name, "versions": versions}, [f"{name}: {count_text(versions, 'version')} removed"])


def _data_day(file: Path, day: date | None) -> date:
    """The day of the data. Raises Failure for what is no regular file: imports read it twice."""
    from config.regular_files import open_regular

    try:
        open_regular(file).close()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", Exit.USAGE) from None
    return day or datetime.fromtimestamp(file.stat().st_mtime, UTC).date()


def _progress(out: Output) -> Callable[[int], None]:
    """Reports the speed after each million rows."""
    started, reported = time.monotonic(), 0

    def report(rows: int) -> None:
        nonlocal reported
        if rows // _REPORTED_EVERY > reported:
            reported = rows // _REPORTED_EVERY
            out.say(f"{rows:,} rows read, {rows / (time.monotonic() - started):,.0f} a second")

    return report


def _sources_by_dataset(service: Service) -> dict[str, list[str]]:
    """The sources of the applied configuration that use a dataset, by its name."""
    from config.uses import sources_by_dataset

    configuration = applied_configuration(service)
    return sources_by_dataset(configuration.sources) if configuration else {}
