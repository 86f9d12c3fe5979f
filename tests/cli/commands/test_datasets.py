"""`datasets import-addresses | list | remove`."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.shell import ROOT, Shell, is_one_sentence

TOWN = ROOT / "examples" / "town" / "addresses.csv"
HEADER = "numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"
ROW = "8;bis;Rue du Moulin;99002;99901;Valmont;-37.98;44.005"
OWN = "No,Voie,CP,Ville,X,Y\n8 bis,Rue du Moulin,99002,Valmont,-37.98,44.005\n"
COLUMNS = ("--columns", "number=No,street=Voie,postcode=CP,city=Ville,longitude=X,latitude=Y")

CONFIGURATION = """\
environment: test
sources:
  towns: { type: address-file, dataset: valmont }
criteria:
  known: { source: towns, open: [zone] }
consultations:
  budget:
    questions:
      residence: { criterion: known, with: { zone: old-town } }
    access: residence
"""


def listed(shell: Shell) -> list[tuple[str, int, str]]:
    rows = shell("datasets", "list", "--json").json
    return [(row["dataset"], row["version"], row["state"]) for row in rows]


def test_a_file_is_imported_and_listed(shell: Shell) -> None:
    ran = shell("datasets", "import-addresses", "valmont", str(TOWN), "--data-date", "2026-11-01", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["version"] == 1
    assert ran.json["addresses"] == len(TOWN.read_text().splitlines()) - 1
    assert (ran.json["format"], ran.json["data_date"], ran.json["changed"]) == ("ban", "2026-11-01", True)
    assert " west, 4" in ran.err
    assert listed(shell) == [("valmont", 1, "active")]
    text = shell("datasets", "list").out.splitlines()
    assert text[0].split()[:3] == ["DATASET", "VERSION", "STATE"]
    assert text[1].split()[:3] == ["valmont", "1", "active"]


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    for longitude in ("1.5", "2.5", "3.5"):
        postgresql_shell.write("a.csv", f"{HEADER}\n{ROW.replace('-37.98', longitude)}\n")
        ran = postgresql_shell("datasets", "import-addresses", "valmont", "a.csv")
        assert ran.code == 0, ran.err
    assert listed(postgresql_shell) == [("valmont", 3, "active"), ("valmont", 2, "retired")]
    assert postgresql_shell("datasets", "remove", "valmont").out == "valmont: 2 versions removed\n"


@pytest.mark.slow
def test_the_same_file_again_is_left_alone_in_another_process_too(shell: Shell) -> None:
    shell.write("a.csv", OWN)
    assert shell("datasets", "import-addresses", "valmont", "a.csv", *COLUMNS).code == 0
    again = shell.process("datasets", "import-addresses", "valmont", "a.csv", *COLUMNS)
    assert again.code == 0
    assert "was already imported from this file" in again.err
    assert listed(shell) == [("valmont", 1, "active")]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", OWN, COLUMNS),
        ("a.csv", OWN.replace(",", "#"), (*COLUMNS, "--separator", "#")),
        ("a.csv", "LON,LAT,NUMBER,STREET,POSTCODE\n-37.98,44.005,8 bis,Rue du Moulin,99002", ()),
        ("a.csv", f"{HEADER}\n{ROW}", ("--format", "ban")),
    ],
)
def test_each_format_is_read(shell: Shell, name: str, content: str, options: tuple[str, ...]) -> None:
    (shell.folder / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    ran = shell("datasets", "import-addresses", "valmont", f"{name}.gz", *options, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["houses"], ran.json["streets"]) == (1, 1)


def test_a_dry_run_needs_no_database_and_changes_nothing(bare_shell: Shell) -> None:
    bare_shell.write("a.csv", f"{HEADER}\n{ROW}\n{ROW.replace('8;bis', '0;')}\n")
    ran = bare_shell("datasets", "import-addresses", "valmont", "a.csv", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    box = [-37.98, 44.005, -37.98, 44.005]
    assert ran.json == {"dry_run": True, "dataset": "valmont", "rows": 2, "houses": 1, "box": box}
    assert not (bare_shell.folder / "jurat.db").exists()


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_where_all_addresses_lie_is_told_with_and_without_a_dry_run(shell: Shell, options: tuple[str, ...]) -> None:
    others = [ROW.replace("-37.98;44.005", degrees) for degrees in ("-38.25;43.5", "-36.5;44.75")]
    shell.write("a.csv", "\n".join([HEADER, ROW, *others]))
    ran = shell("datasets", "import-addresses", "valmont", "a.csv", *options, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["box"] == [-38.25, 43.5, -36.5, 44.75]
    assert "it lies between 36.5 and 38.25 west, 43.5 and 44.75 north" in ran.err


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_problem_is_told_and_nothing_is_imported(shell: Shell, *, dry_run: bool) -> None:
    shell.write("a.csv", "\n".join([HEADER, ROW, ROW.replace("44.005", "x"), ROW.replace("8;bis", "eight;bis"), ROW]))
    ran = shell("datasets", "import-addresses", "valmont", "a.csv", *(["--dry-run"] if dry_run else []))
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "jurat: a.csv:3: column lon or lat: is no number of degrees",
        "jurat: a.csv:4: column numero: is no house number: 'eight'; see --without-number",
        "jurat: nothing was imported",
    ]
    assert listed(shell) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("import-addresses Valmont a.csv", "lower-case"),
        ("import-addresses valmont nowhere.csv", "nowhere.csv"),
        ("import-addresses valmont a.csv --columns street", "no FIELD=COLUMN"),
        ("import-addresses valmont a.csv --columns street=a,street=b", "named twice"),
        ("import-addresses valmont a.csv --columns street=a,flat=b", "there is no field flat"),
        ("import-addresses valmont a.csv --format csv", "needs --columns"),
        ("import-addresses valmont a.csv --separator ;", "needs --columns"),
        ("import-addresses valmont a.csv --format ban --separator ;", "has its own"),
        ("import-addresses valmont a.csv --language xx", "no street words for the language 'xx'"),
        ("import-addresses valmont a.csv --data-date 2026-13-01", "a day such as"),
        ("import-addresses valmont a.csv --data-date 9000-01-01", "in the future"),
        ("import-addresses valmont strange.csv", "name its columns with --columns"),
        ("remove valmont", "there is no dataset valmont"),
    ],
)
def test_wrong_usage_is_one_sentence(shell: Shell, words: str, said: str) -> None:
    shell.write("a.csv", f"{HEADER}\n{ROW}\n")
    shell.write("strange.csv", "some,thing\nelse,here\n")
    ran = shell("datasets", *words.split())
    assert ran.code == 2
    assert is_one_sentence(ran), ran.err
    assert said in ran.err
    assert listed(shell) == []


def test_what_finds_no_house_is_told(shell: Shell) -> None:
    shell.write("a.csv", "LON,LAT,NUMBER,STREET\n1,2,8,Elm Street\n1,2,W1N2 X,Elm Street\n1,2,8,\n")
    ran = shell("datasets", "import-addresses", "valmont", "a.csv", "--language", "en")
    assert ran.code == 0, ran.err
    for said in ("2 rows without a postcode", "1 row with a house number that can", "1 row without a street, left"):
        assert said in ran.err


def test_one_that_is_in_use_is_removed_by_force_alone(shell: Shell) -> None:
    shell.write("a.csv", f"{HEADER}\n{ROW}\n")
    assert shell("datasets", "import-addresses", "valmont", "a.csv").code == 0
    zone = {"type": "Polygon", "coordinates": [[[-38, 44], [-37, 44], [-37, 45], [-38, 44]]]}
    feature = {"type": "Feature", "properties": {"id": "old-town"}, "geometry": zone}
    collection = {"type": "FeatureCollection", "features": [feature]}
    shell.write("zones.geojson", str(collection).replace("'", '"'))
    assert shell("zones", "import", "zones.geojson").code == 0
    applied = shell("config", "apply", str(shell.write("jurat.yaml", CONFIGURATION)))
    assert applied.code == 0, applied.err
    assert shell("datasets", "list", "--json").json[0]["sources"] == ["towns"]
    refused = shell("datasets", "remove", "valmont")
    assert refused.code == 1
    assert is_one_sentence(refused)
    assert "source towns" in refused.err
    assert listed(shell) == [("valmont", 1, "active")]
    assert shell("datasets", "remove", "valmont", "--force").code == 0
    assert listed(shell) == []


def test_without_any_the_list_says_how_to_import_one(shell: Shell) -> None:
    ran = shell("datasets", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "datasets import-addresses NAME FILE" in ran.err


@pytest.mark.slow
def test_a_killed_import_leaves_what_the_next_one_removes(shell: Shell) -> None:
    rows = "\n".join(f"{n};;Rue du Moulin;99002;99901;Valmont;-37.98;44.005" for n in range(1, 60_000))
    shell.write("a.csv", f"{HEADER}\n{rows}\n")
    database = Path(shell.folder / "jurat.db")
    with (
        shell.start("datasets", "import-addresses", "valmont", "a.csv") as process,
        closing(sqlite3.connect(database)) as look,
    ):
        while not look.execute("SELECT count(*) FROM jurat_dataset_words").fetchone()[0]:
            assert process.poll() is None
        process.kill()
        process.communicate()
    assert [state for _, _, state in listed(shell)] in (["staged"], ["active"])
    shell.write("a.csv", f"{HEADER}\n{ROW}\n")
    ran = shell("datasets", "import-addresses", "valmont", "a.csv")
    assert ran.code == 0, ran.err
    assert ("valmont", 2, "active") in listed(shell)
    assert "staged" not in {state for _, _, state in listed(shell)}


@pytest.mark.slow
def test_a_pipe_is_told_and_not_waited_for(shell: Shell) -> None:
    os.mkfifo(shell.folder / "a.csv")
    for more in ((), ("--columns", "street=s,number=n,postcode=p,city=c,longitude=x,latitude=y")):
        ran = shell.process("datasets", "import-addresses", "valmont", "a.csv", "--data-date", "2026-11-01", *more)
        assert ran.code == 2, ran.err
        assert "cannot be read" in ran.err
        assert "Traceback" not in ran.err


def test_values_that_stand_for_no_number_are_said(shell: Shell) -> None:
    shell.write("a.csv", f"{OWN.rstrip()}\nS/N{OWN.splitlines()[1][5:]}\n")
    asked = ("datasets", "import-addresses", "valmont", "a.csv", *COLUMNS)
    refused = shell(*asked)
    assert refused.code == 2
    assert "is no house number: 'S/N" in refused.err
    ran = shell(*asked, "--without-number", "SN,km", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["addresses"], ran.json["houses"]) == (ran.json["houses"] + 1, len(OWN.splitlines()) - 1)


def test_swapped_axes_are_seen_by_the_zones_that_are_there(shell: Shell) -> None:
    border = [[-38, 44], [-37.9, 44], [-37.9, 44.1], [-38, 44.1], [-38, 44]]
    geometry = {"type": "Polygon", "coordinates": [border]}
    zone = {"type": "Feature", "properties": {"id": "old-town"}, "geometry": geometry}
    shell.write("zone.json", json.dumps(zone))
    assert shell("zones", "import", "zone.json").code == 0
    for row, is_swapped in ((ROW, False), (ROW.replace("-37.98;44.005", "44.005;-37.98"), True)):
        shell.write("a.csv", f"{HEADER}\n{row}\n")
        ran = shell("datasets", "import-addresses", "valmont", "a.csv")
        assert ran.code == 0
        assert ("warning: it lies between 44.005 and 44.005 east, 37.98 and 37.98 south" in ran.err) is is_swapped
