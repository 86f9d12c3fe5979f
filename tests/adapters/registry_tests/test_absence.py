"""What is absent may have another key. Where that would accept someone, lint shows it."""

from __future__ import annotations

import copy

import pytest

from tests.adapters.registry_tests.test_examination import DATED, WHOLE, faults

NAMES = "record.fields.names"
OPEN = "a participant whom this leaves open is accepted when in the answer professionals[].{} has another name"
UNSHOWN = "what lacks '{}' counts here, and no test shows that what has it does not"


def officers(names: str, *, ended: bool = True) -> list[tuple[str, str, str]]:
    """What is found where a company has officers, and `names` gives those of now. Of two tests, the second asks about
    one who has resigned.
    """
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (company,) = test["responses"]["lookup"]["json"]["professionals"]
        company["current"] = len(company["names"])
        former = {"given": "Aud", "since": "2019-01-01", "resigned_on": "2024-01-01"}
        company["names"] += [{"family": family, **former} for family in ("Sardel", "Vigie")]
    resigned = copy.deepcopy(tests[0])
    resigned["input"] |= {"family_name": "Sardel", "given_name": "Aud"}
    more = [{**resigned, "name": "one who has resigned", "expect": "undetermined/name_differs"}] if ended else []
    return faults(record__fields__names=names, tests=[*tests, *more])


GUARD = '!(keys(@)[?!contains(`["family", "given", "since", "resigned_on"]`, @)])'
GIVES = ".{family: family, given: given}"
COUNTED = f"length(not_null(names[?!(resigned_on)], `[]`)) <= current && names[?!(resigned_on)]{GIVES} || `null`"


@pytest.mark.parametrize(
    "current", ["names[?!(resigned_on)]", "names[?resigned_on == null]", "names[?resigned_on == `null`]"]
)
def test_who_resigned_is_not_accepted_where_the_key_of_that_has_another_name(current: str) -> None:
    place, problem, hint = officers(current + GIVES)[0]
    assert place == NAMES
    assert problem.startswith(OPEN.format("names[].resigned_on"))
    assert "(test 'one who has resigned', step 'lookup')" in problem
    assert hint.startswith("what is absent may have another key: let it be null unless every key is known")
    # Without such a test nothing shows it, so it is demanded.
    ((place, problem, hint),) = officers(current + GIVES, ended=False)
    assert (place, problem) == (NAMES, UNSHOWN.format("resigned_on"))
    assert hint.startswith("add a test of someone who is not accepted for it alone")


@pytest.mark.parametrize(
    "safe", [f"names[?!(resigned_on) && {GUARD}]{GIVES}", f"names[?resigned_on] && names[?!(resigned_on)]{GIVES}"]
)
def test_absence_may_mean_now_where_all_keys_are_known_or_another_entry_has_the_key(safe: str) -> None:
    assert officers(safe) == []


def test_absence_may_mean_now_where_the_registry_counts_as_many() -> None:
    assert officers(COUNTED) == []
    miscounted = officers(COUNTED.replace("<= current", "<= `3`"))
    assert [place for place, problem, _ in miscounted if OPEN.format("names[].resigned_on") in problem] == [NAMES]


def test_a_code_that_ended_is_not_taken_for_one_that_holds() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (person,) = test["responses"]["lookup"]["json"]["professionals"]
        person["profession"] = [{"code": person["profession"]["code"]}]
    ended = copy.deepcopy(tests[0])
    ended["responses"]["lookup"]["json"]["professionals"][0]["profession"][0]["end-date"] = "2020-01-01"
    ended |= {"name": "a licence that ended", "expect": "undetermined/record_not_public"}
    found = faults(record__fields__professions='profession[?"end-date" == null].code', tests=[*tests, ended])
    ((place, problem, _),) = [each for each in found if "leaves open" in each[1]]
    assert place == "record.fields.professions"
    assert problem.startswith(OPEN.format("profession[].end-date"))


@pytest.mark.parametrize("otherwise", ["undetermined", "refused"])
def test_an_end_that_has_another_key_is_not_open(otherwise: str) -> None:
    reason = "status_unknown" if otherwise == "undetermined" else "not_valid_at_date"
    rule = {**DATED, "absent": "pass", "else": otherwise, "reason": reason}
    tests = copy.deepcopy(WHOLE["tests"])
    (person,) = tests[0]["responses"]["lookup"]["json"]["professionals"]
    person["since"] = "2001-01-01"
    ended = copy.deepcopy(tests[0])
    ended["responses"]["lookup"]["json"]["professionals"][0]["until"] = "2020-01-01"
    ended |= {"name": "one that has ended", "expect": f"{otherwise}/{reason}"}
    dates = {name: {"value": name, "date": "iso"} for name in ("since", "until")}
    fields = {**WHOLE["record"]["fields"], **dates}
    found = faults(record__fields=fields, rules=[*WHOLE["rules"], rule], tests=[*tests, ended])
    assert "one that has ended" in "".join(
        problem for place, problem, _ in found if "until" in place or "since" in place
    )


def test_a_beginning_may_be_absent_where_a_renamed_one_leaves_the_case_open() -> None:
    """As in FHIR: a period without an end, and without any key that is not known."""
    rule = {"check": "valid_at", "from": "since", "absent": "pass", "else": "undetermined", "reason": "status_unknown"}
    known = "!(keys(not_null(period, `{}`))[?@ != 'start'])"
    professions = f'[profession][?{known} && !(keys(@)[?!contains(`["code", "period"]`, @)])].code'
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        test["responses"]["lookup"]["json"]["professionals"][0]["profession"]["period"] = {"start": "2001-01-01"}
    ended = copy.deepcopy(tests[0])
    ended["responses"]["lookup"]["json"]["professionals"][0]["profession"]["period"]["end"] = "2020-01-01"
    ended |= {"name": "one that has ended", "expect": "undetermined/record_not_public"}
    since = {"value": "profession.period.start", "date": "iso"}
    fields = {**WHOLE["record"]["fields"], "professions": professions, "since": since}
    rules = [*WHOLE["rules"], rule]
    assert faults(record__fields=fields, rules=rules, tests=[*tests, ended]) == []
    unguarded = {**fields, "professions": "profession.code"}
    ended["expect"] = "accepted"
    found = faults(record__fields=unguarded, rules=rules, tests=[*tests, ended])
    assert "record.fields.since" in {place for place, _, _ in found}


def test_a_name_that_says_less_may_be_accepted() -> None:
    """A middle name that contradicts, and has another key, is as if none were held."""
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (name,) = test["responses"]["lookup"]["json"]["professionals"][0]["names"]
        name["given"], _, name["middle"] = name["given"].partition(" ")
    other = copy.deepcopy(tests[0])
    other["input"]["given_name"] += " Rose"
    other |= {"name": "another middle name", "expect": "undetermined/name_differs"}
    assert faults(record__fields__names="names[].{family: family, given: [given, middle]}", tests=[*tests, other]) == []


def test_a_list_that_is_not_there_is_not_empty() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    banned = copy.deepcopy(tests[0])
    banned["responses"]["lookup"]["json"]["professionals"][0]["bans"] = ["for life"]
    banned |= {"name": "one who is banned", "expect": "undetermined/record_not_public"}
    codes = "length(not_null(bans, `[]`)) == `0` && profession.code || `null`"
    place = "record.fields.professions"
    found = faults(record__fields__professions=codes, tests=tests)
    assert (place, UNSHOWN.format("bans")) in [each[:2] for each in found]
    found = faults(record__fields__professions=codes, tests=[*tests, banned])
    assert [each[0] for each in found if OPEN.format("bans") in each[1]] == [place]


def test_a_record_that_is_left_out_of_the_list_does_not_come_in_by_another_key() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    ended = copy.deepcopy(tests[0])
    ended["responses"]["lookup"]["json"]["professionals"][0]["ended"] = "2020-01-01"
    ended |= {"name": "one that has ended", "expect": "undetermined/record_not_found"}
    changes = {"record__from": "body.professionals[?!(ended)]"}
    assert [each[:2] for each in faults(**changes, tests=tests)] == [("record.from", UNSHOWN.format("ended"))]
    ((place, problem, _),) = faults(**changes, tests=[*tests, ended])
    assert place == "record.from"
    assert problem.startswith(OPEN.format("ended"))
