"""Reading address files of every format: what is accepted, and that nothing in a file does more than be a problem."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import file_lines
from adapters.address.base.columns import BAN, OPENADDRESSES, Layout, own_layout
from adapters.address.base.rows import Address, AddressRows, layout_of
from adapters.address.parsed_address import MAX_LETTERS
from adapters.file_lines import FileError
from tests.adapters.zone_import.documents import zipped

BAN_HEADER = "id;numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"
BAN_ROW = "1;8;bis;Rue du Moulin;99002;99901;Valmont;-37.98;44.005"
OA_HEADER = "LON,LAT,NUMBER,STREET,UNIT,CITY,DISTRICT,REGION,POSTCODE,ID,HASH"
OA_ROW = "-37.98,44.005,8 bis,Rue du Moulin,,Valmont,,,99002,,a1b2"
OWN = {"number": "No", "street": "Voie", "postcode": "CP", "city": "Ville", "longitude": "X", "latitude": "Y"}


def read(path: Path, content: bytes | str, layout: Layout = BAN, code: str = "fr") -> list[Address]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(AddressRows(path, layout, code))


def problems(path: Path, content: bytes | str, layout: Layout = BAN) -> list[str]:
    with pytest.raises(FileError) as caught:
        read(path, content, layout)
    return str(caught.value).splitlines()


def feature(longitude: Any = -37.98, latitude: Any = 44.005, **properties: Any) -> str:
    found = {"number": "8 bis", "street": "Rue du Moulin", "city": "Valmont", "postcode": "99002", **properties}
    point = {"type": "Point", "coordinates": [longitude, latitude]}
    return json.dumps({"type": "Feature", "properties": found, "geometry": point})


HOUSE = Address(2, 8, "bis", "8bis", "Rue du Moulin", "99002", "Valmont", "99901", -37.98, 44.005)


def test_ban_is_read(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", f"{BAN_HEADER}\n{BAN_ROW}\n") == [HOUSE]


def test_a_hamlet_is_read_unless_it_is_the_town(tmp_path: Path) -> None:
    header = f"{BAN_HEADER};nom_ancienne_commune"
    rows = [f"{BAN_ROW};{hamlet}" for hamlet in ("Sorel", "", "VALMONT")]
    read_rows = read(tmp_path / "a.csv", "\n".join([header, *rows, ""]))
    assert [house.hamlet for house in read_rows] == ["Sorel", "", ""]
    own = own_layout(OWN | {"hamlet": "Quartier"})
    town = "No,Voie,CP,Ville,X,Y,Quartier\n8,Rue du Moulin,99002,Valmont,2,48,"
    (house,) = read(tmp_path / "b.csv", f"{town}Sorel\n", own)
    assert house.hamlet == "Sorel"
    with pytest.raises(FileError, match="column Quartier: is longer than"):
        read(tmp_path / "c.csv", f"{town}{'S' * (MAX_LETTERS + 1)}\n", own)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", f"{OA_HEADER}\n{OA_ROW}\n"),
        ("a.csv", f"\ufeff{OA_HEADER.lower()}\r\n{OA_ROW}\r\n"),
        ("a.geojson", feature() + "\n"),
        ("a.geojson", "\n" + feature(number=None) + "\n" + feature()),
    ],
)
def test_openaddresses_is_read_as_csv_and_as_geojson(tmp_path: Path, name: str, content: str) -> None:
    *_, house = read(tmp_path / name, content.lstrip("\n"), OPENADDRESSES)
    assert house[1:10] == (8, "bis", "8 bis", "Rue du Moulin", "99002", "Valmont", None, -37.98, 44.005)


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_a_towns_own_csv_is_read_with_a_map_of_its_columns(tmp_path: Path, separator: str) -> None:
    rows = [["Ville", "CP", "Voie", "No", "X", "Y"], ["Valmont", "99 002", "Rue du  Moulin", "8 B", "-37,98", "44,005"]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    (house,) = read(tmp_path / "a.csv", text.getvalue(), own_layout(OWN))
    assert house[1:10] == (8, "bis", "8 B", "Rue du Moulin", "99002", "Valmont", None, -37.98, 44.005)


def test_a_separator_of_its_own_may_be_said(tmp_path: Path) -> None:
    content = "No#Voie#CP#Ville#X#Y\n8#Rue du Moulin#99002#Valmont#-37.98#44.005"
    assert read(tmp_path / "a.csv", content, own_layout(OWN, "#"))[0].street == "Rue du Moulin"


@pytest.mark.parametrize(
    ("columns", "separator", "said"),
    [
        ({**OWN, "flat": "App"}, None, "there is no field flat"),
        ({name: OWN[name] for name in OWN if name != "street"}, None, "needed for street"),
        ({name: OWN[name] for name in OWN if name != "postcode"}, None, "postcode or city_code"),
        ({name: OWN[name] for name in OWN if name != "city"}, None, "city or city_code"),
        (OWN, ";;", "one character"),
        (OWN, '"', "not a quote"),
    ],
)
def test_a_map_that_cannot_work_is_refused(columns: Mapping[str, str], separator: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        own_layout(columns, separator)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f"{BAN_HEADER}\n{BAN_ROW}", "ban"),
        (f"{OA_HEADER}\n{OA_ROW}", "openaddresses"),
        (feature(), "openaddresses"),
        (f"\ufeff{OA_HEADER.lower()}\n", "openaddresses"),
    ],
)
def test_known_formats_are_known_by_their_first_line(tmp_path: Path, content: str, kind: str) -> None:
    (tmp_path / "a").write_text(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "a.zip").write_bytes(zipped({"__MACOSX/._a": b"", "a/": b"", "a/a.csv": content.encode()}))
    assert {layout_of(tmp_path / name).kind for name in ("a", "a.gz", "a.zip")} == {kind}


def test_the_one_file_in_a_zip_is_read_and_no_other(tmp_path: Path) -> None:
    content = f"{BAN_HEADER}\n{BAN_ROW}\n"
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"town/a.csv": content.encode()}))
    assert list(AddressRows(path, BAN)) == read(tmp_path / "a.csv", content)
    assert problems(path, zipped({"a.csv": b"", "b.csv": b""})) == [
        "a.zip: is no zip of one file alone, packed by deflate and without a password"
    ]
    damaged = bytearray(zipped({"a.csv": content.encode()}))
    damaged[60] ^= 1
    for packed in (bytes(damaged), zipped({"a.csv": content.encode()})[:-12], b"no zip at all"):
        assert problems(path, packed)[-1].startswith("a.zip: ")


def test_a_packed_file_that_unpacks_without_end_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lines, "EXPANDED_FROM", 1 << 20)
    content = (f"{BAN_HEADER}\n" + f"{BAN_ROW}\n" * 400_000).encode()
    for name, packed in (("a.gz", gzip.compress(content)), ("a.zip", zipped({"a.csv": content}))):
        assert "unpacks to more than 100 times its size" in problems(tmp_path / name, packed)[-1]


@pytest.mark.parametrize("content", [b"", b"No;Voie\n", b"\xff\xfe", b"x" * 300_000])
def test_what_is_no_known_format_is_found(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"^a\.csv:1: "):
        layout_of(tmp_path / "a.csv")
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(FileError, match=r"^a\.gz:(1:)? "):
        layout_of(tmp_path / "a.gz")


@pytest.mark.parametrize("number", ["SN", "s/n", "S.N.", "KM 3,5", "km. 12", "12-26", "12 - 27b", "3/40/2"])
def test_a_layout_says_which_values_stand_for_no_number(tmp_path: Path, number: str) -> None:
    content = f"No;Voie;CP;Ville;X;Y\n{number};Rue du Moulin;99002;Valmont;-37,98;44,005"
    assert repr(number) in problems(tmp_path / "a.csv", content, own_layout(OWN))[0]
    for others in (["ranges"], ["SN", "km"]):
        layout = own_layout(OWN).with_streets(others)
        if number[0].isdigit() is (others == ["ranges"]):
            (street,) = read(tmp_path / "a.csv", content, layout)
            assert (street.number, street.written, street.street) == (None, "", "Rue du Moulin")
        else:
            assert repr(number) in problems(tmp_path / "a.csv", content, layout)[0]


@pytest.mark.parametrize("number", ["12", "12 B", "12-14", "km"])
def test_such_a_value_never_takes_the_number_of_a_house(tmp_path: Path, number: str) -> None:
    content = f"No;Voie;CP;Ville;X;Y\n{number};Rue du Moulin;99002;Valmont;-37,98;44,005"
    layout = own_layout(OWN).with_streets(["b", "ranges"])
    if number == "km":
        assert problems(tmp_path / "a.csv", content, layout)
    else:
        assert read(tmp_path / "a.csv", content, layout)[0].number == 12


def test_a_value_for_no_number_has_letters() -> None:
    with pytest.raises(ValueError, match="has letters"):
        own_layout(OWN).with_streets(["SN", "12-26"])


@pytest.mark.parametrize("number", ["", "0", "00", "99999"])
def test_a_row_without_a_number_is_a_street(tmp_path: Path, number: str) -> None:
    (street,) = read(tmp_path / "a.csv", f"{BAN_HEADER}\n{BAN_ROW.replace(';8;bis;', f';{number};;')}")
    assert (street.number, street.written, street.street) == (None, "", "Rue du Moulin")


def test_what_openaddresses_often_lacks_is_counted_and_no_mistake(tmp_path: Path) -> None:
    rows = [
        OA_ROW.replace("99002", ""),
        OA_ROW.replace("8 bis", "W123N456"),
        OA_ROW.replace("Rue du Moulin", ""),
        OA_ROW,
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([OA_HEADER, *rows]))
    reader = AddressRows(path, OPENADDRESSES)
    assert [(house.number, house.postcode) for house in reader] == [(8, ""), (None, "99002"), (8, "99002")]
    assert (reader.rows, reader.unplaced, reader.unnumbered, reader.nameless) == (4, 1, 1, 1)


def ban(**changes: str) -> str:
    cells = dict(zip(BAN_HEADER.split(";"), BAN_ROW.split(";"), strict=True)) | changes
    return f"{BAN_HEADER}\n{';'.join(cells.values())}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ban(nom_voie="Rue\x01du Moulin"), "a.csv:2: column nom_voie: has a control character"),
        (ban(nom_voie="Rue\x00du Moulin"), "a.csv:2: has a NUL character"),
        (ban(nom_voie="Rue " + "x" * 400), "a.csv:2: column nom_voie: is longer than 300"),
        (ban(nom_voie="\ufdfa" * 299), "a.csv:2: column nom_voie: is longer than 300"),
        (ban(nom_voie="---"), "a.csv:2: column nom_voie: has no letter"),
        (ban(code_postal="9" * 17), "a.csv:2: column code_postal: is longer than 16"),
        (ban(numero="8" * 6), "a.csv:2: column numero: is no house number: '888888'"),
        (ban(numero="8" * 40), "a.csv:2: column numero: is no house number: '888888888888'"),
        (ban(lon=""), "a.csv:2: column lon: is empty"),
        (ban(lon="1_0"), "a.csv:2: column lon or lat: is no longitude"),
        (ban(lon="1e400"), "a.csv:2: column lon or lat: is no longitude"),
        (ban(lon="0", lat="0.0"), "a.csv:2: column lon or lat: is 0, 0"),
        (ban(lon="650852.91", lat="6862571.27"), "a.csv:2: column lon or lat: is no longitude"),
        (ban().rstrip() + ";more", "a.csv:2: column 10: the first line has 9 columns alone"),
        (ban().rstrip() + ";" * 5, ""),
        (f"{BAN_HEADER};lon\n{BAN_ROW};1", "a.csv:1: has the column lon more than once"),
        (f'{BAN_HEADER}\n1;8;;"Rue;99002\n', "a.csv:2: is not CSV"),
        (f'{BAN_HEADER}\n1;8;;"' + "\n" * 200_000, "the row is longer than 128 KiB"),
        (f'{BAN_HEADER}\n1;8;;"' + '\n";"' * 60_000, "the row is longer than 128 KiB"),
        (f"{BAN_HEADER}\n1;8;;Rue" + "x" * 200_000, "a.csv:2: the row is longer than 128 KiB"),
        (f"{BAN_HEADER}\r{BAN_ROW}\r", "a.csv:1: "),
    ],
)
def test_a_hostile_csv_is_a_problem_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    if not said:
        assert len(read(tmp_path / "a.csv", content)) == 1
        return
    assert problems(tmp_path / "a.csv", content)[-1].startswith("a.csv:")
    assert said in problems(tmp_path / "a.csv", content)[-1]


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 2), ("cp1252", 2)])
def test_another_encoding_is_found_with_line_and_byte(tmp_path: Path, encoding: str, line: int) -> None:
    (problem,) = problems(tmp_path / "a.csv", ban(nom_voie="Rue de l'Église").encode(encoding))
    assert problem.startswith(f"a.csv:{line}: byte ")
    assert "is not UTF-8" in problem


def test_one_that_says_that_it_is_utf_16_is_found_so(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "a.csv", ban(nom_voie="Rue du Moulin").encode("utf-16"))
    assert problem == "a.csv:1: is UTF-16; save the file as UTF-8"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "a.geojson:1: column"),
        ('{"type": "FeatureCollection", "features": []}', "one feature a line"),
        ('{"properties": {}, "geometry": null}', "one feature a line"),
        ('{"properties": [], "geometry": {"type": "Point", "coordinates": [1, 2]}}', "one feature a line"),
        ('{"properties": {}, "geometry": {"type": "Point", "coordinates": "12"}}', "is no Point"),
        (feature("x"), "is no number of degrees"),
        (feature(True), "is no number of degrees"),
        (feature(float("nan")), "is no longitude"),
        (feature(10**400), "is no longitude"),
        (feature(street=["Rue"]), "column STREET: is no text"),
        (feature(street="Rue \ud800 du Moulin"), "has a control character"),
        (feature(street="Rue \u0000"), "has a control character"),
    ],
)
def test_a_hostile_feature_is_a_problem_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    first = feature() + "\n" if content.startswith("[") else ""
    said = said.replace(":1:", ":2:") if first else said
    assert said in problems(tmp_path / "a.geojson", first + content, OPENADDRESSES)[-1]


def test_all_problems_are_counted_and_the_first_twenty_found(tmp_path: Path) -> None:
    rows = [BAN_ROW.replace(";8;bis;", f";of {number};;") for number in [*range(30), 0, 0]]
    found = problems(tmp_path / "a.csv", "\n".join([BAN_HEADER, *rows]))
    assert len(found) == 21
    said = "column numero: is no house number: 'of {}'; see --without-number"
    assert found[0] == f"a.csv:2: {said.format(0)} (and 2 more: lines 32, 33)"
    assert found[1] == f"a.csv:3: {said.format(1)}"
    assert found[-1] == "a.csv: and 10 more problems"


def test_a_file_that_is_wrong_throughout_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([BAN_HEADER, *[BAN_ROW.replace("44.005", "x")] * 5000]))
    reader = AddressRows(path, BAN)
    with pytest.raises(FileError, match=r"a\.csv:102: read no further: more than 5%"):
        list(reader)
    assert reader.rows == 101


def test_after_a_problem_no_further_address_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([BAN_HEADER, BAN_ROW, BAN_ROW.replace("44.005", "x"), BAN_ROW]))
    given_out: list[Address] = []
    with pytest.raises(FileError):
        given_out.extend(AddressRows(path, BAN))
    reader = iter(AddressRows(path, BAN))
    assert next(reader).line == 2
    with pytest.raises(FileError):
        next(reader)


def test_a_file_that_changes_while_it_is_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{BAN_HEADER}\n{BAN_ROW}\n")
    reader = iter(AddressRows(path, BAN))
    next(reader)
    path.write_text(f"{BAN_HEADER}\n{BAN_ROW}\n{BAN_ROW}\n")
    with pytest.raises(FileError, match="was changed while it was read"):
        list(reader)


@pytest.mark.slow
def test_a_gzip_bomb_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lines, "EXPANDED_FROM", 1 << 20)
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(BAN_HEADER + "\n")
        for _ in range(100):
            stream.write("\n" * 100_000)
    with pytest.raises(FileError, match="unpacks to more than 100 times its size"):
        list(AddressRows(path, BAN))


def test_one_endless_line_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(64):
            stream.write(b"x" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(FileError, match="the row is longer"):
        list(AddressRows(path, BAN))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "0", "8", "8 bis", "Rue du Moulin", "99002", "48,85", "2.35", "nan", '"', "\x00", "1e9", "-"]),
)


@settings(max_examples=80)
@given(rows=st.lists(st.lists(CELLS, max_size=10), max_size=5), layout=st.sampled_from([BAN, OPENADDRESSES]))
def test_no_row_does_more_than_be_a_problem(
    tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Sequence[str]], layout: Layout
) -> None:
    header = BAN_HEADER if layout is BAN else OA_HEADER
    separator = layout.separators
    lines = [header, *(separator.join(row) for row in rows)]
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    path.write_bytes("\n".join(lines).encode("utf-8", "replace"))
    found: list[Address] = []
    said = ""
    try:
        found = list(AddressRows(path, layout))
    except FileError as error:
        said = str(error)
    assert all(line.startswith("a.csv") for line in said.splitlines())
    assert all(abs(house.longitude) <= 180 and abs(house.latitude) <= 90 and house.street for house in found)


@settings(max_examples=80)
@given(content=st.binary(max_size=200), packed=st.booleans())
def test_no_bytes_do_either(tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool) -> None:
    path = tmp_path_factory.mktemp("bytes") / ("a.gz" if packed else "a.csv")
    path.write_bytes(content)
    for layout in (BAN, OPENADDRESSES):
        with pytest.raises(FileError):
            list(AddressRows(path, layout))
