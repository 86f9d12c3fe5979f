"""How often a stranger's name would confirm a record: among 200 people, 19,900 pairs."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from adapters.person_names.comparison import Name
from adapters.person_names.letters import fold
from tests.adapters.person_names.strangers import (
    CULTURES,
    PEOPLE,
    Person,
    pairs,
    people,
    people_found_by_prefix,
    wrong_acceptances,
)

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "data" / "registries"
MOST = 2
"""Wrong acceptances that may be among 19,900 pairs."""


def test_200_people_are_19900_pairs() -> None:
    assert pairs(PEOPLE) == 19_900


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_strangers_of_many_cultures_do_not_confirm_each_other(seed: int) -> None:
    assert len(wrong_acceptances(people(seed))) <= MOST


@pytest.mark.slow
def test_nor_do_those_whom_a_search_by_prefix_finds() -> None:
    assert len(wrong_acceptances(people_found_by_prefix(1))) <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_nor_do_others(seed: int) -> None:
    assert len(wrong_acceptances(people(seed))) <= MOST


@pytest.mark.parametrize("culture", CULTURES)
def test_the_strangers_are_invented_as_the_culture_names_people(culture: str) -> None:
    strangers = people(1, (culture,), count=60)
    assert len(strangers) == 60
    assert len({person.recorded for person in strangers}) == 60
    assert strangers == people(1, (culture,), count=60)
    assert strangers != people(2, (culture,), count=60)


def test_they_share_names_as_people_do() -> None:
    """Else the figures would say nothing: many pairs have a family name or a first given name in common."""
    words = [
        (set(fold(each.recorded.family)), fold(each.recorded.given)[:1]) for each in people(1, ("american-spanish",))
    ]
    alike = [(bool(one[0] & other[0]), one[1] == other[1]) for one, other in combinations(words, 2)]
    assert sum(family for family, _ in alike) > 500
    assert sum(given for _, given in alike) > 500


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared with the answers of real registries is not here")
def test_people_in_answers_of_real_registries_do_not_confirm_each_other() -> None:
    found = {name for path in PAYLOADS.rglob("*.json") for name in _names_in(json.loads(path.read_text("utf-8")))}
    assert len(found) > 5
    assert wrong_acceptances([Person(name, name) for name in sorted(found, key=str)]) == []


def _names_in(answer: Any) -> list[Name]:
    """The names of people in an answer of NPPES, of a FHIR server or of the French companies."""
    found: list[Name] = []
    match answer:
        case {"last_name": str(family), "first_name": str(given)} | {"nom": str(family), "prenoms": str(given)}:
            found.append(Name(family, given))
        case {"family": str(family), "given": [*given]}:
            found.append(Name(family, " ".join(given)))
        case {"authorized_official_last_name": str(family), "authorized_official_first_name": str(given)}:
            found.append(Name(family, given))
    inside = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    for part in inside:
        found += _names_in(part)
    return found
