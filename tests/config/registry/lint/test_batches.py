"""Many numbers in one request: what a description says of it. Most mistakes stand in `registry-source-mistakes.txt`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from config.registry import RegistrySource


def described(**changes: Any) -> dict[str, Any]:
    return {
        "type": "registry",
        "hosts": ["registry.example"],
        "inputs": {"number": {"clean": ["digits"]}},
        "steps": [{"request": {"url": "https://registry.example/people", "query": {"id": "{number}"}}}],
        "record": {"from": "body.people", "fields": {"number": "id"}},
        "rules": [{"check": "equals", "field": "number", "input": "number"}],
        "batch": {"most": 20},
        **changes,
    }


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        RegistrySource.model_validate(described(**changes))
    return [error["msg"] for error in caught.value.errors()]


def test_a_look_up_asks_for_as_many_checks_as_a_batch_holds() -> None:
    source = RegistrySource.model_validate(described(rate="5/s"))
    assert (source.together, source.requests, source.interval) == (20, 1, 0.2)
    assert source.batch is not None
    assert source.batch.join == ","
    assert RegistrySource.model_validate(described(batch=None)).together == 1


@pytest.mark.parametrize("join", [",", "' OR '", ",https://ids.example|", " ", "%2C", "/"])
def test_whatever_no_number_holds_may_join_them(join: str) -> None:
    assert RegistrySource.model_validate(described(batch={"most": 2, "join": join})).together == 2


@pytest.mark.parametrize("join", ["", "x", "-", "1.", "+", "\n", "a\tb", "é,", 7])
def test_what_a_number_or_no_request_could_hold_joins_nothing(join: Any) -> None:
    assert problems(batch={"most": 2, "join": join})


@pytest.mark.parametrize("most", [0, 1, 101, "20", 2.5, True, None])
def test_a_batch_holds_from_two_to_a_hundred(most: Any) -> None:
    assert problems(batch={"most": most})


def test_a_batch_is_asked_for_by_one_number() -> None:
    inputs = {"number": {"clean": ["digits"]}, "old_number": {"clean": ["digits"]}}
    rules = [{"check": "equals", "field": "number", "input": name} for name in inputs]
    said = "the number is compared with number and old_number, and a batch is asked for by one input"
    assert problems(inputs=inputs, rules=rules) == [f"{said} — compare it with one of them, or remove batch:"]
    rules[1]["field"] = "other"
    record = {"from": "body.people", "fields": {"number": "id", "other": "old"}}
    assert RegistrySource.model_validate(described(inputs=inputs, rules=rules, record=record)).together == 20


def test_a_format_without_a_condition_cleans_a_number_as_well() -> None:
    assert RegistrySource.model_validate(described(inputs={"number": {"format": "fr.siren"}})).together == 20
