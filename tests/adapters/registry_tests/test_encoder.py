"""Trees written as answers are read as the same trees, and can be changed at every level."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.http_client.reply import Reply
from adapters.registry.decoder import ReplyDecoder
from adapters.registry_tests.encoder import Levels, Unwritable, encode
from config.registry.model.answer_formats import Csv, CsvTable
from config.registry.model.source import Step

REQUEST = {"url": "https://registry.example/people"}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=6)
NAMES = st.sampled_from(["a", "person", "Überschrift", "_x", "n-1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)


def _elements(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(NAMES | NAMES.map("@".__add__) | st.just("#text"), below, min_size=1, max_size=3)


XML = st.dictionaries(
    NAMES,
    st.recursive(TEXTS, lambda below: _elements(below | st.lists(below, min_size=2, max_size=3)), max_leaves=8),
    min_size=1,
    max_size=1,
)


def step(decode: Any = "json", **more: Any) -> Step:
    return Step.model_validate({"request": REQUEST, "decode": decode, **more})


def read(body: bytes, decode: Any) -> Any:
    decoded = ReplyDecoder(step(decode)).read(Reply(200, {}, body))
    assert decoded.trouble == ""
    return decoded.body


@given(JSON)
def test_json_is_read_as_it_was_written(tree: Any) -> None:
    assert read(encode(tree, "json"), "json") == tree


@given(XML)
def test_xml_is_read_as_it_was_written(tree: dict[str, Any]) -> None:
    try:
        body = encode(tree, "xml")
    except Unwritable:
        assume(False)
    assert read(body, "xml") == _as_read(tree)


def _as_read(tree: Any) -> Any:
    """The tree as XML can hold it: no empty text next to children, no attribute of text alone … as `#text`."""
    match tree:
        case dict():
            kept = {key: _as_read(value) for key, value in tree.items() if (key, value) != ("#text", "")}
            return kept["#text"] if set(kept) == {"#text"} else kept or ""
        case list():
            return [_as_read(value) for value in tree]
    return tree


@given(st.lists(st.fixed_dictionaries({"Number": TEXTS, "Name; first": TEXTS, 'A "b"': TEXTS}), min_size=1, max_size=4))
def test_a_table_is_read_as_it_was_written(rows: list[dict[str, str]]) -> None:
    form = Csv(csv=CsvTable(delimiter=";"))
    assert read(encode(rows, form), {"csv": {"delimiter": ";"}}) == rows
    assert read(encode(rows, "csv"), "csv") == rows


def test_null_is_nil_in_xml_and_nothing_in_a_table() -> None:
    assert read(encode({"a": {"b": None, "c": "1"}}, "xml"), "xml") == {"a": {"b": None, "c": "1"}}
    assert read(encode([{"a": None, "b": True}], "csv"), "csv") == [{"a": "", "b": "true"}]


@pytest.mark.parametrize(
    ("tree", "decode"),
    [
        ([], "xml"),
        ("a", "xml"),
        ({"a": "1", "b": "2"}, "xml"),
        ({"a": ["1", "2"]}, "xml"),
        ({"a": {"b c": "1"}}, "xml"),
        ({"a": {"#text2": "1"}}, "xml"),
        ({"a": {"@b": {"c": "1"}}}, "xml"),
        ({"a": {"@1": "1"}}, "xml"),
        ({"a": {"b": [["1"]]}}, "xml"),
        ({"@a": "1"}, "xml"),
        ({}, "csv"),
        ([], "csv"),
        ([{"a": "1"}, {"b": "1"}], "csv"),
        ([{"a": ["1"]}], "csv"),
        (["a"], "csv"),
    ],
)
def test_what_a_form_cannot_hold_is_not_written(tree: Any, decode: Any) -> None:
    with pytest.raises(Unwritable):
        encode(tree, decode)


INNER = "<answer><data>&lt;people&gt;&lt;number&gt;7&lt;/number&gt;&lt;/people&gt;</data></answer>"
OUTER = f"<e><b>{INNER.replace('&', '&amp;').replace('<', '&lt;')}</b></e>"
NESTED = ["xml", {"xml_in": "e.b"}, {"xml_in": "answer.data"}]


def test_xml_in_a_text_in_xml_can_be_changed_at_each_level() -> None:
    levels = Levels(step(NESTED), Reply(200, {"x": "y"}, OUTER.encode(), 3.0))
    assert [list(tree) for tree in levels.trees] == [["e"], ["answer"], ["people"]]
    for level, tree in enumerate(levels.trees):
        assert read(levels.with_tree(level, tree).body, NESTED) == {"people": {"number": "7"}}
    reply = levels.with_tree(2, {"people": {"number": "<8> & 9"}})
    assert (reply.status, reply.headers, reply.retry_after) == (200, {"x": "y"}, 3.0)
    assert read(reply.body, NESTED) == {"people": {"number": "<8> & 9"}}
    other = copy.deepcopy(levels.trees[1])
    other["answer"]["code"] = "1"
    assert read(levels.with_tree(1, other).body, NESTED[:2])["answer"]["code"] == "1"


def test_what_cannot_be_read_or_put_back_has_fewer_levels() -> None:
    assert Levels(step(), Reply(200, {}, b"<html>")).trees == []
    assert len(Levels(step(NESTED), Reply(200, {}, b"<e><b>no xml</b></e>")).trees) == 1
    by_index = ["xml", {"xml_in": "e.b[0]"}]
    assert len(Levels(step(by_index), Reply(200, {}, b"<e><b>&lt;a/&gt;</b><b/></e>")).trees) == 1
