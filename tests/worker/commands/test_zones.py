"""`zones import | list`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worker.shell import Shell, is_one_sentence

Ring = list[list[float]]

SQUARE: Ring = [[2.0, 48.0], [2.01, 48.0], [2.01, 48.01], [2.0, 48.01], [2.0, 48.0]]
WIDER: Ring = [[2.0, 48.0], [2.02, 48.0], [2.02, 48.01], [2.0, 48.01], [2.0, 48.0]]


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
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", WIDER), insee="00100-1")))
    return shell


def versions(shell: Shell) -> dict[str, int]:
    return {zone["zone"]: zone["version"] for zone in shell("zones", "list", "--json").json}


def test_zones_are_imported_and_one_that_did_not_change_keeps_its_version(file: Shell) -> None:
    first = file("zones", "import", "zones.geojson")
    assert first.code == 0
    assert first.err == "2 zones imported, 0 unchanged\n"
    file.write(
        "zones.geojson", json.dumps(collection(("old-town", WIDER), ("harbour", SQUARE), ("mill", SQUARE[::-1])))
    )
    file.write("other.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", SQUARE[:2] + WIDER[2:]))))
    second = file("zones", "import", "other.geojson", "--json")
    assert {zone["zone"]: (zone["version"], zone["changed"]) for zone in second.json["zones"]} == {
        "old-town": (1, False),
        "harbour": (2, True),
    }
    assert versions(file) == {"harbour": 2, "old-town": 1}
    assert file("zones", "list").out.splitlines()[0].split() == ["ZONE", "TITLE", "VERSION", "IMPORTED", "USED"]


def test_a_dry_run_tells_the_same_and_changes_nothing(file: Shell) -> None:
    dry = file("zones", "import", "zones.geojson", "--dry-run", "--json").json["zones"]
    assert versions(file) == {}
    assert file("zones", "import", "zones.geojson", "--json").json["zones"] == dry
    again = file("zones", "import", "zones.geojson", "--dry-run")
    assert again.err == "0 zones would be imported, 2 unchanged\n"


def test_name_and_title_may_stand_in_other_properties(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), insee="00100", nom="Vieille ville")))
    words = ("zones", "import", "zones.geojson", "--name-property", "insee", "--title-property", "nom", "--json")
    zone = shell(*words).json["zones"][0]
    assert (zone["zone"], zone["title"]) == ("00100", "Vieille ville")
    missing = shell("zones", "import", "zones.geojson", "--name-property", "code")
    assert missing.code == 2
    assert 'needs "code" in its properties' in missing.err


def test_one_bad_feature_and_nothing_is_imported(shell: Shell) -> None:
    broken = collection(("old-town", SQUARE), ("harbour", WIDER[:-1]), ("mill", [[500.0, 0.0], *SQUARE[1:]]))
    shell.write("zones.geojson", json.dumps(broken))
    ran = shell("zones", "import", "zones.geojson")
    assert ran.code == 2
    assert ran.out == ""
    assert "zones.geojson: feature 1 ('harbour'), ring 0, vertex 3: the ring is not closed" in ran.err
    assert "feature 2 ('mill')" in ran.err
    assert "Traceback" not in ran.err
    assert versions(shell) == {}


def test_a_name_that_no_configuration_can_use_is_refused(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("Old.Town", SQUARE))))
    ran = shell("zones", "import", "zones.geojson")
    assert ran.code == 2
    assert "'Old.Town' is no name that a configuration can use" in ran.err
    assert versions(shell) == {}


@pytest.mark.parametrize(
    ("text", "said"), [("{", "line 1, column 2: is not JSON"), ("[]", "GeoJSON"), ("", "is not JSON")]
)
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


def test_the_file_is_looked_at_before_the_database(bare_shell: Shell) -> None:
    bare_shell.write("zones.geojson", "{")
    assert bare_shell("zones", "import", "zones.geojson").code == 2
    bare_shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    assert bare_shell("zones", "import", "zones.geojson").code == 3


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    postgresql_shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    assert postgresql_shell("zones", "import", "zones.geojson").code == 0
    assert versions(postgresql_shell) == {"old-town": 1}
