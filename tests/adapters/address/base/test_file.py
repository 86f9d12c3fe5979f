"""A local address base: what it finds, what it costs, and what it says about a bad file."""

from __future__ import annotations

import gzip
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.address.base.file import AddressFile
from adapters.base import Places, Query, Unreadable
from adapters.file_lines import FileError
from config.levels import Level

TOWN = Path(__file__).parents[4] / "examples" / "town" / "addresses.csv"
HEADER = "id;numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"
GOOD = "1;8;;Rue du Moulin;99002;99901;Valmont;-37.98;44.005"


@pytest.fixture(scope="module")
def town() -> AddressFile:
    return AddressFile(TOWN)


def look_up(source: AddressFile, number: str, street: str, postcode: str, city: str = "") -> Places:
    return source.look_up(Query({"number": number, "street": street, "postcode": postcode, "city": city}))


def test_a_house_is_found_with_its_own_spelling(town: AddressFile) -> None:
    places = look_up(town, "8 bis", "r. des Tanneurs", "99001")
    assert places.provider == "address-file"
    assert places.data_date == datetime.fromtimestamp(TOWN.stat().st_mtime, UTC).date()
    (house,) = places.places
    assert (house.level, house.number, house.street, house.score) == (
        Level.HOUSENUMBER,
        "8bis",
        "Rue des Tanneurs",
        1.0,
    )
    assert (house.postcode, house.city, house.city_code) == ("99001", "Valmont", "99901")


def test_a_misspelled_street_is_found_within_its_postcode(town: AddressFile) -> None:
    (house,) = look_up(town, "4", "rue des Tonnelierss", "99001").places
    assert house.street == "Rue des Tonneliers"
    assert house.score is not None
    assert house.score < 1.0


def test_a_number_that_is_not_there_gives_the_street(town: AddressFile) -> None:
    (street,) = look_up(town, "400", "rue des Tanneurs", "99001").places
    assert (street.level, street.number) == (Level.STREET, None)


def test_one_name_in_two_towns_of_a_postcode_gives_both(town: AddressFile) -> None:
    cities = {place.city for place in look_up(town, "4", "rue de l'église", "99002").places}
    assert cities == {"Valmont", "Port-Valmont"}


def test_a_street_of_this_name_elsewhere_is_told(town: AddressFile) -> None:
    (place,) = look_up(town, "4", "rue des Tanneurs", "99002").places
    assert place.postcode == "99001"


@pytest.mark.parametrize(
    ("street", "postcode"),
    [("rue des Dragons Verts", "99001"), ("rue des Tanneurs", "75001"), ("", "99001"), ("?", ""), ("rue", "99001")],
)
def test_what_is_not_there_is_not_found(town: AddressFile, street: str, postcode: str) -> None:
    places = look_up(town, "4", street, postcode).places
    assert all(place.postcode != postcode for place in places)


def test_many_are_looked_up_at_once_and_each_gets_its_own_places(town: AddressFile) -> None:
    streets = ["r. des Tanneurs", "rue des Dragons Verts", "rue des Tonnelierss"]
    queries = [Query({"number": "4", "street": street, "postcode": "99001"}) for street in streets]
    assert town.look_up_many(queries) == [town.look_up(query) for query in queries]
    assert len({len(found.places) for found in town.look_up_many(queries)}) > 1


def test_gzip_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "base.csv.gz"
    path.write_bytes(gzip.compress(f"\ufeff{HEADER}\n{GOOD}\n".encode()))
    assert AddressFile(path).load() == 1


def test_two_positions_and_two_spellings_of_a_number_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "base.csv"
    rows = [GOOD.replace(";8;;", ";8;b;"), GOOD.replace(";8;;", ";8;bis;").replace("44.005", "44.006")]
    path.write_text("\n".join([HEADER, *rows]))
    assert [place.number for place in look_up(AddressFile(path), "8 bis", "rue du Moulin", "99002").places] == [
        "8b",
        "8bis",
    ]


def test_a_street_without_numbers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "base.csv"
    path.write_text(f"{HEADER}\n{GOOD.replace(';8;', ';0;')}\n")
    (street,) = look_up(AddressFile(path), "8", "rue du Moulin", "99002").places
    assert (street.level, street.extent) == (Level.STREET, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "base.csv:1: has no column numero, rep, nom_voie, code_postal, nom_commune, lon, lat"),
        (b"id,numero\n1,2\n", "base.csv:1: has no column"),
        (HEADER.replace(";lon", ";longitude").encode(), "base.csv:1: has no column lon; BAN's format"),
        (HEADER.encode(), "base.csv: has no address in it"),
        (f"{HEADER}\n{GOOD}\n1;8;;Rue".encode(), "base.csv:3: column code_postal: the row ends before it"),
        (f"{HEADER}\n{GOOD.replace('Rue du Moulin', ' ')}".encode(), "base.csv:2: column nom_voie: is empty"),
        (f"{HEADER}\n{GOOD.replace('44.005', '44,005')}".encode(), "base.csv:2: column lon or lat: is no number"),
        (f"{HEADER}\n{GOOD.replace('44.005', 'nan')}".encode(), "base.csv:2: column lon or lat: is no longitude"),
        (f"{HEADER}\n{GOOD.replace('44.005', '6862571')}".encode(), "base.csv:2: column lon or lat: is no longitude"),
        (
            f"{HEADER}\n{GOOD.replace(';8;', ';eight;')}".encode(),
            "base.csv:2: column numero: is no house number: 'eight'",
        ),
        (f"{HEADER}\n{GOOD}\n".encode() + b"1;8;;Rue du \xe9t\xe9;99002;;V;1;2\n", "is not UTF-8"),
        (f'{HEADER}\n1;8;;"Rue;99002;99901;V;1;2'.encode(), "is not CSV"),
        (f"{HEADER}\n{GOOD}\n".encode() + b"1;8;;" + b"x" * 200_000, "base.csv:3: the row is longer than 128 KiB"),
    ],
)
def test_a_bad_file_is_told_with_line_and_column(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "base.csv"
    path.write_bytes(content)
    source = AddressFile(path)
    with pytest.raises(FileError) as caught:
        source.load()
    assert said in str(caught.value)
    with pytest.raises(Unreadable) as failed:
        look_up(source, "8", "rue du Moulin", "99002")
    assert said in failed.value.detail


def test_several_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "base.csv"
    path.write_text("\n".join([HEADER, GOOD.replace("44.005", ""), *[GOOD.replace("44.005", "x")] * 30]))
    with pytest.raises(FileError) as caught:
        AddressFile(path).load()
    assert str(caught.value).splitlines() == [
        "base.csv:2: column lat: is empty",
        "base.csv:3: column lon or lat: is no number of degrees (and 29 more: lines 4, 5, 6, …)",
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no gzip at all"),
        lambda path: path.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode())[:-12]),
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: None,
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = tmp_path / "base.csv.gz"
    spoil(path)
    with pytest.raises(FileError, match=r"base\.csv\.gz: "):
        AddressFile(path).load()


@pytest.mark.slow
def test_a_lookup_in_the_real_base_is_far_from_reading_all_of_it(shared: Path) -> None:
    source = AddressFile(shared / "data" / "ban-paris-1-10.csv.gz")
    started = time.thread_time()
    assert source.load() == 42_485
    loading = time.thread_time() - started
    took = []
    for street in (
        "rue de Rivoli",
        "bd St-Michel",
        "rue de Rivolli",
        "rue du Cherch Midi",
        "rue des Dragons Verts",
    ) * 40:
        started = time.thread_time()
        look_up(source, "8", street, "75006")
        took.append(time.thread_time() - started)
    assert statistics.median(took) < loading / 50
