"""Pages can be read: so many words and no more, in lines that fit, each in the folder of its readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import FILES
from docs.generate import PAGES as MADE
from docs.markdown import WIDTH
from tests.docs.pages import EXAMPLES, PAGES, ROOT

GENERATED = {*MADE, *FILES}
"""The reference: tables and lists that are made from the code, and looked into rather than read."""

READ = [
    page
    for page in PAGES
    if page not in GENERATED
    and page.parent != ROOT / "docs" / "runbooks"
    and (page == ROOT / "README.md" or page.is_relative_to(ROOT / "docs"))
]
"""Without the runbooks: nobody reads them all, but one at a time, and each has a bound of its own."""
RESULTS = re.compile(r"<!-- made: .*?<!-- end -->", re.DOTALL)
"""The tables that benches write into pages: made as well, and looked into rather than read."""
MOST_WORDS = 42_000

READERS = ("platforms", "administrators", "reviewers", "operators", "contributors")
OUTPUT = ("text", "json")
"""Languages of blocks that show what a program printed, which is not broken."""


def test_no_more_words_than_can_be_read() -> None:
    counts = {str(page.relative_to(ROOT)): len(RESULTS.sub("", page.read_text("utf-8")).split()) for page in READ}
    assert sum(counts.values()) <= MOST_WORDS, sorted(counts.items(), key=lambda each: -each[1])[:10]


@pytest.mark.parametrize(
    "page",
    [ROOT / "CHANGELOG.md", *(page for page in PAGES if page not in EXAMPLES)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_line_is_wider_than_a_page(page: Path) -> None:
    assert {number: len(line) for number, line in broken_lines(page) if len(line) > WIDTH} == {}


def test_each_page_is_in_the_folder_of_a_reader() -> None:
    assert {page.name for page in (ROOT / "docs").glob("*.md")} == set()
    folders = {page.relative_to(ROOT / "docs").parts[0] for page in (ROOT / "docs").rglob("*.md")}
    assert folders == {*READERS, "decisions", "reference", "runbooks"}


def broken_lines(page: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a page that can be broken: not what a program printed, nor a lone link."""
    fence: str | None = None
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if found := re.match(r"\s*```(\w*)", line):
            fence = None if fence is not None else found[1]
        elif fence not in OUTPUT and " " in line.lstrip(" -"):
            yield number, line
