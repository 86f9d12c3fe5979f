"""Trees in other shapes: what is changed, and that nothing else is."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.registry.places import EACH, Place, dotted
from adapters.registry_tests.mutations import (
    MOST_ENTRIES,
    MOST_PLACES,
    MutationKind,
    change_at,
    entries_at,
    entry_places,
    key_places,
    mutations,
    replace_with,
)

TREE: dict[str, Any] = {
    "count": 1,
    "people": [
        {"number": "7", "names": [{"family_name": "Vasque"}], "active": True},
        {"number": "8", "names": [], "active": False},
    ],
}
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
KEYS = st.sampled_from(["number", "names", "familyName", "given_name", "@id", "x"])
TREES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3), max_leaves=12
)


def everything(_: str) -> bool:
    return True


def changed(kind: MutationKind, place: str) -> Any:
    """The tree with that change at that place."""
    (tree,) = [
        mutation.tree
        for mutation in mutations(TREE, everything)
        if (mutation.kind, dotted(mutation.place)) == (kind, place)
    ]
    return tree


def values_at(tree: Any, place: Place) -> list[Any]:
    return [value for _, value in entries_at(tree, place)]


def test_a_key_of_every_entry_is_one_place() -> None:
    assert [dotted(place) for place in key_places(TREE, everything)] == [
        "count",
        "people",
        "people[].number",
        "people[].names",
        "people[].active",
        "people[].names[].family_name",
    ]
    assert key_places(TREE, {"active"}.__contains__) == [("people", EACH, "active")]
    assert values_at(TREE, ("people", EACH, "active")) == [True, False]
    assert values_at(TREE, ("people", EACH, "no")) == []
    assert values_at(TREE, ()) == [TREE]


def test_the_places_near_the_root_come_first_and_there_is_an_end() -> None:
    wide = {f"k{index}": {"below": index} for index in range(MOST_PLACES + 20)}
    assert len(key_places(wide, everything)) == MOST_PLACES
    assert all(len(place) == 1 for place in key_places(wide, everything))


def test_a_key_is_gone_null_renamed_nested_or_of_another_kind() -> None:
    assert "number" not in changed(MutationKind.GONE, "people[].number")["people"][1]
    assert changed(MutationKind.NULL, "people")["people"] is None
    assert changed(MutationKind.RENAMED, "people[].names")["people"][0]["names2"] == [{"family_name": "Vasque"}]
    assert changed(MutationKind.NESTED, "people")["people"] == {"items": TREE["people"]}
    assert changed(MutationKind.NESTED, "people[].number")["people"][0]["number"] == {"value": "7"}
    assert changed(MutationKind.NESTED, "people[].names")["people"][1]["names"] == {"items": []}
    assert changed(MutationKind.RETYPED, "count")["count"] == "1"
    assert changed(MutationKind.RETYPED, "people[].number")["people"][0]["number"] == 7
    assert [person["active"] for person in changed(MutationKind.RETYPED, "people[].active")["people"]] == [
        "true",
        "false",
    ]
    assert changed(MutationKind.RETYPED, "people[].names[].family_name")["people"][0]["names"][0]["family_name"] == [
        "Vasque"
    ]
    assert changed(MutationKind.RETYPED, "people[].names")["people"][0]["names"] == {"family_name": "Vasque"}


def test_one_entry_of_a_list_is_changed_alone() -> None:
    assert changed(MutationKind.GONE, "people[1].active")["people"] == [TREE["people"][0], {"number": "8", "names": []}]
    assert entry_places(TREE, ("count",)) == []
    assert [dotted(place) for place in entry_places(TREE, ("people", EACH, "number"))] == [
        "people[0].number",
        "people[1].number",
    ]
    assert entry_places(TREE, ("people", EACH, "names", EACH, "family_name")) == []  # there is one
    assert values_at(TREE, ("people", "[1]", "active")) == [False]
    many = {"people": [{"number": str(number)} for number in range(MOST_ENTRIES + 5)]}
    assert len(entry_places(many, ("people", EACH, "number"))) == MOST_ENTRIES
    single = [mutation for mutation in mutations(TREE, everything) if mutation.of_one]
    assert {mutation.place[1] for mutation in single} == {"[0]", "[1]"}


def test_the_whole_is_wrapped_renamed_emptied_and_spelled_otherwise() -> None:
    assert changed(MutationKind.WRAPPED, "") == {"data": TREE}
    assert set(changed(MutationKind.ALL_RENAMED, "")) == {"count2", "people2"}
    assert changed(MutationKind.ALL_NULL, "")["people"][1] == {"number": None, "names": None, "active": None}
    restyled = [mutation.tree for mutation in mutations(TREE, everything) if mutation.kind is MutationKind.RESTYLED]
    assert [list(tree) for tree in restyled] == [["count", "people"], ["COUNT", "PEOPLE"]]
    assert restyled[0]["people"][0]["names"] == [{"familyName": "Vasque"}]


def test_a_shape_reads_as_the_end_of_a_sentence() -> None:
    problem = {str(mutation) for mutation in mutations(TREE, everything)}
    assert {"people[].number is gone", "all values are null", "everything is one level deeper"} <= problem


@given(TREES)
def test_a_shape_is_another_tree_and_the_first_one_stays_as_it_is(tree: Any) -> None:
    before = copy.deepcopy(tree)
    for mutation in mutations(tree, everything):
        if mutation.kind is not MutationKind.ALL_NULL:
            assert mutation.tree != before
        all_entries = tuple(EACH if key[:1] == "[" else key for key in mutation.place)
        assert mutation.place == () or all_entries in key_places(tree, everything)
    assert tree == before


@given(TREES)
def test_what_is_put_at_a_place_is_found_there(tree: Any) -> None:
    for place in key_places(tree, everything):
        found = values_at(change_at(tree, place, replace_with("~")), place)
        assert found
        assert set(found) == {"~"}
