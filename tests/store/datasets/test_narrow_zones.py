"""A zone in which nobody could be accepted is refused, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from adapters.address.address_lists import ListedAddress, content_of
from store.configurations.consultations import Unpublishable
from store.datasets.narrow_zones import narrow_zones
from store.datasets.zones import NewZone, import_zones
from tests.store.desk import ADMIN, Desk, configuration

METRE = 1 / 111_132.0
"""To the north, at 45 degrees, in degrees."""


def lane(width: float) -> bytes:
    """A zone 2 km long, and so many metres wide."""
    return shapely.to_wkb(shapely.box(2.0, 45.0, 2.025, 45.0 + width * METRE))


def asking(**margin: str) -> dict[str, Any]:
    criterion = {"source": "towns", "open": ["zone"], "margin": margin}
    question = {"criterion": "lives-in", "with": {"zone": "lane"}}
    return {
        "environment": "test",
        "sources": {"towns": {"type": "simulated"}},
        "criteria": {"lives-in": criterion},
        "consultations": {"budget": {"questions": {"residence": question}, "access": "residence"}},
    }


@pytest.mark.parametrize(
    ("width", "document", "is_refused"),
    [
        (38, asking(), True),
        (42, asking(), False),
        (42, asking(housenumber="40m"), True),
        (38, asking(housenumber="10m"), False),
        (2, asking(housenumber="0m"), False),
    ],
)
def test_what_is_narrower_than_twice_the_margin_is_found(
    width: float, document: dict[str, Any], *, is_refused: bool
) -> None:
    found = list(narrow_zones(configuration(document), {"lane": lane(width), "other": lane(1)}))
    assert bool(found) is is_refused
    for sentence in found:
        assert f"farther than {width / 2:.0f}." in sentence
        assert "criterion 'lives-in' a smaller one" in sentence


def test_a_court_of_many_bends_has_room_in_its_widest_part() -> None:
    wide = shapely.box(2.0, 45.0, 2.001, 45.0 + 100 * METRE)
    ell = shapely.union_all(
        [wide, shapely.box(2.0, 45.0, 2.2, 45.0 + 5 * METRE), shapely.box(2.3, 45.0, 2.301, 45.00001)]
    )
    assert not list(narrow_zones(configuration(asking()), {"lane": shapely.to_wkb(ell)}))


def test_a_list_and_a_damaged_zone_are_not_measured() -> None:
    listed = content_of([ListedAddress("Rue du Puits", "8", "99100", "Valmont", "")], "fr")
    for content in (listed, b"\0"):
        assert not list(narrow_zones(configuration(asking()), {"lane": content}))


def test_a_configuration_with_such_a_zone_is_not_applied(desk: Desk) -> None:
    import_zones(desk.engine, [NewZone("lane", "Lane", "a", lane(30))], ADMIN)
    with pytest.raises(Unpublishable, match=r"'lane' is farther than 15\.\d m .*housenumber: 7m"):
        desk.publisher.apply(configuration(asking()), ADMIN, force=True)
    assert desk.publisher.apply(configuration(asking(housenumber="7m")), ADMIN, force=True)[1]
