"""Presets do what they say: their tests, bad moods offline and over HTTP, and answers of real registries."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from adapters.registry_tests.examination import examine
from bench.registries.moods import play
from bench.registries.payloads import CASES, Case, shown
from bench.registries.shipped import NAMES, Shipped
from examples.sources import Mood


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_could_be_published(name: str) -> None:
    shipped = Shipped.of(name)
    examination = examine(shipped.source, shipped.files.read)
    assert [test.problem for test in examination.results if not test.passed] == []
    assert [(fault.place, fault.problem) for fault in examination.faults] == []
    assert len(examination.moods) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_mood_of_the_outside_world_accepts_or_refuses_anybody(name: str) -> None:
    shipped = Shipped.of(name)
    felt = list(play(shipped))
    assert [each for each in felt if not each.is_right] == []
    assert Counter(each.mood for each in felt) == Counter(list(Mood) * len(shipped.source.steps))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.about}")
def test_an_answer_of_a_real_registry_gives_the_right_verdict(case: Case, shared: Path) -> None:
    assert shown(case, shared / "data" / "registries").found == case.expected


def test_every_answer_at_hand_of_their_registries_is_asked_about(shared: Path) -> None:
    folder = shared / "data" / "registries"
    asked = {case.file for case in CASES}
    registries = {file.partition("/")[0] for file in asked}
    there = {str(file.relative_to(folder)) for name in registries for file in (folder / name).glob("*.json")}
    assert asked == there
