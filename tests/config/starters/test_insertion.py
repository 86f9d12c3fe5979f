"""A draft that is put into a configuration stands in its sections, and all else stays as it was."""

from __future__ import annotations

from datetime import date

import pytest
from ruamel.yaml import YAML

from config.starters.draft import draft_text
from config.starters.insertion import put_into

DRAFT = draft_text("board", {"number": "10000001", "name": "Linnet Ashgrove"}, date(2026, 12, 1))
TEXT = """# ours
environment: test
sources: # all of them
  old: { type: manual }

# what they decide
criteria:
  in-old: { source: old }
# and who is asked
consultations:
  spring: { questions: { entry: { criterion: in-old } } }
"""


def read(text: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = YAML(typ="safe").load(text)
    return found


def test_its_parts_stand_below_those_of_each_section() -> None:
    text = put_into(TEXT, DRAFT)
    before, drafted, after = read(TEXT), read(DRAFT), read(text)
    assert after["sources"] == before["sources"] | drafted["sources"]
    assert after["criteria"] == before["criteria"] | drafted["criteria"]
    assert after["consultations"] == before["consultations"]
    kept = [line for line in text.splitlines() if line in TEXT.splitlines()]
    assert [line for line in kept if line] == [line for line in TEXT.splitlines() if line]
    assert text.index("# what they decide") > text.index("tests:")
    assert text.index("# and who is asked") > text.index("in-board")


@pytest.mark.parametrize("text", ["", "\n", "{}\n"])
def test_in_an_empty_text_it_is_all_there_is(text: str) -> None:
    assert read(put_into(text, DRAFT)) == read(DRAFT)


def test_a_section_that_is_missing_is_added() -> None:
    text = put_into("environment: test\nsources:\n  old: { type: manual }", DRAFT)
    assert list(read(text)) == ["environment", "sources", "criteria", "consultations"]
