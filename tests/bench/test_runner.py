"""What a row has missed."""

from __future__ import annotations

from typing import Any

import pytest

from bench.faults.runner import missed
from bench.faults.scenario import Scenario

SCENARIO = Scenario(
    "kill",
    "a fault",
    lambda stage: None,
    limits={"recovery_s": 5, "repeated": 0},
    at_least={"kills": 3, "rate_share": 0.5},
)


def row(**changes: Any) -> dict[str, Any]:
    well = {"lost": 0, "doubled": 0, "stale": 0, "other": 0, "bugs": [], "gave_up": [], "stubborn": [], "crashes": 0}
    return {**well, "drained_s": 1.0, "recovery_s": 4.9, "repeated": 0, "kills": 3, "rate_share": 0.5, **changes}


def test_a_row_that_kept_everything_has_missed_nothing() -> None:
    assert missed(SCENARIO, row()) == []


@pytest.mark.parametrize(
    "change",
    [
        *({name: 1} for name in ("lost", "doubled", "stale", "other", "crashes", "repeated")),
        {"bugs": ["ValueError"]},
        {"gave_up": ["not every worker settles something"]},
        {"stubborn": ["worker0"]},
        {"drained_s": None},
        {"recovery_s": None},
        {"kills": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_slack_excuses_nothing_but_slowness(change: dict[str, Any]) -> None:
    assert len(missed(SCENARIO, row(**change))) == 1
    assert len(missed(SCENARIO, row(**change), slack=3)) == 1


@pytest.mark.parametrize("change", [{"recovery_s": 14.9}, {"rate_share": 0.2}], ids=lambda change: next(iter(change)))
def test_slack_excuses_slowness(change: dict[str, Any]) -> None:
    assert len(missed(SCENARIO, row(**change))) == 1
    assert missed(SCENARIO, row(**change), slack=3) == []


@pytest.mark.parametrize("change", [{"recovery_s": 15.1}, {"rate_share": 0.1}], ids=lambda change: next(iter(change)))
def test_slack_has_an_end(change: dict[str, Any]) -> None:
    assert len(missed(SCENARIO, row(**change), slack=3)) == 1
