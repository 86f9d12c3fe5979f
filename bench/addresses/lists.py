"""Zones as lists of addresses: the same cells, but each as the list of its houses, which decides by identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import shapely

from adapters.address.address_lists import AddressList, ListedAddress, content_of
from adapters.address.zones import Zone, digest_of
from bench.addresses.queries import Point, Row
from bench.addresses.questions import Question
from bench.addresses.zones import Shape
from jurat.vocabulary import Outcome


@dataclass(frozen=True)
class ListedQuestion(Question):
    """A question about the list of a cell. `owners` are the cells of all positions; those of one address share one."""

    listed: AddressList
    owners: Mapping[Point, str] = field(repr=False)

    @property
    def asked(self) -> Zone:
        return self.listed

    @property
    def far(self) -> bool:
        """There is no margin."""
        return True

    def is_wrong(self, outcome: Outcome) -> bool:
        if outcome is Outcome.UNDETERMINED:
            return False
        accepted = outcome is Outcome.ACCEPTED
        points = self.typed.points
        return not points or any((self.owners[point] == self.zone.name) != accepted for point in points)


def listed_questions(
    questions: Sequence[Question], rows: Sequence[Row], cells: Sequence[Shape], language: str
) -> list[ListedQuestion]:
    """The same questions about the lists of the addresses `rows` in the `cells`."""
    tree = shapely.STRtree(shapely.from_wkb([cell.wkb for cell in cells]))
    nearest = tree.nearest(shapely.points([row.point for row in rows]))
    first: dict[ListedAddress, str] = {}
    owners: dict[Point, str] = {}
    lists: dict[str, set[ListedAddress]] = defaultdict(set)
    for row, cell in zip(rows, nearest.tolist(), strict=True):
        address = ListedAddress(row.street, row.number, row.postcode, row.city, row.code)
        owners[row.point] = first.setdefault(address, cells[cell].name)
        lists[owners[row.point]].add(address)
    contents = {name: content_of(addresses, language) for name, addresses in lists.items()}
    ready = {name: AddressList(name, 1, content, digest_of(content)) for name, content in contents.items()}
    return [
        ListedQuestion(each.typed, each.zone, ready[each.zone.name], owners)
        for each in questions
        if each.zone.name in ready
    ]
