"""How to add a registry: the description is that of the example, and the page works as it is."""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from adapters.registry_tests.configurations import registry_problems
from config.lint import lint
from config.registry.implied import fill_in
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "administrators" / "add-a-registry.md"
DESCRIPTION = block(PAGE, "yaml", "consultations:")
STATUS_RULE = "      - { check: status, is: active, else: refused, reason: status_inactive }\n"
NUMBER_RULE = "      - { check: equals, field: number, input: number }\n"
TYPED = 'number: "9000 010 000", family_name: Valombre'
MISTAKES = {
    "rules[0]": ("    rules:\n", f"    rules:\n{STATUS_RULE}{NUMBER_RULE}"),
    "outcomes[2]": ("body.count == `0`", "status == `404`"),
    "outcomes[0]": ("status == `429`", "status == 429"),
    "require": (
        'source: professionals, require: { professions: ["10"]',
        "source: professionals, require: { professions: [10]",
    ),
    "tests[0]": (f"{TYPED}, given_name: Iris }}", f"{TYPED}, given_name: Ottilie }}"),
    "record.fields.professions": ("profession.code\n", "\"profession.code || '00'\"\n"),
}


def test_the_description_is_that_of_the_example() -> None:
    shown = YAML(typ="safe").load(DESCRIPTION)["sources"]["professionals"] | {"hosts": ["127.0.0.1"]}
    example = YAML(typ="safe").load((ROOT / "examples" / "sources" / "registry.yaml").read_text("utf-8"))
    assert fill_in(shown).source == example


def test_every_mistake_is_reported_as_the_page_says(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(DESCRIPTION, "utf-8")
    assert (lint([file]).problems, registry_problems(lint([file]))) == ((), [])
    shown = block(PAGE, "text", "stranger's record").replace("\n    ", " ").splitlines()  # what is indented goes on
    assert len(shown) == len(MISTAKES)
    for (part, (right, wrong)), line in zip(MISTAKES.items(), shown, strict=True):
        assert right in DESCRIPTION
        file.write_text(DESCRIPTION.replace(right, wrong, 1), "utf-8")
        report = lint([file])
        said = [str(problem).partition(": error: ")[2] for problem in (*report.errors, *registry_problems(report))]
        assert part in line
        assert line in said


def test_the_secret_fits_into_the_description(tmp_path: Path) -> None:
    lines = block(PAGE, "yaml", "secrets:").splitlines()
    whole = DESCRIPTION.replace("    steps:\n", f"{lines[0]}\n    steps:\n", 1).replace(
        "        request:\n", f"        request:\n{lines[-1]}\n", 1
    )
    (tmp_path / "jurat.yaml").write_text(whole, "utf-8")
    assert lint([tmp_path / "jurat.yaml"]).problems == ()


@pytest.mark.slow
def test_the_registry_is_asked_and_may_be_down(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # However slow this machine is, its breaker stays closed while the page looks at it.
    patience = "    timeout: 5s\n    breaker: { failures: 1000 }\n"
    description = DESCRIPTION.replace("8000", str(port)).replace("    timeout: 5s\n", patience)
    (terminal.folder / "jurat.yaml").write_text(description, "utf-8")
    terminal.run("bin/jurat keys generate > .env; bin/jurat db upgrade")
    taken = "until grep -q 'configuration taken .* config_version=2' worker.log; do sleep 1; done"
    down = (
        "until bin/jurat sources list | grep -qE 'professionals +registry +1 .* source_unavailable'; do sleep 1; done"
    )
    patient = {"&& sleep 3": f"; {taken}", "bin/jurat sources list": f"{down}; bin/jurat sources list"}
    terminal.follow(
        PAGE, instead={"8000": str(port), "--wait 30": "--wait 100", "--timeout 60": "--timeout 100", **patient}
    )
    with closing(sqlite3.connect(terminal.folder / "jurat.db")) as connection:
        query = block(PAGE, "sql").replace("ORDER BY", "WHERE reason = 'status_inactive' ORDER BY")
        assert json.loads(connection.execute(query).fetchone()[1]) == json.loads(block(PAGE, "json", '"rule"'))


def test_the_page_says_what_becomes_of_a_number_that_two_give_and_the_reference_names_presets() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "`one_person`" in page
    assert "(`number_taken`)" in page
    assert "`preset`" in (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
