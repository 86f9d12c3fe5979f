"""What an address base offers where it has no house as typed: houses that exist, near ones first."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.base.file import AddressFile
from adapters.address.base.nearby import MOST_NEARBY
from adapters.base import Query

HEADER = "numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"
STREETS = {
    ("Rue du Moulin", "99001"): ["2", "4", "5", "6", "8 bis", "10", "12", "14"],
    ("Rue du Moulin", "99002"): ["9", "40"],
    ("Chemin du Moulin Vert", "99001"): ["3"],
    ("Avenue du Général Corvec", "99001"): ["3", "7"],
    ("Impasse Tannerie", "99001"): ["3"],
}


@pytest.fixture
def valmont(tmp_path: Path) -> AddressFile:
    rows = [
        f"{number};{suffix};{street};{postcode};99901;Valmont;-38.0;44.0"
        for (street, postcode), houses in STREETS.items()
        for number, _, suffix in (house.partition(" ") for house in houses)
    ]
    path = tmp_path / "valmont.csv"
    path.write_text("\n".join([HEADER, *rows, "9;;Rue du Moulin;99003;99903;Brévan;-38.5;44.0"]))
    return AddressFile(path)


def offered(source: AddressFile, number: str, street: str, postcode: str = "99001") -> list[str]:
    found = source.look_up(Query({"number": number, "street": street, "postcode": postcode, "city": "Valmont"}))
    return [f"{place.number or ''} {place.street} {place.postcode}".strip() for place in found.near]


def test_a_house_that_is_found_offers_nothing(valmont: AddressFile) -> None:
    assert offered(valmont, "4", "Rue du Moulin") == []
    assert offered(valmont, "4", "Rue du Mouln") == []
    assert offered(valmont, "", "Rue du Moulin") == []


def test_the_same_number_with_a_suffix_comes_first_and_then_the_same_side(valmont: AddressFile) -> None:
    own = [f"{number} Rue du Moulin 99001" for number in ("8bis", "6", "10", "4")]
    assert offered(valmont, "8", "Rue du Moulin") == own
    assert offered(valmont, "4 bis", "Rue du Moulin")[0] == "4 Rue du Moulin 99001"


def test_the_other_side_of_a_postcode_is_offered_but_no_other_town(valmont: AddressFile) -> None:
    assert offered(valmont, "9", "Rue du Moulin")[0] == "9 Rue du Moulin 99002"
    assert "9 Rue du Moulin 99003" not in offered(valmont, "9", "Rue du Moulin")


def test_a_street_that_is_not_there_offers_those_alike_that_have_the_house(valmont: AddressFile) -> None:
    assert offered(valmont, "3", "Boulevard du Général Corvek") == ["3 Avenue du Général Corvec 99001"]
    assert offered(valmont, "3", "Allée Verte du Moulin") == ["3 Chemin du Moulin Vert 99001"]
    assert offered(valmont, "4", "Impasse de la Tanerri") == []
    assert offered(valmont, "", "Impasse de la Tanerri") == ["Impasse Tannerie 99001"]
    assert offered(valmont, "3", "Rue des Dragons") == []


def test_a_kind_of_way_that_is_misspelled_in_a_compound(tmp_path: Path) -> None:
    path = tmp_path / "valmont.csv"
    path.write_text(f"{HEADER}\n3;;Lindenstraße;99001;99901;Valmont;-38.0;44.0")
    assert offered(AddressFile(path, "de"), "3", "Lindensstrrdsse") == ["3 Lindenstraße 99001"]


def test_a_word_that_is_a_title_is_nothing_in_common(valmont: AddressFile) -> None:
    assert offered(valmont, "3", "Avenue du Général Xilophage") == []


@pytest.mark.parametrize("number", ["zz", "-3", "2-80"])
def test_what_is_no_number_offers_nothing(valmont: AddressFile, number: str) -> None:
    assert offered(valmont, number, "Rue des Moulins") == []


def test_each_query_of_a_batch_gets_its_own(valmont: AddressFile) -> None:
    asked = [("3", "Boulevard du Général Corvek"), ("8", "Rue du Moulin"), ("3", "Allée Verte du Moulin"), ("", "X")]
    queries = [Query({"number": n, "street": s, "postcode": "99001", "city": "Valmont"}) for n, s in asked * 3]
    assert valmont.look_up_many(queries) == [valmont.look_up(query) for query in queries]


def test_no_more_are_offered_than_can_be_read(tmp_path: Path) -> None:
    rows = [f"3;;Rue Tanneu{letter * 3};99001;99901;Valmont;-38.0;44.0" for letter in "abcdefghijklmnop"]
    path = tmp_path / "valmont.csv"
    path.write_text("\n".join([HEADER, *rows]))
    source = AddressFile(path)
    assert len(offered(source, "3", "Rue Tanneus")) == MOST_NEARBY


def test_a_range_has_the_houses_of_its_side_with_any_suffix(valmont: AddressFile) -> None:
    answer = {"number": "6-10", "street": "Rue du Moulin", "postcode": "99001", "city": "Valmont"}
    assert [place.number for place in valmont.look_up(Query(answer)).places] == ["6", "8bis", "10"]
