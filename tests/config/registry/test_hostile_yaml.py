"""What must not stand in a registry's description: each is a line of lint with its place and what to do.

Rows 4, 23 and 25 of the table in `tests/adapters/registry/test_hostile_rows.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.linted import REGISTRY, Changes, lines, mistaken, mistakes


@pytest.mark.parametrize(("changes", "said"), mistakes("registry/hostile.txt"))
def test_it_is_told_at_its_place_with_what_to_do(changes: Changes, said: list[str], tmp_path: Path) -> None:
    assert lines(tmp_path, mistaken(REGISTRY, changes)) == said
    assert "s3same" not in "".join(said)


def test_a_no_is_the_text_that_it_looks_like(tmp_path: Path) -> None:
    """YAML 1.1 would read the Norwegian code NO as false."""
    assert lines(tmp_path, REGISTRY.replace('["10"]', "[NO, yes, on]")) == []


@pytest.mark.parametrize("option", ["regex", "pattern", "match"])
@pytest.mark.parametrize("place", ["family_name: {", "number: {", "check: name,", "check: equals,", "- { when"])
def test_no_part_takes_a_regular_expression(place: str, option: str, tmp_path: Path) -> None:
    assert REGISTRY.count(place) == 1
    written = f"{option}: '^(\\w+\\s?)*$'{'' if place == 'family_name: {' else ', '}"
    changed = place.replace("- {", f"- {{ {written}") if place.startswith("-") else f"{place} {written}"
    found = lines(tmp_path, REGISTRY.replace(place, changed))
    told = (f".{option}: unknown option", ".pattern: 'w' is a small letter")  # an input's pattern is no expression
    assert any(each in line for line in found for each in told), found
