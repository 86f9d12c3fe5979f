"""Lists of real addresses are read as they are described, and asked where they are there."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
import shapely
from shapely import Point, box
from shapely.geometry import mapping

from bench import countries
from bench.addresses.queries import MIX, Kind, Row, Typed, read_base
from bench.addresses.sets import AddressSet, read_sets, write_rows
from bench.addresses.styles import STYLES
from bench.addresses.towns import TOWNS, build
from bench.addresses.zones import cut

PLAIN = {
    "language": "de",
    "repository": "town/data",
    "commit": "0" * 40,
    "licence": "CC0",
    "number": "{no} {suffix}",
    "street": "{way}",
    "postcode": "{zip}",
    "city": "Valmont",
    "longitude": "{x}",
    "latitude": "{y}",
}
HEADER = "no;suffix;way;zip;x;y;state\n"
ROWS = HEADER + "8;;Mühlenweg;99001;7.5;46.5;\n9;B;Mühlenweg;99001;7.6;46.5;gone\n"


def described(folder: Path, name: str, content: bytes | str, **changes: object) -> AddressSet:
    """A set of one file in `folder`."""
    path = folder / "town" / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return AddressSet.model_validate({**PLAIN, "files": [name], **changes})


def row(number: str, longitude: float, latitude: float = 46.5) -> Row:
    return Row(number, "Mühlenweg", "99001", "Valmont", longitude, latitude)


def test_there_are_sets_in_each_of_six_languages_and_one_is_kept_for_the_last_run() -> None:
    sets = read_sets()
    assert {one.language for one in sets.values()} == set(STYLES) - {"fr"}
    assert [name for name, one in sets.items() if one.last] == ["Baltimore County"]
    assert all(one.licence and one.commit for one in sets.values())


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ROWS), ("a.csv.gz", gzip.compress(ROWS.encode())), ("a.csv", "\ufeff" + ROWS)],
    ids=["plain", "packed", "with a byte order mark"],
)
def test_a_table_is_read_plain_and_packed(tmp_path: Path, name: str, content: bytes | str) -> None:
    rows, left_out = described(tmp_path, name, content).rows(tmp_path)
    assert (rows, left_out) == ([row("8", 7.5), row("9 B", 7.6)], 0)


def test_a_file_that_is_published_as_zst_is_read_where_it_was_unpacked(tmp_path: Path) -> None:
    one = described(tmp_path, "a.csv", ROWS, files=["a.csv.zst"])
    assert len(one.rows(tmp_path)[0]) == 2


def test_features_are_read_whatever_they_leave_out(tmp_path: Path) -> None:
    properties = ({"no": 8, "way": "Mühlenweg", "zip": 99001}, {"no": None, "way": "Mühlenweg", "zip": 99001})
    features = [{"properties": each, "geometry": mapping(Point(7.5, 46.5))} for each in properties]
    one = described(tmp_path, "a.geojson", json.dumps({"features": features}))
    assert one.rows(tmp_path) == ([row("8", 7.5)], 1)


def test_a_house_that_is_an_area_is_in_its_middle_and_its_tags_are_columns(tmp_path: Path) -> None:
    feature = {"properties": {"addr:no": 8, "way": "Mühlenweg", "zip": 99001}, "geometry": mapping(box(7, 46, 8, 47))}
    content = json.dumps({"features": [feature]})
    one = described(tmp_path, "a.geojson", content, number="{addr_no}", files=["a.osm.pbf"])
    assert one.rows(tmp_path) == ([row("8", 7.5)], 0)


def test_only_the_rows_that_are_wanted_are_read(tmp_path: Path) -> None:
    assert described(tmp_path, "a.csv", ROWS, only={"state": [""]}).rows(tmp_path) == ([row("8", 7.5)], 0)


@pytest.mark.parametrize("number", ["", "0", "S/N", "8-12", "8.5", "123456"])
def test_what_is_no_house_number_is_left_out(tmp_path: Path, number: str) -> None:
    content = f"{HEADER}{number};;Mühlenweg;99001;7.5;46.5;\n"
    assert described(tmp_path, "a.csv", content).rows(tmp_path) == ([], 1)


def test_a_row_without_a_position_is_left_out_and_one_that_is_there_twice_is_kept_once(tmp_path: Path) -> None:
    line = "8;;Mühlenweg;99001;7.5;46.5;\n"
    content = f"{HEADER}{line}{line}8;;Mühlenweg;99001;;;\n"
    assert described(tmp_path, "a.csv", content).rows(tmp_path) == ([row("8", 7.5)], 1)


def test_an_address_in_one_text_is_taken_apart(tmp_path: Path) -> None:
    one = described(
        tmp_path,
        "a.csv",
        "address|town\n2/8 HIGH ROAD NEW TOWN 3999 [145.5, -37.5]|NEW TOWN\nHIGH ROAD NEW TOWN 3999 []|NEW TOWN\n",
        text="{address} {town}",
        pattern=r"(?:\S+/)?(?P<no>\d+) (?P<way>.+) (?P<place>.+) (?P<zip>\d{4}) \[(?P<x>.+), (?P<y>.+)\] (?P=place)",
        number="{no}",
        city="{place}",
    )
    assert one.rows(tmp_path) == ([Row("8", "HIGH ROAD", "3999", "NEW TOWN", 145.5, -37.5)], 1)


def test_metres_are_turned_into_degrees(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    content = f"{HEADER}8;;Mühlenweg;99001;1472210.83;4978439.95;\n"
    ((found,), _) = described(tmp_path, "a.csv", content, crs="EPSG:3003").rows(tmp_path)
    assert found.point == pytest.approx((8.6473, 44.9587), abs=1e-3)


def test_what_is_written_as_a_base_is_read_again(tmp_path: Path) -> None:
    rows = [row("8", 7.5), row("9 B", 7.6)]
    write_rows(tmp_path / "base.csv", rows)
    assert read_base(tmp_path / "base.csv") == rows


def test_half_of_the_ranges_lie_across_a_border() -> None:
    cells = cut((0.0, 0.0, 1.0, 1.0), 2, seed=1)
    near, far = (shapely.from_wkb(cell.wkb).representative_point() for cell in cells)
    own, other = (near.x, near.y), (far.x, far.y)
    ranges = [
        Typed(Kind.RANGE, {}, row("8", *own), (own, other) if number % 5 == 0 else (own, own)) for number in range(20)
    ]
    torn = [len(set(one.points)) > 1 for one in countries.half_torn(ranges, cells, 8)]
    assert torn == [True] * 4 + [False] * 4
    assert sum(len(set(one.points)) > 1 for one in countries.half_torn(ranges, cells, 16)) == 4


def test_the_mix_is_a_hundred_answers() -> None:
    assert sum(MIX.values()) == 100


def test_a_town_is_asked_and_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (town,) = (town for town in TOWNS if town.name == "German town")
    path = tmp_path / "brawer" / "bern-addresses" / "data" / "gwr_addresses.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("Strasse", "Hausnummer", "PLZ", "Ort", "Breitengrad", "Längengrad", "Abbruch"))
        for each in build(town, 1):
            writer.writerow((each.street, each.number, each.postcode, each.city, each.latitude, each.longitude, ""))
    options = ["--folder", str(tmp_path), "--each", "2", "--mix", "100", "--only"]
    countries.main([*options, "Bern"])
    shown = capsys.readouterr().out
    assert "| Bern (de) | 0 of 4 |" in shown  # exact ones, none wrong
    assert "| Bern (de) |       200 |     0 |" in shown  # the mix
    assert countries.main([*options, "o"]) == 2
    said = capsys.readouterr().err
    assert "Goes: skipped, no " in said
    assert "Baltimore County: skipped, left untouched until --last" in said
    assert "La Rioja, towns: skipped, no lumodino/osmlarioja/Arnedo/*.geojson in" in said
