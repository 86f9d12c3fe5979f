"""The number and street of an answer, whatever is around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.house_numbers import HouseNumber, read_number, same_number
from adapters.address.parsed_address import read_answer


@pytest.mark.parametrize(
    ("number", "street", "read"),
    [
        ("8", "rue du Moulin", "8|rue du moulin"),
        ("8 bis", "rue du Moulin", "8 bis|rue du moulin"),
        ("8B", "rue du Moulin", "8 bis|rue du moulin"),
        ("N° 008", "rue du Moulin", "8|rue du moulin"),
        ("8-10", "rue du Moulin", "8|rue du moulin"),
        ("8 et 10", "rue du Moulin", "8|rue du moulin"),
        ("", "8 rue du Moulin", "8|rue du moulin"),
        ("", "8, rue du Moulin", "8|rue du moulin"),
        ("", "8 q rue du Moulin", "8 quater|rue du moulin"),
        ("", "8 q du Moulin", "8|q du moulin"),
        ("", "8-10 rue du Moulin", "8|rue du moulin"),
        ("", "8 - 10 rue du Moulin", "8|rue du moulin"),
        ("", "8 la Fayette", "8|la fayette"),
        ("8", "8 rue du Moulin", "8|rue du moulin"),
        ("8 rue du Moulin", "", "8|rue du moulin"),
        ("8", "4 septembre", "8|4 septembre"),
        ("", "place du 11 novembre 1918", "None|place du 11 novembre 1918"),
        ("huit", "rue du Moulin", "8|rue du moulin"),
        ("vingt-huit", "rue du Moulin", "28|rue du moulin"),
        ("huitième", "rue du Moulin", "None|rue du moulin"),
        ("", "123456 rue du Moulin", "0|rue du moulin"),
        # flats, staircases, people
        ("Appt 3, bât B, 8", "rue du Moulin", "8|rue du moulin"),
        ("Bat C2 8", "rue du Moulin", "8|rue du moulin"),
        ("8, esc. 2", "rue du Moulin - RDC", "8|rue du moulin"),
        ("", "Appt 3, bât B, 8 rue du Moulin", "8|rue du moulin"),
        ("", "appt 3 bat B 8 bis rue du Moulin", "8 bis|rue du moulin"),
        ("8", "rue du Moulin, 2e étage porte gauche", "8|rue du moulin"),
        ("8", "rue du Moulin (3ème étage)", "8|rue du moulin"),
        ("8", "rue du Moulin 1er ét. droite", "8|rue du moulin"),
        ("", "c/o Corvec, 8, rue du Moulin", "8|rue du moulin"),
        ("", "famille Corvec 8 rue du Moulin", "8|rue du moulin"),
        ("8", "chez Mme Corvec, Résidence les Lilas, rue du Moulin", "8|rue du moulin"),
        ("8", "Résidence les Lilas rue du Moulin", "8|rue du moulin"),
        ("", "8 rue du Moulin 99002 Valmont", "8|rue du moulin"),
        ("", "8 rue du Moulin, Valmont", "8|rue du moulin"),
        # names that look like such things
        ("8", "rue de la Tour d'Albret", "8|rue de la tour d'albret"),
        ("8", "rue Louis Codet", "8|rue louis codet"),
        ("8", "rue des Trois Portes", "8|rue des trois portes"),
        ("8", "rue du Milieu", "8|rue du milieu"),
        ("8", "quai Rive Gauche", "8|quai rive gauche"),
        ("8", "Résidence du Parc", "8|residence du parc"),
        ("8", "Tour de l'Horloge", "8|tour de l'horloge"),
        ("8", "Quai de la Corse - Paoli", "8|quai de la corse paoli"),
        ("8", "rue D. Amont", "8|rue d amont"),
        ("8", "rue des Martyrs 1939-1945", "8|rue des martyrs 1939 1945"),
        ("", "8 porte de Brévan", "8|porte de brevan"),
        ("8", "rue de l'Escalier", "8|rue de l'escalier"),
    ],
)
def test_number_and_street_are_read_from_either_field(number: str, street: str, read: str) -> None:
    asked = read_answer({"number": number, "street": street, "postcode": "99002", "city": "Valmont"})
    assert f"{asked.number}|{asked.street}" == read
    assert not bool(asked.conflict)


@pytest.mark.parametrize("number", ["8 decies", "8 Corvec", "8bis Corvec"])
def test_what_nobody_understands_beside_a_number_makes_it_none(number: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin"})
    assert (asked.number, asked.street, asked.numbered) == (HouseNumber(0), "rue du moulin", True)


@pytest.mark.parametrize(
    "numbers", ["8-80", "8 - 80", "10-8", "34-12", "8 et 9", "8 et 80", "8.5", "8 4", "8b-80", "3/5/7"]
)
def test_several_numbers_that_are_no_single_house_are_a_number_that_no_house_has(numbers: str) -> None:
    for number, street in ((numbers, "rue du Moulin"), ("", f"{numbers} rue du Moulin")):
        if number or numbers != "8 4":  # "8 4 septembre"
            asked = read_answer({"number": number, "street": street})
            assert (asked.number, asked.street, asked.numbered) == (HouseNumber(0), "rue du moulin", True)
    assert bool(read_answer({"number": numbers, "street": "8 rue du Moulin"}).conflict)


@pytest.mark.parametrize(
    ("number", "street"), [("3", "8 rue du Moulin"), ("8", "8 bis rue du Moulin"), ("3, 5", "rue X")]
)
def test_two_different_numbers_contradict_each_other(number: str, street: str) -> None:
    assert bool(read_answer({"number": number, "street": street}).conflict)


@pytest.mark.parametrize(
    ("written", "read"), [("99 002", "99002"), ("F-99002", "99002"), (" 99002 ", "99002"), ("", "")]
)
def test_postcodes_are_read_without_blanks_and_country(written: str, read: str) -> None:
    assert read_answer({"street": "rue X", "postcode": written}).postcode == read


@pytest.mark.parametrize(
    "text",
    ["0", "", "rue", "8 rue", "8-9", "8-90", "10-8", "8 les", "123456", "8.5.3", "-8", "8²", "①", "½", "8.10", "8:10"],
)
def test_what_is_no_house_number_is_none(text: str) -> None:
    number = read_number(text)
    assert number is None or str(number) == "8"  # "-8" is an 8 with a dash before it


@pytest.mark.parametrize(
    ("asked", "found", "same"),
    [
        ("8", "8", True),
        ("8 bis", "8b", True),
        ("8b", "8bis", True),
        ("8 ter", "8T", True),
        ("8", "8b", False),
        ("8 bis", "8", False),
        ("8-10", "8", True),
        ("8-10", "8-10", True),
        ("8", "8-10", False),
        ("8-10", "10", True),  # a house of the range
        ("8-10", "9", False),
        ("8-10", "10-12", False),
        ("8-14", "10-12", True),
        ("8", "", False),
        ("8", None, False),
        ("8", "18", False),
        ("82", "8²", False),
        ("1", "①", False),
        ("8", "８", True),
    ],
)
def test_a_number_is_echoed_only_by_itself(asked: str, found: str | None, same: bool) -> None:
    number = read_number(asked)
    assert number is not None
    assert same_number(number, found) is same


@pytest.mark.parametrize(("written", "read"), [("2a 004", "2A004"), (" 99901 ", "99901"), ("", ""), (None, "")])
def test_the_code_of_the_town_is_read_where_a_platform_gives_it(written: str | None, read: str) -> None:
    assert read_answer({"street": "rue X", "city_code": written}).city_code == read


@pytest.mark.parametrize(
    ("number", "street", "numbered"),
    [
        ("8", "rue X", True),
        ("", "8 rue X", True),
        ("eight", "rue X", True),
        ("Appt 3", "rue X", True),
        ("", "rue X", False),
        ("-", "rue X", False),
    ],
)
def test_a_number_that_cannot_be_read_is_still_a_number(number: str, street: str, numbered: bool) -> None:
    assert read_answer({"number": number, "street": street}).numbered is numbered


NO_NUMBERS = (
    "<script>alert(1)</script>", "-1", "- 1", "−1", "+1", "n° -8", "①", "²", "8²", "1①", "⓵", "⒈", "㊇",
    "🙂", "8🙂", "8️⃣", "[]", "()", "[8]", "{8}", "<8>", "8*", "8?", "8!", "~8", "=8", "8%", "$8", "@8", "8_", "8\x00",
    "8\x07", "8\ue000", "alert(1)", "Lilas (8)", "8 (b)", "8, b", "?", "…", "huitième", "0", "000", "xx",
    "№", "\ua78f8", "8 \ua78c",
    # what joins no house numbers, more digits than one has, and what was escaped for a page
    "8.5", "8.10", "8:9", "8:10", "8..10", "8 . 10", "8'10", "8\\10", "8·10", "1 234", "8 4", "8 2 3", "8 123456",
    "888888", "123456 A", "8° 5", "&#49;", "8 &amp; 10",
    # a fraction without a digit before it
    "⅓", "⅕", "⅗", "⅐", "⅑", "¼", "n° ⅓", "bis ⅓", "⅟",
)  # fmt: skip


@pytest.mark.parametrize("code", ["fr", "en", "de", "es", "it"])
@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_house_number_is_malformed(number: str, code: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin", "postcode": "99002"}, code)
    assert asked.malformed


@pytest.mark.parametrize("code", ["fr", "en", "de", "es", "it"])
@pytest.mark.parametrize(
    "number",
    [
        "8", "008", " 8 ", "8\n", "8\u00a0", "8\u200e", "８", "٨", "8 bis", "8bis", "8 B", "8/A", "8-10", "8–10",
        "8/10", "8 - 10", "8, 10", "8 quater", "8.", "(8)", "Nº 8", "№ 8", "No. 8", "1e3",
        # what no house here has, and what is written so elsewhere: no such house is found
        "8 & 10", "8-80", "10-8", "8 et 9", "8--10", "8 – 80", "8 10", "12-II", "12/3/4", "123-45", "123/4", "3 A 12",
        "12 1/2", "12½", "8 decies",
    ],
)  # fmt: skip
def test_what_looks_like_a_house_number_is_none_that_is_malformed(number: str, code: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin", "postcode": "99002"}, code)
    assert not asked.malformed
    assert asked.number is not None


@pytest.mark.parametrize(
    "number",
    ["-1", "①", "8²", "8🙂", "8*", "8.5", "8.10", "8:9", "888888", "&#49;"],
)
def test_nor_is_it_a_number_before_the_street(number: str) -> None:
    street = f"{number} rue du Moulin"
    assert read_answer({"street": street}).malformed
    assert read_answer({"number": "8", "street": street}).malformed


@pytest.mark.parametrize(
    ("code", "number", "street"),
    [
        *(("fr", each, "rue du Moulin") for each in ("no -1", "nº -1", "numéro -1", "8 étage -1", "3ème étage -1")),
        ("fr", "8\u0336", "rue du Moulin"),
        *(("fr", each, "rue du Moulin") for each in ("appt 3.12", "km 12.3", "KM 12,3")),
        ("en", "8 floor -1", "Mill Street"),
        ("es", "KM 12.3", "Carretera de Burgos"),
        ("es", "", "Carretera de Burgos, km 12.3"),
        ("de", "", "Mühlstraße -1"),
        ("fr", "", "⅓ rue du Moulin"),
        *((code, "", f"{name} ⅓") for code, name in (("de", "Mühlstraße"), ("es", "Calle Mayor"), ("it", "Via Roma"))),
        ("fr", "", "8\u0336 rue du Moulin"),
    ],
)
def test_nor_is_it_one_behind_a_word_or_a_dot(code: str, number: str, street: str) -> None:
    assert read_answer({"number": number, "street": street}, code).malformed


@pytest.mark.parametrize(
    ("code", "number", "street"),
    [
        *(("fr", each, "rue du Moulin") for each in ("8, étage -1", "8, apt -3", "n° 8", "Appt B - 8", "8 -10")),
        ("en", "Unit 3/8", "Mill Street"),
        ("de", "", "Mühlstraße - 8"),
        ("de", "8, 1. OG", "Mühlstraße"),
    ],
)
def test_a_sign_elsewhere_takes_no_number_away(code: str, number: str, street: str) -> None:
    asked = read_answer({"number": number, "street": street}, code)
    assert (asked.malformed, asked.number and asked.number.value) == (False, 8)


@pytest.mark.parametrize(
    ("code", "street"),
    [
        *(("fr", f"rue du Moulin{end}") for end in (" [bât 3]", ", -2e étage", " bât 3*", " {2}", " ²")),
        *(("fr", each) for each in ("rue du 8 mai 1945!", "rue du 8* mai 1945", "rue du Moulin <3e étage>")),
        *(("fr", each) for each in ("rue de l&#39;Église", "rue du 1️⃣1 novembre", "rue du Moulin 3!")),
        ("en", "Mill Street [flat 3]"),
        ("de", "Straße des 17.! Juni"),
        ("de", "Mühlstraße [2. OG]"),
        ("es", "Calle 2! de Mayo"),
        ("it", "Via 20* Settembre"),
    ],
)
def test_what_spoils_no_number_in_the_street_leaves_the_one_in_its_field(code: str, street: str) -> None:
    asked = read_answer({"number": "12", "street": street}, code)
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(12), False, False)
    assert not read_answer({"street": f"12, {street}"}, code).malformed


@pytest.mark.parametrize(
    ("code", "street"),
    [
        *(("fr", each) for each in ("famille Corvec 8* rue du Moulin", "rue du Moulin, 8!", "rue du Moulin, ⅓")),
        *(("de", f"Mühlstraße {each}") for each in ("8*", "[8]", "8²", "⑧", "8🙂", "12 8!")),
        *(("es", each) for each in ("Calle Mayor 8!", "Calle Mayor, -8", "8* Calle Mayor")),
        *(("it", each) for each in ("Via 20 Settembre 8*", "Via Roma {8}")),
    ],
)
def test_what_would_be_read_as_a_number_spoils_it_wherever_it_stands(code: str, street: str) -> None:
    assert read_answer({"street": street}, code).malformed


@pytest.mark.parametrize("street", ["rue du Moulin 🙂", "8 rue du Moulin !", "8 rue du Moulin, -"])
def test_what_stands_elsewhere_in_the_street_is_no_part_of_its_number(street: str) -> None:
    asked = read_answer({"street": street})
    assert (asked.malformed, asked.street) == (False, "rue du moulin")


@pytest.mark.parametrize(
    ("code", "number"),
    [
        *(("fr", each) for each in ("", " ", "-", "–", "--", "/", ".", "s/n", "sans numéro")),
        *(("es", each) for each in ("s/n", "S/N", "s.n.", "sin número")),
        *(("it", each) for each in ("snc", "s.n.c.", "senza numero")),
        *(("de", each) for each in ("o. Nr.", "ohne Nummer")),
        *(("en", each) for each in ("none", "no number", "n/a")),
    ],
)
def test_there_are_ways_to_say_that_a_house_has_no_number(code: str, number: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin"}, code)
    assert (asked.number, asked.numbered, asked.malformed) == (None, False, False)


@pytest.mark.parametrize("number", ["8 (bis)", "8, bis", "8, ter"])
def test_a_suffix_apart_may_be_the_numbers_or_a_flats(number: str) -> None:
    assert read_answer({"number": number, "street": "rue du Moulin"}).malformed


@pytest.mark.parametrize(
    "number",
    ["n° 8", "n⁰ 8", "N⁰8", "Nº8", "8 (2e étage)", "Les Lilas, 8", "Appt 3, bât B, 8", "8, esc. 2", "chez Corvec, 8"],
)
def test_what_stands_around_a_number_makes_it_no_other(number: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin"})
    assert (asked.number, asked.malformed, bool(asked.conflict)) == (HouseNumber(8), False, False)


@pytest.mark.parametrize("number", ["Appt 3", "bât B", "Résidence les Lilas"])
def test_a_flat_alone_is_no_house_number_but_may_stand_in_its_field(number: str) -> None:
    asked = read_answer({"number": number, "street": "rue du Moulin"})
    assert (asked.number, asked.malformed) == (None, True)
    asked = read_answer({"number": number, "street": "8 rue du Moulin"})
    assert (asked.number, asked.malformed) == (HouseNumber(8), False)


@pytest.mark.parametrize("number", ["septième", "Corvec"])
def test_a_word_in_the_field_of_the_number_is_none_whatever_the_street_says(number: str) -> None:
    assert read_answer({"number": number, "street": "8 rue du Moulin"}).malformed


def test_personal_values_do_not_show_in_reprs() -> None:
    assert "Moulin" not in repr(read_answer({"number": "77", "street": "rue du Moulin", "postcode": "99002"}))
    assert "77" not in repr(HouseNumber(77)).partition(" at 0x")[0], "where it lies in memory is no secret"


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=80) | st.lists(st.text(max_size=5), max_size=3)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(["number", "street", "postcode", "city"]), JSON))
def test_no_answer_is_an_error(answer: dict[str, object]) -> None:
    asked = read_answer(answer)
    assert asked.number is None or 0 <= asked.number.value <= 99999


@given(st.integers(1, 9999), st.sampled_from(["", " bis", " ter", " a"]), st.booleans())
def test_number_and_street_mean_the_same_in_one_field_or_in_two(value: int, behind: str, comma: bool) -> None:
    apart = read_answer({"number": f"{value}{behind}", "street": "rue des Tanneurs"})
    together = read_answer({"street": f"{value}{behind}{',' if comma else ''} rue des Tanneurs"})
    assert apart == together


@pytest.mark.parametrize("code", ["fr", "de", "en", "es", "it", "nl", "pt"])
def test_plain_figures_are_the_number_that_the_long_way_reads(code: str) -> None:
    """`_sole_number` takes the short way for them."""
    for value in (1, 8, 29, 100, 10_000, 99_999):
        alone = read_answer({"number": str(value)}, code)
        assert (alone.number, alone.malformed, alone.conflict, alone.street) == (HouseNumber(value), False, (), "")
