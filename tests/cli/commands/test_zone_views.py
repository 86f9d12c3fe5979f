"""`zones show | locate | diff | affected`."""

from __future__ import annotations

import json
import re
import stat
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import shapely

from adapters.address.zones import ZoneGeometry
from adapters.base import Place, Places
from cli.lookups.address_query import AnsweredAddress
from config.levels import Level
from tests.cli.commands.test_zones import SQUARE, collection
from tests.cli.commands.valmont import CONFIGURATION, TOWNS, sql
from tests.cli.shell import Shell, is_one_sentence

NEAR = "number=8,street=Rue du Puits,postcode=00100,city=Valmont"
INSIDE = "number=10,street=rue du Puits,postcode=00100,city=Valmont"
BLOCK = "number=20,street=rue du Puits,postcode=00100,city=Valmont"
OUTSIDE = "number=12 bis,street=rue du Puits,postcode=00100,city=Valmont"


def in_review(shell: Shell, address: str = NEAR) -> str:
    fields = [word for field in address.split(",") for word in ("--field", field)]
    ran = shell("submit", "budget", "p-1", "residence", *fields)
    assert ran.code == 0, ran.err
    check = ran.out.strip()
    sql(shell, "UPDATE jurat_checks SET state = 'review' WHERE id = :id", id=check)
    return check


# ------------------------------------------------------------------------------------------------ show


def test_a_picture_of_an_address_near_the_border_says_why_nothing_is_decided(town: Shell) -> None:
    ran = town("zones", "show", "old-town", "--out", "near.svg", "--address", NEAR)
    assert (ran.code, ran.err) == (0, "wrote near.svg\n")
    assert ran.out.splitlines()[0].startswith(
        "Undetermined for Old-Town (near_border). The place is nearer to the border"
    )
    assert "1: 8 Rue du Puits, 00100 Valmont (a house), 7.4 m inside" in ran.out
    file = town.folder / "near.svg"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text("utf-8")
    ET.fromstring(text)
    for part in ("Undetermined for Old-Town (near_border)", "7.4 m", "margin of 20 m", "Harbour", "Close-up", ">14<"):
        assert part in text


def test_a_zone_alone_is_drawn_without_a_close_up(town: Shell) -> None:
    ran = town("zones", "show", "old-town", "--out", "zone.svg", "--json")
    assert ran.code == 0
    assert ran.json == {
        "zone": "old-town",
        "version": 1,
        "file": "zone.svg",
        "caption": ["Old-Town (old-town), version 1"],
    }
    assert "Close-up" not in (town.folder / "zone.svg").read_text("utf-8")


def test_the_positions_of_one_house_have_one_margin_in_the_rule_the_words_and_the_picture(town: Shell) -> None:
    ran = town("zones", "locate", "--zone", "old-town", BLOCK, "--json")
    assert (ran.code, ran.json["reason"], ran.json["margin_m"]) == (5, "near_border", 150)  # 111.5 m, doors 112 m apart
    assert [(each["margin_m"], each["decides"]) for each in ran.json["candidates"]] == [(150, True), (150, False)]
    drawn = town("zones", "show", "old-town", "--out", "near.svg", "--address", BLOCK)
    assert "decides, with a margin of 150 m" in drawn.out
    assert "margin 150 m)" in drawn.out
    text = (town.folder / "near.svg").read_text("utf-8")
    assert "within the margin of 150 m" in text
    assert "margin of 20 m" not in text


def test_the_position_nearest_to_the_border_decides_whatever_the_scores_of_the_others() -> None:
    zone = ZoneGeometry("old-town", 1, shapely.box(2.0, 48.0, 2.01, 48.01).wkb, "digest")
    answer = {"number": "20", "street": "Rue du Puits", "postcode": "00100", "city": "Valmont"}
    far, near = (
        Place(Level.HOUSENUMBER, longitude, 48.005, "20", "Rue du Puits", "00100", "Valmont", score=score)
        for longitude, score in ((2.003, 0.97), (2.0015, 0.91))
    )
    sightings = AnsweredAddress("magic", answer, Places("addok", (far, near))).sightings(zone)
    assert [(each.deciding, each.margin) for each in sightings] == [(False, 150), (True, 150)]


def test_without_a_file_to_draw_in_the_words_alone_are_printed(town: Shell) -> None:
    before = {path.name for path in town.folder.iterdir()}
    told = town("zones", "show", "old-town", "--address", NEAR)
    assert (told.code, told.err) == (0, "")
    assert {path.name for path in town.folder.iterdir()} == before
    assert told.out == town("zones", "show", "old-town", "--out", "near.svg", "--address", NEAR).out
    alone = town("zones", "show", "old-town", "--json")
    assert alone.json == {"zone": "old-town", "version": 1, "file": None, "caption": ["Old-Town (old-town), version 1"]}


def test_who_typed_an_address_reads_how_it_was_read_and_no_picture_has_it(town: Shell) -> None:
    typed = NEAR.replace("Rue du Puits", "Rue du Puits appt 3")
    told = town("zones", "show", "old-town", "--out", "read.svg", "--address", typed)
    assert "left out: “appt 3”, which says where in the house" in told.out
    assert "appt 3" not in (town.folder / "read.svg").read_text("utf-8")
    located = town("zones", "locate", "--zone", "old-town", typed)
    assert "  number: 8\n  street: rue du puits\n" in located.out
    reading = town("zones", "locate", "--zone", "old-town", typed, "--json").json["reading"]
    assert (reading["number"], reading["left_out"]) == ("8", [["appt 3", "detail"]])


def test_what_contradicts_an_answer_is_said_in_words(town: Shell) -> None:
    ran = town("zones", "locate", "--zone", "old-town", NEAR.replace("Rue du Puits", "Rue du Puits; 99 rue Neuve"))
    assert "The answer contradicts itself (number and street do not fit together)" in ran.out


def test_an_address_comes_from_a_file_or_from_fields_as_well(town: Shell) -> None:
    town.write("address.json", json.dumps(dict(field.split("=") for field in INSIDE.split(","))))
    one = town("zones", "show", "old-town", "--out", "a.svg", "--answer-file", "address.json")
    fields = [word for field in INSIDE.split(",") for word in ("--field", field)]
    other = town("zones", "show", "old-town", "--out", "b.svg", *fields)
    assert one.code == other.code == 0
    assert one.out == other.out
    assert one.out.startswith("Accepted (inside_zone): the address lies in Old-Town.")


def test_a_check_in_review_is_drawn_and_that_is_audited(town: Shell) -> None:
    check = in_review(town)
    ran = town("zones", "show", "old-town", "--out", "check.svg", "--check", check, "--as", "ada")
    assert ran.code == 0, ran.err
    assert "near_border" in ran.out
    rows = sql(town, "SELECT actor, action, subject, detail FROM jurat_audit WHERE action = 'review answer'")
    assert [tuple(row[:3]) for row in rows] == [("ada", "review answer", check)]
    assert "Puits" not in rows[0][3]
    assert sql(town, "SELECT count(*) FROM jurat_attempts")[0][0] == 0


def test_a_check_that_was_last_before_a_person_asks_a_source_of_its_question(town: Shell) -> None:
    check = in_review(town)
    sql(town, "UPDATE jurat_checks SET source = 'person' WHERE id = :id", id=check)
    ran = town("zones", "show", "old-town", "--out", "check.svg", "--check", check)
    assert ran.code == 0, ran.err
    assert "towns has 1 candidate:" in ran.out
    sql(town, "UPDATE jurat_checks SET source = 'spare' WHERE id = :id", id=check)
    assert "spare has 1 candidate:" in town("zones", "show", "old-town", "--out", "check.svg", "--check", check).out


@pytest.mark.parametrize("damaged", ["old-town", "harbour"])
def test_a_stored_zone_that_is_damaged_is_told_and_draws_nothing(town: Shell, damaged: str) -> None:
    sql(town, "UPDATE jurat_zones SET geometry = substr(geometry, 1, 40) WHERE name = :name", name=damaged)
    for words in ((), ("--address", NEAR)):
        ran = town("zones", "show", "old-town", "--out", "a.svg", *words)
        assert ran.code == 3
        assert is_one_sentence(ran)
        assert damaged in ran.err.lower()
        assert "import the zone again" in ran.err
        assert not (town.folder / "a.svg").exists()


def test_a_check_that_is_not_in_review_is_not_opened(town: Shell) -> None:
    check = in_review(town)
    sql(town, "UPDATE jurat_checks SET state = 'pending' WHERE id = :id", id=check)
    ran = town("zones", "show", "old-town", "--out", "check.svg", "--check", check)
    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "only while it is in review" in ran.err
    assert not (town.folder / "check.svg").exists()
    assert sql(town, "SELECT count(*) FROM jurat_audit WHERE action = 'review answer'")[0][0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("old-toun", "--out", "a.svg"), 2, "did you mean 'old-town'"),
        (("old-town", "--out", "a.gif"), 2, ".svg or .png"),
        (("old-town", "--out", "a.svg", "--version", "7"), 2, "has no version 7; it has 1"),
        (("old-town", "--out", "a.svg", "--address", "number=8,postcode=00100"), 2, "street"),
        (("old-town", "--out", "a.svg", "--address", "8 rue du Puits"), 2, "is not NAME=VALUE"),
        (("old-town", "--out", "a.svg", "--address", NEAR, "--source", "tons"), 2, "did you mean 'towns'"),
        (("old-town", "--out", "a.svg", "--address", NEAR, "--check", str(UUID(int=7))), 2, "not both"),
        (("old-town", "--out", "a.svg", "--check", str(UUID(int=7))), 2, "there is no check"),
        (("old-town", "--out", "a.svg", "--dataset", "nowhere"), 2, "datasets import-addresses nowhere FILE"),
        (("harbour", "--out", "a.svg", "--address", NEAR), 2, "--source"),
        (("old-town", "--out", "missing/a.svg"), 2, "No such file"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(town: Shell, words: tuple[str, ...], code: int, said: str) -> None:
    ran = town("zones", "show", *words)
    assert ran.code == code
    assert is_one_sentence(ran) or "missing" in words[2]
    assert said in ran.err
    assert "Puits" not in ran.err
    assert not (town.folder / "a.svg").exists()


def test_a_check_about_another_zone_names_that_zone(town: Shell) -> None:
    ran = town("zones", "show", "harbour", "--out", "a.svg", "--check", in_review(town))
    assert ran.code == 2
    assert "is about the zone old-town" in ran.err


def test_a_source_that_gives_no_answer_is_told_and_draws_nothing(town: Shell) -> None:
    town.write("towns.csv", "nonsense\n")
    ran = town("zones", "show", "old-town", "--out", "a.svg", "--address", NEAR)
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "towns gave no answer (source_unreadable)" in ran.err
    assert not (town.folder / "a.svg").exists()


def test_a_source_that_is_paused_is_not_asked(town: Shell) -> None:
    town("sources", "pause", "towns", "--for", "2h", "--reason", "moving")
    ran = town("zones", "locate", "--zone", "old-town", "--address", NEAR)
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "not asked: towns is paused" in ran.err


def test_a_look_up_is_paid_from_the_day_of_its_source(town: Shell) -> None:
    town.write("jurat.yaml", CONFIGURATION.replace("path: towns.csv }", "path: towns.csv, daily: 1 }", 1))
    assert town("config", "apply", "jurat.yaml").code == 0
    assert town("zones", "locate", "--zone", "old-town", "--address", INSIDE).code == 0
    again = town("zones", "locate", "--zone", "old-town", "--address", INSIDE)
    assert again.code == 3
    assert is_one_sentence(again)


# ------------------------------------------------------------------------------------------------ locate


@pytest.mark.parametrize(
    ("address", "code", "outcome", "reason"),
    [
        (INSIDE, 0, "accepted", "inside_zone"),
        (OUTSIDE, 1, "refused", "outside_zone"),
        (NEAR, 5, "undetermined", "near_border"),
        ("number=99,street=rue du Puits,postcode=00100", 5, "undetermined", "house_number_not_found"),
        ("number=8,street=rue du Puits,postcode=00200", 5, "undetermined", "postcode_differs"),
    ],
)
def test_it_says_what_the_rule_would_do(town: Shell, address: str, code: int, outcome: str, reason: str) -> None:
    ran = town("zones", "locate", "--zone", "old-town", "--address", address, "--json")
    assert ran.code == code
    assert (ran.json["outcome"], ran.json["reason"]) == (outcome, reason)
    failed = [rule for rule, held in ran.json["rules"].items() if not held]
    assert len(failed) == (outcome == "undetermined")
    told = town("zones", "locate", "--zone", "old-town", "--address", address)
    assert told.code == code
    assert reason in told.out.splitlines()[0]
    assert sum(line.startswith("NO ") for line in told.out.splitlines()) == len(failed)


def test_an_address_may_stand_by_itself(town: Shell) -> None:
    ran = town("zones", "locate", "--zone", "old-town", OUTSIDE)
    assert (ran.code, ran.out) == (1, town("zones", "locate", "--zone", "old-town", "--address", OUTSIDE).out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("8 rue du Puits, 00100 Valmont",), "is not NAME=VALUE"),
        ((INSIDE, "--address", INSIDE), "once"),
        ((INSIDE, "--field", "number=8"), "once"),
        ((INSIDE, "--answer-file", "address.json"), "once"),
        (("",), "--address"),
    ],
)
def test_an_address_by_itself_is_given_once_and_by_its_fields(town: Shell, words: tuple[str, ...], said: str) -> None:
    ran = town("zones", "locate", "--zone", "old-town", *words)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
    assert "Puits" not in ran.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("1 Rue du Puits",), "ADDRESS"),
        (("8,street=rue du Puits",), "ADDRESS"),
        (("--address", "1 Rue du Puits"), "--address"),
        (("--address", INSIDE, "--field", "Puits"), "--field"),
        (("--address", INSIDE, "--field", "number=9"), "--field"),
        (("--address", INSIDE, "--answer-file", "address.json"), "--address --answer-file"),
        (("--field", "number=8", "--answer-file", "address.json"), "--field --answer-file"),
    ],
)
def test_a_mistake_in_an_address_is_told_of_the_words_that_were_given(
    town: Shell, words: tuple[str, ...], named: str
) -> None:
    for command in ("locate", "show"):
        if command == "show" and not words[0].startswith("--"):
            continue
        ran = town("zones", command, *(("--zone", "old-town") if command == "locate" else ("old-town",)), *words)
        assert ran.code == 2
        assert is_one_sentence(ran)
        said = set(re.findall(r"--[a-z-]+|ADDRESS", ran.err))
        assert said - {"--help"} == set(named.split())
        assert "Puits" not in ran.err


def test_nothing_is_written_by_looking(town: Shell) -> None:
    tables = ("jurat_checks", "jurat_attempts", "jurat_verdicts", "jurat_audit")
    counts = [sql(town, f"SELECT count(*) FROM {table}") for table in tables]
    assert town("zones", "locate", "--zone", "old-town", "--address", NEAR).code == 5
    assert [sql(town, f"SELECT count(*) FROM {table}") for table in tables] == counts


def test_without_a_zone_it_says_in_which_one_it_is(town: Shell) -> None:
    ran = town("zones", "locate", "--address", OUTSIDE, "--source", "towns")
    assert ran.code == 0
    assert "harbour" in ran.out
    assert "it lies outside of 1 other zone, beyond the margin" in ran.out
    document = town("zones", "locate", "--address", OUTSIDE, "--source", "towns", "--json").json
    assert [(each["zone"], each["outcome"]) for each in document["zones"]] == [("harbour", "accepted")]
    near = town("zones", "locate", "--address", NEAR, "--source", "towns")
    assert near.code == 5
    assert "near_border" in near.out


ONE_OF_TWO = """
    questions:
      which: { criterion: one-of, with: { zones: [old-*, harbour] }, name_zone: true }
      any: { criterion: one-of, with: { zones: [old-*, harbour] } }
"""
BETWEEN = "number=30,street=rue du Puits,postcode=00100,city=Valmont"


@pytest.fixture
def two_as_one(town: Shell) -> Shell:
    one_of = "  one-of: { source: towns, open: [zones] }\nconsultations:\n  vote:"
    town.write("jurat.yaml", CONFIGURATION.replace("consultations:", one_of + ONE_OF_TWO.rstrip(), 1))
    town.write("towns.csv", TOWNS + "30;;Rue du Puits;00100;Valmont;2.00995;48.005\n")
    assert town("config", "apply", "jurat.yaml").code == 0
    return town


@pytest.mark.parametrize(
    ("address", "which", "any_of_them", "near"),
    [
        (INSIDE, ("accepted", "old-town"), "accepted", {"old-town": "accepted"}),
        (OUTSIDE, ("accepted", "harbour"), "accepted", {"harbour": "accepted"}),
        (BETWEEN, ("undetermined", None), "accepted", {"old-town": "undetermined", "harbour": "undetermined"}),
        (NEAR, ("undetermined", None), "undetermined", {"old-town": "undetermined"}),
        (NEAR.replace("8", "99"), ("undetermined", None), "undetermined", {}),
    ],
)
def test_a_question_about_many_zones_says_which_it_is(
    two_as_one: Shell, address: str, which: tuple[str, str | None], any_of_them: str, near: dict[str, str]
) -> None:
    named, alike = (
        two_as_one("zones", "locate", "--question", f"vote/{each}", address, "--json") for each in ("which", "any")
    )
    assert (named.json["outcome"], named.json["zone"]) == which
    assert (alike.json["outcome"], alike.json["zone"]) == (any_of_them, None)
    for ran in (named, alike):
        assert {each["zone"]: each["outcome"] for each in ran.json["zones"]} == near
    told = two_as_one("zones", "locate", "--question", "vote/which", address)
    assert told.code == named.code == {"accepted": 0, "undetermined": 5}[which[0]]
    assert "the area of vote/which" in told.out.splitlines()[0]
    assert all(re.search(rf"^{zone} +{outcome} ", told.out, re.MULTILINE) for zone, outcome in near.items())


def test_a_question_about_one_zone_decides_as_that_zone(town: Shell) -> None:
    ran = town("zones", "locate", "--question", "budget/residence", INSIDE, "--json")
    assert (ran.code, ran.json) == (0, town("zones", "locate", "--zone", "old-town", INSIDE, "--json").json)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--question", "vote/wich"), "there is no question 'vote/wich' about zones"),
        (("--question", "vote/any"), "zones of vote/any are not in force"),
        (("--question", "vote/any", "--zone", "old-town"), "not both"),
    ],
)
def test_a_question_that_cannot_be_located_for_is_one_sentence(
    two_as_one: Shell, words: tuple[str, ...], said: str
) -> None:
    sql(two_as_one, "DELETE FROM jurat_zones WHERE name = 'harbour'")
    ran = two_as_one("zones", "locate", *words, INSIDE)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err


def test_what_no_zone_could_decide_is_told_once(town: Shell) -> None:
    ran = town("zones", "locate", "--address", "street=rue du Puits,postcode=00200", "--source", "towns")
    assert ran.code == 5
    assert ran.out.startswith("Undetermined for any zone (")


def test_of_several_sources_one_must_be_named(town: Shell) -> None:
    ran = town("zones", "locate", "--address", INSIDE)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "spare, towns" in ran.err


def test_without_an_address_it_says_how_to_give_one(town: Shell) -> None:
    ran = town("zones", "locate", "--zone", "old-town")
    assert ran.code == 2
    assert "--address" in ran.err


def test_without_a_configuration_it_says_what_to_do(shell: Shell) -> None:
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    shell("zones", "import", "zones.geojson")
    ran = shell("zones", "locate", "--zone", "old-town", "--address", NEAR)
    assert ran.code == 2
    assert "config apply" in ran.err
