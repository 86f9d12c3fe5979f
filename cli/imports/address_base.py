"""Imports an address base: a file becomes a new version, batch by batch, and takes effect as a whole. Reports what is
in the file, what was stored, and where it lies.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from adapters.address.base.batches import StreetsMixed, batches
from adapters.address.base.columns import BAN, OPENADDRESSES, Layout, own_layout
from adapters.address.base.rows import AddressRows, layout_of
from adapters.base import Box
from adapters.file_lines import FileError, file_digest
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, fields_of
from store.datasets.address_bases import DatasetRow
from store.datasets.imports import DatasetImport, Refused


@dataclass(frozen=True, slots=True)
class NewAddressBase:
    """A file to import as dataset `name`. `language` is that of the street names, `data_date` the day of the data."""

    name: str
    path: Path
    layout: Layout
    language: str
    data_date: date

    def digest(self) -> str:
        """A hash of the file and all settings: the same digest gives the same dataset."""
        layout = (self.layout.kind, sorted(self.layout.columns.items()), self.layout.separators)
        return file_digest(self.path, *layout, self.language, self.data_date.isoformat())

    def rows(self) -> AddressRows:
        return AddressRows(self.path, self.layout, self.language)


@dataclass(frozen=True, slots=True)
class Imported:
    """The version in force now. `rows` counts what was read, `box` contains all addresses; both are None if the file
    was imported before and nothing was done.
    """

    row: DatasetRow
    rows: AddressRows | None = None
    box: Box | None = None


def import_base(
    imports: DatasetImport, base: NewAddressBase, who: str, report: Callable[[int], None] = lambda _: None
) -> Imported:
    """Import a base and switch to it. After each batch, `report` gets the number of rows read.

    Memory does not grow with the file.

    Raises:
        FileError: with everything that is wrong with the file; the version in force stays.
        Overtaken: another import of this name began, or it was removed.
        OtherKind: a roster has this name.
        StreetsMixed: once in a million imports; import it again.
    """
    digest = base.digest()
    for row in imports.versions():
        if (row.name, row.state, row.digest) == (base.name, "active", digest):
            return Imported(row)
    staged = imports.stage(base.name, base.layout.kind, base.language, digest, base.data_date, who)
    rows = base.rows()
    with imports.removing_on_failure(staged):
        for batch in batches(rows, base.language, salt=staged.id):
            imports.add(staged, batch)
            report(rows.rows)
        switched = imports.switch(staged, who)
    return Imported(switched.row, rows, switched.box)


def check_addresses(out: Output, base: NewAddressBase) -> None:
    """Read the file, and report what is in it and where it lies."""
    houses = 0
    west, south, east, north = math.inf, math.inf, -math.inf, -math.inf
    rows = base.rows()
    with failures():
        for address in rows:
            houses += address.number is not None
            west, east = min(west, address.longitude), max(east, address.longitude)
            south, north = min(south, address.latitude), max(north, address.latitude)
    box = (west, south, east, north)
    document = {"dry_run": True, "dataset": base.name, "rows": rows.rows, "houses": houses, "box": box}
    out.show(document, columns(("dataset", "rows", "houses"), [(base.name, rows.rows, houses)]))
    _tell(out, rows)
    out.say(f"it lies {_box_text(box)}")
    out.say("the file is good; nothing was imported")


def import_addresses(out: Output, base: NewAddressBase, who: str, progress: Callable[[int], None]) -> None:
    """Import the file, switch to it, and report."""
    started = time.monotonic()
    with failures(), open_database() as service:
        done = import_base(DatasetImport(service.database), base, who, progress)
    row, taken = done.row, time.monotonic() - started
    document = {
        "dataset": row.name,
        "version": row.version,
        "changed": done.rows is not None,
        "format": row.kind,
        **fields_of(row, "language", "data_date", "addresses", "houses", "streets"),
        "box": done.box,
        "seconds": round(taken, 1),
    }
    head = ("dataset", "version", "addresses", "houses", "streets", "data of")
    out.show(document, columns(head, [(row.name, row.version, row.addresses, row.houses, row.streets, row.data_date)]))
    if done.rows is None or done.box is None:
        out.say(f"version {row.version} was already imported from this file; nothing was done")
        return
    _tell(out, done.rows)
    out.say(f"it lies {_box_text(done.box)}")
    out.say(f"imported {count_text(done.rows.rows, 'row')} in {taken:.1f} s; version {row.version} is in force")


def layout(file: Path, kind: str | None, named: Mapping[str, str] | None, separator: str | None) -> Layout:
    """How to read the file. Raises ValueError if neither the options nor its first line say so."""
    if kind in (BAN.kind, OPENADDRESSES.kind):
        if named or separator:
            raise ValueError(f"--columns and --separator are for --format csv: the format {kind} has its own")
        return BAN if kind == BAN.kind else OPENADDRESSES
    if named:
        return own_layout(named, separator)
    if kind or separator:
        raise ValueError("a CSV file of your own needs --columns, such as number=NUMERO,street=RUE,…")
    return layout_of(file)


@contextmanager
def failures() -> Iterator[None]:
    """Tell what is wrong with a file, or why an import of it is not done. Raises Failure."""
    try:
        yield
    except FileError as error:
        raise Failure(f"{error}\nnothing was imported", Exit.USAGE) from None
    except (Refused, StreetsMixed) as error:
        raise Failure(str(error), Exit.REFUSED) from None


def _tell(out: Output, rows: AddressRows) -> None:
    """Counts rows that are no mistake, and yet find no house."""
    for count, what in (
        (rows.unplaced, "without a postcode: they decide nothing"),
        (rows.unnumbered, "with a house number that cannot be read: such a house is not found"),
        (rows.nameless, "without a street, left out: no one could ask for them"),
    ):
        if count:
            out.say(f"{count_text(count, 'row')} {what}")


def _box_text(box: Box) -> str:
    """Shows swapped axes at a glance."""
    west, south, east, north = box
    return f"between longitudes {west:.3f} and {east:.3f}, latitudes {south:.3f} and {north:.3f}"
