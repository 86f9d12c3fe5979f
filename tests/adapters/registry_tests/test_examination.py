"""Descriptions that take a bad mood for the registry's word are not published; honest ones are."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import examples.sources
from adapters.registry_tests.conformance import MoodResult
from adapters.registry_tests.examination import Examination, examine, refuses
from adapters.registry_tests.failure_cases import MOODS
from config.registry import RegistrySource
from config.registry.trial_files import NoFile

WHOLE: dict[str, Any] = YAML(typ="safe").load(
    Path(examples.sources.__file__).with_name("registry.yaml").read_text(encoding="utf-8")
)
del WHOLE["control"]
ASK = {"url": "http://127.0.0.1/people", "query": {"number": "{number}"}}


def no_file(_: object, name: str) -> bytes:
    raise NoFile(f"the file {name} cannot be read — look for it")


def examined(**changes: Any) -> Examination:
    """What becomes of the description of the example with its parts replaced, at dotted paths."""
    described = copy.deepcopy(WHOLE)
    for path, value in changes.items():
        *above, last = path.split("__")
        holder: Any = described
        for part in above:
            holder = holder[int(part) if isinstance(holder, list) else part]
        holder[last] = value
    return examine(RegistrySource.model_validate(described), no_file)


def faults(**changes: Any) -> list[tuple[str, str, str]]:
    return [(".".join(map(str, fault.place)), fault.problem, fault.hint) for fault in examined(**changes).faults]


def test_an_honest_description_passes_every_mood_and_every_other_shape() -> None:
    examination = examined()
    assert examination.faults == ()
    assert [test.passed for test in examination.results] == [True] * 4
    played = [each.mood for each in examination.moods]
    assert {f"the registry {mood.name}" for mood in MOODS} < set(played)
    assert {each.found for each in examination.moods if not each.mutated}.isdisjoint({"accepted"})
    assert not any(each.found.startswith("refused") for each in examination.moods)
    # Each shape is another than the right answer, and says less: all that still accept say number, name and status.
    still = {each.mood for each in examination.moods if each.found == "accepted"}
    assert "in the answer count is gone" in still
    assert "in the answer professionals[].status is gone" not in still


def test_without_tests_nothing_is_published() -> None:
    problem = "no test expects accepted nor refused nor undetermined, and without it nothing is published"
    hint = "add one to tests: for each, with what the registry answers then; see docs/administrators/add-a-registry.md"
    assert faults(tests=[]) == [("tests", problem, hint)]
    assert examined(tests=[]).moods == ()
    (fault,) = faults(tests=[test for test in WHOLE["tests"] if test["expect"] != "refused/status_inactive"][:1])
    assert fault[1] == "no test expects refused nor undetermined, and without it nothing is published"


def test_a_description_that_refuses_nobody_needs_no_test_that_is_refused() -> None:
    mild = {"check": "status", "is": "active", "else": "undetermined", "reason": "record_differs"}
    changes: dict[str, Any] = {
        "steps__0__outcomes": [],
        "rules": [*WHOLE["rules"][:2], mild],
        "tests": [{**test, "require": {}} for test in (WHOLE["tests"][0], WHOLE["tests"][3])],
    }
    assert faults(**changes) == []
    for path, value in (
        ("record", {**WHOLE["record"], "absent": "refused"}),
        ("steps__0__outcomes", WHOLE["steps"][0]["outcomes"]),
        ("rules", WHOLE["rules"][:3]),
    ):
        (fault,) = faults(**{**changes, path: value})
        assert fault[1].startswith("no test expects refused, ")
    assert refuses(RegistrySource.model_validate(WHOLE))


def test_a_red_test_is_a_fault_at_its_own_place_and_its_moods_are_not_played() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    tests[0]["input"]["given_name"] = "Ottilie"
    ((place, problem, hint),) = faults(tests=tests)
    assert place == "tests.0.expect"
    assert problem == (
        "the test 'a physician' expects accepted and gives undetermined/name_differs: rules[1] decided "
        '("Ottilie Valombre" was typed, and the record has "Iris Anne Valombre": different)'
    )
    assert hint == "fix the description, or the test where it is mistaken"
    assert examined(tests=tests).moods == ()


# ------------------------------------------------------------------------------------------- what is taken for a word


def test_a_status_that_is_good_where_nothing_is_said_is_found() -> None:
    ((place, problem, hint),) = faults(record__fields__status="status == 'suspended' && 'suspended' || 'active'")
    assert place == "record.fields.status"
    assert problem == (
        "this still gives a status that accepts when in the answer professionals[].status is gone (test "
        "'a physician', step 'lookup'), and in 7 more"
    )
    assert hint == "ask for what the registry says, such as suspended == `false`, not for what it leaves out"


def test_a_flag_is_asked_for_what_it_says() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (person,) = test["responses"]["lookup"]["json"]["professionals"]
        person["struck_off"] = person.pop("status") == "suspended"
    record = {"record__status": {"active": ["false"], "inactive": ["true"]}, "tests": tests}
    assert faults(record__fields__status="to_string(struck_off)", **record) == []
    words = {"record__status": {"active": ["active"], "inactive": ["struck off"]}, "tests": tests}
    found = faults(record__fields__status="struck_off && 'struck off' || 'active'", **words)
    assert {place for place, _, _ in found} == {"record.fields.status"}
    assert any("this still gives a status that accepts" in problem for _, problem, _ in found)


def test_a_status_that_is_bad_where_nothing_is_said_is_found() -> None:
    ((place, problem, hint),) = faults(record__fields__status="status == 'active' && 'active' || 'suspended'")
    assert place == "record.fields.status"
    assert problem.startswith("this refuses when in the answer ")
    assert hint == "let it be null where the registry does not say so, so that nothing is refused"


def test_a_field_that_is_made_up_where_nothing_is_said_is_found() -> None:
    ((place, problem, _),) = faults(record__fields__professions="profession.code || '00'")
    assert place == "record.fields.professions"
    assert "this refuses when in the answer professionals[].profession is gone" in problem


def test_an_outcome_that_takes_a_missing_key_for_nobody_is_found() -> None:
    outcomes = [
        *WHOLE["steps"][0]["outcomes"],
        {"when": "body.count && !(body.professionals[0].number)", "then": "refused", "reason": "record_not_found"},
    ]
    ((place, problem, hint),) = faults(steps__0__outcomes=outcomes)
    assert place == "steps.0.outcomes.3"
    assert problem.startswith("this refuses when in the answer ")
    assert hint == "ask for what the registry itself says in the body when it has no such record"


def test_a_list_that_is_empty_where_a_key_has_another_name_is_found() -> None:
    """Lint finds this as well; a document from elsewhere may not have been there."""
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        test["responses"]["lookup"]["json"]["professionals"][0]["kind"] = "person"
    record = {**WHOLE["record"], "from": "body.professionals[?kind == 'person']"}
    source = RegistrySource.model_validate({**WHOLE, "record": record, "tests": tests})
    assert examine(source, no_file).faults == ()
    hasty = source.model_copy(update={"record": source.record.model_copy(update={"absent": "refused"})})
    (fault,) = examine(hasty, no_file).faults
    assert fault.place == ("record", "absent")
    assert "professionals[].kind is gone" in fault.problem
    assert fault.hint == (
        "let from be null where the registry does not say that it has no such record, or write absent: undetermined"
    )


def test_what_frameworks_say_of_an_unknown_path_is_no_word_of_the_registry() -> None:
    outcomes = [
        {"when": "status == `404` && body.detail == 'Not Found'", "then": "refused", "reason": "record_not_found"},
        *WHOLE["steps"][0]["outcomes"],
    ]
    tests = copy.deepcopy(WHOLE["tests"])
    ((place, problem, _),) = faults(steps__0__outcomes=outcomes, tests=tests)
    assert place == "steps.0.outcomes.0"
    assert problem == (
        "this refuses when the registry answers HTTP 404 as FastAPI and Django does for a path that it does not know "
        "(test 'a physician', step 'lookup'), and in 1 more"
    )


@pytest.mark.parametrize(
    "problem",
    [
        "body.message == 'Not Found'",
        "body.message == 'Not found'",
        "body.title == 'Not Found'",
        "body.code == '404'",
        "body.code == `404`",
        "body.status == '404'",
        "body.errors[0].title == 'Not Found'",
        "body.httpCode == '404'",
        "body.error.status == 'NOT_FOUND'",
    ],
)
def test_what_any_gateway_says_with_404_refuses_nobody(problem: str) -> None:
    outcome = {"when": f"status == `404` && {problem}", "then": "refused", "reason": "record_not_found"}
    ((place, what, hint),) = faults(steps__0__outcomes=[*WHOLE["steps"][0]["outcomes"], outcome])
    assert place == "steps.0.outcomes.3"
    assert what.startswith("this refuses when the registry answers HTTP 404 as ")
    assert hint == "ask for what the registry itself says in the body when it has no such record"
    outcome["when"] += " && body.register == 'professionals'"
    assert faults(steps__0__outcomes=[*WHOLE["steps"][0]["outcomes"], outcome]) == []


# ------------------------------------------------------------------------------- dates, one of several, and strangers

DATED = {"check": "valid_at", "from": "since", "until": "until"}


def dated(last: str, *, absent: str, **more: Any) -> list[tuple[str, str, str]]:
    """What is found where licences last from a day to another, which `last` gives, and one has expired."""
    tests = copy.deepcopy(WHOLE["tests"])
    (person,) = tests[0]["responses"]["lookup"]["json"]["professionals"]
    person.update({"since": "2001-01-01", "until": "2099-01-01", **more})
    tests.append(copy.deepcopy(tests[0]))
    tests[-1].update({"name": "one that has expired", "expect": "refused/not_valid_at_date"})
    tests[-1]["responses"]["lookup"]["json"]["professionals"][0]["until"] = "2020-01-01"
    fields = {name: {"value": value, "date": "iso"} for name, value in (("since", "since"), ("until", last))}
    rules = [*WHOLE["rules"], {**DATED, "absent": absent}]
    return faults(record__fields={**WHOLE["record"]["fields"], **fields}, rules=rules, tests=tests)


def test_a_licence_whose_last_day_has_another_key_is_not_open() -> None:
    found = dated("until", absent="pass")
    assert [place for place, _, _ in found] == ["record.fields.since", "record.fields.until"]
    for place, problem, hint in found:
        key = place.rpartition(".")[2]
        assert problem.startswith(f"this would still accept when in the answer professionals[].{key} ")
        assert hint.startswith(
            "let the field give the value that means an open end, such as end == '' && '9999-12-31' || end"
        )
    # Also where the test that is accepted says nothing of it: then the one that is refused does.
    (fault,) = [each for each in dated("until", absent="pass", until=None) if "until" in each[0]]
    assert "(test 'one that has expired', step 'lookup')" in fault[1]


@pytest.mark.parametrize("open_end", ["", None])
def test_an_open_end_that_the_description_names_is_the_registrys_own_word(open_end: Any) -> None:
    named = {
        "": "until == '' && '9999-12-31' || until",
        None: "contains(keys(@), 'until') && not_null(until, '9999-12-31') || `null`",
    }
    assert dated(named[open_end], absent="undetermined", until=open_end) == []


def test_a_refusal_for_the_rest_of_a_list_is_found() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (person,) = test["responses"]["lookup"]["json"]["professionals"]
        person["profession"] = [{"code": "21"}, {"code": "10"}]
    ((place, problem, hint),) = faults(record__fields__professions="profession[].code", tests=tests)
    assert place == "record.fields.professions"
    assert problem.startswith("this refuses when in the answer professionals[0].profession[1].code is gone ")
    assert hint == (
        "let it be null where an entry of the list lacks it, such as (!(list[?!(code)]) && list[].code) || `null`, "
        "so that nothing is refused for the rest"
    )
    whole = "(!(profession[?!(code)]) && profession[].code) || `null`"
    assert faults(record__fields__professions=whole, tests=tests) == []


def test_who_is_refused_is_not_accepted_where_a_key_is_gone() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    tests[0]["require"]["banned"] = ["no"]
    tests.append(copy.deepcopy(tests[0]))
    tests[-1].update({"name": "banned for life", "expect": "refused/not_a_person"})
    tests[-1]["responses"]["lookup"]["json"]["professionals"][0]["bans"] = [{"kind": "for life"}]
    rule = {"check": "one_of", "field": "banned", "requirement": "banned", "optional": True, "else": "refused"}
    changes = {"rules": [*WHOLE["rules"], {**rule, "reason": "not_a_person"}], "tests": tests}
    ((place, problem, hint),) = faults(record__fields__banned="bans[?kind == 'for life'] && 'yes' || 'no'", **changes)
    assert place == "record.fields.banned"
    assert problem.startswith(
        "a participant whom this refuses is accepted when in the answer professionals[].bans is gone"
    )
    assert hint == "ask for what the registry says, such as suspended == `false`, not for what it leaves out"


def test_a_stranger_who_mistyped_the_number_is_not_refused_where_the_name_is_gone() -> None:
    nameless = [WHOLE["rules"][0], {**WHOLE["rules"][1], "absent": "pass"}, *WHOLE["rules"][2:]]
    ((place, problem, hint),) = faults(rules=nameless)
    assert place == "rules.1.absent"
    assert problem.startswith(
        "this refuses a stranger who typed the number by mistake when in the answer professionals[].names is gone "
        "(test 'a suspended one', step 'lookup')"
    )
    assert hint == (
        "remove absent: pass, for this registry gives names to compare; where it keeps no name of some who are gone, "
        "add a test of such a record, refused for its status"
    )
    # Where the registry leaves no name of who is suspended, the number alone tells, and there is no stranger.
    tests = copy.deepcopy(WHOLE["tests"])
    del tests[1]["responses"]["lookup"]["json"]["professionals"][0]["names"]
    assert faults(rules=nameless, tests=tests) == []
    # Of some it may leave the name: a test of one of them takes nothing away from what the other shows.
    named = {**copy.deepcopy(WHOLE["tests"][1]), "name": "a suspended one, whose name is left"}
    assert faults(rules=nameless, tests=[*tests, named]) == []


def test_a_nameless_record_that_is_refused_for_something_else_shows_nothing() -> None:
    nameless = [WHOLE["rules"][0], {**WHOLE["rules"][1], "absent": "pass"}, *WHOLE["rules"][2:]]
    absent = copy.deepcopy(WHOLE["tests"])
    del absent[0]["responses"]["lookup"]["json"]["professionals"][0]["names"]
    absent[0]["expect"] = "undetermined/record_not_public"
    tests = [*copy.deepcopy(WHOLE["tests"]), {**absent[0], "name": "active, without a name"}]
    assert [place for place, *_ in faults(rules=nameless, tests=tests)] == ["rules.1.absent"]


def test_a_first_step_that_goes_on_whatever_is_answered_is_found() -> None:
    banned = {"name": "banned", "request": ASK, "outcomes": [
        {"when": "body.total > `0`", "then": "undetermined", "reason": "record_differs"},
    ]}  # fmt: skip
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests:
        test["responses"]["banned"] = {"json": {"total": 0}}
    changes = {"steps": [banned, *WHOLE["steps"]], "tests": tests}
    ((place, problem, hint),) = faults(**changes)
    assert place == "steps.0"
    assert problem.startswith(
        "this step goes on, and a participant is accepted when the registry answers HTTP 200 with"
    )
    assert hint == ("add an outcome that ends with every answer that is not as it should be, such as when: !(…)")
    banned["outcomes"] = [{"when": "!(body.total == `0`)", "then": "undetermined", "reason": "source_unreadable"}]
    assert faults(**changes) == []


# -------------------------------------------------------------------------------------------------------- XML and CSV

XML: dict[str, Any] = {
    "steps__0__decode": "xml",
    "steps__0__outcomes": [
        {"when": "body.people.nobody", "then": "refused", "reason": "record_not_found"},
    ],
    "record__from": "body.people.person",
    "record__fields": {
        "number": '"@number"',
        "names": "[{family: family, given: given}]",
        "status": "status",
        "professions": "profession",
    },
}
PERSON = (
    '<people><person number="9000010000"><family>Valombre</family><given>Iris</given><status>active</status>'
    "<profession>10</profession></person></people>"
)


def in_xml(**changes: Any) -> list[tuple[str, str, str]]:
    tests = copy.deepcopy(WHOLE["tests"])
    texts = [PERSON, PERSON, "<people><nobody>yes</nobody></people>"]
    for test, text in zip(tests[:3], texts, strict=True):
        test["responses"]["lookup"] = {"text": text}
    tests[1] |= {"input": tests[0]["input"], "require": {"professions": ["21"]}}
    tests[1]["expect"] = "refused/profession_not_eligible"
    return faults(**{**XML, "tests": tests, **changes})


def test_xml_is_played_in_every_shape() -> None:
    assert in_xml() == []
    ((place, problem, _),) = in_xml(record__fields__status="status == 'active' && 'active' || 'suspended'")
    assert place == "record.fields.status"
    assert "people.person.status is gone" in problem


TABLE = "Number;Family;Given;State;Profession\r\n9000010000;Valombre;Iris;active;10\r\n"


def in_csv(**changes: Any) -> list[tuple[str, str, str]]:
    tests = copy.deepcopy(WHOLE["tests"])
    texts = [TABLE, TABLE.replace("active", "suspended"), TABLE.partition("\n")[0] + "\n"]
    for test, text in zip(tests[:3], texts, strict=True):
        test["responses"]["lookup"] = {"text": text}
        test["input"] = tests[0]["input"]
    tests[2]["expect"] = "undetermined/record_not_found"
    table = {
        "steps__0__decode": {"csv": {"delimiter": ";"}},
        "steps__0__outcomes": [],
        "record__from": "body[?Number]",
        "record__fields": {
            "number": "Number",
            "names": "{family: Family, given: Given}",
            "status": "State",
            "professions": "Profession",
        },
        "tests": tests,
    }
    return faults(**{**table, **changes})


def test_a_table_is_played_in_every_shape() -> None:
    assert in_csv() == []
    ((place, problem, _),) = in_csv(record__fields__status="State == 'suspended' && 'suspended' || 'active'")
    assert place == "record.fields.status"
    assert "[].State is gone" in problem


def test_a_table_whose_last_column_refuses_is_published() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    for test, state in zip(tests[:2], ("active", "suspended"), strict=True):
        test["responses"]["lookup"] = {
            "text": f"Number;Family;Given;Profession;State\r\n9000010000;Valombre;Iris;10;{state}\r\n"
        }
        test["input"] = tests[0]["input"]
    tests[2] |= {
        "responses": {"lookup": {"text": TABLE.partition("\n")[0] + "\n"}},
        "expect": "undetermined/record_not_found",
    }
    assert in_csv(tests=tests) == []
    ((place, problem, _),) = in_csv(tests=_unended(tests))
    assert (place, problem.partition(": ")[0]) == (
        "tests.0.expect",
        "the test 'a physician' expects accepted and gives undetermined/source_unreadable",
    )
    # Where the registry never ends the last line, it cannot be seen whether it is whole.
    assert in_csv(tests=_unended(tests), steps__0__decode={"csv": {"delimiter": ";", "final_line_end": False}}) == []


def _unended(tests: list[Any]) -> list[Any]:
    unended = copy.deepcopy(tests)
    unended[0]["responses"]["lookup"]["text"] = unended[0]["responses"]["lookup"]["text"].rstrip()
    return unended


def test_what_looks_at_keys_without_naming_them_is_played_with_all_keys() -> None:
    """`values(@)` and `*` name nothing: each key counts."""
    fields = {**WHOLE["record"]["fields"], "professions": "values(not_null(profession, `{}`))"}
    mutations = {each.mood for each in examined(record__fields=fields).moods if each.mutated}
    assert "in the answer professionals[].names[].family is null" in mutations
    usual = {each.mood for each in examined().moods if each.mutated}
    assert "in the answer professionals[].profession.code is gone" in usual & mutations


def test_each_mood_says_what_it_came_to() -> None:
    by_mood: dict[str, MoodResult] = {each.mood: each for each in examined().moods}
    for mood, found in {
        "the registry refuses the connection": "undetermined/source_unavailable",
        "the registry answers HTTP 429 without a body": "undetermined/source_throttled",
        "the registry answers HTTP 401 with a page of HTML": "undetermined/source_credentials",
        "the registry answers HTTP 302": "undetermined/source_unreadable",
        "the registry answers HTTP 404 without a body": "undetermined/source_rejected_request",
        "the registry answers HTTP 200 with {}": "undetermined/source_unreadable",
        "the registry answers HTTP 200 with no body": "undetermined/source_unreadable",
        "the answer breaks off in the middle": "undetermined/source_unreadable",
    }.items():
        assert by_mood[mood].found == found


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: mood.name)
def test_a_mood_reads_as_a_sentence_and_names_no_registry(mood: Any) -> None:
    assert mood.name[0].islower()
    assert not mood.name.endswith((".", " "))
