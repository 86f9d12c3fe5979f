"""The words of each language: that their tables are sound, and that they tell streets together and apart.

`languages/<code>.txt` holds the examples: names that mean one street, names that must not be taken for each other, and
answers as people type them with what must be read from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import OSA

from adapters.address.house_numbers import UNREADABLE, read_number, same_number
from adapters.address.languages import TABLES, fold, language
from adapters.address.parsed_address import read_answer
from adapters.address.street_names import THRESHOLD, canonical, expand, name_words, similarity

CODES = sorted(file.stem for file in TABLES.glob("*.json"))
EXAMPLES = Path(__file__).parent / "languages"
FEWEST = {"same": 30, "different": 20, "answers": 15}
OF_A_NAME = ("types", "suffixes", "words", "particles", "numbers")


def examples(section: str) -> list[Any]:
    """(language, left, right) of each line "left = right" in a section of each file."""
    found = []
    for code in CODES:
        here = ""
        for line in (EXAMPLES / f"{code}.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                here = line[1:].split(":")[0].strip()
            elif line.strip() and here == section:
                left, right = line.split(" = ")
                found.append(pytest.param(code, left, right, id=f"{code}: {line.strip()}"))
    return found


def table_of(code: str) -> dict[str, Any]:
    return dict(json.loads((TABLES / f"{code}.json").read_text(encoding="utf-8")))


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a part of a table, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
    else:
        yield value


def spellings(group: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(spelling, word) for each word of `types`, `words` or `suffixes` and each of its abbreviations."""
    for word, abbreviations in group.items():
        yield from ((written, word) for written in (word, *abbreviations))


# ------------------------------------------------------------------------------------------------------------ tables


def test_seven_languages_have_tables_and_examples() -> None:
    assert {"de", "en", "es", "fr", "it", "nl", "pt"} <= set(CODES)
    assert sorted(file.stem for file in EXAMPLES.glob("*.txt")) == CODES


@pytest.mark.parametrize("section", FEWEST)
def test_each_language_has_enough_examples(section: str) -> None:
    codes = [example.values[0] for example in examples(section)]
    assert {code: codes.count(code) for code in CODES if codes.count(code) < FEWEST[section]} == {}


@pytest.mark.parametrize("code", CODES)
def test_every_table_has_the_same_structure(code: str) -> None:
    table, model = table_of(code), table_of("fr")
    assert list(table) == list(model)
    assert {key: type(value) for key, value in table.items()} == {key: type(value) for key, value in model.items()}
    for part in ("noise", "city"):
        assert list(table[part]) == list(model[part])
    assert table["kind_position"] in {"first", "last", "either"}
    assert table["number_position"] in {"before", "after"}


@pytest.mark.parametrize("code", CODES)
def test_the_lists_that_patterns_are_made_of_are_not_empty(code: str) -> None:
    table = table_of(code)
    may_be_empty = {"bare_floors", "buildings", "bulk", "flats", "lettered", "signs"}
    lists = {name: table[name] for name in ("types", "particles", "repetitions", "number_marks", "range_words")}
    lists |= {name: words for name, words in table["noise"].items() if name not in may_be_empty} | table["city"]
    assert [name for name, words in lists.items() if not (words or name in may_be_empty) or "" in words] == []


@pytest.mark.parametrize("code", CODES)
def test_all_words_are_folded_and_in_their_first_spelling(code: str) -> None:
    table, words = table_of(code), language(code)
    table["city"]["countries"] = [*table["city"]["countries"].values()]
    unfolded = [
        text
        for part in table
        if part not in {"kind_position", "number_position", "range_signs", "additions", "regions", "noise"}
        for text in texts_in(
            table[part] if part != "city" else {**table[part], "countries": list(table[part]["countries"])}
        )
        if text != fold(text)
    ]
    noise = {name: words for name, words in table["noise"].items() if name != "signs"}
    assert [*unfolded, *(text for text in texts_in(list(noise.values())) if text != fold(text))] == []
    names = [text for part in OF_A_NAME for text in texts_in(table[part])]
    assert [text for text in names if words.unify_spelling(text) != text or " " in text] == []


@pytest.mark.parametrize("code", CODES)
def test_no_list_has_a_word_twice(code: str) -> None:
    def twice(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from twice(inner)
        elif isinstance(value, list):
            yield from {text for text in value if value.count(text) > 1}

    assert list(twice(table_of(code))) == []


@pytest.mark.parametrize("code", CODES)
def test_no_particle_is_a_kind_of_way_and_a_kind_has_the_spelling_of_another_only_one_letter_from_it(code: str) -> None:
    table = table_of(code)
    kinds: dict[str, set[str]] = {}
    for written, kind in (*spellings(table["types"]), *spellings(table["suffixes"])):
        kinds.setdefault(written, set()).add(kind)
    assert sorted(set(kinds) & set(table["particles"])) == []
    several = {written: meant for written, meant in kinds.items() if len(meant) > 1}
    assert {written for written in several if len(slips_of(written, table)) == 0} == set()
    assert set(table["suffixes"]) <= set(table["types"])


@pytest.mark.parametrize("code", CODES)
def test_a_long_spelling_one_letter_from_another_kind_may_mean_that_one_as_well(code: str) -> None:
    table, words = table_of(code), language(code)
    long = [written for written, _ in spellings(table["types"]) if len(written) > 4 and written not in words.types]
    assert [written for written in long if slips_of(written, table) - words.kinds(written)] == []


def slips_of(written: str, table: dict[str, Any]) -> set[str]:
    """The kinds of way that one wrong letter has made `written` of."""
    return {kind for kind in table["types"] if OSA.distance(written, kind) == 1}


@pytest.mark.parametrize(
    ("asked", "found"),
    [("Carrer 2", "Calle 2"), ("Carrer 2", "Carrera 2"), ("Kr. 2", "Carrera 2"), ("Cl. 2", "Calle 2")],
)
def test_a_kind_that_can_be_two_is_as_good_as_either(asked: str, found: str) -> None:
    assert similarity(asked, found, "es") == 1.0


@pytest.mark.parametrize(
    ("asked", "found", "alike"),
    [
        ("Schillerg.", "Schillerring", False),
        ("Schillerst.", "Schillersteg", False),
        ("Schillerpltz", "Schillerplatz", True),
        ("Shillerpltz", "Schillerplatz", True),
        ("Schillerstrße", "Schillerstraße", True),
        ("Birkenwer", "Birkenweg", True),
        ("Birkenwecg", "Birkenweg", True),
        ("Birkenhpf", "Birkenhof", True),
        ("Birkenhag", "Birkenhof", False),
        ("Birkenhof", "Birkenweg", False),
        ("Freeiburgstraße", "Freiburgstraße", True),
        ("Altenbergstraße", "Altenburgstraße", False),
        ("A. Schulgasse", "Alte Schulgasse", True),
        ("A. Markt", "Am Markt", True),
    ],
)
def test_two_slips_are_not_believed_in_a_kind_of_way_that_is_written_onto_a_name(
    asked: str, found: str, alike: bool
) -> None:
    unknown = name_words(asked, "de")
    assert (similarity(asked, found, "de", unknown) >= THRESHOLD) is alike
    assert (similarity(found, asked, "de", name_words(found, "de")) >= THRESHOLD) is alike


@pytest.mark.parametrize("code", CODES)
def test_a_house_number_is_read_in_every_language(code: str) -> None:
    for written in ("8", "8a", "8 A", "8/A", "008"):
        number = read_number(written, code)
        assert number is not None
        assert number.value == 8
    mark, between = table_of(code)["number_marks"][0], table_of(code)["range_words"][-1]
    assert str(read_number(f"{mark}. 8", code)) == "8"
    assert read_number(f"8 {between} 10", code) == read_number("8-10", code)


# ---------------------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize(("code", "typed", "name"), examples("same"))
def test_spellings_of_one_street_are_alike(code: str, typed: str, name: str) -> None:
    assert similarity(typed, name, code) >= THRESHOLD
    assert similarity(name, name, code) == 1.0


@pytest.mark.parametrize(("code", "typed", "name"), examples("different"))
def test_another_street_is_not_taken_for_it(code: str, typed: str, name: str) -> None:
    assert similarity(typed, name, code) < THRESHOLD
    assert similarity(name, typed, code) < THRESHOLD
    assert canonical(typed, code) != canonical(name, code)


@pytest.mark.parametrize(("code", "typed", "read"), examples("answers"))
def test_answers_are_read_as_people_type_them(code: str, typed: str, read: str) -> None:
    number, street = (part.strip() for part in typed.split("|"))
    asked = read_answer({"number": number, "street": street, "postcode": "99002", "city": "Valmont"}, code)
    expected_number, expected_street = (part.strip() for part in read.split("|"))
    assert (str(asked.number), asked.street) == (expected_number, expected_street)
    assert (asked.postcode, asked.city, bool(asked.conflict)) == ("99002", "Valmont", False)


@pytest.mark.parametrize(
    ("code", "typed", "spelled"),
    [
        ("de", "Müllerstr.", "mullerstrasse"),
        ("de", "Muellerstr.", "muellerstrasse"),
        ("de", "St.-Georg-Pl.", "sankt georg platz"),
        ("en", "St Marys St", "saint marys street"),
        ("en", "St Johns Dr N", "saint johns drive north"),
        ("en", "Dr Brand Dr", "doctor brand drive"),
        ("es", "C/ Sta. Elvira", "calle santa elvira"),
        ("fr", "Ch. de la Vigie", "chemin de la vigie"),
        ("fr", "Rue d'Amont", "rue d amont"),
        ("fr", "Rue N.-D. des Vents", "rue notre dame des vents"),
        ("fr", "Av. Ch. de Gaulle", "avenue charles de gaulle"),
        ("it", "V.le G. Garibaldi", "viale g garibaldi"),
    ],
)
def test_abbreviations_are_written_out_by_their_place(code: str, typed: str, spelled: str) -> None:
    assert expand(typed, code) == spelled


@pytest.mark.parametrize(
    ("code", "one", "other"),
    [
        ("de", "Müllerstraße", "Mueller Str."),
        ("de", "Marktplatz", "Markt-Pl."),
        ("en", "St. Mary's Rd", "Saint Marys Road"),
        ("es", "C/ Mayor", "Calle Mayor"),
        ("fr", "Rond-Point des Écoles", "Rdpt des Ecoles"),
        ("it", "P.zza Dante", "Piazza Dante"),
    ],
)
def test_names_with_one_meaning_have_one_canonical_spelling(code: str, one: str, other: str) -> None:
    assert canonical(one, code) == canonical(other, code)


@pytest.mark.parametrize(
    ("code", "number", "street"),
    [
        ("de", "10", "Hauptstraße 8"),
        ("en", "10", "8 High St"),
        ("es", "10", "Calle Mayor, 8"),
        ("it", "8", "Via Roma 8/A"),
    ],
)
def test_two_different_numbers_contradict_each_other_wherever_they_stand(code: str, number: str, street: str) -> None:
    assert bool(read_answer({"number": number, "street": street}, code).conflict)


@pytest.mark.parametrize(("number", "read"), [("4/8", "4/8"), ("8 / 4", "8/4"), ("4/8/2", "0"), ("4b/8a", "4b/8 a")])
def test_an_english_slash_parts_a_flat_from_a_house_and_the_number_is_neither_of_the_two(
    number: str, read: str
) -> None:
    for answer in ({"number": number, "street": "High Street"}, {"street": f"{number} High Street"}):
        asked = read_answer(answer, "en")
        assert (str(asked.number), asked.street, bool(asked.conflict)) == (read, "high street", False)
    for house in ("4", "8"):
        assert not same_number(read_number("4/8", "en") or UNREADABLE, house, "en")
    assert read_number("4/8", "fr") == read_number("4-8", "en")


@pytest.mark.parametrize(
    ("code", "street", "with_number"),
    [
        ("de", "Hauptstraße", "Hauptstraße 8"),
        ("en", "High Street", "8 High Street"),
        ("es", "Calle Mayor", "Calle Mayor 8"),
        ("it", "Via Roma", "Via Roma 8"),
    ],
)
@pytest.mark.parametrize("number", ["8-80", "10-8", "8.5", "8 80"])
def test_several_numbers_in_the_field_of_the_number_are_none_in_any_language(
    code: str, street: str, with_number: str, number: str
) -> None:
    asked = read_answer({"number": number, "street": street}, code)
    assert (str(asked.number), asked.street) == ("0", fold(street))
    assert bool(read_answer({"number": number, "street": with_number}, code).conflict)


@pytest.mark.parametrize(
    ("code", "street", "read"),
    [
        ("de", "Hauptstraße 8-80", "0|hauptstrasse"),
        ("de", "Hauptstraße 8 und 9", "0|hauptstrasse"),
        ("de", "Hauptstraße 8/2/7/1", "0|hauptstrasse"),
        ("it", "Via Roma 10-8", "0|via roma"),
        ("it", "Via Roma 8.5", "0|via roma"),
        ("es", "Calle Mayor 34-12", "0|calle mayor"),
        # numbers that are joined are not parted: no house 5 in a "Ring 3"
        ("de", "Ring 3-5", "3|ring"),
        ("es", "Calle 12-14", "12|calle"),
        ("es", "Plaza de 1812-1815", "None|plaza de 1812 1815"),
    ],
)
def test_several_numbers_behind_a_name_are_one_building_or_none(code: str, street: str, read: str) -> None:
    asked = read_answer({"street": street}, code)
    assert f"{asked.number}|{asked.street}" == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sw1a 1aa", "SW1A1AA"),
        ("D-99002", "99002"),
        ("I-00100", "00100"),
        ("99002-1234", "99002"),
        ("00-950", "00-950"),
    ],
)
def test_postcodes_of_other_countries_have_one_spelling(written: str, read: str) -> None:
    assert read_answer({"street": "High St", "postcode": written}, "en").postcode == read
