"""What a new version changes of a zone that is a list of addresses."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection
from pathlib import Path

from adapters.address.address_lists import ListedAddress, addresses_of, is_list
from adapters.zone_import.changes import compare
from cli.lookups.known_addresses import as_text
from cli.output import Exit, Failure, Output, new_file
from store.queries import ZoneRow


def write_listed(out: Output, old: ZoneRow, new: ZoneRow, target: Path | None) -> None:
    """Count the addresses that only one of two versions has, and list them in `target`, as CSV.

    Raises Failure if one of the versions has a border: what is inside of that is not known by its address.
    """
    if not (is_list(old.geometry) and is_list(new.geometry)):
        raise Failure("one version is a list of addresses, the other has a border: they cannot be compared", Exit.USAGE)
    before, after = addresses_of(old.geometry), addresses_of(new.geometry)
    entered, left = after - before, before - after
    document = {"zone": new.name, "from": old.version, "to": new.version, "entered": len(entered), "left": len(left)}
    lines = [
        f"{new.name}: version {old.version} to {new.version}, lists of {len(before):,} and {len(after):,} addresses",
        f"addresses: {len(entered):,} come in, {len(left):,} go out",
    ]
    if target:
        _write(target, entered, left)
    out.show(document, lines)
    if target:
        out.say(f"the addresses that change sides are listed in {target}")


def reach_of(old: ZoneRow, new: ZoneRow) -> float:
    """Metres from the old border within which a new version may change a decision; any, if one of them is a list."""
    if is_list(old.geometry) or is_list(new.geometry):
        return 0.0 if old.digest == new.digest else math.inf
    return compare(old.geometry, new.geometry).reach


def _write(target: Path, entered: Collection[ListedAddress], left: Collection[ListedAddress]) -> None:
    with new_file(target, 0o644) as stream:
        add = csv.writer(stream).writerow
        add(["moves", *ListedAddress._fields])
        for moves, addresses in (("in", entered), ("out", left)):
            for each in sorted(addresses):
                add([moves, *map(as_text, each)])
