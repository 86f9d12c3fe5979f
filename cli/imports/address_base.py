"""Imports an address base for `datasets import-addresses`. Reports what is in the file, what was stored, and where it
lies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from adapters.address.base.batches import StreetsMixed
from adapters.address.base.columns import BAN, OPENADDRESSES, Layout, own_layout
from adapters.address.base.examination import extent
from adapters.address.base.rows import AddressRows, layout_of
from adapters.file_lines import FileError
from adapters.zone_import.bounds import in_words
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, fields_of
from store.datasets.address_files import NewAddressBase, import_base
from store.datasets.imports import DatasetImport, ImportRefused


def check_addresses(out: Output, base: NewAddressBase) -> None:
    """Read the file, and report what is in it and where it lies."""
    rows = base.rows()
    with failures():
        houses, box = extent(rows)
    document = {"dry_run": True, "dataset": base.name, "rows": rows.rows, "houses": houses, "box": box}
    out.show(document, columns(("dataset", "rows", "houses"), [(base.name, rows.rows, houses)]))
    _tell(out, rows)
    out.say(f"it lies {in_words(box)}")
    out.say("the file is good; nothing was imported")


def import_addresses(out: Output, base: NewAddressBase, who: str, progress: Callable[[int], None]) -> None:
    """Import the file, switch to it, and report."""
    from adapters.zone_import.files import swapped_among

    started = time.monotonic()
    with failures(), open_database() as service:
        done = import_base(DatasetImport(service.database), base, who, progress)
        swapped = swapped_among(done.box, service.queries.some_shapes()) if done.box else ""
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
    out.say(f"it lies {in_words(done.box)}")
    if swapped:
        out.say(f"warning: {swapped}")
    out.say(f"imported {count_text(done.rows.rows, 'row')} in {taken:.1f} s; version {row.version} is in force")


def layout(
    file: Path,
    kind: str | None,
    named: Mapping[str, str] | None,
    separator: str | None,
    streets: Sequence[str] = (),
    *,
    placed: bool = True,
) -> Layout:
    """How to read the file; `streets` are values for no number. Raises ValueError if neither the options nor its first
    line say so.
    """
    return _layout(file, kind, named, separator, placed=placed).with_streets(streets)


def _layout(
    file: Path, kind: str | None, named: Mapping[str, str] | None, separator: str | None, *, placed: bool
) -> Layout:
    if kind in (BAN.kind, OPENADDRESSES.kind):
        if named or separator:
            raise ValueError(f"--columns and --separator are for --format csv: the format {kind} has its own")
        return BAN if kind == BAN.kind else OPENADDRESSES
    if named:
        return own_layout(named, separator, placed=placed)
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
    except (ImportRefused, StreetsMixed) as error:
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
