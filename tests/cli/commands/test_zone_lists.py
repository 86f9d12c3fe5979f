"""`zones import-addresses`: zones as lists of addresses, from the file to the verdict."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator

import pytest

from jurat import Client
from jurat.database import open_engine
from tests.adapters.zone_import.documents import zipped
from tests.cli.shell import Ran, Shell, is_one_sentence
from tests.conftest import ENGINES
from tests.rigs.workers import Worker

COLUMNS = "number=NUMERO,street=RUE,postcode=CP,city=COMMUNE"
REGISTER = """\
BUREAU;TITRE;NUMERO;RUE;CP;COMMUNE
north;Bureau nord;8;Rue du Puits;99100;Valmont
north;;10 bis;Rue du Puits;99100;Valmont
south;Bureau sud;12;Rue du Puits;99100;Valmont
south;;20;Rue du Puits;99100;Valmont
"""
BASE = """\
numero;rep;nom_voie;code_postal;nom_commune;lon;lat
8;;Rue du Puits;99100;Valmont;2.00010;48.005
10;bis;Rue du Puits;99100;Valmont;2.00011;48.005
12;;Rue du Puits;99100;Valmont;2.00012;48.005
10;;Rue du Puits;99100;Valmont;2.00013;48.005
"""
CONFIGURATION = """\
sources:
  towns: { type: address-file, dataset: valmont }
criteria:
  lives-in: { source: towns, open: [zone] }
consultations:
  vote:
    questions:
      residence: { criterion: lives-in, with: { zone: north } }
    access: residence
"""


@pytest.fixture(params=ENGINES)
def engines_shell(request: pytest.FixtureRequest) -> Shell:
    name = {"sqlite": "shell", "postgresql": "postgresql_shell"}[request.param]
    shell: Shell = request.getfixturevalue(name)
    return shell


@pytest.fixture
def town(shell: Shell) -> Shell:
    """A shell whose two districts are imported."""
    assert imported(shell).code == 0
    return shell


def imported(shell: Shell, text: str = REGISTER, *options: str) -> Ran:
    shell.write("register.csv", text)
    columns = ("--zone-column", "BUREAU", "--title-column", "TITRE", "--columns", COLUMNS)
    return shell("zones", "import-addresses", "register.csv", *columns, *options)


def test_lists_are_imported_and_one_that_did_not_change_keeps_its_version(shell: Shell) -> None:
    assert imported(shell, REGISTER, "--dry-run").err == "2 zones would be imported, 0 unchanged\n"
    assert imported(shell).err == "2 zones imported, 0 unchanged\n"
    lines = REGISTER.splitlines(keepends=True)
    shuffled = "".join([lines[0], *reversed(lines[1:])])
    assert imported(shell, shuffled).err == "0 zones imported, 2 unchanged\n"
    second = imported(shell, shuffled + "south;;22;Rue du Puits;99100;Valmont\n", "--json")
    assert second.json["zones"] == [
        {"zone": "south", "title": "Bureau sud", "version": 2, "changed": True, "addresses": 3},
        {"zone": "north", "title": "Bureau nord", "version": 1, "changed": False, "addresses": 2},
    ]
    listed = shell("zones", "list", "--json").json
    assert [(each["zone"], each["title"], each["crs"]) for each in listed] == [
        ("north", "Bureau nord", "addresses"),
        ("south", "Bureau sud", "addresses"),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("north;;8;Rue du Puits;;Valmont", "register.csv:6: column COMMUNE: is empty: a listed address needs"),
        ("north;;8;Rue du Puits;99100;", "register.csv:6: column COMMUNE: is empty"),
        ("north;;8;;99100;Valmont", "register.csv:6: column RUE: is empty"),
        ("north;;huit;Rue du Puits;99100;Valmont", "register.csv:6: column NUMERO: is no house number"),
        ("Nord 1;;8;Rue du Puits;99100;Valmont", "register.csv:6: column BUREAU: is no name of a zone"),
        (";;8;Rue du Puits;99100;Valmont", "register.csv:6: column BUREAU: is empty"),
        ("north;\u202etitle;8;Rue du Puits;99100;Valmont", "register.csv:6: column TITRE: has a character that"),
        ("north;;8;Rue\x07 du Puits;99100;Valmont", "register.csv:6: column RUE: has a control character"),
        (f"north;;8;{'Rue ' * 200};99100;Valmont", "register.csv:6: column RUE: is longer than"),
        ("south;;8;rue du puits;99100;Valmont", "register.csv:6: this address is also in the zone north"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported(shell: Shell, row: str, told: str) -> None:
    ran = imported(shell, f"{REGISTER}{row}\n")
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.endswith("nothing was imported\n")
    assert "Puits" not in ran.err
    assert shell("zones", "list", "--json").json == []


def test_an_address_may_be_in_two_zones_where_that_is_said(shell: Shell) -> None:
    assert imported(shell, f"{REGISTER}south;;8;Rue du Puits;99100;Valmont\n", "--overlapping").code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01",
        b"\xff\xfeB",
        b"{}",
        b"SQLite format 3\x00",
        b"a;b\n1;2\n",
        b"\x1f\x8b\x08cut",
        REGISTER.encode(),
    ],
)
def test_a_file_that_is_no_list_is_refused(shell: Shell, content: bytes) -> None:
    (shell.folder / "wrong.csv").write_bytes(content)
    for options in ((), ("--columns", "number=N,street=S,postcode=P,city=C")):
        ran = shell("zones", "import-addresses", "wrong.csv", "--zone-column", "BUREAU", *options)
        assert (ran.code, ran.out) == (2, "")
        assert "Traceback" not in ran.err
        assert "wrong.csv" in ran.err


def test_a_file_may_be_packed_and_unpacks_to_no_bomb(shell: Shell) -> None:
    options = ("--zone-column", "BUREAU", "--columns", COLUMNS)
    (shell.folder / "register.csv.gz").write_bytes(gzip.compress(REGISTER.encode()))
    assert shell("zones", "import-addresses", "register.csv.gz", *options).code == 0
    (shell.folder / "register.zip").write_bytes(zipped({"register.csv": REGISTER.encode()}))
    again = shell("zones", "import-addresses", "register.zip", *options)
    assert "0 zones imported, 2 unchanged" in again.err
    (shell.folder / "bomb.csv.gz").write_bytes(gzip.compress(REGISTER.encode() + b" " * 1_000_000))
    assert "the row is longer" in shell("zones", "import-addresses", "bomb.csv.gz", *options).err


def test_ban_needs_only_the_column_of_the_zone(shell: Shell) -> None:
    lines = BASE.splitlines()
    shell.write("ban.csv", "\n".join([f"{lines[0]};bureau", *(f"{line};north" for line in lines[1:])]))
    assert shell("zones", "import-addresses", "ban.csv", "--zone-column", "bureau").code == 0
    (zone,) = shell("zones", "list", "--json").json
    assert zone["title"] == "north"


def test_a_new_version_is_compared_by_its_addresses(town: Shell) -> None:
    imported(town, REGISTER.replace("10 bis", "=1 ter").replace("=1", "14"))
    ran = town("zones", "diff", "north", "--json", "--out", "moved.csv")
    assert ran.json == {"zone": "north", "from": 1, "to": 2, "entered": 1, "left": 1}
    with (town.folder / "moved.csv").open(encoding="utf-8") as moved:
        assert [(row["moves"], row["number"]) for row in csv.DictReader(moved)] == [("in", "14 ter"), ("out", "10 bis")]
    assert "1 come in, 1 go out" in town("zones", "diff", "north").out
    affected = town("zones", "affected", "north", "--from", "1", "--to", "2", "--json")
    assert affected.json == {"zone": "north", "from": 1, "to": 2, "reach_m": None, "verdicts": []}


def test_a_list_is_not_drawn_nor_compared_with_a_border(town: Shell) -> None:
    ran = town("zones", "show", "north", "--out", "north.svg")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert not (town.folder / "north.svg").exists()
    square = [[2.0, 48.0], [2.01, 48.0], [2.01, 48.01], [2.0, 48.01], [2.0, 48.0]]
    feature = f'{{"type": "Polygon", "coordinates": [{square}]}}'
    town.write(
        "zones.geojson",
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"id": "north"}, '
        f'"geometry": {feature}}}]}}',
    )
    assert town("zones", "import", "zones.geojson").code == 0
    ran = town("zones", "diff", "north")
    assert (ran.code, is_one_sentence(ran)) == (2, True)


def test_what_the_rule_would_decide_is_shown(town: Shell) -> None:
    town.write("base.csv", BASE)
    town.write("jurat.yaml", CONFIGURATION)
    assert town("datasets", "import-addresses", "valmont", "base.csv").code == 0
    assert town("config", "apply", "jurat.yaml").code == 0
    where = "street=rue du Puits,postcode=99100,city=Valmont"
    inside = town("zones", "locate", "--zone", "north", f"number=8,{where}")
    assert (inside.code, "decides" in inside.out) == (0, False)
    assert "8 Rue du Puits, 99100 Valmont (a house), listed" in inside.out
    outside = town("zones", "locate", f"number=12,{where}", "--json")
    assert {each["zone"]: (each["outcome"], each["distance_m"]) for each in outside.json["zones"]} == {
        "south": ("accepted", None)
    }
    unclear = town("zones", "locate", "--zone", "north", f"number=10,{where}")
    assert "may have the house in another spelling" in unclear.out
    assert "8 Rue" in town("zones", "show", "north", "--address", f"number=8,{where}").out


@pytest.fixture
def worker(engines_shell: Shell) -> Iterator[Worker]:
    shell = engines_shell
    shell.write("base.csv", BASE)
    shell.write("jurat.yaml", CONFIGURATION)
    assert shell("datasets", "import-addresses", "valmont", "base.csv").code == 0
    assert imported(shell).code == 0
    assert shell("config", "apply", "jurat.yaml").code == 0
    with Worker({**shell.environment, "PATH": os.environ["PATH"]}, "--concurrency", "2") as worker:
        yield worker


@pytest.mark.slow
def test_from_the_register_to_the_verdict(engines_shell: Shell, worker: Worker) -> None:
    environment = engines_shell.environment
    client = Client(environment["JURAT_DATABASE_URL"], seal_key=environment["JURAT_SEAL_KEY"])
    engine = open_engine(environment["JURAT_DATABASE_URL"])

    def verdict(participant: str, number: str) -> tuple[str, str]:
        answer = {"number": number, "street": "rue du puits", "postcode": "99100", "city": "Valmont"}
        with engine.begin() as connection:
            check = client.submit(
                connection, consultation="vote", participant=participant, question="residence", answer=answer
            )
        result = client.wait(check.id, timeout=60)
        return str(result.outcome), str(result.reason)

    assert verdict("p-1", "8") == ("accepted", "inside_zone")
    assert verdict("p-2", "10bis") == ("accepted", "inside_zone")
    assert verdict("p-3", "12") == ("refused", "outside_zone")  # a metre from number 8
    assert verdict("p-4", "10") == ("undetermined", "sources_disagree")
    assert verdict("p-5", "20") == ("undetermined", "house_number_not_found")  # listed, but not in the base
    imported(engines_shell, REGISTER.replace("10 bis", "14"))
    affected = engines_shell("zones", "affected", "north", "--from", "1", "--to", "2", "--json").json["verdicts"]
    client.close()
    engine.dispose()
    assert sorted(each["outcome"] for each in affected) == ["accepted", "accepted", "refused", "undetermined"]
