"""`config lint | schema | apply | show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy.exc import DataError

from config import publications
from config.schema import schema
from jurat import Client
from jurat.database import open_engine
from store.upkeep.upkeep import Upkeep
from tests.cli.commands.test_zones import SQUARE, collection
from tests.cli.conftest import CONFIGURATION, configure
from tests.cli.shell import ROOT, Shell, is_one_sentence

TYPO = CONFIGURATION.replace("type: simulated", "typ: simulated").replace("criterion: anything", "criterion: anythin")
ADDRESS = """\
sources:
  towns: { type: address-file, path: towns.csv }
criteria:
  lives-in: { source: towns, open: [zone] }
consultations:
  vote:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town } }
"""


def version(shell: Shell) -> int | None:
    ran = shell("config", "show", "--json")
    return ran.json["version"] if ran.code == 0 else None


# ----------------------------------------------------------------------------------------------------------------- lint


def test_lint_names_file_line_and_column_on_standard_output(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", TYPO)
    ran = bare_shell("config", "lint", "jurat.yaml")
    assert ran.code == 2
    lines = ran.out.splitlines()
    assert any(line.startswith("jurat.yaml:4:3: error: sources.magic") for line in lines)
    assert any("consultations.budget.questions.who.criterion" in line and "did you mean" in line for line in lines)
    assert ran.err.startswith("2 errors, 1 warning\n")
    problems = bare_shell("config", "lint", "jurat.yaml", "--json").json
    assert (problems["errors"], problems["warnings"], len(problems["problems"])) == (2, 1, len(lines))
    assert {"file", "line", "column", "path", "message", "hint", "severity"} <= problems["problems"][0].keys()


def test_lint_of_a_good_file_prints_nothing_and_needs_no_database(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", CONFIGURATION.replace("    access: who\n", ""))
    ran = bare_shell("config", "lint", "jurat.yaml")
    said = "no retain: budget. Verdicts are kept for 730d; write retain: 730d, or forever"
    assert (ran.code, ran.out, ran.err) == (0, "", f"0 errors, 0 warnings\n{said}\n")
    assert not (bare_shell.folder / "jurat.db").exists()


def test_a_warning_is_no_error(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", CONFIGURATION)
    ran = bare_shell("config", "lint", "jurat.yaml")
    assert ran.code == 0
    assert ": warning: " in ran.out
    assert ran.err.startswith("0 errors, 1 warning\n")


def test_lint_of_a_file_that_says_how_long_verdicts_are_kept_is_silent_about_it(bare_shell: Shell) -> None:
    kept = CONFIGURATION.replace("    access: who\n", "    retain: forever\n")
    bare_shell.write("jurat.yaml", kept)
    ran = bare_shell("config", "lint", "jurat.yaml")
    assert (ran.code, ran.out, ran.err) == (0, "", "0 errors, 0 warnings\n")


def test_lint_reads_folders(bare_shell: Shell) -> None:
    head, _, tail = CONFIGURATION.partition("criteria:\n")
    (bare_shell.folder / "parts").mkdir()
    bare_shell.write("parts/1.yaml", head)
    bare_shell.write("parts/2.yaml", f"criteria:\n{tail}")
    assert bare_shell("config", "lint", "parts").code == 0


@pytest.mark.parametrize(
    "text", ["", "a: [", "a: &a [*a, *a]", "sources: { x: { type: addok, url: https://h, key: abc } }", "\x00"]
)
def test_any_text_is_told_by_its_place(bare_shell: Shell, text: str) -> None:
    bare_shell.write("jurat.yaml", text)
    ran = bare_shell("config", "lint", "jurat.yaml")
    assert ran.code == 2
    assert ran.out.startswith("jurat.yaml:1:")
    assert "Traceback" not in ran.err


def test_lint_of_the_sample_warns_at_most(bare_shell: Shell) -> None:
    assert bare_shell("config", "lint", str(ROOT / "config" / "sample")).code == 0


@pytest.mark.slow
def test_an_operator_sees_problems_as_data_and_the_count_as_talk(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", TYPO)
    ran = bare_shell.process("config", "lint", "jurat.yaml")
    assert ran.code == 2
    assert all(line.startswith("jurat.yaml:") for line in ran.out.splitlines())
    assert ran.err.startswith("2 errors, 1 warning\n")


def test_the_schema_is_the_one_that_lint_uses(bare_shell: Shell) -> None:
    for words in ((), ("--json",)):
        assert json.loads(bare_shell("config", "schema", *words).out) == schema()


# ---------------------------------------------------------------------------------------------------------------- apply


def test_apply_prints_the_version_and_the_same_again_is_none(configured: Shell) -> None:
    again = configured("config", "apply", "jurat.yaml", "--json")
    assert (again.json["version"], again.json["changed"]) == (1, False)
    configured.write("jurat.yaml", CONFIGURATION.replace("rounds: 2", "rounds: 4"))
    dry = configured("config", "apply", "jurat.yaml", "--dry-run", "--json")
    assert (dry.json["version"], dry.json["changed"]) == (2, True)
    assert version(configured) == 1
    assert configured("config", "apply", "jurat.yaml").out == "version 2\n"
    assert version(configured) == 2


def test_an_invalid_document_changes_nothing(configured: Shell) -> None:
    configured.write("jurat.yaml", TYPO)
    ran = configured("config", "apply", "jurat.yaml")
    assert ran.code == 2
    assert ran.out == ""
    assert "jurat.yaml:4:3: error:" in ran.err
    assert "nothing was changed" in ran.err
    assert version(configured) == 1


def test_a_zone_that_is_not_imported_is_refused_with_its_place(shell: Shell) -> None:
    shell.write("jurat.yaml", ADDRESS)
    ran = shell("config", "apply", "jurat.yaml")
    assert ran.code == 2
    assert "jurat.yaml:8:55: error:" in ran.err
    assert "zone 'old-town' is not imported" in ran.err
    assert version(shell) is None
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE))))
    assert shell("zones", "import", "zones.geojson").code == 0
    assert shell("config", "apply", "jurat.yaml").code == 0


def test_a_list_without_codes_is_refused_with_its_place(shell: Shell) -> None:
    shell("codes", "generate", "sprung", "--count", "1")
    shell.write("jurat.yaml", CONFIGURATION)
    ran = shell("config", "apply", "jurat.yaml", "--json")
    assert ran.code == 2
    assert "jurat.yaml:3:32: error: sources.spring.list: the list 'spring' has no codes" in ran.err
    assert "did you mean 'sprung'?" in ran.err
    assert (ran.json["version"], ran.json["errors"]) == (None, 1)
    assert version(shell) is None


def test_checks_that_would_lose_their_question_stand_in_the_way(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "code", "--field", "code=ABCD-EFGH-JKMN")
    smaller = CONFIGURATION.replace("      code: { criterion: spring-code, rounds: 3 }\n", "")
    configured.write("jurat.yaml", smaller)
    for words in (("--dry-run",), ()):
        ran = configured("config", "apply", "jurat.yaml", *words)
        assert ran.code == 1
        assert "1 of budget/code at source spring" in ran.err
        assert "--force" in ran.err
    assert version(configured) == 1
    assert configured("config", "apply", "jurat.yaml", "--force").code == 0
    assert version(configured) == 2


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    configure(postgresql_shell)
    assert version(postgresql_shell) == 1
    assert postgresql_shell("config", "apply", "jurat.yaml", "--json").json["changed"] is False


# ----------------------------------------------------------------------------------------------------------------- show


def test_what_is_shown_can_be_applied_again_and_says_the_same(configured: Shell) -> None:
    ran = configured("config", "show")
    assert ran.out.startswith("# version 1, applied by ")
    configured.write("again.yaml", ran.out)
    assert configured("config", "apply", "again.yaml", "--json").json["changed"] is False
    assert YAML(typ="safe").load(ran.out) == configured("config", "show", "--json").json["document"]


def test_the_order_of_questions_is_shown(configured: Shell) -> None:
    document = configured("config", "show", "--json").json["document"]
    assert list(document["consultations"]["budget"]["questions"]) == ["code", "who"]


def test_an_older_version_can_be_shown(configured: Shell) -> None:
    configured.write("jurat.yaml", CONFIGURATION.replace("rounds: 2", "rounds: 4"))
    configured("config", "apply", "jurat.yaml", "--as", "Iris")
    shown = [configured("config", "show", "--version", number, "--json").json for number in ("1", "2")]
    assert [one["document"]["consultations"]["budget"]["questions"]["who"]["rounds"] for one in shown] == [2, 4]
    assert (shown[1]["applied_by"], shown[0]["newest"]) == ("Iris", 2)
    ran = configured("config", "show", "--version", "3")
    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_secret_is_shown_as_the_reference_that_it_is(shell: Shell) -> None:
    registry = YAML(typ="safe").load((ROOT / "examples" / "sources" / "registry.yaml").read_text())
    registry["secrets"] = {"api_key": {"env": "JURAT_SOURCE_REGISTRY"}}
    registry["steps"][0]["request"]["headers"] = {"X-Key": "{secrets.api_key}"}
    shell.write("jurat.yaml", json.dumps({"environment": "test", "sources": {"registry": registry}}))
    applied = shell("config", "apply", "jurat.yaml")
    assert applied.code == 0, applied.err
    assert "JURAT_SOURCE_REGISTRY is not set" in applied.err
    assert shell("sources", "test", "registry").code == 1
    ready = shell("sources", "test", "registry", JURAT_SOURCE_REGISTRY="confidential")
    shown = shell("config", "show", "--json", JURAT_SOURCE_REGISTRY="confidential")
    assert ready.code == shown.code == 0
    assert shown.json["document"]["sources"]["registry"]["secrets"]["api_key"]["env"] == "JURAT_SOURCE_REGISTRY"
    assert "confidential" not in shown.out + ready.out


def test_without_a_configuration_show_says_what_to_do(shell: Shell) -> None:
    ran = shell("config", "show")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "config apply" in ran.err


def test_settings_are_shown_with_their_source_and_without_secrets(bare_shell: Shell, tmp_path: Path) -> None:
    url = "postgresql://jurat:confidential@db.example/jurat"
    path = tmp_path / "database_url"
    path.write_text(url)
    ran = bare_shell(
        "config", "show", "--sources", "--json", JURAT_DATABASE_URL_FILE=str(path), JURAT_LOG="json", JURAT_LGO="x"
    )
    settings = {line["setting"]: line for line in ran.json["settings"]}
    assert settings["JURAT_DATABASE_URL"]["from"] == f"file {path}"
    assert settings["JURAT_LOG"] == {"setting": "JURAT_LOG", "value": "json", "from": "environment"}
    assert settings["JURAT_HASH_KEYS"]["from"] == "default"
    assert "confidential" not in ran.out + ran.err
    assert "JURAT_LGO" in ran.err
    assert "did you mean 'JURAT_LOG'" in ran.err


# ----------------------------------------------------------------------------------------------------------------- diff


def test_a_difference_is_told_option_by_option_and_ends_with_1(configured: Shell) -> None:
    same = configured("config", "diff", "jurat.yaml")
    assert (same.code, same.out, same.err) == (0, "", "no difference from version 1\n")
    changed = CONFIGURATION.replace("rounds: 2", "rounds: 4").replace(
        "  magic:", "  proofs: { type: manual }\n  magic:"
    )
    configured.write("jurat.yaml", changed)
    ran = configured("config", "diff", "jurat.yaml")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        '+ sources.proofs: {"type": "manual"}',
        "~ consultations.budget.questions.who.rounds: 2 → 4",
    ]
    assert ran.err == "2 differences from version 1\n"
    document = configured("config", "diff", "jurat.yaml", "--json").json
    assert (document["version"], document["differs"]) == (1, True)
    assert document["changes"][1] == {
        "path": "consultations.budget.questions.who.rounds",
        "change": "changed",
        "old": 2,
        "new": 4,
    }
    assert version(configured) == 1


def test_an_older_version_can_be_compared_with(configured: Shell) -> None:
    configured.write("jurat.yaml", CONFIGURATION.replace("rounds: 2", "rounds: 4"))
    configured("config", "apply", "jurat.yaml")
    assert configured("config", "diff", "jurat.yaml").code == 0
    assert configured("config", "diff", "jurat.yaml", "--version", "1").code == 1
    ran = configured("config", "diff", "jurat.yaml", "--version", "7")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "there is no version 7; the newest is 2" in ran.err


def test_without_a_configuration_everything_is_new(shell: Shell) -> None:
    shell.write("jurat.yaml", CONFIGURATION)
    ran = shell("config", "diff", "jurat.yaml")
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 6
    assert all(line.startswith("+ ") for line in ran.out.splitlines())
    assert "no configuration was applied yet" in ran.err


@pytest.mark.slow
def test_a_preset_is_compared_with_what_it_stands_for(shell: Shell) -> None:
    preset = (
        "sources: {{ npi: {{ type: registry, preset: us-npi{more} }} }}\n"
        "criteria: {{ is-physician: {{ source: npi, "
        'require: {{ professions: ["202", "204", "207", "208", "209"] }} }} }}\n'
    )
    shell.write("jurat.yaml", preset.format(more=""))
    assert shell("config", "apply", "jurat.yaml").code == 0
    shell.write("jurat.yaml", preset.format(more=", rate: 1/s"))
    assert shell("config", "diff", "jurat.yaml").out == '~ sources.npi.rate: "2/s" → "1/s"\n'


def test_what_is_not_well_formed_is_not_compared(configured: Shell) -> None:
    configured.write("jurat.yaml", TYPO)
    ran = configured("config", "diff", "jurat.yaml")
    assert ran.code == 2
    assert ran.out == ""
    assert "jurat.yaml:4:3: error:" in ran.err
    assert "nothing was compared" in ran.err


# ------------------------------------------------------------------------------------------- published by the platform

SUMMER = {"questions": {"who": {"criterion": "anything"}}, "title": {"en": "Summer"}}


def publish(shell: Shell, document: object = SUMMER) -> None:
    """Publish a consultation as a platform and a worker do."""
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    client = Client(shell.environment["JURAT_DATABASE_URL"])
    with engine.begin() as connection:
        client.publish_consultation(connection, "summer", document, by="Iris")  # type: ignore[arg-type]
    assert Upkeep(engine).apply_publications() == 1
    client.close()
    engine.dispose()


def test_what_the_platform_published_is_shown_apart_and_can_be_applied_again(configured: Shell) -> None:
    publish(configured)
    ran = configured("config", "show")
    assert "# published by the platform, and kept by `config apply`:" in ran.out.splitlines()
    assert "#   summer:" in ran.out.splitlines()
    shown = configured("config", "show", "--json").json
    assert list(shown["document"]["consultations"]) == ["budget"]
    assert shown["published"]["summer"]["title"] == {"en": "Summer"}
    assert YAML(typ="safe").load(ran.out) == shown["document"]
    configured.write("again.yaml", ran.out)
    again = configured("config", "apply", "again.yaml", "--json")
    assert (again.json["changed"], again.json["published"]) == (False, ["summer"])
    assert "kept: 1 consultation that the platform publishes itself (summer)" in again.err


def test_a_difference_leaves_out_what_the_platform_published_and_says_so(configured: Shell) -> None:
    publish(configured)
    ran = configured("config", "diff", "jurat.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert "kept: 1 consultation that the platform publishes itself (summer)" in ran.err
    assert configured("config", "diff", "jurat.yaml", "--json").json["published"] == ["summer"]


@pytest.mark.parametrize("words", [("--dry-run",), (), ("--force",)])
def test_what_stands_in_the_way_of_a_published_one_is_refused_in_a_sentence(
    configured: Shell, words: tuple[str, ...]
) -> None:
    publish(configured)
    both = CONFIGURATION + "  summer:\n    questions:\n      who: { criterion: anything }\n"
    gone = CONFIGURATION.replace("anything", "something")
    for text, said in ((both, "a consultation 'summer' too"), (gone, "there is no criterion 'anything'")):
        configured.write("jurat.yaml", text)
        ran = configured("config", "apply", "jurat.yaml", *words)
        assert ran.code == 1, ran.err
        assert said in ran.err
        assert "Traceback" not in ran.err
    assert version(configured) == 2


def test_what_is_published_is_read_once_to_be_applied_beside(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(configured)
    read: list[str] = []
    published = publications.read_consultation

    def counted(document: Any, name: str, *rest: Any) -> Any:
        read.append(name)
        return published(document, name, *rest)

    monkeypatch.setattr(publications, "read_consultation", counted)
    configured.write("jurat.yaml", CONFIGURATION.replace("rounds: 3", "rounds: 4"))
    ran = configured("config", "apply", "jurat.yaml", "--json")
    assert ran.code == 0, ran.err
    assert read == ["summer"], "at the limit there are 1,000 of them, of 16 MiB"
    assert (ran.json["published"], ran.json["digest"]) == (
        ["summer"],
        configured("config", "show", "--json").json["digest"],
    )


def test_administrators_withdraw_what_the_platform_published(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(configured)
    ran = configured("config", "withdraw", "summer")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "add --yes" in ran.err
    with monkeypatch.context() as patched:
        patched.setattr("cli.command.at_terminal", lambda: True)
        assert configured("config", "withdraw", "summer", stdin="n\n").code == 1
    assert version(configured) == 2
    ran = configured("config", "withdraw", "summer", "--yes", "--json")
    assert (ran.code, ran.json) == (0, {"name": "summer", "version": 3}), ran.err
    assert configured("config", "show", "--json").json["published"] == {}
    for name in ("summer", "budget"):
        again = configured("config", "withdraw", name, "--yes")
        assert (again.code, is_one_sentence(again)) == (2, True)
        assert f"the platform has published no consultation '{name}'" in again.err


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_the_database_does_not_hold_is_a_sentence(
    configured: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def fails(*_: object) -> None:
        raise DataError("INSERT INTO jurat_questions", {}, ValueError("string or blob too big"))

    monkeypatch.setattr("store.configurations.publisher.replace_questions", fails)
    configured.write("jurat.yaml", CONFIGURATION.replace("rounds: 3", "rounds: 4"))
    ran = configured("config", "apply", "jurat.yaml", *words)
    assert ran.code == 1
    assert "the database cannot store this configuration" in ran.err
    assert "INSERT" not in ran.err
    assert version(configured) == 1


def test_a_question_may_name_a_list_whose_codes_are_still_to_be_made(shell: Shell) -> None:
    text = CONFIGURATION.replace(", list: spring", "").replace("{ source: spring }", "{ source: spring, open: [list] }")
    text = text.replace("{ criterion: spring-code, rounds: 3 }", "{ criterion: spring-code, with: { list: autumn } }")
    shell.write("jurat.yaml", text)
    ran = shell("config", "apply", "jurat.yaml")
    assert ran.code == 0, ran.err
    place = "consultations.budget.questions.code.with.list"
    assert f": warning: {place}: the list 'autumn' has no codes — run: bin/jurat codes generate autumn" in ran.err
    shell.write("codes.txt", "ABCD1234\n")
    checked = shell("codes", "import", "autumn", "codes.txt")
    assert checked.code == 2, "the applied source of the question's list says that jurat made its codes"
    assert shell("codes", "generate", "autumn", "--count", "1").code == 0
    assert "has no codes" not in shell("config", "apply", "jurat.yaml").err
