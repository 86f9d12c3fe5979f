"""The shape of a number: what has it, what is told to administrators, and what forms check before anything is sent."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.registry.numbers import Cleaner, Malformed
from config.registry import RegistrySource
from config.registry.model.inputs import Input
from config.registry.model.patterns import cleaned_form, typed_form
from config.sources import answer_schema
from jurat import InvalidAnswer
from jurat.answers import validate
from tests.config.registry.model.test_source import VALID, complaints
from tests.jurat.closed_schemas import check_schema

CLEAN = ["alnum", "upper"]
COMPANY = {"clean": CLEAN, "pattern": ["99999999", "AA999999", "SC9[999]"]}


@pytest.mark.parametrize(
    ("pattern", "has", "has_not"),
    [
        (
            "AA999999",
            ["AB123456"],
            ["ab123456", "AB12345", "AB1234567", "A1123456", "ÄB123456", "AB12345٣", "AB123456\n"],
        ),
        ("99.99/9", ["12.34/5"], ["1234/5", "12x34/5"]),
        ("[AA]999[9]", ["123", "AB123", "AB1234", "1234"], ["A123", "12", "AB12345"]),
        (["X9", "Y9"], ["X1", "Y2"], ["Z1", "X", "X1Y2"]),
        (["9[9]", "A"], ["1", "12", "B"], ["1B", "12B", ""]),
    ],
)
def test_a_number_has_one_of_the_shapes_as_a_whole(pattern: Any, has: list[str], has_not: list[str]) -> None:
    patterns = [pattern] if isinstance(pattern, str) else pattern
    assert [text for text in [*has, *has_not] if cleaned_form(patterns).fullmatch(text)] == has


def test_a_mistyped_number_is_malformed_and_the_trace_says_which_shape_it_lacks() -> None:
    cleaner = Cleaner(Input.model_validate(COMPANY))
    assert [cleaner.clean(typed) for typed in ("sc 0471", "1234 5678", "ab-123456")] == [
        "SC0471",
        "12345678",
        "AB123456",
    ]
    for typed in ("1234567", "abc12345", "471-SC"):
        with pytest.raises(Malformed) as caught:
            cleaner.clean(typed)
        assert caught.value.reason == "number_malformed"
        assert caught.value.failed == "not 99999999 or AA999999 or SC9[999] after clean: [alnum, upper]"


def test_a_value_of_the_record_without_the_shape_is_not_compared() -> None:
    cleaner = Cleaner(Input.model_validate(COMPANY))
    assert cleaner.clean_record_value("sc-0471") == "SC0471"
    assert cleaner.clean_record_value("withheld") is None


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"pattern": "(a+)+$"}, "'a' is a small letter — write capital ones"),
        ({"pattern": "A+"}, "'A+' is no pattern: A is any letter, 9 any digit, [9] may be missing — write it like"),
        ({"pattern": ["99", "[9[9]]"]}, "is no pattern"),
        ({"pattern": "9{8}"}, "is no pattern"),
        ({"pattern": "[]9"}, "is no pattern"),
        ({"pattern": "9" + "[9]" * 5}, "has more than 4 parts that may be missing"),
        ({"pattern": "[9]-[9]"}, "everything in it may be missing"),
        ({"pattern": "9" * 41}, "at most 40 characters"),
        ({"pattern": []}, "at least 1"),
        ({"pattern": 99999999}, "valid string"),
        ({"pattern": "A9", "clean": ["digits"]}, "has letters, and clean: [digits] refuses them"),
        ({"pattern": "A9", "clean": ["alnum"]}, "a number typed in small letters would be malformed"),
        ({"pattern": "A9", "clean": ["alnum", "upper", "lower"]}, "a number typed in small letters would be malformed"),
        ({"pattern": "99-99", "clean": ["digits"]}, "has separators, which clean: takes away"),
        ({"pattern": "9", "type": "date"}, "a date has no pattern"),
        ({"pattern": "9", "values": {"1": "1"}}, "a choice has no pattern"),
    ],
)
def test_what_is_no_pattern_is_told(option: dict[str, Any], said: str) -> None:
    found = complaints({**VALID, "inputs": {**VALID["inputs"], "number": {"clean": [], **option}}})
    assert any(where.startswith("inputs.number.pattern") and said in what for where, what in found), found


def test_the_form_refuses_a_mistyped_number_before_anything_is_sent() -> None:
    schema = answer_schema(RegistrySource.model_validate({**VALID, "inputs": {**VALID["inputs"], "number": COMPANY}}))
    check_schema(schema)
    named = {"family_name": "V", "given_name": "I"}
    validate({**named, "number": " sc 04-71 "}, json.dumps(schema))
    with pytest.raises(InvalidAnswer) as caught:
        validate({**named, "number": "1234567"}, json.dumps(schema))
    assert (caught.value.field, caught.value.rule) == ("number", "pattern")


signs = st.text(st.sampled_from("0179ABSCabscｓＣ１٣ -./\u200b\u00a0éß²"), max_size=12)


@given(st.sampled_from([["99[9]"], ["AA9[9]"], ["SC99", "9"], ["[A]9[9]9"]]), signs)
@example(["SC99"], "ｓｃ\u200b１٣")
def test_the_form_takes_all_that_the_worker_takes(patterns: list[str], typed: str) -> None:
    field = Input.model_validate({"clean": CLEAN, "pattern": patterns})
    try:
        Cleaner(field).clean(typed)
    except Malformed:
        return
    assert re.search(typed_form(patterns, required=True), typed)


def test_an_optional_number_may_be_left_out_as_spaces() -> None:
    assert re.search(typed_form(["99"], required=False), "  ")
    assert not re.search(typed_form(["99"], required=True), "  ")


@pytest.mark.parametrize("typed", ["9" * 500, "9-" * 500, "-" * 1000, "9-9-9-9-9" + "-" * 980 + "9"])
def test_nothing_that_is_typed_takes_long(typed: str) -> None:
    patterns = ["9" + "[9]" * 4 + "A"] * 10
    began = time.process_time()
    assert not re.search(typed_form(patterns, required=True), typed)
    assert not cleaned_form(patterns).fullmatch(typed)
    assert time.process_time() - began < 0.2
