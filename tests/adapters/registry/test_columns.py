"""Which columns a table must have to be the one that a description reads."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.registry.columns import columns_of
from config.registry.model.record import RecordDescription


@pytest.mark.parametrize(
    ("field", "groups"),
    [
        ("a", [{"a"}]),
        ('"Valid until"', [{"Valid until"}]),
        ({"value": "a", "date": "iso"}, [{"a"}]),
        ("{family: a, given: [b, c]}", [{"a"}, {"b"}, {"c"}]),
        ("[{family: join(' ', [a, b]), given: c}]", [{"a"}, {"b"}, {"c"}]),
        ("a == 'x' && 'ends' || b == 'y' && 'goes on'", [{"a", "b"}]),
        ("a == 'x' && b == 'y'", [{"a"}, {"b"}]),
        ("a || b", [{"a", "b"}]),
        ("not_null(a, b, c)", [{"a", "b", "c"}]),
        ("a || `null`", []),  # may be missing
        ("not_null(a, '')", []),
        ("!(a)", [{"a"}]),
        ("[a, b][?@]", [{"a"}, {"b"}]),
        ("[a, b][] | [0]", [{"a"}, {"b"}]),
        ("upper.x", [{"upper"}]),
        ("'word'", []),
        ("values(@)", []),
        ("*", []),
    ],
)
def test_a_field_needs_the_columns_that_it_names(field: Any, groups: list[set[str]]) -> None:
    record = RecordDescription.model_validate({"from": "body", "fields": {"number": "number", "x": field}})
    assert [set(group) for group in columns_of(record)] == [{"number"}, *groups]
