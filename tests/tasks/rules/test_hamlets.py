"""A hamlet, quarter or former town, which people write as their town: it tells houses apart, and excludes others."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from adapters.address.base.file import AddressFile
from adapters.address.zones import ZoneGeometry
from adapters.base import Query
from jurat.vocabulary import CHOICE, OFFERED, Outcome, Reason
from tasks.found_places import shown_places
from tasks.rules.residence import Residence, decide_residence

HEADER = "numero;rep;nom_voie;code_postal;nom_commune;code_insee;nom_ancienne_commune;lon;lat"
TOWN, HAMLET, OTHER = 2.0, 2.5, 2.8
"""The longitudes of a town and of two villages in it."""
ROWS = [
    *(f"{n};;Rue Haute;99010;Valmont;99910;;{TOWN + n / 10_000};48.0" for n in range(1, 9)),
    *(f"{n};;Rue Haute;99010;Valmont;99910;Brisecourt;{HAMLET + n / 10_000};48.0" for n in range(1, 7)),
    *(f"{n};;Rue Haute;99010;Valmont;99910;Sorel;{OTHER + n / 10_000};48.0" for n in range(1, 6)),
    f"30;;Rue Neuve;99010;Valmont;99910;Brisecourt;{HAMLET};48.0",
]


def around(*longitudes: float) -> ZoneGeometry:
    """A zone of these villages alone."""
    villages = shapely.union_all([shapely.box(each - 0.1, 47.9, each + 0.1, 48.1) for each in longitudes])
    return ZoneGeometry("zone", 1, shapely.to_wkb(villages), "digest")


@pytest.fixture
def source(tmp_path: Path) -> AddressFile:
    path = tmp_path / "base.csv"
    path.write_text("\n".join([HEADER, *ROWS]))
    return AddressFile(path)


def asked(
    source: AddressFile, zone: ZoneGeometry, city: str, number: str = "3", street: str = "Rue Haute", **more: str
) -> Residence:
    answer = {"number": number, "street": street, "postcode": "99010", "city": city, **more}
    return decide_residence(answer, source.look_up(Query(answer)), zone)


def verdict(found: Residence) -> tuple[Outcome, Reason]:
    return found.outcome, found.reason


ACCEPTED, REFUSED = (Outcome.ACCEPTED, Reason.INSIDE_ZONE), (Outcome.REFUSED, Reason.OUTSIDE_ZONE)


@pytest.mark.parametrize(
    "city",
    ["Brisecourt", "BRISECOURT", "Brisecour", "Brisecourt, Valmont", "Brisecourt (Valmont)", "Valmont Brisecourt"],
)
@pytest.mark.parametrize("street", ["Rue Haute", "r. haute", "Rue Haaute"])
def test_a_hamlet_written_as_the_town_is_that_hamlet(source: AddressFile, city: str, street: str) -> None:
    assert verdict(asked(source, around(HAMLET), city, street=street)) == ACCEPTED
    assert verdict(asked(source, around(TOWN, OTHER), city, street=street)) == REFUSED


def test_the_town_alone_may_be_any_of_them(source: AddressFile) -> None:
    found = asked(source, around(HAMLET), "Valmont")
    assert verdict(found) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS)
    assert [each["city"] for each in found.candidates] == ["Valmont", "Brisecourt", "Sorel"]
    assert verdict(asked(source, around(TOWN, HAMLET, OTHER), "Valmont")) == ACCEPTED, "all of them are inside"
    assert verdict(asked(source, around(HAMLET), "Valmont", number="7")) == REFUSED, "only the town has a 7"
    assert verdict(asked(source, around(HAMLET), "Valmont", "30", "Rue Neuve")) == ACCEPTED, "only there it is"


def test_each_that_is_offered_decides_when_it_is_chosen(source: AddressFile) -> None:
    offered = asked(source, around(HAMLET), "Valmont").candidates
    found = [
        asked(source, around(HAMLET), **each, **{CHOICE: OFFERED})
        for each in map(dict, offered)
        if each.pop("postcode")
    ]
    assert [verdict(each) for each in found] == [REFUSED, ACCEPTED, REFUSED]


def test_a_house_that_the_hamlet_lacks_is_not_that_of_another(source: AddressFile) -> None:
    for city, number in (("Sorel", "6"), ("Brisecourt", "8")):
        found = asked(source, around(TOWN), city, number)
        assert verdict(found) == (Outcome.UNDETERMINED, Reason.HOUSE_NUMBER_NOT_FOUND)
    assert verdict(asked(source, around(TOWN), "Sorel", "30", "Rue Neuve")) == (
        Outcome.UNDETERMINED,
        Reason.POSTCODE_DIFFERS,
    )


def test_the_code_of_the_town_does_not_make_it_that_of_another(source: AddressFile) -> None:
    by_code = {"city_code": "99910"}
    assert verdict(asked(source, around(HAMLET), "Brisecourt", **by_code)) == ACCEPTED
    found = asked(source, around(TOWN), "Brisecourt", "8", **by_code)
    assert verdict(found) == (Outcome.UNDETERMINED, Reason.HOUSE_NUMBER_NOT_FOUND)
    assert verdict(asked(source, around(TOWN), "Valmont", "8", **by_code)) == ACCEPTED


def test_people_see_the_hamlet_before_its_town(source: AddressFile) -> None:
    answer = {"number": "30", "street": "Rue Neuve", "postcode": "99010", "city": "Valmont"}
    (shown,) = shown_places(source.look_up(Query(answer)))
    assert shown["address"] == "30 Rue Neuve, 99010 Brisecourt, Valmont"


def test_what_is_offered_instead_is_first_in_the_hamlet_that_was_typed(source: AddressFile) -> None:
    house = {"number": "8", "street": "Rue Haute", "postcode": "99010", "city": "Valmont"}
    assert asked(source, around(TOWN), "Brisecourt", "8").candidates == (house,), "it may be meant"
    offered = asked(source, around(TOWN), "Brisecourt", "20").candidates
    assert [(each["number"], each["city"]) for each in offered[:3]] == [
        (number, "Brisecourt") for number in ("6", "4", "2")
    ]
