"""Compiled expressions give what jmespath gives, whatever the expression and the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from adapters.base import Unreadable
from adapters.registry.expressions import Expression, holds
from config.registry.model.expressions import check_expression, walk
from config.registry.model.text_functions import OPTIONS
from tests.docs.pages import ROOT

SCALARS = [None, True, False, 0, 1, 2, -1, 0.0, 1.0, 2.5, "", "a", "b", "10"]
VALUES = [*SCALARS, [], {}, [0], [1, None, "a"], [True], [[1], 2, []], [{"a": 1}, {"b": None}, 3], {"a": 0}, {"b": [1]}]
OF_ONE = ["a[0]", "a[-2]", "a[1:]", "a[*]", "a[]", "a.*", "!a", "a.a", "a.[a, b]", "a[].a", "a[*].a", "a[*].[@]"]
OF_ONE += ["length(a)", "not_null(a, b)", "sort_by(a, &a)", "map(&a, a)", "a | a", "{x: a, y: `1`}", "@", "missing"]
OF_ONE += ["keys(a)", "values(a)", "type(a)", "to_string(a)", "to_number(a)", "to_array(a)", "join(', ', a)", "max(a)"]
OF_ONE += [
    "abs(a)",
    "reverse(a)",
    "merge(a, a)",
    "merge(a, b)",
    "split(a, '/')",
    "split(a, 'a')",
    "lower(a)",
    "trim(a)",
]
OF_ONE += ["strip_prefix(a, '1')", "pad_left(a, `8`, '0')", "pad_left(a, `8`, b)", "family_first(a)", "min_by(a, &a)"]
OF_ONE += ["not_null()", "keys()", "keys(a, a)", "unknown(a)", "map(a, a)", "type(&a)", "a[::-1]", "a[*].lower(@)"]
OF_ONE += ["a[?@]", "a.{x: @}"]
OF_ONE += ['contains(`["a", 1, null]`, a)', "starts_with(a, 'a')", "ends_with(a, b)", "a[?contains(keys(@), 'a')]"]
OF_TWO = [f"a {word} b" for word in ("==", "!=", "<", "<=", ">", ">=", "&&", "||")]
OF_TWO += [
    "a[?a == `1`].b",
    "contains(a, b)",
    "a[?@].b",
    "a[?!@]",
    "[a, b]",
    "{x: a, y: b.a}",
    "a || b.a",
    "[a, b][]",
    "[[a], b][*][0]",
]

documents = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def given_by(evaluate: Any, document: Any) -> Any:
    """What an expression gives, as JSON has it: true is not 1. None at all where it cannot be applied."""
    try:
        return typed(evaluate(document)), True
    except Exception:  # noqa: BLE001 - jmespath lets anything out
        return None, False


def typed(value: Any) -> Any:
    match value:
        case dict():
            return {name: typed(member) for name, member in value.items()}
        case list():
            return [typed(element) for element in value]
    return type(value), value


def assert_alike(ours: Expression, text: str, document: Any) -> None:
    theirs = given_by(lambda read: jmespath.search(text, read, OPTIONS), document)
    assert given_by(ours.evaluate, document) == theirs, (text, document)


@pytest.mark.parametrize("text", OF_ONE + OF_TWO)
def test_each_kind_of_node_gives_what_jmespath_gives(text: str) -> None:
    for a, b in product(VALUES, VALUES):
        assert_alike(Expression(text), text, {"a": a, "b": b})


@given(
    st.recursive(
        st.sampled_from(["a", "b", "c", "@", "`1`", "`false`", "`[]`", "'a'"]),
        lambda inner: (
            st.builds(str.replace, st.sampled_from(OF_ONE), st.just("a"), inner.map("({})".format))
            | st.builds(
                lambda text, *two: text.format(*two), st.sampled_from(["({}) == ({})", "({}).[{}]"]), inner, inner
            )
        ),
        max_leaves=6,
    ),
    documents,
)
def test_nodes_within_nodes_give_what_jmespath_gives(text: str, document: Any) -> None:
    try:
        expression = Expression(text)
    except jmespath.exceptions.JMESPathError:
        return
    assert_alike(expression, text, document)


PRESETS = ROOT / "config" / "presets"
DESCRIPTIONS = [*PRESETS.glob("*.yaml"), *ROOT.glob("examples/**/*.yaml"), *Path(__file__).parent.glob("*.yaml")]


def members(tree: Any) -> Iterator[Any]:
    """A tree and all that is in it."""
    yield tree
    for member in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from members(member)


def is_expression(value: Any) -> bool:
    """Whether a value of a description is an expression with more than a name, or could be one."""
    try:
        return isinstance(value, str) and len(list(walk(check_expression(value)))) > 1
    except ValueError:
        return False


@cache
def expressions_in(file: Path) -> set[str]:
    return {
        str(value)
        for document in YAML(typ="safe").load_all(file)
        for value in members(document)
        if is_expression(value)
    }


@pytest.mark.parametrize("file", DESCRIPTIONS, ids=lambda file: file.name)
def test_what_is_shipped_reads_all_answers_that_are_shipped_as_jmespath_does(file: Path) -> None:
    answers = [json.loads(each.read_text()) for each in (PRESETS / "answers" / file.stem).glob("*.json")]
    parts = {json.dumps(part): part for answer in answers for part in members(answer) if isinstance(part, dict)}
    for text in expressions_in(file):
        expression = Expression(text)
        for document in [*({"status": 200, "headers": {}, "body": answer} for answer in answers), *parts.values()]:
            assert_alike(expression, text, document)


@cache
def every() -> list[str]:
    """Expression that is shipped. Not read before a test asks, for each process collects this file."""
    return sorted({text for file in DESCRIPTIONS for text in expressions_in(file)})


@given(st.data())
def test_what_is_shipped_reads_any_answer_as_jmespath_does(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(every()))
    named = sorted({"a", *(node["value"] for node in walk(text) if node["type"] == "field")})
    document = data.draw(
        st.recursive(
            st.sampled_from(SCALARS),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(named), inner, max_size=5),
            max_leaves=25,
        )
    )
    assert_alike(Expression(text), text, document)


@pytest.mark.parametrize("value", VALUES)
def test_what_holds_is_what_jmespath_takes_for_true(value: Any) -> None:
    assert holds(value) is (jmespath.search("a && `1` || `2`", {"a": value}) == 1)


def test_what_goes_wrong_carries_nothing_of_the_answer_along() -> None:
    with pytest.raises(Unreadable) as caught:
        Expression("length(name)").evaluate({"name": 4711})
    assert "4711" not in str(caught.value)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
