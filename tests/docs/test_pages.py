"""All pages: what is made from the code is up to date, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.main import root
from docs.commands import commands
from docs.generate import FILES, PARTLY_FILLED, filled_in
from docs.generate import PAGES as MADE
from tests.docs.pages import PAGES, ROOT, anchors, blocks, command_lines, links

KNOWN = dict(commands())
NOT_RUN_ON_PURPOSE = {
    "docs/administrators/describe-a-real-registry.md": 1,
}


@pytest.mark.parametrize("page", [*MADE, *PARTLY_FILLED], ids=lambda page: page.stem)
def test_a_reference_is_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == filled_in(text), "run: python -m docs.generate"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_is_made_as_a_whole_is_up_to_date(file: Path) -> None:
    assert file.read_text("utf-8") == FILES[file](), "run: python -m docs.generate"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_command_exists_with_its_options() -> None:
    found = [(place, line, mistake(line)) for page in PAGES for place, line in command_lines(page)]
    assert len(found) > 50
    assert [each for each in found if each[2]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_keys_are_made_where_there_is_an_environment(page: Path) -> None:
    """In a fresh clone the line would fail, and leave an empty file that it does not write over the next time."""
    text = page.read_text("utf-8")
    before, makes, _ = text.partition("bin/jurat keys generate ")
    said = re.search(r"^make (demo|wheel)\b|`make demo` has run", before, re.MULTILINE)
    assert said or not makes, "say `make demo` before it"


@pytest.mark.parametrize(
    "line",
    ["purge", "reviews list", "codes generate --list spring", "config aply jurat.yaml", "submit a b c --feild x=y"],
)
def test_a_command_or_option_that_does_not_exist_is_found(line: str) -> None:
    assert mistake(line)


def mistake(line: str) -> str | None:
    """What of a command line `jurat` would not know; None where it knows all of it."""
    words = _words(line)
    name = " ".join(words[:2]) if " ".join(words[:2]) in KNOWN else words[0]
    command = KNOWN.get(name)
    if command is None or (isinstance(command, click.Group) and len(words) > 1):
        return f"there is no command {' '.join(words[:2])}"
    if name == "worker":
        return None  # Celery's own options may follow
    options = {"--help", *(option for each in command.params for option in (*each.opts, *each.secondary_opts))}
    strange = [word for word in words if word.startswith("--") and word not in options]
    return f"{name} has no option {strange[0]}" if strange else None


def _words(line: str) -> list[str]:
    plain = line.partition(" #")[0].partition("│")[0].partition(">")[0].partition(";")[0].partition("&&")[0]
    try:
        return shlex.split(plain.replace("\\", ""))
    except ValueError:
        return plain.split()


def test_the_help_of_the_whole_names_the_same_commands() -> None:
    assert {name.split()[0] for name, _ in commands()} == set(root.list_commands(click.Context(root)))


def test_blocks_that_nobody_runs_are_few_and_marked() -> None:
    found = {
        str(page.relative_to(ROOT)): count
        for page in PAGES
        if (count := sum(bool(b.not_run) for b in blocks(page, "sh")))
    }
    assert found == NOT_RUN_ON_PURPOSE
