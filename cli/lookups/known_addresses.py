"""Finds the known addresses near a place, for a picture, and those that change sides of a border.

They come from the dataset or the file of an `address-file` source. No geocoder is asked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from adapters.address.base.columns import BAN
from adapters.address.base.rows import AddressRows
from adapters.address.zones import ZoneGeometry
from adapters.base import Box
from adapters.file_lines import FileError
from cli.database import applied_configuration
from cli.output import Exit, Failure, new_file
from config.addresses import AddressFileSource
from store.explanation import Explanations, NearbyHouse
from store.known_addresses import Houses, in_dataset, local_base, moved, parts_of
from worker.service import Service


def house_finder(service: Service, zone: str, dataset: str | None) -> Houses:
    """Finds houses of the local base in a box, none without a usable base. Raises Failure for an unknown `dataset`."""
    base = _base(service, zone, dataset)

    def find(box: Box) -> Iterator[NearbyHouse]:
        with suppress(FileError):
            yield from base(box) if base else ()

    return find


def count_moved(
    service: Service,
    before: ZoneGeometry,
    after: ZoneGeometry,
    where: Box | None,
    dataset: str | None,
    target: Path | None,
) -> tuple[int, int] | None:
    """Count the houses of the local base that only the later version of a zone has, and those that only the earlier one
    has; None without a local base.

    All of them lie in the box `where`. They are listed in `target`, as CSV. Memory does not grow with them.

    Raises Failure: `dataset` is not imported, or `target` exists; FileError: the base cannot be read.
    """
    base = _base(service, before.name, dataset)
    if base is None:
        return None
    counts = {True: 0, False: 0}
    with nullcontext() if target is None else new_file(target, 0o644) as stream:
        add = csv.writer(stream).writerow if stream else lambda _: None
        add(["moves", "number", "street", "postcode", "city", "longitude", "latitude"])
        for house, comes_in in moved(base(where) if where else (), before, after):
            counts[comes_in] += 1
            words = map(as_text, (house.number, house.street, house.postcode, house.city))
            add(["in" if comes_in else "out", *words, house.longitude, house.latitude])
    return counts[True], counts[False]


def as_text(word: str) -> str:
    """A word of an address file that a spreadsheet takes for a text: it would run one that begins as a formula does
    (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    return f"'{word}" if word.startswith(("=", "+", "-", "@", "\t", "\r")) else word


def _base(service: Service, zone: str, dataset: str | None) -> Houses | None:
    """The dataset of this name; else the base of the first `address-file` source, those for the zone first."""
    explanations = Explanations(service.database)
    if dataset is not None:
        if not explanations.has_dataset(dataset):
            command = f"run `bin/jurat datasets import-addresses {dataset} FILE`"
            raise Failure(f"the dataset {dataset} is not imported; {command}", Exit.USAGE)
        return partial(in_dataset, explanations, dataset)
    configuration = applied_configuration(service)
    if configuration is None:
        return None
    model = local_base(configuration.sources, configuration.questions.values(), zone)
    if model is None:
        return None
    if model.dataset:
        return partial(in_dataset, explanations, model.dataset)
    return partial(_in_file, model)


def _in_file(model: AddressFileSource, box: Box) -> Iterator[NearbyHouse]:
    parts = parts_of(box)
    for row in AddressRows(Path(str(model.path)), BAN, model.language):
        inside = any(
            west <= row.longitude <= east and south <= row.latitude <= north for west, south, east, north in parts
        )
        if inside and row.number is not None:
            yield NearbyHouse(row.longitude, row.latitude, row.written, row.street, row.postcode, row.city)
