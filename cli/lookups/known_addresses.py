"""Finds the known addresses near a place: landmarks for a picture, and houses that change sides.

They are the dataset or the file of an `address-file` source. No geocoder is asked.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.base import Box
from cli.output import Exit, Failure
from store.explanation import Explanations, NearbyHouse

if TYPE_CHECKING:
    from adapters.address.zones import ZoneGeometry
    from config.addresses import AddressFileSource
    from worker.bootstrap import Service

Houses = Callable[[Box], Iterable[NearbyHouse]]


@dataclass(frozen=True, slots=True)
class Moved:
    """How many addresses a new version of a zone takes in, and how many it leaves out."""

    entered: int
    left: int


def houses(service: Service, zone: str, dataset: str | None) -> Houses:
    """The houses of the local base in a box. A base that is not there or not usable shows none: it is but a map.

    Raises Failure where `dataset` is imported under no such name.
    """
    from adapters.address.base.columns import AddressFileError

    base = _base(service, zone, dataset)

    def found(box: Box) -> Iterator[NearbyHouse]:
        with suppress(AddressFileError):
            yield from base(box) if base else ()

    return found


def moved(
    service: Service,
    before: ZoneGeometry,
    after: ZoneGeometry,
    where: Box | None,
    dataset: str | None,
    target: Path | None,
) -> Moved | None:
    """Which houses of the local base are in one of two versions of a zone alone; None where there is no local base.

    All of them lie in the box `where`. With `target` they are listed there, as CSV. Memory does not grow with them.

    Raises Failure: `dataset` is imported under no such name, the base cannot be read, or `target` is there already.
    """
    from adapters.address.base.columns import AddressFileError

    base = _base(service, before.name, dataset)
    if base is None:
        return None
    counts = {True: 0, False: 0}
    try:
        with _listing(target) as add:
            for house in base(where) if where else ():
                at = (house.longitude, house.latitude)
                was, now = before.border.holds(*at), after.border.holds(*at)
                if was != now:
                    counts[now] += 1
                    add(["in" if now else "out", house.number, house.street, house.postcode, house.city, *at])
    except AddressFileError as error:
        raise Failure(str(error), Exit.USAGE) from None
    return Moved(entered=counts[True], left=counts[False])


@contextmanager
def _listing(target: Path | None) -> Iterator[Callable[[list[object]], None]]:
    """What takes the rows of a new file; nothing where none is wanted. A file that is not finished is removed."""
    if target is None:
        yield lambda _: None
        return
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise Failure(f"{target}: there already, and not overwritten; choose another file", Exit.USAGE) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["moves", "number", "street", "postcode", "city", "longitude", "latitude"])
            yield writer.writerow
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _base(service: Service, zone: str, dataset: str | None) -> Houses | None:
    """The dataset of this name; else the base of the first `address-file` source that is asked about the zone, else of
    the first that is configured.
    """
    from config.addresses import AddressFileSource
    from config.configuration import Configuration

    explanations = Explanations(service.database)
    if dataset is not None:
        if not explanations.has_dataset(dataset):
            raise Failure(
                f"the dataset {dataset} is not imported; run `bin/jurat datasets import-addresses {dataset} FILE`",
                Exit.USAGE,
            )
        return partial(_in_dataset, explanations, dataset)
    version = service.queries.config_version()
    if version is None:
        return None
    configuration = Configuration.from_json(service.queries.config(version))
    asked = [name for each in configuration.questions.values() if each.zone == zone for name in each.sources]
    models = (configuration.sources[name] for name in [*asked, *configuration.sources])
    model = next((model for model in models if isinstance(model, AddressFileSource)), None)
    if model is None:
        return None
    if model.dataset_name:
        return partial(_in_dataset, explanations, model.dataset_name)
    return partial(_in_file, model)


def _in_dataset(explanations: Explanations, dataset: str, box: Box) -> Iterator[NearbyHouse]:
    for part in _parts(box):
        yield from explanations.houses(dataset, part)


def _in_file(model: AddressFileSource, box: Box) -> Iterator[NearbyHouse]:
    from adapters.address.base.columns import BAN
    from adapters.address.base.rows import AddressRows

    parts = _parts(box)
    for row in AddressRows(Path(str(model.path)), BAN, model.language):
        inside = any(
            west <= row.longitude <= east and south <= row.latitude <= north for west, south, east, north in parts
        )
        if inside and row.number is not None:
            yield NearbyHouse(row.longitude, row.latitude, row.written, row.street, row.postcode, row.city)


def _parts(box: Box) -> list[Box]:
    """A box as address bases write longitudes, from -180 to 180: one that reaches over the antimeridian has two."""
    west, south, east, north = box
    turns = 360 * round((west + east) / 720)
    west, east = west - turns, east - turns
    if west < -180:
        return [(west + 360, south, 180.0, north), (-180.0, south, east, north)]
    if east > 180:
        return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    return [(west, south, east, north)]
