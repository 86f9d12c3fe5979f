"""Imports an address base: a file becomes a new version, batch by batch, and takes effect as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from adapters.address.base.batches import batches
from adapters.address.base.columns import Layout
from adapters.address.base.rows import AddressRows
from adapters.base import Box
from adapters.file_lines import file_digest
from store.datasets.address_bases import DatasetRow
from store.datasets.imports import DatasetImport


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
        streets = [sorted(self.layout.streets)] if self.layout.streets else []
        return file_digest(self.path, *layout, *streets, self.language, self.data_date.isoformat())

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
