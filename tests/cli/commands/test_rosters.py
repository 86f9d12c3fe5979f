"""`datasets import-roster`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from config.presets import FOLDER
from tests.cli.old_worker import old_worker
from tests.cli.shell import Ran, Shell, is_one_sentence

HEADER = "Ref No;Surname;Given;Status;Town"
ROWS = ("9000 010 000;Valombre;Iris;Registered;Valmont", "9000010372;Sardel;Maëlle;Suspended;Valmont")

CONFIGURATION = """\
environment: test
sources:
  physicians:
    type: roster
    dataset: doctors
    max_age: 3650d
    file: { encoding: utf-8, delimiter: ";", number: Ref No, keep: [Surname, Given, Status] }
    inputs:
      number: { clean: [digits] }
      family_name: {}
      given_name: {}
    record:
      fields: { names: "{family: Surname, given: Given}", status: Status }
      status: { active: [Registered], inactive: [Suspended] }
    rules:
      - { check: equals, field: number, input: number }
      - { check: name, family: family_name, given: given_name }
      - { check: status, is: active }
    tests:
      - name: registered
        input: { number: "1", family_name: Corvec, given_name: Tugdual }
        responses: { file: { file: test.csv } }
        expect: accepted
      - name: suspended
        input: { number: "2", family_name: Vigie, given_name: Lazare }
        responses: { file: { file: test.csv } }
        expect: refused/status_inactive
      - name: another name
        input: { number: "2", family_name: Corvec, given_name: Tugdual }
        responses: { file: { file: test.csv } }
        expect: undetermined/name_differs
  magic: { type: simulated }
criteria:
  is-physician: { source: physicians }
  other: { source: magic }
consultations:
  budget:
    questions:
      profession: { criterion: is-physician }
"""
TESTED = "Ref No;Surname;Given;Status\n1;Corvec;Tugdual;Registered\n2;Vigie;Lazare;Suspended\n"


@pytest.fixture(autouse=True)
def tested(tmp_path: Path) -> None:
    """The list that the tests of the configuration bring along, in the folder of the shell."""
    (tmp_path / "test.csv").write_text(TESTED, "utf-8")


def write(shell: Shell, *rows: str, name: str = "a.csv") -> None:
    shell.write(name, "\n".join([HEADER, *rows, ""]))


def ready(shell: Shell, *rows: str) -> None:
    """A configuration that is applied, and a file."""
    assert shell("config", "apply", str(shell.write("jurat.yaml", CONFIGURATION))).code == 0
    write(shell, *(rows or ROWS))


def imported(shell: Shell, *options: str, file: str = "a.csv") -> Ran:
    return shell("datasets", "import-roster", "doctors", file, "--source", "physicians", *options)


def listed(shell: Shell) -> list[tuple[str, int, str, int]]:
    rows = shell("datasets", "list", "--json").json
    return [(row["dataset"], row["version"], row["state"], row["people"]) for row in rows]


def test_a_list_is_imported_as_the_applied_source_says_and_listed(shell: Shell) -> None:
    ready(shell, *ROWS, ROWS[1])
    ran = imported(shell, "--data-date", "2026-11-01", "--json")
    assert ran.code == 0, ran.err
    assert {key: ran.json[key] for key in ("version", "changed", "people", "left_out", "shared_numbers")} == {
        "version": 1,
        "changed": True,
        "people": 3,
        "left_out": 0,
        "shared_numbers": 1,
    }
    assert ran.json["columns"] == {
        "number": "Ref No",
        "kept": ["Surname", "Given", "Status"],
        "not_stored": ["Town"],
    }
    assert "stored: the hash of Ref No, and Surname, Given, Status; not stored: Town" in ran.err
    assert "1 number in 2 rows: a participant with one of them is ambiguous" in ran.err
    assert listed(shell) == [("doctors", 1, "active", 3)]
    assert shell("datasets", "list", "--json").json[0]["sources"] == ["physicians"]
    again = imported(shell, "--data-date", "2026-11-01")
    assert "was already imported from this file" in again.err
    removed = shell("datasets", "remove", "doctors")
    assert "the applied configuration uses doctors in its source physicians" in removed.err
    assert shell("datasets", "remove", "doctors", "--force").code == 0
    assert listed(shell) == []


def test_an_import_says_what_the_rows_of_one_number_mean(shell: Shell) -> None:
    ready(shell, *ROWS, ROWS[1])
    several = CONFIGURATION.replace("record:\n", "record:\n      several: any\n", 1).replace("test.csv", "both.csv", 1)
    shell.write("both.csv", f"{TESTED}1;Corvec;Tugdual;Registered\n")
    for day, (which, said) in enumerate((("any", "any of its rows"), ("all", "all of its rows")), 2):
        assert shell("config", "apply", str(shell.write("jurat.yaml", several.replace("any", which)))).code == 0
        ran = imported(shell, "--data-date", f"2026-11-0{day}")
        assert f"1 number in 2 rows: a participant with one of them must pass with {said}" in ran.err


def test_numbers_that_may_have_lost_zeros_are_told_where_absence_refuses(shell: Shell) -> None:
    rows = ("99000101;Valombre;Iris;Registered;Valmont", "1000102;Sardel;Maëlle;Suspended;Valmont")
    ready(shell, *rows)
    assert "fewer digits" not in imported(shell, "--data-date", "2026-11-01").err
    strict = CONFIGURATION.replace("      status: {", "      absent: refused\n      status: {", 1)
    assert shell("config", "apply", str(shell.write("jurat.yaml", strict))).code == 0
    ran = imported(shell, "--data-date", "2026-11-02")
    assert ran.code == 0, ran.err
    assert "1 number with fewer digits than others: line 3; if a spreadsheet dropped zeros" in ran.err


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    ready(postgresql_shell)
    for day in ("2026-11-01", "2026-11-02", "2026-11-03"):
        assert imported(postgresql_shell, "--data-date", day).code == 0
    assert [row[1:3] for row in listed(postgresql_shell)] == [(3, "active"), (2, "retired")]


def test_the_configuration_may_stand_in_a_file(shell: Shell) -> None:
    shell.write("jurat.yaml", CONFIGURATION)
    write(shell, *ROWS)
    assert "no configuration was applied yet" in imported(shell).err
    assert imported(shell, "--config", "jurat.yaml").code == 0
    assert listed(shell) == [("doctors", 1, "active", 2)]


def test_a_dry_run_says_what_the_source_makes_of_the_rows_and_needs_no_database(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", CONFIGURATION)
    write(bare_shell, *ROWS, "3;X;Y;Retired;Z", f"4;{'x' * 300};Y;Registered;Z", ";X;Y;Registered;Z")
    ran = imported(bare_shell, "--config", "jurat.yaml", "--dry-run", "--skip-malformed", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["statuses"] == {"active": 1, "inactive": 1, "unknown": 1}
    assert (ran.json["rows"], ran.json["people"], ran.json["left_out"], ran.json["unreadable"]) == (5, 4, 1, 1)
    for said in (
        ("1 row left out, with an empty or malformed number: line 6; while some are left out, absence refuses no one"),
        "1 row cannot be read as the source's record says, for instance a date of another format: line 5",
        "1 row with a status that means inactive",
        "1 row with a status that the source does not know",
    ):
        assert said in ran.err.splitlines()
    assert not (bare_shell.folder / "jurat.db").exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_problem_is_told_and_nothing_is_imported(shell: Shell, *, dry_run: bool) -> None:
    ready(shell, *ROWS, ";Geheim;Y;Registered;Z", "12;Geheim", "none;Geheim;Y;Registered;Z")
    ran = imported(shell, *(["--dry-run"] if dry_run else []))
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "jurat: a.csv:4: column Ref No: is empty",
        "jurat: a.csv:5: has 2 columns, and the first line 5; is a quote missing?",
        "jurat: a.csv:6: column Ref No: is not a number that its source accepts",
        "jurat: nothing was imported",
    ]
    assert listed(shell) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("doctors a.csv --source nowhere", "no source nowhere of type roster: there is physicians"),
        ("doctors a.csv --source magic", "the source magic is not of type roster"),
        ("nurses a.csv --source physicians", "the source physicians has the dataset doctors, not nurses"),
        ("doctors a.csv --source physicians --data-date 9000-01-01", "in the future"),
        ("doctors a.csv", "Missing option '--source'"),
        ("doctors a.csv --source physicians --language fr", "No such option"),
        ("doctors a.csv --source physicians --config bad.yaml", "bad.yaml:1:1: error"),
    ],
)
def test_wrong_usage_is_told(shell: Shell, words: str, said: str) -> None:
    ready(shell)
    shell.write("bad.yaml", "source: {}\n")
    ran = shell("datasets", "import-roster", *words.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert listed(shell) == []


def test_without_a_key_nothing_is_imported(shell: Shell) -> None:
    ready(shell)
    shell.environment.pop("JURAT_HASH_KEYS", None)
    ran = imported(shell)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "JURAT_HASH_KEYS is not set" in ran.err


def test_an_older_or_a_shrunk_list_is_put_in_force_by_force_alone(shell: Shell) -> None:
    ready(shell)
    assert imported(shell, "--data-date", "2026-11-01").code == 0
    refused = imported(shell, "--data-date", "2026-10-01")
    assert refused.code == 1
    assert is_one_sentence(refused)
    assert imported(shell, "--data-date", "2026-10-01", "--force").code == 0
    assert listed(shell)[0] == ("doctors", 2, "active", 2)


def test_an_address_base_takes_no_list_s_name(shell: Shell) -> None:
    ready(shell)
    assert imported(shell).code == 0
    shell.write("towns.csv", "LON,LAT,NUMBER,STREET,POSTCODE\n-37.98,44.005,8,Rue du Moulin,99002\n")
    ran = shell("datasets", "import-addresses", "doctors", "towns.csv")
    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "doctors is a roster" in ran.err


@pytest.mark.slow
def test_a_killed_import_leaves_what_was_in_force_and_the_next_one_removes_the_rest(shell: Shell) -> None:
    ready(shell)
    assert imported(shell).code == 0
    write(shell, *(f"{number};X;Y;Registered;Z" for number in range(1, 200_000)))
    database = Path(shell.folder / "jurat.db")
    words = ("datasets", "import-roster", "doctors", "a.csv", "--source", "physicians")
    with shell.start(*words) as process, closing(sqlite3.connect(database)) as look:
        while look.execute("SELECT count(*) FROM jurat_roster_entries").fetchone()[0] < 3:
            assert process.poll() is None
        process.kill()
        process.communicate()
    assert [row[1:3] for row in listed(shell)] == [(2, "staged"), (1, "active")]
    write(shell, *ROWS, "3;X;Y;Registered;Z")
    assert imported(shell).code == 0
    assert [row[1:] for row in listed(shell)] == [(3, "active", 3), (1, "retired", 2)]


def test_a_list_whose_tests_fail_is_not_published(shell: Shell) -> None:
    text = CONFIGURATION.replace("inactive: [Suspended]", "inactive: [suspended]")
    ran = shell("config", "apply", str(shell.write("jurat.yaml", text)))
    assert ran.code == 2
    assert "expects refused/status_inactive and gives undetermined/status_unknown: rules[2] decided" in ran.err
    shell.write("jurat.yaml", CONFIGURATION)
    assert shell("config", "apply", "jurat.yaml").code == 0
    assert "physicians: suspended" in shell("sources", "test", "physicians").out


def test_the_doctor_and_the_sources_say_how_a_list_stands(shell: Shell) -> None:
    ready(shell)
    assert "the dataset doctors is not imported" in shell("sources", "test", "physicians").out
    with old_worker(shell):
        assert imported(shell, "--data-date", "2026-11-01").code == 0
    in_clear = "2 people, version 1, data of 2026-11-01, in clear until its file is imported again"
    assert in_clear in shell("sources", "test", "physicians").out
    assert imported(shell, "--data-date", "2026-11-01").code == 0
    assert "2 people, version 2, data of 2026-11-01\n" in shell("sources", "test", "physicians").out
    old = CONFIGURATION.replace("3650d", "1d")
    assert shell("config", "apply", str(shell.write("jurat.yaml", old))).code == 0
    assert imported(shell, "--data-date", "2020-01-01", "--force").code == 0
    ran = shell("sources", "test", "physicians")
    assert ran.code == 1
    assert "older than its source's max_age" in ran.out


# -- trying


def tried(shell: Shell, number: str, *options: str, family: str = "Valombre", given: str = "Iris") -> Ran:
    typed = (f"number={number}", f"family_name={family}", f"given_name={given}")
    return shell("sources", "try", "physicians", *(word for pair in typed for word in ("--input", pair)), *options)


def test_somebody_is_tried_in_the_imported_list_and_all_is_shown(shell: Shell) -> None:
    ready(shell, *ROWS, ROWS[1])
    assert imported(shell, "--data-date", "2026-11-01").code == 0
    ran = tried(shell, "9000 010 000")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "roster of 3 people, version 1, data of 2026-11-01",
        "records: 1",
        '  number: ["9000010000"]',
        '  status: ["Registered"]',
        '  names: [{"family": "Valombre", "given": "Iris"}]',
        "rules[0]  equals  holds",
        "rules[1]  name  holds",
        "rules[2]  status  holds",
        "accepted record_matches",
    ]
    shown = tried(shell, "9000010000", "--json", family="Sardel").json
    assert shown["list"] == {"version": 1, "data_date": "2026-11-01", "count": 3, "left_out": 0}
    assert [rule["gives"] for rule in shown["rules"]] == [None, "undetermined/name_differs"]
    assert shown["verdict"]["reason"] == "name_differs"


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        ("9000010372", 5, "undetermined ambiguous_record"),
        ("1", 5, "undetermined record_not_found"),
        ("12", 1, "refused status_inactive"),
        ("none", 5, "undetermined number_malformed"),
    ],
)
def test_what_trying_somebody_came_to_is_the_exit_code(shell: Shell, number: str, code: int, last: str) -> None:
    ready(shell, *ROWS, ROWS[1], "12;Valombre;Iris;Suspended;Z")
    assert imported(shell, "--data-date", "2026-11-01").code == 0
    ran = tried(shell, number)
    assert (ran.code, ran.out.splitlines()[-1]) == (code, last)
    if number == "none":
        assert ran.out.splitlines()[0] == "inputs.number: not fit for clean: [digits]"


def test_a_list_is_tried_as_a_file_describes_it(shell: Shell) -> None:
    shell.write("jurat.yaml", CONFIGURATION)
    write(shell, *ROWS)
    assert "the dataset doctors is not imported" in tried(shell, "9000010000", "--config", "jurat.yaml").out
    assert imported(shell, "--config", "jurat.yaml").code == 0
    assert tried(shell, "9000010000", "--config", "jurat.yaml").code == 0
    assert tried(shell, "9000010000").code != 0  # nothing is applied
    shell.write("jurat.yaml", CONFIGURATION.replace("active: [Registered]", "active: [Listed]"))
    changed = tried(shell, "9000010000", "--config", "jurat.yaml")
    assert (changed.code, changed.out.splitlines()[-1]) == (5, "undetermined status_unknown")


def test_nobody_is_tried_without_the_keys_of_the_numbers(shell: Shell) -> None:
    ready(shell)
    assert imported(shell).code == 0
    shell.environment.pop("JURAT_HASH_KEYS", None)
    ran = tried(shell, "9000010000")
    assert (ran.code, ran.out) == (2, "")
    assert is_one_sentence(ran)
    assert "JURAT_HASH_KEYS is not set" in ran.err


def test_trying_works_the_same_on_postgresql_and_writes_nothing(postgresql_shell: Shell) -> None:
    ready(postgresql_shell)
    assert imported(postgresql_shell, "--data-date", "2026-11-01").code == 0
    ran = tried(postgresql_shell, "9000010372", family="Sardel", given="Maelle")
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "refused status_inactive")
    assert listed(postgresql_shell) == [("doctors", 1, "active", 2)]


# -- the preset

PRESET = """\
sources:
  members: { type: roster, preset: csv-roster, dataset: members, max_age: 3650d, OVER }
criteria: { is-member: { source: members } }
consultations: { board: { questions: { membership: { criterion: is-member } } } }
"""


@pytest.mark.parametrize(
    ("over", "delimiter", "encoding"),
    [
        ("record: { timezone: Europe/Paris }", ",", "utf-8"),
        ('file: { delimiter: ";", encoding: windows-1252 }', ";", "windows-1252"),
    ],
)
def test_the_preset_is_applied_imported_and_tried_in_one_line(
    shell: Shell, over: str, delimiter: str, encoding: str
) -> None:
    shell.write("jurat.yaml", PRESET.replace("OVER", over))
    ran = shell("config", "apply", "jurat.yaml")
    assert ran.code == 0, ran.err
    rows = ("number,family_name,given_name,status,valid_until", "7-A,Müller,Maëlle,active,2099-12-31")
    (shell.folder / "m.csv").write_bytes("\n".join(rows).replace(",", delimiter).encode(encoding))
    assert shell("datasets", "import-roster", "members", "m.csv", "--source", "members").code == 0
    typed = ("--input", "number=7a", "--input", "family_name=MULLER", "--input", "given_name=Maelle")
    tested = shell("sources", "test", "members")
    assert tested.code == 0
    assert "members: suspended" in tested.out
    ran = shell("sources", "try", "members", *typed)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "accepted record_matches")


PUBLIC_FILE = """\
sources: { rpps: { type: roster, preset: fr-rpps-file, dataset: rpps } }
criteria: { is-physician: { source: rpps, require: { professions: ["10"] } } }
consultations: { board: { questions: { profession: { criterion: is-physician } } } }
"""


def test_the_public_file_of_the_rpps_is_imported_as_it_comes_and_looked_up(shell: Shell) -> None:
    """With all its columns, a `|` at the end of each line, and several rows a person."""
    shell.write("jurat.yaml", PUBLIC_FILE)
    assert shell("config", "apply", "jurat.yaml").code == 0
    public = (FOLDER / "answers" / "fr-rpps-file" / "activities.txt").read_text("utf-8")
    shell.write("PS_LibreAcces_Personne_activite.txt", public)
    ran = shell("datasets", "import-roster", "rpps", "PS_LibreAcces_Personne_activite.txt", "--source", "rpps")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1].split()[:3] == ["rpps", "1", "15"]
    (others,) = [line for line in ran.err.splitlines() if "not stored: " in line]
    assert "Raison sociale site" in others
    assert others.endswith("Libellé genre activité"), "the column after the last | has no name"
    for typed, found in {
        "99900010002 Sardel Maelle": (0, "accepted record_matches"),
        "99900087778 Landreval Ysaline": (1, "refused profession_not_eligible"),
        "99900043334 Paulhac Odilon": (5, "undetermined record_not_public"),
        "99900076664 Sternhag Aud": (5, "undetermined record_not_found"),
    }.items():
        number, family, given = typed.split()
        answer = ("--input", f"number={number}", "--input", f"family_name={family}", "--input", f"given_name={given}")
        ran = shell("sources", "try", "rpps", "--require", "professions=10", *answer)
        assert (ran.code, ran.out.splitlines()[-1]) == found
    assert shell("sources", "test", "rpps").code == 0


def test_a_quote_in_the_public_file_is_told_with_its_line(shell: Shell) -> None:
    shell.write("jurat.yaml", PUBLIC_FILE)
    assert shell("config", "apply", "jurat.yaml").code == 0
    public = (FOLDER / "answers" / "fr-rpps-file" / "activities.txt").read_text("utf-8")
    shell.write("rpps.txt", public.replace("|PHARMACIE DE LA HALLE|", '|"LA HALLE" PHARMACIE|', 1))
    ran = shell("datasets", "import-roster", "rpps", "rpps.txt", "--source", "rpps")
    assert ran.code != 0
    assert "rpps.txt:4: is not CSV" in ran.err
    shell.write("rpps.txt", public.replace('"', ""))
    assert shell("datasets", "import-roster", "rpps", "rpps.txt", "--source", "rpps").code == 0
