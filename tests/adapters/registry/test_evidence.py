"""Only positive evidence counts: whatever an answer loses or turns into, it refuses nobody and accepts nobody more.

An answer that was accepted is changed in one place, as registries change overnight: something is missing, null, of
another type or of another name.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.base import SourceError
from jurat.vocabulary import Outcome
from tests.adapters.person_names import census
from tests.adapters.registry.described import asked, description, judged, person, records

Path = tuple[str | int, ...]

RECORD = person(
    profession={"code": "10", "label": "Physician"},
    licence={"begin": "2020-01-01", "end": "2027-12-31", "office": "03"},
    born="1966-05-28",
    kind="NATURAL",
)
ANSWER = {**records(RECORD), "page": {"size": 1, "next": None}}
FIELDS = {
    **description()["record"]["fields"],
    "kind": "kind",
    "begin": {"value": "licence.begin", "date": "%Y-%m-%d"},
    "end": {"value": "licence.end", "date": "%Y-%m-%d"},
    "born": {"value": "born", "date": "%Y-%m-%d"},
}
RULES = [
    *description()["rules"],
    {
        "check": "one_of",
        "field": "kind",
        "values": ["NATURAL"],
        "refuses": ["LEGAL"],
        "else": "refused",
        "reason": "not_a_person",
    },
    {"check": "valid_at", "from": "begin", "until": "end"},
    {"check": "min_age", "field": "born", "years": 18},
]
DESCRIBED = description(record={**description()["record"], "fields": FIELDS, "absent": "refused"}, rules=RULES)
QUERY = asked("9000010000", "Valombre", "Iris", professions=["10"])

NEEDED: tuple[Path, ...] = (
    ("professionals", 0, "number"),
    ("professionals", 0, "names"),
    ("professionals", 0, "status"),
    ("professionals", 0, "profession"),
    ("professionals", 0, "licence"),
    ("professionals", 0, "born"),
    ("professionals", 0, "kind"),
)


def places(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a tree but its root."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def retyped(value: Any) -> list[Any]:
    """The same in another form, and what is left where nothing is meant. Another word is another thing said."""
    forms: list[Any] = [None, "", [], {}, [value], [None], [[value]], {"value": value}, [{"value": value}]]
    if isinstance(value, str) and value.isdigit():
        forms += [int(value), float(value)]
    return [*forms, str(value)] if isinstance(value, int | float) else forms


CHANGES = ["removed", "renamed", "doubled", *range(11)]


def changed(tree: Any, path: Path, change: str | int) -> Any:
    tree = copy.deepcopy(tree)
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    last = path[-1]
    match change:
        case "removed":
            del holder[last]
        case "renamed" if isinstance(holder, dict):
            holder[f"{last}V2"] = holder.pop(last)
        case "renamed" | "doubled":
            holder[last] = [holder[last], copy.deepcopy(holder[last])]
        case int(number):
            forms = retyped(holder[last])
            holder[last] = forms[number % len(forms)]
    return tree


def outcome(described: dict[str, Any], query: Any, *answers: Any) -> Outcome:
    try:
        return judged(described, query, *answers, secrets=census.KEYS).outcome
    except SourceError:
        return Outcome.UNDETERMINED


def says_nobody(tree: Any) -> bool:
    """What this registry says on purpose: it knows nobody of that number."""
    return tree.get("count") in (0, 0.0) or tree.get("professionals") == []


def test_the_answer_is_accepted_as_it_is() -> None:
    assert outcome(DESCRIBED, QUERY, ANSWER) is Outcome.ACCEPTED


def test_an_answer_that_changed_in_one_place_refuses_nobody() -> None:
    """All places, all changes."""
    for path in places(ANSWER):
        for change in CHANGES:
            tree = changed(ANSWER, path, change)
            verdict = outcome(DESCRIBED, QUERY, tree)
            assert verdict is not Outcome.REFUSED or says_nobody(tree), (path, change)
            gone = change in ("removed", "renamed") or (isinstance(change, int) and change % 11 < 4)
            if gone and any(path == needed[: len(path)] for needed in NEEDED):
                assert verdict is not Outcome.ACCEPTED, (path, change)


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(CHANGES)), min_size=1, max_size=6))
def test_an_answer_that_changed_in_several_places_refuses_nobody(steps: list[tuple[int, str | int]]) -> None:
    tree = ANSWER
    for number, change in steps:
        known = list(places(tree))
        if known:
            tree = changed(tree, known[number % len(known)], change)
    assert outcome(DESCRIBED, QUERY, tree) is not Outcome.REFUSED or says_nobody(tree)


texts = st.text("aeiou019-", max_size=4)
leaves = st.none() | st.booleans() | st.integers(1, 9) | texts
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["professionals", "number", "names", "status", "count", "x"]), inner, max_size=4
        )
    ),
    max_leaves=15,
)


@given(anything)
def test_no_document_from_elsewhere_refuses_or_accepts(tree: Any) -> None:
    verdict = outcome(DESCRIBED, QUERY, tree)
    assert verdict is Outcome.UNDETERMINED or says_nobody(tree)


# The same for XML in a text in XML in a text.

INNERMOST = census.resident(flat="2B")
CENSUS = census.description()
RESIDENT_QUERY = census.asked(min_age=16)
NEEDED_ELEMENTS = {"residents", "resident", "document", "name", "born"}
XML_CHANGES = ["removed", "renamed", "emptied", "doubled", "nil", "attribute", "nested", "split"]


def changed_xml(document: bytes, number: int, change: str) -> tuple[bytes, str]:
    """The document with one element changed, and the name of that element."""
    root = etree.fromstring(document)
    elements = list(root.iter())
    element = elements[number % len(elements)]
    above, name = element.getparent(), etree.QName(element).localname
    match change:
        case "removed" if above is not None:
            above.remove(element)
        case "renamed" | "removed":
            element.tag = f"{name}V2"
        case "emptied":
            element.text = None
            element[:] = []
        case "doubled" if above is not None:
            above.append(copy.deepcopy(element))
        case "nil":
            element.text = None
            element[:] = []
            element.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
        case "attribute" | "doubled":
            element.set("since", "2020")
        case "nested":
            inner = etree.SubElement(element, "value")
            inner.text, element.text = element.text, None
        case "split":
            etree.SubElement(element, "br").tail = "x"
    return etree.tostring(root), name


def census_outcome(answer: bytes) -> Outcome:
    return outcome(CENSUS, RESIDENT_QUERY, census.login_answer(), answer)


@pytest.mark.slow
def test_xml_that_changed_in_one_place_refuses_nobody() -> None:
    assert census_outcome(census.lookup_answer(INNERMOST)) is Outcome.ACCEPTED
    outer = census.lookup_answer(INNERMOST)
    for change in XML_CHANGES:
        for number in range(12):
            innermost, name = changed_xml(INNERMOST.encode(), number, change)
            verdict = census_outcome(census.lookup_answer(innermost.decode()))
            assert verdict is not Outcome.REFUSED, (change, name)
            if change in ("removed", "renamed", "emptied", "nil") and name in NEEDED_ELEMENTS:
                assert verdict is not Outcome.ACCEPTED, (change, name)
            answer, name = changed_xml(outer, number, change)
            verdict = census_outcome(answer)
            assert verdict is not Outcome.REFUSED, (change, name)
            if change in ("removed", "renamed", "emptied", "nil"):
                assert verdict is not Outcome.ACCEPTED, (change, name)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(XML_CHANGES)), min_size=1, max_size=5), st.booleans())
def test_xml_that_changed_in_several_places_refuses_nobody(steps: list[tuple[int, str]], outside: bool) -> None:
    document = census.lookup_answer(INNERMOST) if outside else INNERMOST.encode()
    for number, change in steps:
        document, _ = changed_xml(document, number, change)
    answer = document if outside else census.lookup_answer(document.decode())
    assert census_outcome(answer) is not Outcome.REFUSED


@given(st.integers(0, 10_000))
def test_an_answer_that_is_cut_off_says_nothing(place: int) -> None:
    for described, query, answers in (
        (DESCRIBED, QUERY, [json.dumps(ANSWER).encode()]),
        (CENSUS, RESIDENT_QUERY, [census.login_answer(), census.lookup_answer(INNERMOST)]),
    ):
        *before, last = answers
        assert outcome(described, query, *before, last[: place % len(last)]) is Outcome.UNDETERMINED
