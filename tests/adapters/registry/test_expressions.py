from __future__ import annotations

from itertools import product
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Unreadable
from adapters.registry.expressions import Expression, holds

SCALARS = [None, True, False, 0, 1, 2, -1, 0.0, 1.0, 2.5, "", "a", "b", "10"]
VALUES = [*SCALARS, [], {}, [0], [1, None, "a"], [True], [[1], 2, []], [{"a": 1}, {"b": None}, 3], {"a": 0}, {"b": [1]}]
OF_ONE = ["a[0]", "a[-2]", "a[1:]", "a[*]", "a[]", "a.*", "!a", "a.a", "a.[a, b]", "a[].a", "a[*].a", "a[*].[@]"]
OF_ONE += ["length(a)", "not_null(a, b)", "sort_by(a, &a)", "map(&a, a)", "a | a", "{x: a, y: `1`}", "@", "missing"]
OF_TWO = [f"a {word} b" for word in ("==", "!=", "<", "<=", ">", ">=", "&&", "||")]
OF_TWO += ["a[?a == `1`].b", "a[?@].b", "a[?!@]", "[a, b]", "{x: a, y: b.a}", "a || b.a", "[a, b][]", "[[a], b][*][0]"]

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


@pytest.mark.parametrize("text", OF_ONE + OF_TWO)
def test_each_kind_of_node_gives_what_jmespath_gives(text: str) -> None:
    ours, theirs = Expression(text), jmespath.compile(text)
    for a, b in product(VALUES, VALUES):
        document = {"a": a, "b": b}
        assert given_by(ours.evaluate, document) == given_by(theirs.search, document), document


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
        theirs = jmespath.compile(text)
    except jmespath.exceptions.JMESPathError:
        return
    assert given_by(Expression(text).evaluate, document) == given_by(theirs.search, document)


@pytest.mark.parametrize("value", VALUES)
def test_what_holds_is_what_jmespath_takes_for_true(value: Any) -> None:
    assert holds(value) is (jmespath.search("a && `1` || `2`", {"a": value}) == 1)


def test_what_goes_wrong_carries_nothing_of_the_answer_along() -> None:
    with pytest.raises(Unreadable) as caught:
        Expression("length(name)").evaluate({"name": 4711})
    assert "4711" not in str(caught.value)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
