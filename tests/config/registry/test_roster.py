"""Rosters in the configuration: what is kept, what may be said, and what two sources of one list agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.configuration import Configuration
from config.lint import lint
from config.registry import RosterSource
from config.registry.lint.description import order_problems
from config.registry.model.source import answer_properties
from tests.config.linted import Changes, lines, mistaken, mistakes

PEOPLE = """\
sources:
  members:
    type: roster
    dataset: members
    max_age: 60d
    file:
      encoding: utf-8
      delimiter: ";"
      number: Ref No
      keep: [Surname, Given, Status, Valid]
    inputs:
      { number: { clean: [digits], max_length: 20 }, family_name: {},
        given_name: {} }
    record:
      fields: { names: "{family: Surname, given: Given}", status: Status, until: Valid }
      status: { active: [on], inactive: [off] }
    rules:
      - { check: equals, field: number, input: number }
      - { check: name, family: family_name, given: given_name }
      - { check: status, is: active }
    tests:
      - { name: nobody, input: { number: "1", family_name: A, given_name: B }, responses: { file: { text: "Ref No;Surname\\n" } }, expect: undetermined/record_not_found }
criteria:
  is-member: { source: members }
consultations:
  board:
    questions:
      membership: { criterion: is-member }
"""  # noqa: E501 - lines of a configuration
SECOND = PEOPLE.replace("  members:\n", "  others:\n", 1).partition("criteria:")[0].partition("sources:\n")[2]


def source(folder: Path, text: str = PEOPLE) -> RosterSource:
    file = folder / "jurat.yaml"
    file.write_text(text, "utf-8")
    configuration = lint([file]).configuration
    assert configuration is not None
    found = configuration.sources["members"]
    assert isinstance(found, RosterSource)
    return found


def with_second(*changes: tuple[str, str]) -> str:
    """Two sources of one list, of which the second is changed."""
    second = SECOND
    for good, bad in changes:
        assert good in second
        second = second.replace(good, bad)
    text = PEOPLE.replace("criteria:\n", f"{second}criteria:\n", 1)
    return text.replace("source: members", "source: [members, others]")


def test_a_list_is_described_in_a_few_lines(tmp_path: Path) -> None:
    assert lines(tmp_path, PEOPLE) == []
    found = source(tmp_path)
    assert (found.max_age, found.dataset, found.requests) == (60 * 86_400, "members", 1)
    assert list(order_problems(found)) == []
    properties, required = answer_properties(found)
    assert list(properties) == required == ["number", "family_name", "given_name"]


def test_the_number_needs_no_expression_and_survives_being_applied(tmp_path: Path) -> None:
    found = source(tmp_path)
    assert found.record.fields["number"] == '"Ref No"'
    document: Any = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert "from" not in document["record"]
    assert RosterSource.model_validate(document) == found
    configuration = lint([tmp_path / "jurat.yaml"]).configuration
    assert configuration is not None
    again = Configuration.from_json(configuration.to_json()).sources["members"]
    assert again == found
    assert again.layout == found.layout


@pytest.mark.parametrize(("changes", "said"), mistakes("roster-mistakes.txt"))
def test_one_mistake_about_a_list_is_told_in_one_line(tmp_path: Path, changes: Changes, said: list[str]) -> None:
    assert lines(tmp_path, mistaken(PEOPLE, changes)) == said


@pytest.mark.parametrize(
    ("good", "bad", "same"),
    [
        ("encoding: utf-8", "encoding: windows-1252", True),
        ("clean: [digits], max_length: 20", "clean: [digits], max_length: 30, title: { en: Number }", True),
        ("keep: [Surname, Given, Status, Valid]", "keep: [Valid, Status, Given, Surname]", True),
        ("max_age: 60d", "max_age: 90d", True),
        ("clean: [digits]", "clean: [alnum]", False),
        ("clean: [digits]", "clean: [digits], format: luhn", False),
        ("number: Ref No", "number: Other No", False),
        ("Valid", "Expiry", False),
    ],
)
def test_what_was_done_to_the_stored_numbers_is_part_of_the_layout(
    tmp_path: Path, good: str, bad: str, *, same: bool
) -> None:
    assert good in PEOPLE
    assert (source(tmp_path, PEOPLE.replace(good, bad)).layout == source(tmp_path).layout) is same


IN_BOTH = "write the same in both, or import it under two names"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), ""),
        ((("max_age: 60d", "max_age: 90d"),), ""),
        (
            (("utf-8", "windows-1252"),),
            (
                "27:5: error: sources.others.file: 'members' reads this dataset in another way, "
                "and it is imported only once"
            ),
        ),
        (
            (("clean: [digits]", "clean: [alnum]"),),
            (
                "32:5: error: sources.others.inputs: 'members' cleans the number of this dataset in another way, "
                "and it is imported only once"
            ),
        ),
    ],
)  # fmt: skip
def test_two_sources_of_one_list_read_it_in_one_way(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], said: str
) -> None:
    assert lines(tmp_path, with_second(*changes)) == ([f"{said} — {IN_BOTH}"] if said else [])


def test_an_address_base_and_a_list_share_no_name(tmp_path: Path) -> None:
    text = PEOPLE.replace("sources:\n", "sources:\n  towns: { type: address-file, dataset: members }\n")
    found = [line for line in lines(tmp_path, text) if "error" in line]
    assert found == [
        (
            "5:14: error: sources.members.dataset: 'towns' has a dataset of this name, of type address-file — "
            "give one of them another name"
        )
    ]
