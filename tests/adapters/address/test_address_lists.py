"""Lists of addresses: what is in one, what is not, and what nobody can say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from adapters.address.address_lists import AddressList, ListedAddress, addresses_of, content_of, is_list
from adapters.address.zones import ZoneCache, ZoneGeometry, digest_of, read_zone
from adapters.base import Place
from config.levels import Level
from tests.tasks.rules.valmont import WEST, WEST_ZONE

MILL = ListedAddress("Rue du Moulin", "8", "99002", "Valmont", "99901")
LISTED = [
    MILL,
    MILL._replace(number="12 bis"),
    MILL._replace(number="20-24"),
    MILL._replace(street="Avenue du Général Corvec", number="3"),
    MILL._replace(street="Impasse Haute", number=""),
    MILL._replace(street="Chemin Vert", postcode="", city=""),
    MILL._replace(street="Place d'Armes", city_code=""),
]
HOUSE = Place(Level.HOUSENUMBER, 1.0, 44.0, "8", "Rue du Moulin", "99002", "Valmont", "99901")


def listed(*addresses: ListedAddress, code: str = "fr") -> AddressList:
    content = content_of(addresses, code)
    return AddressList("north", 1, content, digest_of(content))


NORTH = listed(*LISTED)


@pytest.mark.parametrize(
    ("found", "held"),
    [
        ({}, True),
        ({"street": "R. du Moulin"}, True),
        ({"number": "12bis"}, True),
        ({"number": "20-24"}, True),
        ({"street": "Chemin Vert"}, True),  # the code of the town does
        ({"street": "Place d'Armes", "city_code": None}, True),  # postcode and town do
        # the list is complete
        ({"number": "9"}, False),
        ({"number": "26"}, False),
        ({"street": "Rue des Sardiniers"}, False),
        ({"street": "Avenue du Général Le Bihan", "number": "3"}, False),  # a title tells nothing
        ({"city": "Brévan", "postcode": "99500", "city_code": "99950"}, False),
        ({"city": "Brévan", "city_code": "99950"}, False),
        # other spellings
        ({"number": "8 bis"}, None),
        ({"number": "12"}, None),
        ({"number": "22"}, None),
        ({"street": "Impasse Haute"}, None),  # which of its houses the list means, nobody knows
        ({"street": "Rue Corvec", "number": "3"}, None),
        ({"street": "Boulevard Corvek", "number": "3"}, None),
        ({"street": "Rue Corvec", "number": "5"}, False),  # under no spelling of the street
        # the town in another form
        ({"postcode": "99003"}, None),
        ({"city_code": "99902", "postcode": "99003"}, None),
        ({"city_code": "99902"}, None),
        ({"street": "Place d'Armes", "city": "Brévan", "city_code": None}, None),
        ({"street": "Place d'Armes", "city": None, "city_code": None}, None),
        # streets and things without a name
        ({"number": None}, None),
        ({"number": None, "street": "Rue des Sardiniers"}, False),
        ({"number": None, "street": None}, None),
    ],
)
def test_a_house_is_listed_or_not_or_nobody_knows(found: dict[str, str | None], held: bool | None) -> None:
    assert NORTH.holds(replace(HOUSE, **found)) is held  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "held"), [("1/41", True), ("41", None), ("1", None), ("2/41", None), ("2/4", False)]
)
def test_a_flat_may_be_of_either_of_its_two_numbers(number: str, held: bool | None) -> None:
    town = listed(MILL._replace(street="Mill Lane", number="1/41"), code="en")
    assert town.holds(replace(HOUSE, street="Mill Lane", number=number)) is held


def test_accents_tell_streets_apart_unless_the_list_has_none() -> None:
    town = listed(MILL._replace(street="Bodastraße"), MILL._replace(street="Höhweg"), code="de")
    assert town.holds(replace(HOUSE, street="Bodastrasse")) is True
    assert town.holds(replace(HOUSE, street="Bödastraße")) is None
    capitals = listed(MILL._replace(street="RUE DE L'EGLISE"), MILL._replace(street="AV GAL CORVEC"))
    assert capitals.holds(replace(HOUSE, street="Avenue du Général Corvec")) is True
    assert capitals.holds(replace(HOUSE, street="Avenue du Général Corven")) is None
    assert capitals.holds(replace(HOUSE, street="Rue de l'Église")) is True


def test_a_list_is_the_same_in_any_order_and_comes_back() -> None:
    content = content_of(LISTED, "fr")
    assert content == content_of([*reversed(LISTED), MILL], "fr")
    assert is_list(content)
    assert addresses_of(content) == frozenset(LISTED)


@pytest.mark.parametrize("content", [b"{", b'{"addresses":[["a"]],"language":"fr"}', b"{}", b'{"language":"xx"}'])
def test_a_damaged_list_is_named_and_not_shown(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"'north' is no list of addresses; import the zone again"):
        AddressList("north", 1, content, digest_of(content))


def test_a_zone_is_read_as_what_it_is() -> None:
    content, wkb = content_of(LISTED, "fr"), b""
    cache = ZoneCache()
    first = cache.get("north", 1, digest_of(content), lambda: content)
    assert isinstance(first, AddressList)
    assert cache.get("north", 1, digest_of(content), lambda: wkb) is first
    assert not isinstance(WEST_ZONE, AddressList)
    with pytest.raises(ValueError, match="import the zone again"):
        read_zone("west", 1, b"\x01", "digest")
    assert isinstance(cache.get("west", 1, WEST_ZONE.digest, lambda: shapely.to_wkb(WEST)), ZoneGeometry)
