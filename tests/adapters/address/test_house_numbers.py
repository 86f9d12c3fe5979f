"""House numbers in the forms of five languages: with floors, ordinal signs and kilometre posts beside them."""

from __future__ import annotations

import pytest

from adapters.address.answer import Asked, read_answer
from adapters.address.house_numbers import HouseNumber, read_number

STREETS = {"fr": "rue du Moulin", "en": "Mill Street", "de": "Mühlstraße", "es": "Calle Mayor", "it": "Via Roma"}


def read(code: str, number: str, street: str | None = None) -> Asked:
    """What is read of `number` beside a street of the language, or beside `street`."""
    return read_answer({"number": number, "street": STREETS[code] if street is None else street}, code)


def in_languages(**texts: str) -> list[tuple[str, str]]:
    """(language, text) for each of the texts of each language, parted by " | "."""
    return [(code, text) for code, several in texts.items() for text in several.split(" | ")]


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="km 12 | km 12+300 | km. 12,3 | Km 12.300 | pk 12 | PK 12+300 | P.K. 12 | kilomètre 12 | 12 km | 12km"
        " | km n° 12",
        en="km 12 | kilometre 12 | kilometer 12.5 | 12 km",
        de="km 12 | km 12,3 | Kilometer 12 | 12 km",
        es="km 12 | km 12+300 | km 12,300 | km. 12 | p.k. 12 | kilómetro 12 | Kilometro 12.3 | 12 km"
        " | km 12 300 | km 12 + 300",
        it="km 12 | km 12+300 | km 12,300 | chilometro 12 | al km 12 | km 12/300 | 12,300 km | chilometri 12",
    ),
)
def test_a_kilometre_post_is_no_house_number_in_either_field(code: str, number: str) -> None:
    street = STREETS[code]
    assert read(code, number).malformed
    for written in (f"{street} {number}", f"{street}, {number}", f"{number} {street}", f"{street} ({number})"):
        asked = read(code, "", written)
        assert (asked.number, asked.malformed) == (None, True), written
        asked = read(code, "8", written)
        assert (asked.number, asked.malformed, asked.contradictory) == (HouseNumber(8), False, False), written


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8, RC | 8, A3 | 8 (D1) | 8, bt 2 | 8 (2e étage) | 8, 2e ét. | 8 (RC)",
        en="8, GF | 8, L2 | 8 (GF) | 8 (L2)",
        de="8, EG | 8 (DG) | 8, VH | 8, HH, 2. OG | 8, li | 8 (EG) | 8 (2. OG) | 8 (2 OG) | 8 (EG li) | 8, re"
        " | 8, 1. OG re",
        es="8, PB | 8, bj | 8 (PB) | 8, 3º B | 8 (3º B) | 8, at",
        it="8, PT | 8, dx | 8 (PT) | 8 (dx) | 8, sx | 8, int. 3",
    ),
)
def test_a_floor_or_a_flat_behind_a_comma_is_no_suffix(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed, asked.contradictory) == (HouseNumber(8), False, False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8 (b) | 8, b | 8 (bis) | 8, quater | 8, C",
        en="8 (b) | 8, half | 8, C",
        de="8 (b) | 8, b | 8, C",
        es="8 (bis) | 8, dup | 8, duplicado | 8, C",
        it="8 (bis) | 8, r | 8, rosso | 8, C",
    ),
)
def test_a_suffix_of_the_language_apart_may_be_either(code: str, number: str) -> None:
    assert read(code, number).malformed


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="n.° 8 | n.º 8 | n˚8 | n˚ 8 | N.°8 | nᵒ 8 | № 8",
        en="No. 8 | № 8 | Nº 8",
        de="Nr. 8 | n˚8 | № 8",
        es="n.º 8 | n.º8 | N.º 8 | n.° 8 | nº 8 | n˚8 | núm. 8"
        " | 8 3ºB | 8 1ºD | 8 3º B | 8, 3.º B | 8, 3.ºB | 8 3.º B | 8, 3°B"
        " | 8 - 3º B | 8, 2.ª planta | 8, 2ªplanta | 8 1º 2ª | 8 1º2ª | 8, 1.º 2.ª | 8, 4.º dcha. | 8 4ºdcha",
        it="n.º 8 | n.° 8 | n˚8 | N.°8 | 8, 3ºpiano | 8, 3.º piano | 8, 3° piano",
    ),
)
def test_ordinal_signs_may_stand_behind_a_dot_and_without_a_blank(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed, asked.contradictory) == (HouseNumber(8), False, False)


def test_sources_write_their_numbers_so_too() -> None:
    assert read_number("n.º 8", "es") == read_number("n˚8", "fr") == HouseNumber(8)


@pytest.mark.parametrize("code", STREETS)
@pytest.mark.parametrize(
    "number", ["0,8", "8,0", "8, 00", "0, 8", "12\u202e14", "\u202e8", "\u20678\u2069", "8\u2066", "8\u202c"]
)
def test_a_zero_apart_or_text_turned_around_is_no_number(code: str, number: str) -> None:
    assert read(code, number).malformed
    assert read(code, "", f"{number} {STREETS[code]}").malformed


@pytest.mark.parametrize("code", STREETS)
@pytest.mark.parametrize("number", ["12\u200e", "\u200f12", "1\u200b2", "1\u200e2", "12\ufeff", "1\u00ad2", "12\u2060"])
def test_what_cannot_be_seen_is_not_read(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed) == (HouseNumber(12), False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8 - 3e étage | 8 – 3ème étage | 8 — 1er étage droite | 8 - 10e étage, porte 2 | 8 - 2 étage",
        en="8 - 3rd floor | 8 – 1st floor",
        de="8 - 3. OG | 8 – 3. Stock | 8 - 10. OG | 8 - 2. Stiege",
        es="8 - 3º B | 8 – 3ª planta | 8 - 3.º izquierda | 8 - 10º B",
        it="8 - 3º piano | 8 – 10° piano | 8 - 3 piano",
    ),
)
def test_a_dash_before_a_floor_joins_nothing(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed, asked.contradictory) == (HouseNumber(8), False, False)
    asked = read(code, "", f"{STREETS[code]} {number}" if code in {"de", "es", "it"} else f"{number}, {STREETS[code]}")
    assert (asked.number, asked.malformed, asked.contradictory) == (HouseNumber(8), False, False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="sans | néant | aucun | pas de numéro | s/nº | S/N° | sans n° | aucun numéro | pas de n°",
        en="n/a | nil | N/A | none | no number | no house number | not applicable",
        de="ohne | o. N. | keine | o.N. | ohne Nr. | ohne Hausnr. | keine Nummer | keine Hausnummer | entfällt",
        es="s/nº | ninguno | s/n.º | S/Nº | sin nº | sin n.º | no tiene | sin",
        it="senza | senza nº | s/nº | senza n. | nessuno | s.n.c. | senza numero civico | senza civico",
    ),
)
def test_people_say_in_words_that_a_house_has_no_number(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.numbered, asked.malformed) == (None, False, False)
