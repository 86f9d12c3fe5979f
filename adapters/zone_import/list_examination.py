"""Reads an uploaded list of addresses in a process of its own: it may be hostile, and unpack to much."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.address.base.columns import own_layout, zone_layout
from adapters.address.base.examination import MOST_MEMORY, MOST_SECONDS
from adapters.address.base.rows import layout_of
from adapters.apart import given_apart, run_apart
from adapters.file_lines import FileError
from adapters.zone_import.address_lists import ListedZone, read_address_lists


def read_apart(
    path: Path,
    columns: Mapping[str, str],
    zone: str,
    title: str,
    code: str,
    streets: Sequence[str] = (),
    *,
    overlapping: bool,
    most: int,
) -> list[ListedZone]:
    """The zones of a file of at most so many rows; `columns` are those of `own_layout`, without any it has a known one.
    `streets` are values of the number that stand for none.

    Raises FileError as `read_address_lists`, or NotEnded.
    """
    given = {"path": str(path.resolve()), "columns": dict(columns), "zone": zone, "title": title, "code": code}
    given |= {"streets": list(streets)}
    found = run_apart(__name__, {**given, "overlapping": overlapping, "most": most}, MOST_SECONDS, MOST_MEMORY)
    if problem := found.get("problem"):
        raise FileError(problem)
    return [ListedZone(**{**each, "content": each["content"].encode()}) for each in found["zones"]]


def read(
    path: str, columns: Mapping[str, str], zone: str, title: str, code: str, streets: Sequence[str], **options: Any
) -> dict[str, Any]:
    """The same in this process, as JSON."""
    file = Path(path)
    try:
        known = (own_layout(columns, placed=False) if columns else layout_of(file)).with_streets(streets)
        zones = read_address_lists(file, zone_layout(known, zone, title), code, **options)
    except ValueError as error:
        return {"problem": str(error)}
    return {"zones": [{**asdict(each), "content": each.content.decode()} for each in zones]}


def main() -> None:
    """Read the file that comes by standard input."""
    json.dump(read(**given_apart()), sys.stdout)


if __name__ == "__main__":
    main()
