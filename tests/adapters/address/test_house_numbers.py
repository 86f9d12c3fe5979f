"""House numbers in the forms of seven languages: with floors, ordinal signs and kilometre posts next to them."""

from __future__ import annotations

import pytest

from adapters.address.house_numbers import HouseNumber, read_number
from adapters.address.parsed_address import ParsedAddress, read_answer

STREETS = {
    "fr": "rue du Moulin",
    "en": "Mill Street",
    "de": "Mühlstraße",
    "es": "Calle Mayor",
    "it": "Via Roma",
    "nl": "Molenstraat",
    "pt": "Rua da Fonte",
}


def read(code: str, number: str, street: str | None = None) -> ParsedAddress:
    """The number that is read from `number` next to `street`, or to a street of the language."""
    return read_answer({"number": number, "street": STREETS[code] if street is None else street}, code)


def in_languages(**texts: str) -> list[tuple[str, str]]:
    """(language, text) for each of the texts of each language, parted by " | "."""
    return [(code, text) for code, several in texts.items() for text in several.split(" | ")]


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="km 12 | km 12+300 | km. 12,3 | Km 12.300 | pk 12 | PK 12+300 | P.K. 12 | kilomètre 12 | 12 km | 12km"
        " | km n° 12 | 12 km 500",
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
        assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False), written


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
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


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
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


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
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)
    asked = read(code, "", f"{STREETS[code]} {number}" if code in {"de", "es", "it"} else f"{number}, {STREETS[code]}")
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


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


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8 appt 3 B | 8 appt 3 A | 8 2e étage B | 8 bât 2 A | 8 porte 3 bis | 8 esc 2 ter | 8 bât A B",
        en="8 Apt 3 B | 8 2nd floor B | 8 Unit 3 A | 8 Flat B A",
        de="8 Whg 3 B | 8 Top 3 A | 8 Stiege 2 a",
        es="8 piso 3 B | 8 piso 3º B | 8 piso 3ºB | 8 esc 2 B | 8 portal 2 A | 8 planta 3 bis | 8 2ºA esc. 2",
        it="8 int. 3 B | 8 scala 2 A | 8 2° piano A | 8 int 3 R | 8 int 3 bis",
    ),
)
def test_the_letter_of_a_flat_is_no_suffix_of_the_house(code: str, number: str) -> None:
    before = code in {"fr", "en"}
    for asked in (
        read(code, number),
        read(code, "", f"{number} {STREETS[code]}" if before else f"{STREETS[code]} {number}"),
    ):
        assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


def test_a_letter_behind_a_flat_that_begins_a_street_stays() -> None:
    assert read("en", "", "8 Apt 3 E Mill Street").street == "e mill street"
    assert read("fr", "", "8 appt 3 r du Moulin").street == "r du moulin"
    assert read("fr", "8", "appt 3 d'Artagnan").street == "d'artagnan"


@pytest.mark.parametrize(("code", "number"), in_languages(fr="8 étage 2 | 2 étage 8", en="8 floor 2 | 2 floor 8"))
def test_nobody_knows_which_of_two_numbers_around_a_floor_is_the_house(code: str, number: str) -> None:
    for asked in (read(code, number), read(code, "", f"{number} {STREETS[code]}")):
        assert asked.number == HouseNumber(0)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8, 2ème | 8, 2ème gauche | 8 (3ème gauche) | 8-2e étage | 8 chez Mme Corvec | 8 c/o Corvec | 8/2e étage",
        en="8 c/o Smith | 8 Ground floor | 8, 2nd",
        de="8/2. Stiege | 8 c/o Müller | 8 / 2. OG | 8-2. OG | 8 bei Familie Müller",
        es="8-3º B | 8-3ºB | 8/3ºB | 8, 3°, B | 8, 3º, B",
        it="n. civ. 8 | n.c. 8 | 8 presso Rossi | 8 c/o Rossi | 8 condominio Aurora | 8/2° piano",
    ),
)
def test_floors_and_people_behind_a_number_leave_it(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(fr="nos 8-10 | n°s 8 et 10 | nᵒˢ 8-10", it="nn. 8-10", es="n.os 8-10 | nos 8 y 10", en="Nos. 8-10"),
)
def test_the_mark_of_several_numbers_is_one_too(code: str, number: str) -> None:
    assert read(code, number).number == HouseNumber(8, until=10)


@pytest.mark.parametrize(
    "street", ["n°8 rue du Moulin", "Nº 8, rue du Moulin", "no 8 r. du Moulin", "numéro 8 rue du Moulin"]
)
def test_a_mark_may_stand_before_the_number_in_the_street(street: str) -> None:
    asked = read("fr", "", street)
    assert (asked.number, asked.malformed) == (HouseNumber(8), False)
    assert asked.street in {"rue du moulin", "r du moulin"}


@pytest.mark.parametrize("code", STREETS)
@pytest.mark.parametrize("number", ["8•10", "8,8", "N-340", "n-8", "n°-8", "n.º -8", "Nr.-8", "n°+8"])
def test_a_dot_a_decimal_and_the_number_of_a_road_are_none(code: str, number: str) -> None:
    assert read(code, number).malformed


@pytest.mark.parametrize("code", STREETS)
@pytest.mark.parametrize("joint", ["~", "=", "_", "→", "🙂"])
def test_signs_between_two_numbers_join_none_in_the_street_either(code: str, joint: str) -> None:
    number = f"8 {joint} 10"
    before = code in {"fr", "en"}
    assert read(code, number).malformed
    assert read(code, "", f"{number} {STREETS[code]}" if before else f"{STREETS[code]} {number}").malformed


def test_the_number_of_a_road_is_not_read_from_the_street() -> None:
    assert read("fr", "", "n°-8 rue du Moulin").malformed
    assert read("fr", "", "n° -8 rue du Moulin").malformed
    assert read("es", "", "Carretera de Cádiz N-340").malformed


@pytest.mark.parametrize(
    ("code", "street"),
    [("it", "Via del Chilometro 8"), ("es", "Calle del Kilómetro 8"), ("fr", "8 rue du Kilomètre 5")],
)
def test_a_street_may_be_called_after_a_kilometre(code: str, street: str) -> None:
    asked = read(code, "", street)
    assert (asked.number, asked.malformed) == (HouseNumber(8), False)
    assert "metr" in asked.street


@pytest.mark.parametrize("number", ["8 3B", "8 1 D", "8 10 C", "8 3 izq", "8 1 izda.", "8 12 dcha"])
def test_spanish_floors_need_no_ordinal_sign_in_the_field_of_the_number(number: str) -> None:
    asked = read("es", number)
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)
    assert read("es", "", "Calle 12 8 B").street == "calle 12"


@pytest.mark.parametrize(
    ("code", "street", "name"),
    [
        ("fr", "8 rue du Moulin appt 3 B", "rue du moulin"),
        ("fr", "8 rue de l&#39;&Eacute;glise", "rue de l'eglise"),
        ("fr", "8 rue de l&rsquo;Escalier", "rue de l'escalier"),
        ("en", "8 Mill Street Apt 3 B", "mill street"),
        ("en", "8 Mill Street Apt #3", "mill street"),
        ("en", "8 Mill Street Unit #3B", "mill street"),
        ("en", "U3/8 Mill Street", "mill street"),
        ("en", "8 Mill Street Apt 3 N", "mill street n"),
        ("it", "Via Roma 8 int. 3 B", "via roma"),
    ],
)
def test_the_name_of_the_street_is_read_without_flat_and_as_it_was_before_a_page_escaped_it(
    code: str, street: str, name: str
) -> None:
    asked = read(code, "", street)
    assert (asked.number, asked.street, asked.malformed) == (HouseNumber(8), name, False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="8 bte 4 | 8, 3e dte | 8, R.D.C. | 8, bureau 2 | 8, couloir B | 8 soussol | 8 deuxième étage | ８ esc. 6",
        en="8 Lvl 3 | 8 Shop 2 | Shop 2, 8 | 8, Ofc 4 | 8, Bsmt | 8, Door 2 | ８ Unit 1",
        de="8 Wohnungsnr. 4 | 8, Treppe 2 | 8, zweiter Stock | 8 Eing. B | ８, 2. OG",
        es="8 3ºD | 8 esc. 6 | 8 bj | 8 planta baja | 8 pl. baja | 8 dpto. 4 | 8 of. 2 | 8, 2º frente | 8 segundo piso",
        it="8 scala A piano 9 | 8, scala A piano 9 | 8 pno 2 | 8, p.t. | 8, piano nobile | 8 unità 3 | 8 cantina",
        pt="n.º 8 | 8 r/c dto | 8 2º esq. | 8 1.º Esq. | 8, c/v | 8, s/cv | 8 segundo andar | 8 esc. 6",
        nl="8 hs | 8-hs | 8 1-hoog | 8-1 hoog | 8, tweede verdieping | 8, begane grond | 8 bus 3 | nr. 8 | 8 boven",
    ),
)
def test_flats_floors_doors_and_staircases_of_the_language_leave_the_number(code: str, number: str) -> None:
    asked = read(code, number)
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="vingt-huit | Vingt huit",
        en="twenty-eight | Twenty eight",
        de="achtundzwanzig",
        es="veintiocho",
        it="ventotto",
        pt="vinte e oito",
        nl="achtentwintig",
    ),
)
def test_a_number_word_is_a_number_where_it_is_the_whole_field(code: str, number: str) -> None:
    assert read(code, number).number == HouseNumber(28)
    assert read(code, "", f"{STREETS[code]} {number}").number is None


@pytest.mark.parametrize(
    ("code", "number"),
    in_languages(
        fr="huitième | premier", en="eighth", de="erster | achte", es="primero", it="primo", pt="oitavo", nl="eerste"
    ),
)
def test_an_ordinal_may_be_a_floor(code: str, number: str) -> None:
    assert read(code, number).malformed


@pytest.mark.parametrize(
    ("code", "number", "street"),
    [
        ("pt", "lote 4", "Rua da Fonte"),
        ("pt", "8 lote 4", "Rua da Fonte"),
        ("pt", "", "Rua da Fonte, lote 4"),
        ("pt", "8", "Rua da Fonte, lote 4"),
        ("fr", "8", "rue du Moulin, lot 5"),
        ("fr", "8", "rue du Moulin, villa 3"),
        ("es", "8", "Calle Mayor, parcela 4"),
        ("es", "8", "Calle Mayor, casa 4"),
        ("it", "8", "Via Roma, lotto 4"),
        ("de", "8", "Mühlstraße, Parzelle 4"),
        ("en", "8", "Mill Street, Lot 4"),
        ("en", "8", "Mill Street, Trailer 4"),
        ("es", "8ºD", "Calle Mayor"),
        ("pt", "8ºD", "Rua da Fonte"),
        ("en", "8.5", "Mill Street"),
        ("nl", "12-3", "Molenstraat 12"),
        ("nl", "", "Molenstraat 12, 4463KM"),
        ("nl", "", "Molenstraat 12 (4463 PK)"),
        ("nl", "", "Zoom 21 +24"),
        ("nl", "12-3", "Molenstraat, 1 23"),
    ],
)
def test_what_may_tell_houses_apart_is_not_dropped(code: str, number: str, street: str) -> None:
    asked = read_answer({"number": number, "street": street, "city": "Valmont"}, code)
    assert asked.malformed or asked.conflict or asked.number == HouseNumber(0)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("12-3", "12 3"),
        ("12A-2", "12 a2"),
        ("12/3", "12 3"),
        ("12-II", "12 ii"),
        ("12 bis", "12 bis"),
    ],
)
def test_a_dutch_number_has_a_letter_and_an_addition(written: str, read_as: str) -> None:
    for asked in (read("nl", written), read("nl", "", f"Molenstraat {written}")):
        assert (str(asked.number), bool(asked.conflict)) == (read_as, False)
    assert read_number("12-16", "nl") == HouseNumber(12, until=16)
    assert read_number("12 3", "nl") is None
    assert read_number("12 en 3", "nl") is None
    assert read_number("12-3", "de") is None


@pytest.mark.parametrize(
    ("street", "name"),
    [("Rathausg.", "rathausgasse"), ("RATHAUSG.", "rathausgasse"), ("Birkenw.", "birkenweg"), ("Georg", "georg")],
)
def test_a_letter_with_a_dot_is_a_kind_of_way_that_is_written_onto_a_name(street: str, name: str) -> None:
    for asked in (read("de", "8", street), read("de", "", f"{street} 8"), read("de", "8 Whg. 3", street)):
        assert (asked.number, asked.street, bool(asked.conflict)) == (HouseNumber(8), name, False)
