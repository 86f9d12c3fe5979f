"""Questions about several zones as one."""

from __future__ import annotations

import pytest

from config.configuration import Configuration
from config.lint import lint_text

ZONES = ("ward-1", "ward-20", "ward-21", "estate-1")

TEXT = """\
environment: test
sources:
  towns: {{ type: address-file, path: towns.csv }}
criteria:
  lives-in: {{ source: towns, {criterion} }}
consultations:
  vote:
    questions:
      ward: {{ criterion: lives-in{question} }}
"""


def problems(criterion: str, question: str = "") -> list[str]:
    report = lint_text(TEXT.format(criterion=criterion, question=question), "a.yaml", zones=ZONES)
    return [f"{problem.path}: {problem.message} — {problem.hint}" for problem in report.problems]


@pytest.mark.parametrize(
    ("criterion", "question"),
    [
        ("zones: [ward-1, estate-*]", ""),
        ("open: [zones]", ", with: { zones: [ward-1, ward-2*] }, name_zone: true"),
        ("open: [zones]", ", with: { zones: ward-* }"),
    ],
)
def test_it_is_stored_and_read_again(criterion: str, question: str) -> None:
    report = lint_text(TEXT.format(criterion=criterion, question=question), "a.yaml", zones=ZONES)
    assert report.problems == ()
    assert report.configuration
    again = Configuration.from_json(report.configuration.to_json())
    asked, before = again.questions["vote", "ward"], report.configuration.questions["vote", "ward"]
    assert again.digest == report.configuration.digest
    assert (asked.zones, asked.name_zone, asked.zone) == (before.zones, before.name_zone, None)
    assert asked.is_about("estate-1" if "estate" in criterion else "ward-20")


@pytest.mark.parametrize(
    ("criterion", "question", "said"),
    [
        ("zone: ward-1, zones: [ward-1]", "", "a criterion has one zone, or zones as one"),
        ("open: [zone, zones]", ", with: { zone: ward-1 }", "a criterion has one zone, or zones as one"),
        ("zones: [ward-1], open: [zones]", ", with: { zones: ward-1 }", "zones is both given and left open"),
        ("zones: [ward-3*]", "", "no zone is imported whose name begins with 'ward-3'"),
        ("open: [zones]", ", with: { zones: [ward-1, wrd-20] }", "did you mean 'ward-20'?"),
        ("open: [zones]", "", "add with: { zones: [NAME, BEGINNING*] }"),
        ("open: [zone]", ", with: { zone: [ward-1] }", "must be one name — write zone: NAME"),
        ("open: [zone]", ", with: { zone: ward-1 }, name_zone: true", "has no zones among which one could be named"),
        ("open: [zones]", ", with: { zones: ['*'] }", "a '*' after it means every zone whose name begins so"),
    ],
)
def test_a_mistake_is_told(criterion: str, question: str, said: str) -> None:
    assert said in "\n".join(problems(criterion, question))
