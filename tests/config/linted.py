"""What lint says of a text, and of one with a mistake in it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from textwrap import dedent

from config.lint import Report, lint

ZONES = ("harbour", "old-town")

REGISTRY = """\
sources:
  roll:
    type: registry
    hosts: [registry.example]
    secrets: { api_key: { env: JURAT_SOURCE_ROLL } }
    inputs:
      number: { clean: [digits] }
      family_name: {}
    steps:
      - request:
          url: https://registry.example/people/{number}
          auth: { type: bearer, token: "{secrets.api_key}" }
        outcomes:
          - { when: "status != `200`", then: retry }
    record:
      from: body.person
      fields: { number: id, names: names, professions: professions }
    rules:
      - { check: equals, field: number, input: number }
      - { check: name, family: family_name, compatible: undetermined }
      - { check: codes, field: professions, requirement: professions, else: refused, reason: profession_not_eligible }
criteria:
  is-physician: { source: roll, require: { professions: ["10"] } }
consultations:
  board:
    questions:
      profession: { criterion: is-physician }
"""


Changes = list[tuple[str, str]]


def mistakes(file: str) -> list[tuple[Changes, list[str]]]:
    """What stands in a good configuration and what is written instead, at one place or several, and what lint says."""
    found = []
    for block in (Path(__file__).parent / file).read_text(encoding="utf-8").split("\n\n")[1:]:
        marked = [line.partition(" ") for line in block.splitlines()]
        groups = [
            (mark, "\n".join(text for *_, text in group)) for mark, group in groupby(marked, lambda line: line[0])
        ]
        texts = [text for mark, text in groups if mark in "-+"]
        said = [text for mark, _, text in marked if mark == "!"]
        found.append((list(zip(texts[::2], texts[1::2], strict=True)), said))
    return found


def mistaken(good: str, changes: Changes) -> str:
    """The good configuration with these mistakes."""
    for right, wrong in changes:
        assert good.count(right) == 1, right
        good = good.replace(right, wrong)
    return good


def report(folder: Path, text: str, **options: object) -> Report:
    (folder / "jurat.yaml").write_text(dedent(text), encoding="utf-8")
    return lint([folder / "jurat.yaml"], zones=ZONES, **options)  # type: ignore[arg-type]


def lines(folder: Path, text: str, **options: object) -> list[str]:
    found = report(folder, text, **options)
    assert (found.configuration is None) == any(": error: " in str(problem) for problem in found.problems)
    return [str(problem).removeprefix(f"{folder}/jurat.yaml:") for problem in found.problems]
