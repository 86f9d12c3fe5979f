"""The text functions of expressions: what they give, what they never give, and how they are called."""

from __future__ import annotations

import json
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from config.registry.model.expressions import check_expression, gives_given
from config.registry.model.text_functions import OPTIONS, SIGNATURES, growth

CALLS = {
    "split": "split(@, ',')",
    "strip_prefix": "strip_prefix(@, 'SC')",
    "pad_left": "pad_left(@, `8`, '0')",
    "lower": "lower(@)",
    "trim": "trim(@)",
    "family_first": "family_first(@)",
}


def found(expression: str, document: Any) -> Any:
    return jmespath.search(check_expression(expression), document, OPTIONS)


@pytest.mark.parametrize(
    ("expression", "document", "gives"),
    [
        ("split(@, '/')[-1]", "https://id.registry.example/people/4711", "4711"),
        ("split(@, '/')[-1]", "4711", None),
        ("split(@, '|')", "10||21", ["10", "", "21"]),
        ("split(@, '|') || [@]", "10", ["10"]),
        ("split(@, ',')", "", None),
        ("strip_prefix(@, 'SC')", "SC0471", "0471"),
        ("strip_prefix(@, 'SC')", "NI0471", None),
        ("strip_prefix(@, 'SC')", "SC", None),
        ("strip_prefix(@, 'SC')", "sc0471", None),
        ("pad_left(@, `8`, '0')", "4711", "00004711"),
        ("pad_left(@, `8`, '0')", 4711, "00004711"),
        ("pad_left(@, `8`, '0')", 4711.0, "00004711"),
        ("pad_left(@, `8`, '0')", "12345678", "12345678"),
        ("pad_left(@, `8`, '0')", "123456789", None),
        ("pad_left(@, `8`, '0')", "", None),
        ("lower(@)", "AKTİV", "akti̇v"),
        ("lower(@)", "", None),
        ("trim(@)", "  a b ", "a b"),
        ("trim(@)", "  ", None),
        ("family_first(@)", "VALOMBRE, Iris Anne", {"family": "VALOMBRE", "given": "Iris Anne"}),
        ("family_first(@)", "VALOMBRE", None),
        ("family_first(@)", "VALOMBRE,", None),
        ("family_first(@)", ", Iris", None),
        ("family_first(@)", "VALOMBRE, Iris, Dr", None),
        ("[].family_first(name)", [{"name": "A, B"}, {"name": "The Lantern Ltd"}, {}], [{"family": "A", "given": "B"}]),
    ],
)
def test_a_text_of_another_shape_gives_null(expression: str, document: Any, gives: Any) -> None:
    assert found(expression, document) == gives


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("document", [True, [], ["a"], {}, {"a": "b"}])
def test_what_is_no_text_fails_as_in_every_function(call: str, document: Any) -> None:
    with pytest.raises(jmespath.exceptions.JMESPathTypeError):
        found(call, document)


@pytest.mark.parametrize("name", SIGNATURES)
def test_null_gives_null(name: str) -> None:
    assert found(CALLS[name], None) is None


@given(st.sampled_from(sorted(CALLS)), st.text(max_size=40) | st.integers() | st.floats(allow_nan=False))
def test_no_result_is_longer_than_is_counted(name: str, value: Any) -> None:
    def length(document: Any) -> int:
        return len(json.dumps([document], ensure_ascii=False))

    times = growth(name, jmespath.compile(CALLS[name]).parsed["children"])
    assert length(found(CALLS[name], value)) <= times * length(value) + length(None)


@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - {"trim"}))
def test_one_after_the_other_they_would_grow_without_end(name: str) -> None:
    grown = CALLS[name].replace("`8`", "`9`")
    with pytest.raises(PydanticCustomError, match="grow without end"):
        check_expression(" | ".join([grown] * 8))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("split(body.a)", r"split\(\) takes 2 arguments, not 1 — write split\(text, separator\)"),
        ("lower(body.a, 'x')", r"lower\(\) takes 1 argument, not 2 — write lower\(text\)"),
        ("pad_left(body.a, `8`)", r"takes 3 arguments, not 2 — write pad_left\(text, width, pad\)"),
        ("length()", r"length\(\) takes 1 argument, not 0 — see https"),
        ("not_null()", r"not_null\(\) takes at least 1 argument, not 0"),
        ("split(body.a, body.b)", "takes a text after the first argument — write it in single quotes"),
        ("split(body.a, '')", "takes a text after the first argument"),
        ('strip_prefix(body.a, "SC")', "takes a text after the first argument"),
        ("pad_left(body.a, '8', '0')", "is a number from 1 to 100 — write it in backticks"),
        ("pad_left(body.a, `0`, '0')", "is a number from 1 to 100"),
        ("pad_left(body.a, `101`, '0')", "is a number from 1 to 100"),
        ("pad_left(body.a, `8.5`, '0')", "is a number from 1 to 100"),
        ("pad_left(body.a, `8`, '00')", "fills up with one character"),
        ("length(split(body.a, ','))", r"length\(\) fails where its argument is missing"),
        ("upper(body.a)", r"no function upper\(\) — there are JMESPath's own, and family_first, lower"),
    ],
)
def test_a_call_that_is_wrong_is_told(expression: str, said: str) -> None:
    with pytest.raises(PydanticCustomError, match=said):
        check_expression(expression)


def test_functions_of_any_number_of_arguments_take_them() -> None:
    for expression in ("not_null(a, b, c)", "merge(a, b)", "merge(a)"):
        check_expression(expression)


def test_names_that_are_split_have_a_given_name() -> None:
    assert gives_given("items[].family_first(name)")
    assert not gives_given("items[].{family: name}")
