"""How exact a position is, by its kind or by a number of metres."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.base.accuracy import ACCURACY_M, MOST_M, accuracy_of
from adapters.address.base.columns import own_layout
from adapters.address.base.rows import AddressRows
from adapters.file_lines import FileError


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("Entrée", 10),
        ("PAPS", 10),
        ("cage d’escalier", 15),
        ("Cage d'escalier", 15),
        ("parcelle", 20),
        ("segment", 150),
        ("délivrance postale", 150),
        ("gate", None),
        ("", None),
        ("unknown", None),
        ("0", 0),
        (" 12.2 ", 13),
        ("1e9", MOST_M),
        ("inf", MOST_M),
    ],
)
def test_a_kind_or_a_number_says_how_exact_a_position_is(text: str, metres: int | None) -> None:
    assert accuracy_of(text) == metres


def test_an_entrance_is_more_exact_than_a_building_and_that_than_a_parcel() -> None:
    assert ACCURACY_M["entrance"] < ACCURACY_M["building"] < ACCURACY_M["parcel"] < ACCURACY_M["segment"]


@pytest.mark.parametrize("text", ["-1", "nan"])
def test_what_is_no_distance_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"No;Voie;CP;Ville;X;Y;Genau\n8;Rue du Moulin;99002;Valmont;-37.98;44.005;{text}\n")
    columns = {"number": "No", "street": "Voie", "postcode": "CP", "city": "Ville", "longitude": "X", "latitude": "Y"}
    with pytest.raises(FileError) as caught:
        list(AddressRows(path, own_layout({**columns, "accuracy": "Genau"})))
    assert str(caught.value) == f"a.csv:2: column Genau: is no distance in metres: '{text}'"
    (house,) = AddressRows(path, own_layout(columns))
    assert house.accuracy is None
