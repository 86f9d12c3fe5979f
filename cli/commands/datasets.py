"""`registers`: what sources look up in the database: address bases, for sources of type `address-file` with a
`register`, and lists of people, for those of type `register-file`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import ConfiguredName, Group, as_option
from cli.output import Exit, Failure, Output, columns, count_text

if TYPE_CHECKING:
    from adapters.address.base.columns import Layout
    from adapters.address.base.rows import AddressRows
    from adapters.base import Box
    from worker.bootstrap import Service

_TOLD_EVERY = 1_000_000


class Columns(click.ParamType[dict[str, str]]):
    """Which column of a CSV file is what: `number=NUMERO,street=RUE`."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """The file's columns by our words."""
        if isinstance(value, dict):
            return value
        found: dict[str, str] = {}
        for part in value.split(","):
            word, equals, column = (text.strip() for text in part.partition("="))
            if not (equals and word and column):
                self.fail(f"{part.strip()!r} is no WORD=COLUMN, such as street=RUE", param, ctx)
            if word in found:
                self.fail(f"{word} is named twice", param, ctx)
            found[word] = column
        return found


class Day(click.ParamType[date]):
    """A day that is not to come."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """As it is written in ISO 8601."""
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail("a day such as 2026-11-01 is expected", param, ctx)
        if day > datetime.now(UTC).date():
            self.fail("it is still to come", param, ctx)
        return day


@click.group(cls=Group)
def registers() -> None:
    """Import, list and remove address bases and lists of people."""


@registers.command(
    name="import",
    examples=(
        "jurat registers import towns adresses-75.csv.gz",
        (
            "jurat registers import valmont valmont.csv \\\n"
            "      --columns number=NUMERO,street=RUE,postcode=CP,city=COMMUNE,longitude=LON,latitude=LAT"
        ),
        "jurat registers import berlin berlin.geojson.gz --language de --dry-run",
        "jurat registers import physicians physicians.csv --source physicians --data-date 2026-11-01",
        "jurat registers import physicians physicians.csv --source physicians --config jurat.yaml --dry-run",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
    codes={
        Exit.REFUSED: "refused: it is older or much shorter than what is in force, or another kind has the name",
        Exit.USAGE: "bad rows in the file, wrong usage or settings; nothing was imported",
    },
)
@click.argument("name", metavar="NAME", type=ConfiguredName())
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ban", "openaddresses", "csv"]),
    help="What the file is.  [default: as its first line says, csv with --columns]",
)
@click.option(
    "--columns",
    "named",
    metavar="WORD=COLUMN,…",
    type=Columns(),
    help="Which column of a CSV file of your own is number, repetition, street, postcode, city, city_code, longitude "
    "and latitude (WGS 84, in degrees).",
)
@click.option("--separator", metavar="CHARACTER", help="What separates its columns.  [default: , ; | or a tab]")
@click.option("--language", metavar="CODE", help="Language of its street names, as the source has it.  [default: fr]")
@click.option(
    "--source",
    metavar="NAME",
    type=ConfiguredName(),
    help="The file is a list of people: read it as this source of type register-file says.",
)
@click.option(
    "--config",
    "paths",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Where the source stands.  [default: the applied configuration]",
)
@click.option(
    "--skip-malformed",
    is_flag=True,
    help="Leave out people whose number is empty or malformed. While some are, absence refuses nobody.",
)
@click.option("--force", is_flag=True, help="Also a list that is older than the one in force, or half as long.")
@click.option("--data-date", metavar="DATE", type=Day(), help="Day of the data.  [default: when the file was changed]")
@click.option("--dry-run", is_flag=True, help="Read and check the file, and change nothing.")
@as_option
@click.pass_obj
def import_(
    out: Output,
    name: str,
    file: Path,
    *,
    kind: str | None,
    named: Mapping[str, str] | None,
    separator: str | None,
    language: str | None,
    source: str | None,
    paths: tuple[Path, ...],
    skip_malformed: bool,
    force: bool,
    data_date: date | None,
    dry_run: bool,
    who: str,
) -> Exit:
    """Import the register NAME from FILE, plain or gzip, as its next version, and switch to it.

    An address base: BAN's CSV, OpenAddresses' CSV or GeoJSON with one feature a line, a CSV file of your own. Or with
    --source a list of people, of which the number is stored as a keyed hash, and the columns that the source keeps.

    Any size; memory does not grow with it. With one bad row nothing is switched, and what is wrong is told with line
    and column. Workers use the new version from their next look-up on. The version before stays in the database, older
    ones go.
    """
    _require_readable(file)
    day = data_date or datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    if source is not None:
        from cli.imports.roster_report import import_list, look_at_list

        given = {"--format": kind, "--columns": named, "--separator": separator, "--language": language}
        if misplaced := _given(given):
            raise Failure(f"{misplaced} for an address base: how a list of people is read, its source says", Exit.USAGE)
        if dry_run:
            return look_at_list(out, file, name, source, paths, day, skip_malformed=skip_malformed)
        progress = _progress(out, time.monotonic())
        return import_list(
            out, file, name, source, paths, day, who, skip_malformed=skip_malformed, force=force, progress=progress
        )
    if misplaced := _given({"--config": paths, "--skip-malformed": skip_malformed, "--force": force}):
        raise Failure(f"{misplaced} for a list of people: add its --source", Exit.USAGE)
    language = language or "fr"
    from adapters.address.base.batches import StreetsMixed
    from adapters.address.base.columns import AddressFileError
    from adapters.address.languages import language as words_of
    from cli.database import opened
    from cli.imports.address_base import NewBase, import_base
    from store.datasets.imports import DatasetImport, OtherKind, Overtaken

    try:
        words_of(language)
        layout = _layout(file, kind, named, separator)
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from None
    base = NewBase(name, file, layout, language, day)
    started = time.monotonic()
    try:
        if dry_run:
            return _only_read(out, name, base.rows())
        with opened() as service:
            done = import_base(DatasetImport(service.database), base, who, _progress(out, started))
    except AddressFileError as error:
        raise Failure(f"{error}\nnothing was imported", Exit.USAGE) from None
    except (OtherKind, Overtaken, StreetsMixed) as error:
        raise Failure(str(error), Exit.REFUSED) from None
    row, taken = done.row, time.monotonic() - started
    document = {
        "register": name,
        "version": row.version,
        "changed": done.rows is not None,
        "format": row.kind,
        "language": row.language,
        "data_date": row.data_date,
        "addresses": row.addresses,
        "houses": row.houses,
        "streets": row.streets,
        "box": done.box,
        "seconds": round(taken, 1),
    }
    head = ("register", "version", "addresses", "houses", "streets", "data of")
    out.show(document, columns(head, [(name, row.version, row.addresses, row.houses, row.streets, row.data_date)]))
    if done.rows is None or done.box is None:
        out.say(f"version {row.version} was imported from this file already; nothing was done")
        return Exit.DONE
    _tell(out, done.rows)
    out.say(f"it lies {_box_text(done.box)}")
    out.say(f"imported {count_text(done.rows.rows, 'row')} in {taken:.1f} s; version {row.version} is in force")
    return Exit.DONE


@registers.command(name="list", examples=("jurat registers list",), environment=("JURAT_DATABASE_URL",))
@click.pass_obj
def list_(out: Output) -> Exit:
    """List what is imported: the version in force, the one before, and one that is being imported."""
    from cli.database import opened
    from store.datasets.imports import Versions

    with opened() as service:
        found = Versions(service.database).versions()
        used = _used(service)
    rows: list[dict[str, Any]] = [
        {
            "register": row.name,
            "version": row.version,
            "state": row.state,
            "addresses": row.addresses,
            "houses": row.houses,
            "streets": row.streets,
            "people": row.people,
            "left_out": row.left_out,
            "format": row.kind,
            "language": row.language,
            "data_date": row.data_date,
            "imported_at": row.imported_at,
            "imported_by": row.imported_by,
            "digest": row.digest,
            "sources": used.get(row.name, []) if row.state == "active" else [],
        }
        for row in found
    ]
    shown = ("register", "version", "state", "addresses", "streets", "people", "data_date", "imported_at")
    head = ("register", "version", "state", "addresses", "streets", "people", "data of", "imported", "used by")
    lines = columns(head, ((*(row[name] for name in shown), ", ".join(row["sources"])) for row in rows))
    out.show(rows, lines)
    if not rows:
        out.say("no register is imported; run `bin/jurat registers import NAME FILE`")
    return Exit.DONE


@registers.command(
    examples=("jurat registers remove valmont", "jurat registers remove valmont --force"),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.REFUSED: "the applied configuration uses it, and nothing was removed"},
)
@click.argument("name", metavar="NAME", type=ConfiguredName())
@click.option("--force", is_flag=True, help="Also one that the applied configuration uses: its checks wait then.")
@as_option
@click.pass_obj
def remove(out: Output, name: str, *, force: bool, who: str) -> Exit:
    """Remove all versions of a register, and end an import of it that is running."""
    from cli.database import opened
    from store.datasets.imports import Versions

    with opened() as service:
        if (sources := _used(service).get(name, [])) and not force:
            raise Failure(
                f"the applied configuration uses {name} in its source {', '.join(sources)}; apply one without it first,"
                " or use --force: its checks then wait until there is another",
                Exit.REFUSED,
            )
        versions = Versions(service.database).remove(name, who)
    if not versions:
        raise Failure(f"there is no register {name}; `bin/jurat registers list` names them", Exit.USAGE)
    out.show({"register": name, "versions": versions}, [f"{name}: {count_text(versions, 'version')} removed"])
    return Exit.DONE


def _layout(file: Path, kind: str | None, named: Mapping[str, str] | None, separator: str | None) -> Layout:
    """Raises ValueError, as an AddressFileError is one, where the options do not say how the file is to be read."""
    from adapters.address.base.columns import BAN, OPENADDRESSES, own_layout
    from adapters.address.base.rows import layout_of

    if kind in (BAN.kind, OPENADDRESSES.kind):
        if named or separator:
            raise ValueError(f"--columns and --separator are for --format csv: the format {kind} has its own")
        return BAN if kind == BAN.kind else OPENADDRESSES
    if named:
        return own_layout(named, separator)
    if kind or separator:
        raise ValueError("a CSV file of your own needs --columns, such as number=NUMERO,street=RUE,…")
    return layout_of(file)


def _only_read(out: Output, name: str, rows: AddressRows) -> Exit:
    """Go through the file and say what is in it, and where."""
    houses = 0
    west, south, east, north = math.inf, math.inf, -math.inf, -math.inf
    for address in rows:
        houses += address.number is not None
        west, east = min(west, address.longitude), max(east, address.longitude)
        south, north = min(south, address.latitude), max(north, address.latitude)
    box = (west, south, east, north)
    document = {"dry_run": True, "register": name, "rows": rows.rows, "houses": houses, "box": box}
    out.show(document, columns(("register", "rows", "houses"), [(name, rows.rows, houses)]))
    _tell(out, rows)
    out.say(f"it lies {_box_text(box)}")
    out.say("the file is good; nothing was imported")
    return Exit.DONE


def _tell(out: Output, rows: AddressRows) -> None:
    """What is no mistake, and yet finds no house."""
    for count, what in (
        (rows.unplaced, "without a postcode: they decide nothing"),
        (rows.unnumbered, "with a house number that cannot be read: such a house is not found"),
        (rows.nameless, "without a street, passed over: nobody could ask for them"),
    ):
        if count:
            out.say(f"{count_text(count, 'row')} {what}")


def _box_text(box: Box) -> str:
    """So that somebody sees swapped axes."""
    west, south, east, north = box
    return f"between longitudes {west:.3f} and {east:.3f}, latitudes {south:.3f} and {north:.3f}"


def _given(options: Mapping[str, object]) -> str:
    """Those of `options` that were given, as the beginning of a sentence; "" where none was."""
    names = [name for name, value in options.items() if value]
    if not names:
        return ""
    return f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"


def _require_readable(file: Path) -> None:
    """It is read twice, and a pipe gives what it has once."""
    from config.regular_files import open_regular

    try:
        open_regular(file).close()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", Exit.USAGE) from None


def _progress(out: Output, started: float) -> Callable[[int], None]:
    """Says after each million rows how quick it goes."""
    told = 0

    def tell(rows: int) -> None:
        nonlocal told
        if rows // _TOLD_EVERY > told:
            told = rows // _TOLD_EVERY
            out.say(f"{rows:,} rows read, {rows / (time.monotonic() - started):,.0f} a second")

    return tell


def _used(service: Service) -> dict[str, list[str]]:
    """The sources of the applied configuration that use a register, by its name."""
    from config.addresses import AddressFileSource
    from config.configuration import Configuration
    from config.registry import RegisterFileSource

    version = service.queries.config_version()
    found: dict[str, list[str]] = {}
    if version is not None:
        for name, source in Configuration.from_json(service.queries.config(version)).sources.items():
            if isinstance(source, AddressFileSource | RegisterFileSource) and source.register_name:
                found.setdefault(source.register_name, []).append(name)
    return found
