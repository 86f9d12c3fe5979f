"""The shape of an answer against those that the tests of a description know."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.registry.decoder import Decoded, Origin, ReplyDecoder
from adapters.registry.places import Place, dotted, places_read
from adapters.registry.shapes import AnswerBodies, Drift, DriftWatch, Shapes, note_of
from adapters.registry_tests.dependence import keys_read
from adapters.registry_tests.description_tests import run_trials
from adapters.registry_tests.encoder import Levels, Unwritable
from adapters.registry_tests.mutations import MutationKind, mutations
from adapters.registry_tests.offline_run import NoAnswer, OfflineRun
from bench.registries.shipped import NAMES, Shipped
from config.registry import RegistrySource
from config.registry.trial_files import NoFile, read_shipped
from jurat.vocabulary import Outcome
from tests.adapters.registry.described import TESTS, description, reply

PHYSICIAN: Mapping[str, Any] = {
    "number": "9000010000",
    "names": [{"family": "Valombre", "given": "Iris"}],
    "status": "active",
    "profession": {"code": "10"},
}
TYPED = {"number": "9000 010 000", "family_name": "Valombre", "given_name": "Iris"}


def body(*changes: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The answer about the physician, changed."""
    person = copy.deepcopy(dict(PHYSICIAN))
    for change in changes:
        change(person)
    return {"count": 1, "professionals": [person]}


def compared(answer: Any, **changes: Any) -> list[Drift]:
    source = RegistrySource.model_validate(description(tests=TESTS, **changes))
    return Shapes(source, read_shipped).compare({"lookup": answer}, TYPED)


def said(*changes: Callable[[dict[str, Any]], object]) -> list[tuple[str, bool]]:
    return [(str(drift), drift.is_read) for drift in compared(body(*changes))]


def test_an_answer_as_the_tests_know_it_does_not_drift() -> None:
    assert said() == []


def test_what_is_read_and_gone_new_or_of_another_type_is_found() -> None:
    assert said(lambda person: person.pop("status")) == [("professionals[].status is gone", True)]
    assert said(lambda person: person.update(number=9000010000)) == [
        ("professionals[].number is number, not string", True)
    ]
    assert said(lambda person: person.update(status=None)) == [("professionals[].status is null, not string", True)]
    assert said(lambda person: person.update(profession="10")) == [
        ("professionals[].profession is string, not object", True)
    ]


def test_what_is_not_read_is_found_as_such() -> None:
    assert said(lambda person: person.update(town={"name": "Vigny"})) == [("professionals[].town is new", False)]
    assert said(lambda person: person["names"][0].update(kind="current")) == [
        ("professionals[].names[].kind is new", False)
    ]


def test_only_the_topmost_place_is_named() -> None:
    drifts = compared({"data": body()})
    assert [(str(drift), drift.is_read) for drift in drifts] == [
        ("count is gone", True),
        ("data is new", False),
        ("professionals is gone", True),
    ]


def test_a_place_that_only_some_entries_have_lost_is_found() -> None:
    answer = body()
    answer["professionals"].append({key: value for key, value in PHYSICIAN.items() if key != "status"})
    assert list(map(str, compared(answer))) == ["professionals[].status is gone from some entries"]


def test_what_an_accepted_test_lacks_may_be_absent_and_what_only_a_refused_one_lacks_may_not() -> None:
    lacking = copy.deepcopy(TESTS[0])
    del lacking["responses"]["lookup"]["json"]["professionals"][0]["profession"]
    gone = body(lambda person: person.pop("profession"))
    for expected, drifts in (("accepted", []), ("refused/status_inactive", ["professionals[].profession is gone"])):
        source = RegistrySource.model_validate(
            description(tests=[*TESTS, {**lacking, "name": "another", "expect": expected}])
        )
        assert list(map(str, Shapes(source, read_shipped).compare({"lookup": gone}, TYPED))) == drifts


def test_a_type_that_only_a_test_which_is_not_accepted_shows_is_another_type() -> None:
    nameless = copy.deepcopy(TESTS[0])
    nameless["responses"]["lookup"]["json"]["professionals"][0] |= {"status": None, "ended": "2020-01-01"}
    nameless |= {"name": "another", "expect": "undetermined/status_unknown"}
    source = RegistrySource.model_validate(description(tests=[*TESTS, nameless]))
    answer = body(lambda person: person.update(status=None, ended="2019-12-31"))
    drifts = Shapes(source, read_shipped).compare({"lookup": answer}, TYPED)
    assert list(map(str, drifts)) == ["professionals[].status is null, not string"]


def test_without_an_accepted_answer_nothing_is_compared() -> None:
    source = RegistrySource.model_validate(description(tests=TESTS[1:]))
    assert Shapes(source, read_shipped).compare({"lookup": {}}, TYPED) == []


def test_a_key_that_was_typed_is_no_place() -> None:
    tests = [{**TESTS[0], "responses": {"lookup": {"json": {"9000010000": {"kind": "a"}}}}}]
    source = RegistrySource.model_validate(description(tests=tests))
    typed = {**TYPED, "number": "9000010372"}
    drifts = Shapes(source, read_shipped).compare({"lookup": {"9000010372": {"sort": "a"}}}, typed)
    assert [str(drift) for drift in drifts] == ["*.kind is gone", "*.sort is new"]


def test_a_new_key_of_an_object_whose_keys_are_read_is_not_told_for_it_may_be_data() -> None:
    record = description()["record"]
    record["fields"]["professions"] = "(keys(not_null(profession, `{}`)) == ['code'] && profession.code) || `null`"
    drifts = compared(body(lambda person: person["profession"].update(Corvec="x")), record=record)
    assert [(str(drift), drift.is_read) for drift in drifts] == [("professionals[].profession.* is new", True)]


def test_a_note_has_what_is_read_alone_and_is_short() -> None:
    read = [Drift("lookup", (f"k{n}",), frozenset({"absent"}), frozenset({"string"}), True) for n in range(7)]
    unread = Drift("lookup", ("town",), frozenset({"string"}), frozenset(), False)
    assert note_of([unread]) == ""
    assert note_of([unread, *read]) == "; ".join(f"k{n} is gone" for n in range(5)) + " … and 2 more"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda below: (
    st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3)
), max_leaves=12))  # fmt: skip
def test_no_value_of_an_answer_is_in_what_is_told(answer: Any) -> None:
    """Also where another shape has come altogether: keys and types are told, values never."""
    marked = json.loads(json.dumps(answer), object_hook=lambda held: {key: _mark(value) for key, value in held.items()})
    told = " ".join(map(str, compared({"professionals": [_mark(marked)]})))
    assert "VALUE" not in told


def _mark(value: Any) -> Any:
    return value if isinstance(value, dict | list) else "VALUE"


# --------------------------------------------------------------------------------------------- what a description reads


def read(expression: str, origin: str = "body.people", **changes: Any) -> set[str]:
    record = {**description()["record"], "from": origin}
    record["fields"] = {**record["fields"], "professions": expression}
    source = RegistrySource.model_validate(description(record=record, **changes))
    mine = {"people.number", "people.names", "people.names.family", "people.names.given", "people.status"}
    return {dotted(place) for place in places_read(source, 0)} - mine - {"people", "count"}


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        ("a.b", {"people.a", "people.a.b"}),
        ("a[].b || c", {"people.a", "people.a.b", "people.c"}),
        ("a[0].b", {"people.a", "people.a.b"}),
        ("a[?kind == 'x'].b | [0]", {"people.a", "people.a.kind", "people.a.b"}),
        ("[a, b][] | [?c].d", {f"people.{key}" for key in ("a", "b", "a.c", "b.c", "a.d", "b.d")}),
        ("{x: a.b} | x.c", {"people.a", "people.a.b", "people.a.b.c"}),
        ("map(&b, not_null(a, `[]`))", {"people.a", "people.a.b"}),
        ("sort_by(not_null(a, `[]`), &b)[-1].c", {"people.a", "people.a.b", "people.a.c"}),
        ("!(a) && b", {"people.a", "people.b"}),
        ("a.*.b", {"people.a", "people.a.*", "people.a.*.b"}),
        ("values(not_null(a, `{}`))[0].b", {"people.a", "people.a.*", "people.a.*.b"}),
        ("{x: a, y: b}.*.c | [0]", {"people.a", "people.b", "people.a.c", "people.b.c"}),
    ],
)
def test_a_place_is_read_where_an_expression_comes_by(expression: str, places: set[str]) -> None:
    assert read(expression) == places


def test_outcomes_and_values_for_later_steps_are_read_too() -> None:
    first = {
        "name": "login",
        "request": {"url": "https://127.0.0.1/token"},
        "outcomes": [{"when": "headers.a == 'x' && body.error", "then": "retry"}],
        "set": {"token": "body.access.token"},
    }
    steps = [first, description()["steps"][0]]
    source = RegistrySource.model_validate(description(steps=steps))
    assert {dotted(place) for place in places_read(source, 0)} == {"error", "access", "access.token"}


def test_what_says_whether_there_is_another_page_is_read_too() -> None:
    following = {"url": "body.links.next", "last": "body.page >= body.pages", "most": 2}
    source = RegistrySource.model_validate(description(steps=[{**description()["steps"][0], "next": following}]))
    assert {"links.next", "page", "pages"} <= {dotted(place) for place in places_read(source, 0)}


# ------------------------------------------------------------------------------------------------------------- presets


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_whatever_costs_a_preset_its_verdict_is_found_at_a_place_that_is_read(name: str) -> None:
    shipped = Shipped.of(name)
    source, step = shipped.source, shipped.source.steps[-1]
    shapes, decoder, offline = Shapes(source, shipped.files.read), ReplyDecoder(step), OfflineRun(source)
    accepted = [each for each in run_trials(offline, shipped.files.read) if each.trial.outcome is Outcome.ACCEPTED]
    found, optional = 0, set[tuple[MutationKind, Place]]()
    for test in accepted:
        levels = Levels(step, test.replies[step.name])
        whole = decoder.read(test.replies[step.name]).body
        assert shapes.compare({step.name: whole}, test.trial.input) == []
        for mutation in mutations(levels.trees[-1], keys_read(source, len(source.steps) - 1)):
            try:
                changed = levels.with_tree(len(levels.trees) - 1, mutation.tree)
                outcome = offline.play(test.trial, {**test.replies, step.name: changed}).outcome
            except (Unwritable, NoAnswer):
                continue
            decoded = decoder.read(changed)
            drifts = shapes.compare({step.name: decoded.body}, test.trial.input)
            if mutation.kind in {MutationKind.GONE, MutationKind.NULL} and not drifts:
                optional.add((mutation.kind, mutation.place))  # an accepted test has it so as well
            kind = MutationKind.GONE if mutation.kind is MutationKind.RENAMED else mutation.kind
            is_lost = outcome is not Outcome.ACCEPTED and decoded.origin is Origin.WHOLE
            if is_lost and (kind, mutation.place) not in optional:
                assert any(drift.is_read for drift in drifts), str(mutation)
                found += 1
    assert found > 10


# ------------------------------------------------------------------------------------------------------------- watching


def test_a_watch_compares_at_most_once_in_a_while() -> None:
    source, now, notes = RegistrySource.model_validate(description(tests=TESTS)), [0.0], list[str]()
    watch = DriftWatch(source, notes.append, clock=lambda: now[0], every=3600)
    gone = body(lambda person: person.pop("status"))
    watch.compare({}, TYPED)
    watch.compare({"lookup": gone}, TYPED)
    now[0] = 3599
    watch.compare({"lookup": body()}, TYPED)
    assert notes == ["professionals[].status is gone"]
    now[0] = 3600
    watch.compare({"lookup": body()}, TYPED)
    assert notes == ["professionals[].status is gone", ""]


def test_a_description_whose_tests_have_files_of_their_own_is_not_compared_by_a_worker() -> None:
    tests = [{**TESTS[0], "responses": {"lookup": {"file": "answers/physician.json"}}}]
    source, notes = RegistrySource.model_validate(description(tests=tests)), list[str]()
    DriftWatch(source, notes.append).compare({"lookup": {}}, TYPED)
    assert notes == []
    with pytest.raises(NoFile, match="does not come with jurat"):
        read_shipped((), "answers/physician.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_compares_a_preset_with_the_answers_that_come_with_it(name: str) -> None:
    source, notes = Shipped.of(name).source, list[str]()
    DriftWatch(source, notes.append).compare({source.steps[-1].name: {}}, {})
    assert len(notes) == 1
    assert notes[0]


def test_of_several_pages_the_first_is_compared() -> None:
    kept = AnswerBodies()
    for body in ({"page": 1}, {"page": 2}):
        kept.on_reply("lookup", reply(body), Decoded(body, Origin.WHOLE))
    assert kept.bodies == {"lookup": {"page": 1}}


def test_the_body_of_an_answer_is_kept_unless_it_is_no_record() -> None:
    source = RegistrySource.model_validate(description())
    rule = source.steps[0].outcomes[0]
    kept = AnswerBodies()
    kept.on_reply("lookup", reply(body()), Decoded(body(), Origin.WHOLE))
    kept.on_outcome("lookup", 0, rule, held=False)
    assert kept.bodies == {"lookup": body()}
    kept.on_outcome("lookup", 0, rule, held=True)
    assert kept.bodies == {}
    kept.on_reply("lookup", reply(body(), 500), Decoded(body(), Origin.WHOLE))
    kept.on_reply("lookup", reply(body()), Decoded(body(), Origin.PART))
    assert kept.bodies == {}
