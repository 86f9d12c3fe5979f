"""An input that cannot be right, and the check that it failed, are reported without what was typed."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.registry.numbers import Cleaner, Malformed, clean
from config.registry.model.inputs import Input
from tests.adapters.registry_tests.test_examination import WHOLE, faults


@pytest.mark.parametrize(
    ("field", "value", "failed"),
    [
        (
            {"format": "iso7064.mod_11_2", "clean": ["trim", "upper"]},
            "0794-7731",
            "not iso7064.mod_11_2 after clean: [trim, upper]",
        ),
        ({"format": "luhn"}, "79473", "not luhn"),
        ({"clean": ["digits"]}, "79 x", "not fit for clean: [digits]"),
        ({"max_length": 3}, "79473", "no text of at most 3 characters"),
        ({"values": {"a": "1"}}, "79473", "none of its values"),
        ({"type": "date"}, "79473", "no day, or empty"),
        ({"type": "date"}, "1794-07-30", "no day from 1900 on to a year ahead"),
        ({}, "", "missing"),
    ],
)
def test_what_an_input_did_not_pass_is_told_without_what_was_typed(
    field: dict[str, Any], value: str, failed: str
) -> None:
    with pytest.raises(Malformed) as caught:
        clean({"ref": value}, {"ref": Cleaner(Input.model_validate(field))})
    assert (caught.value.input, caught.value.failed) == ("ref", failed)
    assert "79" not in str(caught.value)


def test_a_test_that_fails_for_an_input_says_which_and_why() -> None:
    tests = [{**test, "input": {**test["input"], "number": "9000010001"}} for test in WHOLE["tests"][:1]]
    ((place, said, _),) = [each for each in faults(tests=[*tests, *WHOLE["tests"][1:]]) if "expect" in each[0]]
    assert place == "tests.0.expect"
    decided = 'inputs.number decided ("9000010001" was typed; not luhn after clean: [digits])'
    assert said.endswith(f"gives undetermined/number_malformed: {decided}")
