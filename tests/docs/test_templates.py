"""The texts to copy for a data protection officer: what they name exists, and what is to be filled in shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.command import ENVIRONMENT
from docs.texts import meanings
from tests.docs.pages import ROOT
from tests.docs.test_pages import mistake

FOLDER = ROOT / "docs" / "templates"
TEMPLATES = sorted(FOLDER.glob("*.txt"))
SETTINGS = {"retain", "review_due", "four_eyes: logins"}
"""Names of the configuration that the texts have in code."""


def names(text: str) -> set[str]:
    """What a text has in code."""
    return set(re.findall(r"`([^`\n]+)`", text))


def unknown(name: str) -> bool:
    """Whether there is no such command, table or setting."""
    if name.startswith("bin/jurat "):
        return mistake(name.removeprefix("bin/jurat ")) is not None
    return name not in {*meanings()["tables"], *ENVIRONMENT, *SETTINGS}


def test_both_are_there_and_the_page_leads_to_them() -> None:
    page = (ROOT / "docs" / "operators" / "data-protection.md").read_text("utf-8")
    assert [path.name for path in TEMPLATES] == ["impact-assessment.txt", "record-of-processing.txt"]
    assert all(f"(../templates/{path.name})" in page for path in TEMPLATES)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_what_it_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    assert {name for name in names(text) if unknown(name)} == set()
    assert {name for name in re.findall(r"docs/[\w/.-]+\w", text) if not (ROOT / name).is_file()} == set()
    schema = (ROOT / "config" / "jurat.schema.json").read_text("utf-8")
    assert all(f'"{name.partition(":")[0]}"' in schema for name in SETTINGS)


@pytest.mark.parametrize("name", ["jurat_nothing", "JURAT_NOTHING", "bin/jurat purge", "keep_for"])
def test_what_does_not_exist_is_found(name: str) -> None:
    assert unknown(name)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_it_can_be_printed_and_says_what_to_fill_in(path: Path) -> None:
    text = path.read_text("utf-8")
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("[") == text.count("]") > 20


def test_the_record_names_every_table_about_people() -> None:
    """By a column that holds a participant, their number or code, or a member of staff."""
    record = (FOLDER / "record-of-processing.txt").read_text("utf-8")
    about_people = {"jurat_verdicts", "jurat_claims", "jurat_codes", "jurat_roster_entries", "jurat_audit"}
    assert about_people <= names(record)
