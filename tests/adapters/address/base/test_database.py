"""Searching an address base, in memory and on a shelf: the same answers from both, whatever is asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.address.base import database, search
from adapters.address.base.batches import StreetsMixed, batches, street_number
from adapters.address.base.columns import BAN
from adapters.address.base.database import AddressDataset, OpenBase
from adapters.address.base.file import AddressFile
from adapters.address.base.rows import Address, AddressRows
from adapters.address.base.streets import FEWEST_NUMBERS, Area, House, Match, Street, Wanted, extent, number_bit
from adapters.address.misspellings import letter_runs
from adapters.address.parsed_address import read_answer
from adapters.base import Place, Places, Query, Unavailable
from config.levels import Level

TOWN = Path(__file__).parents[4] / "examples" / "town" / "addresses.csv"
HEADER = "numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"


class AddressStore:
    """One base in memory, of which it counts what it is asked."""

    def __init__(self, path: Path | None, language: str = "fr") -> None:
        self._memory = AddressFile(path)._load() if path else None
        self.language = language
        self.id = 1
        self.asked: list[str] = []
        self.areas: list[Area] = []

    @property
    def data_date(self) -> date | None:
        return date(2026, 11, 1)

    @contextmanager
    def open(self, name: str) -> Iterator[OpenBase | None]:
        assert name == "valmont"
        yield self if self._memory else None

    def find_named(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        self.asked.append("named")
        assert self._memory is not None
        return self._memory.find_named(wanted)

    def find_anywhere(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        self.asked.append("anywhere")
        assert self._memory is not None
        return self._memory.find_anywhere(wanted)

    def houses(self, wanted: Sequence[tuple[Street, int, str]]) -> Sequence[Sequence[House]]:
        self.asked.append("houses")
        assert self._memory is not None
        return self._memory.houses(wanted)

    def houses_near(self, wanted: Sequence[tuple[Street, int]]) -> Sequence[Sequence[House]]:
        self.asked.append("houses near")
        assert self._memory is not None
        return self._memory.houses_near(wanted)

    def streets(self, area: Area) -> Mapping[str, Sequence[Street]]:
        self.asked.append("streets")
        self.areas.append(area)
        assert self._memory is not None
        return self._memory.streets(area)

    def known_words(self, words: AbstractSet[str]) -> AbstractSet[str]:
        self.asked.append("known_words")
        assert self._memory is not None
        return self._memory.known_words(words)


def query(number: str, street: str, postcode: str = "", **more: str) -> Query:
    return Query({"number": number, "street": street, "postcode": postcode, **more})


QUERIES = [
    query("8 bis", "r. des Tanneurs", "99001"),
    query("4", "rue des Tonnelierss", "99001"),
    query("400", "rue des Tanneurs", "99001"),
    query("", "rue des Tanneurs", "99001"),
    query("4", "rue des Tanneurs", "99002"),
    query("4", "rue des Dragons Verts", "99001"),
    query("4", "rue des Tanneurs", city_code="99901"),
    query("4", "", "99001"),
    query("", "", ""),
]


@pytest.fixture
def shelf() -> AddressStore:
    return AddressStore(TOWN)


def test_a_dataset_answers_as_a_file_does(shelf: AddressStore) -> None:
    file, dataset = AddressFile(TOWN), AddressDataset("valmont", shelf)
    for asked in QUERIES:
        found, expected = dataset.look_up(asked), file.look_up(asked)
        assert found.places == expected.places
        assert (found.unknown_words, found.near) == (expected.unknown_words, expected.near)
        assert (found.provider, found.data_date) == ("address-file", date(2026, 11, 1))
    assert dataset.look_up_many(QUERIES) == [dataset.look_up(asked) for asked in QUERIES]


def test_exact_names_cost_one_question_however_many(shelf: AddressStore) -> None:
    AddressDataset("valmont", shelf).look_up_many([query("4", "rue des Tanneurs", "99001")] * 50)
    assert shelf.asked == ["named"]


def test_misspelled_ones_cost_a_few_more_however_many(shelf: AddressStore) -> None:
    source = AddressDataset("valmont", shelf)
    source.look_up_many([query("4", "rue des Taneurs", "99001"), query("8", "rue des Tonnelliers", "99001")] * 20)
    assert sorted(shelf.asked) == ["anywhere", "houses", "known_words", "named", "streets"]
    shelf.asked.clear()
    source.look_up(query("4", "rue des Tanneeurs", "99001"))
    assert "streets" not in shelf.asked  # remembered


def test_areas_are_remembered_for_one_version_and_within_bounds(
    shelf: AddressStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STREETS_CACHED", 3)
    source = AddressDataset("valmont", shelf)
    for postcode in ("10001", "10002", "10003", "10001", "10004", "10001", "10002"):
        source.look_up(query("4", "rue des Taneurs", postcode))
    assert [area[1] for area in shelf.areas] == ["10001", "10002", "10003", "10004", "10002"]
    shelf.id = 2
    source.look_up(query("4", "rue des Taneurs", "10002"))
    assert len(shelf.areas) == 6


def test_the_city_code_finds_a_street_under_whatever_postcode(shelf: AddressStore) -> None:
    source = AddressDataset("valmont", shelf)
    (house,) = source.look_up(query("4", "rue des Tanneurs", "99002", city_code="99901")).places
    assert (house.level, house.postcode, house.city_code) == (Level.HOUSENUMBER, "99001", "99901")
    (alike,) = source.look_up(query("4", "rue des Taneurs", city_code="99901")).places
    assert (alike.street, alike.level) == ("Rue des Tanneurs", Level.HOUSENUMBER)


def test_a_name_with_an_initial_finds_those_that_have_it_in_full_too(tmp_path: Path) -> None:
    source = base(
        tmp_path / "a.csv",
        "8;;Rue A. Corvec;99002;99901;Valmont;-37.98;44.005",
        "8;;Rue Amédée Corvec;99002;99901;Valmont;-37.97;44.005",
        "8;;Rue E. Corvec;99002;99901;Valmont;-37.96;44.005",
        "8;;Rue d'Amont;99002;99901;Valmont;-37.95;44.005",
    )

    def names(street: str) -> list[str | None]:
        return [place.street for place in source.look_up(query("8", street, "99002")).places]

    assert names("rue A. Corvec") == ["Rue A. Corvec", "Rue Amédée Corvec"]
    assert names("rue Amédée Corvec") == ["Rue Amédée Corvec"]
    assert names("rue d amont") == names("rue d'Amont") == ["Rue d'Amont"]


def test_the_words_of_compounds_are_known_by_their_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"8;;{name};99002;99901;Valmont;9.5;48.5" for name in ("Lindenstraße", "Eichenmarderweg")]
    path.write_text("\n".join([HEADER, *rows]))
    source = AddressFile(path, "de")
    for typed, unknown in (
        ("Eichenmarder Str.", frozenset()),
        ("Eichenmarderstr.", frozenset()),
        ("Echenmarder-Weg", {"echenmarder"}),
        ("Lnden-Weg", frozenset()),  # so short a word may be one of another town
        ("Lindenplatz", frozenset()),
    ):
        assert source.look_up(query("8", typed, "99002")).unknown_words == unknown


def test_what_was_asked_for_shows_in_no_repr(shelf: AddressStore) -> None:
    found = AddressDataset("valmont", shelf).look_up(query("4", "rue Tnneuurs Tanneurs", "99001"))
    assert found.unknown_words == {"tnneuurs"}
    assert "tnneuurs" not in repr(found)
    case = search._cases(read_answer(query("4", "rue Tnneuurs", "99001").answer), "fr")[0]
    case.unknown = found.unknown_words
    assert "nneuurs" not in repr(case).casefold()


def test_words_that_no_street_has_are_told_and_abbreviations_are_none_of_them(shelf: AddressStore) -> None:
    source = AddressDataset("valmont", shelf)
    assert source.look_up(query("4", "bd des Tnneuurs Tanneurs", "99001")).unknown_words == {"tnneuurs"}
    assert source.look_up(query("4", "rue des Tanneurs", "99001")).unknown_words == frozenset()


def test_a_dataset_that_is_not_there_or_of_another_language_waits() -> None:
    with pytest.raises(Unavailable, match="datasets import-addresses valmont FILE"):
        AddressDataset("valmont", AddressStore(None)).look_up(QUERIES[0])
    with pytest.raises(Unavailable, match="--language de"):
        AddressDataset("valmont", AddressStore(TOWN, "de")).look_up(QUERIES[0])


# -- extents


def base(path: Path, *rows: str) -> AddressFile:
    path.write_text("\n".join([HEADER, *rows]))
    return AddressFile(path)


def found(source: AddressFile, asked: Query) -> Place:
    (place,) = source.look_up(asked).places
    return place


def test_the_extent_of_a_street_goes_around_all_its_houses(tmp_path: Path) -> None:
    source = base(
        tmp_path / "a.csv",
        *(f"{n};;Rue du Moulin;99002;99901;Valmont;-37.98;44.005" for n in (2, 4, 6, 8)),
        "10;;rue du moulin;99002;99901;Valmont;-37.99;44.007",
        "0;;Rue du Moulin;99002;99901;Valmont;-37.97;44.004",
        *(f"{n};;Rue du Moulin;99003;99902;Aubrac;2.5;48.5" for n in range(1, 9)),
    )
    street = found(source, query("", "rue du Moulin", "99002"))
    assert (street.level, street.extent) == (Level.STREET, (-37.99, 44.004, -37.97, 44.007))
    assert found(source, query("9", "rue du Moulin", "99002")).extent == street.extent
    assert found(source, query("8", "rue du Moulin", "99002")).extent is None


def test_a_street_of_which_less_than_five_numbers_are_known_has_no_extent(tmp_path: Path) -> None:
    source = base(
        tmp_path / "a.csv",
        *(f"{n};{rep};Rue du Moulin;99002;99901;Valmont;-37.98;44.005" for n in (2, 4, 6, 8) for rep in ("", "bis")),
        "0;;Le Bourg;99002;99901;Valmont;-37.98;44.005",
        "0;;Le Bourg;99002;99901;Valmont;-37.97;44.006",
    )
    assert found(source, query("", "rue du Moulin", "99002")).extent is None
    assert found(source, query("", "Le Bourg", "99002")).extent is None


@given(st.lists(st.integers(0, 99_999), max_size=12))
def test_an_extent_takes_at_least_five_different_numbers(numbers: list[int]) -> None:
    bits = 0
    for number in numbers:
        bits |= number_bit(number)
    assert 0 <= bits < 1 << 31
    if extent((2.0, 48.0, 2.1, 48.1), bits):
        assert len(set(numbers)) >= FEWEST_NUMBERS
    elif len(set(numbers)) >= FEWEST_NUMBERS:
        assert len({number % 31 for number in numbers}) < FEWEST_NUMBERS


def test_two_names_that_are_looked_up_by_one_spelling_stay_two_streets(tmp_path: Path) -> None:
    source = base(
        tmp_path / "a.csv",
        "8;;Voie D;99002;99901;Valmont;-37.98;44.005",
        "8;;Voie L;99002;99901;Valmont;2.5;48.5",
    )
    assert found(source, query("8", "Voie L", "99002")).longitude == 2.5
    assert found(source, query("8", "Voie D", "99002")).longitude == -37.98


# -- batches


def test_batches_have_their_size_and_each_word_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{n};;Rue du Moulin;99002;99901;Valmont;-37.98;44.005" for n in range(1, 8)]
    path.write_text("\n".join([HEADER, *rows]))
    made = list(batches(AddressRows(path, BAN), "fr", size=3))
    assert [(each.rows, len(each.houses), len(each.streets)) for each in made] == [(3, 3, 1), (3, 3, 1), (1, 1, 1)]
    assert len({key for each in made for key in each.streets}) == 1
    assert [each.words for each in made] == [{"rue", "du", "moulin"} | letter_runs("Rue du Moulin"), set(), set()]


def test_numbers_of_streets_depend_on_all_that_tells_them_apart_and_fit_the_database() -> None:
    keys = [
        street_number(*given_)
        for given_ in [
            (1, "99001", "rue a", "99901"),
            (2, "99001", "rue a", "99901"),
            (1, "99002", "rue a", "99901"),
            (1, "99001", "rue b", "99901"),
            (1, "99001", "rue a", "99902"),
            (1, "", "rue a", "99901"),
        ]
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 1 << 63 for key in keys)
    assert keys[0] >> 51 == keys[3] >> 51  # streets of one postcode lie side by side


def test_two_streets_of_one_number_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.address.base.batches.street_number", lambda *_: 7)
    houses = [Address(n, 8, "", "8", f"Rue {name}", "99001", "Valmont", None, 2.0, 48.0) for n, name in enumerate("ab")]
    with pytest.raises(StreetsMixed):
        list(batches(houses, "fr"))


# -- any row


NAMES = st.lists(st.text(st.sampled_from("abcdefgimnoprstuvéèçÉ"), min_size=4, max_size=9), min_size=1, max_size=3).map(
    " ".join
)
ROWS = st.fixed_dictionaries(
    {
        "numero": st.integers(1, 9999).map(str),
        "rep": st.sampled_from(["", "bis", "ter", "b", "c"]),
        "nom_voie": st.builds("{} {}".format, st.sampled_from(["Rue", "avenue", "Bd", "Place"]), NAMES),
        "code_postal": st.sampled_from(["99001", "99002"]),
        "code_insee": st.just("99901"),
        "nom_commune": st.just("Valmont"),
        "lon": st.floats(-5, -1).map(str),
        "lat": st.floats(42, 51).map(str),
    }
)


@settings(max_examples=40)
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_every_accepted_row_is_found_again_by_its_own_words(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("base") / "a.csv"
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER.split(";"), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())
    source = AddressFile(path)
    for row in rows:
        number = f"{row['numero']} {row['rep']}".strip()
        asked = query(number, row["nom_voie"], row["code_postal"], city="Valmont")
        answer: Places = source.look_up(asked)
        at = {(p.longitude, p.latitude) for p in answer.places if p.level is Level.HOUSENUMBER and p.score == 1.0}
        assert (float(row["lon"]), float(row["lat"])) in at
