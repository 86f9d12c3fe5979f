"""`zones import | list`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.adapters.zone_import.documents import square, write
from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence

Ring = list[list[float]]

SQUARE: Ring = [[2.0, 48.0], [2.01, 48.0], [2.01, 48.01], [2.0, 48.01], [2.0, 48.0]]
LIE = "the zones lie between 2 and 2.02 east, 48 and 48.01 north\n"
EAST: Ring = [[2.01, 48.0], [2.02, 48.0], [2.02, 48.01], [2.01, 48.01], [2.01, 48.0]]
WIDER: Ring = [[2.0, 48.0], [2.02, 48.0], [2.02, 48.01], [2.0, 48.01], [2.0, 48.0]]
LARGER: Ring = [[2.01, 48.0], [2.03, 48.0], [2.03, 48.01], [2.01, 48.01], [2.01, 48.0]]


CONFIGURATION = """\
environment: test
sources:
  towns: { type: address-file, dataset: valmont }
criteria:
  lives-in: { source: towns, open: [zone] }
consultations:
  budget:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town } }
    access: residence
"""


def collection(*zones: tuple[str, Ring], **more: Any) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "name": name.title(), **more},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name, ring in zones
    ]
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture
def file(shell: Shell) -> Shell:
    """A shell with `zones.geojson` in its folder."""
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", EAST), insee="00100-1")))
    return shell


def versions(shell: Shell) -> dict[str, int]:
    return {zone["zone"]: zone["version"] for zone in shell("zones", "list", "--json").json}


def states(shell: Shell, *options: str) -> list[tuple[str, int, str]]:
    listed = shell("zones", "list", *options, "--json").json
    return [(zone["zone"], zone["version"], zone["state"]) for zone in listed]


def test_zones_are_imported_and_one_that_did_not_change_keeps_its_version(file: Shell) -> None:
    first = file("zones", "import", "zones.geojson")
    assert first.code == 0
    assert first.err == f"{LIE}2 zones imported, 0 unchanged\n"
    file.write("other.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", LARGER))))
    second = file("zones", "import", "other.geojson", "--json")
    assert {zone["zone"]: (zone["version"], zone["changed"]) for zone in second.json["zones"]} == {
        "old-town": (1, False),
        "harbour": (2, True),
    }
    assert second.json["crs"] == "EPSG:4326"
    assert versions(file) == {"harbour": 2, "old-town": 1}
    head = file("zones", "list").out.splitlines()[0]
    assert head.split() == ["ZONE", "TITLE", "VERSION", "STATE", "FROM", "IMPORTED", "DRAWN", "IN", "USED"]
    assert states(file, "--all") == [
        ("harbour", 1, "replaced"),
        ("harbour", 2, "in force"),
        ("old-town", 1, "in force"),
    ]


def test_the_user_of_postgresql_is_shown_who_imported_or_applied(postgresql_shell: Shell, postgresql_url: str) -> None:
    postgresql_shell.write("zones.geojson", json.dumps(collection(("harbour", SQUARE))))
    assert postgresql_shell("zones", "import", "zones.geojson", "--as", "Iris").code == 0
    (row,) = postgresql_shell("zones", "list", "--json").json
    login = make_url(postgresql_url).username
    assert (row["imported_by"], row["login"]) == ("Iris", login)
    configure(postgresql_shell)
    assert re.match(rf"# version 1, applied by \S+ as {login} at ", postgresql_shell("config", "show").out)
    assert postgresql_shell("config", "show", "--json").json["login"] == login


@pytest.mark.slow
def test_a_dry_run_tells_the_same_and_changes_nothing(file: Shell) -> None:
    dry = file("zones", "import", "zones.geojson", "--dry-run", "--json").json["zones"]
    assert versions(file) == {}
    assert file("zones", "import", "zones.geojson", "--json").json["zones"] == dry
    again = file("zones", "import", "zones.geojson", "--dry-run")
    assert again.err == f"{LIE}0 zones would be imported, 2 unchanged\n"


@pytest.mark.slow
def test_a_version_that_is_to_come_is_listed_and_the_one_before_stays_in_force(file: Shell) -> None:
    file("zones", "import", "zones.geojson")
    file.write("other.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", LARGER))))
    ran = file("zones", "import", "other.geojson", "--from", "2999-01-01")
    assert ran.err.splitlines()[1:] == ["1 zone imported, in force from 2999-01-01 00:00:00Z, 1 unchanged"]
    assert states(file) == [("harbour", 1, "in force"), ("harbour", 2, "to come"), ("old-town", 1, "in force")]
    again = file("zones", "import", "zones.geojson", "--from", "2999-01-01T00:00+00:00")
    assert again.code == 0, again.err
    assert states(file, "--all")[:3] == [
        ("harbour", 1, "in force"),
        ("harbour", 2, "replaced"),
        ("harbour", 3, "to come"),
    ]


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        ("2020-01-01", "it has passed already"),
        ("soon", "a day such as 2027-06-30"),
        ("2999-01-01T00:00", "a time needs its offset"),
        ("2999-02-30", "a day such as"),
        ("9999-12-31T23:59-12:00", "it is after the last day that exists in UTC, 9999-12-31"),
    ],
)
def test_a_date_that_is_none_or_has_passed_is_refused(file: Shell, begins: str, said: str) -> None:
    ran = file("zones", "import", "zones.geojson", "--from", begins)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err


@pytest.mark.slow
def test_name_and_title_may_stand_in_other_properties(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), insee="00100", nom="Vieille ville")))
    words = ("zones", "import", "zones.geojson", "--name-property", "insee", "--title-property", "nom", "--json")
    zone = shell(*words).json["zones"][0]
    assert (zone["zone"], zone["title"]) == ("00100", "Vieille ville")
    missing = shell("zones", "import", "zones.geojson", "--name-property", "code")
    assert missing.code == 2
    assert 'needs "code" in its properties' in missing.err


@pytest.mark.slow
def test_a_geopackage_in_metres_is_imported_with_its_coordinate_system(shell: Shell) -> None:
    write(Path(shell.folder / "zones.gpkg"), {"mill": square()})
    ran = shell("zones", "import", "zones.gpkg", "--expect", "1.5,45,2,46")
    assert ran.code == 0, ran.err
    (zone,) = shell("zones", "list", "--json").json
    assert (zone["zone"], zone["title"], zone["crs"]) == ("mill", "Quartier mill d'Été", "EPSG:2154")


def test_one_bad_feature_and_nothing_is_imported(shell: Shell) -> None:
    far = [[500.0, 0.0], *SQUARE[1:-1], [500.0, 0.0]]
    broken = collection(("old-town", SQUARE), ("harbour", EAST[:-1]), ("mill", far))
    shell.write("zones.geojson", json.dumps(broken))
    ran = shell("zones", "import", "zones.geojson")
    assert ran.code == 2
    assert ran.out == ""
    assert "zones.geojson: feature 1 ('harbour'), ring 0, vertex 3: the ring is not closed" in ran.err
    assert "feature 2 ('mill')" in ran.err
    assert "Traceback" not in ran.err
    assert versions(shell) == {}


@pytest.mark.slow
def test_zones_that_overlap_are_imported_only_where_they_are_meant_to(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("old-town", WIDER), ("harbour", EAST))))
    ran = shell("zones", "import", "zones.geojson")
    assert (ran.code, ran.out) == (2, "")
    assert "feature 1 ('harbour'): overlaps feature 0 ('old-town')" in ran.err
    assert shell("zones", "import", "zones.geojson", "--overlapping").code == 0


def test_what_the_importer_should_look_at_is_told(shell: Shell) -> None:
    apart = [[longitude + 0.00001 * (longitude == 2.01), latitude] for longitude, latitude in EAST]
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", apart))))
    ran = shell("zones", "import", "zones.geojson", "--dry-run")
    assert ran.code == 0
    assert "zones.geojson: note: feature 0 ('old-town'): leaves a gap" in ran.err


@pytest.mark.slow
def test_swapped_axes_are_seen_by_the_zones_that_are_there(file: Shell) -> None:
    file("zones", "import", "zones.geojson")
    swapped = [[latitude, longitude] for longitude, latitude in SQUARE]
    file.write("other.geojson", json.dumps(collection(("old-town", swapped))))
    ran = file("zones", "import", "other.geojson")
    assert ran.code == 2
    assert "latitude seems to come before longitude" in ran.err
    assert file("zones", "import", "other.geojson", "--expect", "47,1,49,3").code == 0, "who says so may"


@pytest.mark.parametrize("expected", ["2,48", "a,b,c,d", "2,49,3,48", "2,48,3,91", "nan,48,3,49"])
def test_a_box_that_is_none_is_refused(file: Shell, expected: str) -> None:
    ran = file("zones", "import", "zones.geojson", "--expect", expected)
    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_name_that_no_configuration_can_use_is_told_with_all_that_is_wrong(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("Old.Town", SQUARE), ("harbour", EAST[:-1]))))
    ran = shell("zones", "import", "zones.geojson")
    assert ran.code == 2
    first, second = ran.err.splitlines()[:2]
    assert "feature 0 ('Old.Town'): needs \"id\" in its properties: lower-case letters" in first
    assert "feature 1 ('harbour'), ring 0" in second
    assert versions(shell) == {}


@pytest.mark.parametrize(("text", "said"), [("{", "line 1, column 2: is not JSON"), ("", "is not JSON")])
def test_a_file_that_is_no_geojson_is_one_sentence(shell: Shell, text: str, said: str) -> None:
    shell.write("zones.geojson", text)
    ran = shell("zones", "import", "zones.geojson")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err


def test_without_zones_the_list_says_how_to_import_some(shell: Shell) -> None:
    ran = shell("zones", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "zones import" in ran.err


@pytest.mark.slow
def test_the_file_is_looked_at_before_the_database(bare_shell: Shell) -> None:
    bare_shell.write("zones.geojson", "{")
    assert bare_shell("zones", "import", "zones.geojson").code == 2
    bare_shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    assert bare_shell("zones", "import", "zones.geojson").code == 3


@pytest.mark.slow
def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    postgresql_shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    assert postgresql_shell("zones", "import", "zones.geojson").code == 0
    postgresql_shell.write("zones.geojson", json.dumps(collection(("old-town", EAST))))
    assert postgresql_shell("zones", "import", "zones.geojson", "--from", "2999-01-01").code == 0
    assert states(postgresql_shell) == [("old-town", 1, "in force"), ("old-town", 2, "to come")]


def test_a_version_in_which_nobody_could_be_accepted_is_refused(file: Shell) -> None:
    file("zones", "import", "zones.geojson")
    file.write("jurat.yaml", CONFIGURATION)
    assert file("config", "apply", "jurat.yaml").code == 0
    lane = [[2.0, 48.0], [2.01, 48.0], [2.01, 48.0003], [2.0, 48.0003], [2.0, 48.0]]
    file.write("lane.geojson", json.dumps(collection(("old-town", lane))))
    for options in ((), ("--dry-run",)):
        ran = file("zones", "import", "lane.geojson", *options)
        assert ran.code == 2
        assert "lane.geojson: no place in the zone 'old-town' is farther than 16." in ran.err
    file.write("lane.geojson", json.dumps(collection(("harbour", lane))))
    assert file("zones", "import", "lane.geojson").code == 0, "no question is about it"
    file.write("jurat.yaml", CONFIGURATION.replace("old-town", "harbour"))
    ran = file("config", "apply", "jurat.yaml")
    assert ran.code == 1
    assert "no place in the zone 'harbour'" in ran.err
