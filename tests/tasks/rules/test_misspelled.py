"""A second slip is believed where the typed letters are no name; a street that the base lacks is no slip of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from adapters.address.base.file import AddressFile
from adapters.address.base.search import FEW_STREETS
from adapters.address.zones import ZoneGeometry
from adapters.base import Query
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import Residence, decide_residence

STREETS = ("Rue des Tanneurs", "Rue du Moulin", "Rue Jean Lambin", "Quai Morvan", "Rue Combot", "Rue de la Forge")
"""Those of an odd place are outside the zone."""

ZONE = ZoneGeometry("z", 1, shapely.to_wkb(shapely.box(1.9, 47.9, 2.05, 48.1)))


def decided(folder: Path, street: str, number: str = "8", streets: tuple[str, ...] = STREETS) -> Residence:
    """What is decided in Valmont, whose streets have the houses 1 to 10."""
    head = "id;numero;rep;nom_voie;code_postal;code_insee;nom_commune;x;y;lon;lat"
    rows = (
        f";{house};;{name};99001;99501;Valmont;;;{2 + 0.1 * (place % 2)};{48 + house / 10_000}"
        for place, name in enumerate(streets)
        for house in range(1, 11)
    )
    path = folder / "base.csv"
    path.write_text("\n".join((head, *rows)), encoding="utf-8")
    asked = {"number": number, "street": street, "postcode": "99001", "city": "Valmont"}
    return decide_residence(asked, AddressFile(path).look_up(Query(asked)), ZONE)


@pytest.mark.parametrize("typed", ["Rue des Tannwwrs", "Rue dses Tannweurs", "Ruwe des Tannneurs", "Ruedse Tanneurs"])
def test_two_slips_are_decided_where_no_name_has_such_letters(tmp_path: Path, typed: str) -> None:
    assert decided(tmp_path, typed).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("typed", ["Ruue du Moulinn", "Ruue du Moulxin", "Rqe ud Moulin"])
def test_on_the_other_side_as_well(tmp_path: Path, typed: str) -> None:
    assert decided(tmp_path, typed).outcome is Outcome.REFUSED


@pytest.mark.parametrize("typed", ["Rue Jean Lambot", "Rue de la Gouze"])
def test_a_name_like_others_may_be_a_street_that_is_missing(tmp_path: Path, typed: str) -> None:
    assert decided(tmp_path, typed).outcome is Outcome.UNDETERMINED
    assert decided(tmp_path, "Rue Jean Lambxwn").outcome is Outcome.ACCEPTED


def test_without_the_house_or_a_number_nothing_is_decided(tmp_path: Path) -> None:
    for number in ("11", ""):
        assert decided(tmp_path, "Rue Jean Lambxwn", number).outcome is Outcome.UNDETERMINED


def test_two_streets_that_are_as_near_decide_only_on_one_side(tmp_path: Path) -> None:
    near, far = ("Rue des Tanneurs", "Rue A", "Rue des Panneurs"), ("Rue des Tanneurs", "Rue des Panneurs")
    assert decided(tmp_path, "Rue des Wanneuurs", streets=near).outcome is Outcome.ACCEPTED
    found = decided(tmp_path, "Rue des Wanneuurs", streets=far)
    assert found.reason is Reason.AMBIGUOUS_ADDRESS
    assert {each["street"] for each in found.candidates} == set(far)


def test_in_an_area_of_few_streets_more_letters_may_be_wrong(tmp_path: Path) -> None:
    more = (*STREETS, *(f"Allée {number}" for number in range(FEW_STREETS)))
    assert decided(tmp_path, "Rue Combwx").outcome is Outcome.ACCEPTED
    assert decided(tmp_path, "Rue Combwx", streets=more).outcome is Outcome.UNDETERMINED, "three runs are in no name"
    assert decided(tmp_path, "Rue Cwxbot", streets=more).outcome is Outcome.ACCEPTED, "four are"
