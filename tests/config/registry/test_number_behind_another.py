"""`format_after`: a number that is checked with what stands before it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from config.registry.model.inputs import Input
from tests.config.registry.model.test_source import VALID, complaints


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("contry", "there is no other input 'contry' — did you mean 'country'?"),
        ("number", "there is no other input 'number' — declare it"),
        ("region", "'region' may be missing — write required: true"),
    ],
)
def test_it_names_another_input_that_everybody_gives(after: str, said: str) -> None:
    inputs: dict[str, Any] = {**VALID["inputs"], "country": {}, "region": {"required": False}}
    number = {**inputs["number"], "format": "eu.vat"}
    assert complaints({**VALID, "inputs": {**inputs, "number": {**number, "format_after": "country"}}}) == []
    assert complaints({**VALID, "inputs": {**inputs, "number": {**number, "format_after": after}}}) == [
        ("inputs.number.format_after", said)
    ]


def test_there_must_be_a_format() -> None:
    with pytest.raises(ValidationError, match="does nothing without a format — add format:"):
        Input.model_validate({"format_after": "country"})
