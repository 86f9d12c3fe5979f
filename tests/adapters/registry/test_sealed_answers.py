"""Answers that do not repeat the number: each belongs to the request that sent it, and to nobody else."""

from __future__ import annotations

import copy
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.base import Finding, Query, Unreadable
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from adapters.registry_tests.examination import examine
from config.registry import RegistrySource
from config.registry.model.inputs import Input
from config.registry.model.rules import NameRule, StatusRule
from config.registry.model.source import Kept
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen, read_request
from tests.adapters.registry.described import NOON, Canned, adapter, judged

FOLDER = Path(__file__).parent
LOADED = {name: YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text("utf-8")) for name in ("officers", "census")}

COMPANY = {"company_status": "active", "links": {"self": "/company/471100"}}
OFFICERS = {"items": [{"name": "VALOMBRE, Iris", "state": "in office"}]}
IRIS = Query({"number": "00471100", "family_name": "Valombre", "given_name": "Iris"}, timeout=5.0)
RESIDENT = Query({"number": "12345678Z", "birth_date": "1966-05-28"}, timeout=5.0)


def described(name: str, url: str = "", **changes: Any) -> dict[str, Any]:
    """An example, without its tests and its control record; with `url` on this machine."""
    found = {**copy.deepcopy(LOADED[name]), **changes}
    found.pop("tests"), found.pop("control", None)
    if url:
        found["hosts"] = ["127.0.0.1"]
        for step in found["steps"]:
            step["request"]["url"] = step["request"]["url"].replace(f"https://{LOADED[name]['hosts'][0]}", url)
    return found


def verdict(name: str, query: Query, *answers: Any, **changes: Any) -> tuple[Outcome, Reason]:
    found = judged(described(name, **changes), query, *answers)
    return found.outcome, found.reason


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADED)
def test_an_example_could_be_published_and_no_mood_decides_anything(name: str) -> None:
    examination = examine(RegistrySource.model_validate(LOADED[name]), lambda *_: b"")
    assert [test.problem for test in examination.results if not test.passed] == []
    assert examination.faults == ()
    cached = [each.found for each in examination.moods if each.mood == "a cache answers in its place"]
    assert cached == ["undetermined/source_unreadable"] * len(LOADED[name]["steps"])


@pytest.mark.slow
def test_what_an_earlier_answer_says_is_not_made_up() -> None:
    whole = copy.deepcopy(LOADED["officers"])
    whole["record"]["from"] = "{number: set.company, status: set.status, officers: body.items}"
    assert examine(RegistrySource.model_validate(whole), lambda *_: b"").faults == ()


def test_the_number_of_one_answer_and_the_officers_of_another_make_one_record() -> None:
    assert verdict("officers", IRIS, COMPANY, OFFICERS) == (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
    another = {**COMPANY, "links": {"self": "/company/471101"}}
    assert verdict("officers", IRIS, another, OFFICERS) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
    gone = {**COMPANY, "company_status": "dissolved"}
    assert verdict("officers", IRIS, gone, OFFICERS) == (Outcome.REFUSED, Reason.STATUS_INACTIVE)
    strangers = {"items": [{"name": "CORVEC, Tugdual", "state": "in office"}]}
    assert verdict("officers", IRIS, gone, strangers) == (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)


@pytest.mark.parametrize("gone", [{"company_status": "active"}, {"links": {"self": "/company/471100"}}, {}])
def test_what_an_earlier_answer_lacks_ends_the_lookup(gone: Any) -> None:
    with pytest.raises(Unreadable):
        verdict("officers", IRIS, gone, OFFICERS)


def looked_up(source: RegistrySource, query: Query, *answers: Any) -> tuple[Outcome, Reason]:
    """The verdict of a description that lint would refuse."""
    adapter = RegistryAdapter(source, secret=str, transport=Canned(answers), clock=lambda: NOON)
    found = adapter.look_up(query)
    assert isinstance(found, Finding)
    return found.outcome, found.reason


def test_a_secret_of_an_earlier_answer_never_gets_into_the_record() -> None:
    source = RegistrySource.model_validate(described("officers"))
    first, last = source.steps
    secret = first.model_copy(update={"set": {**first.set, "status": Kept(value="body.company_status", secret=True)}})
    assert looked_up(source, IRIS, COMPANY, OFFICERS)[0] is Outcome.ACCEPTED
    without = source.model_copy(update={"steps": (secret, last)})
    assert looked_up(without, IRIS, COMPANY, OFFICERS) == (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)


def test_a_record_that_is_the_whole_answer_has_nothing_of_an_earlier_one() -> None:
    whole = described("officers")
    whole["record"]["from"] = "@"
    whole["record"]["fields"] |= {"number": "set.company", "status": "set.status"}
    with pytest.raises(Unreadable, match="the record has no number"):
        judged(whole, IRIS, COMPANY, OFFICERS)


def test_a_number_that_the_record_has_must_match_before_anything_refuses() -> None:
    source = RegistrySource.model_validate(described("officers"))
    sent, equals, name, status = source.rules
    late = source.model_copy(update={"rules": (sent, name, status, equals)})
    another = {"company_status": "dissolved", "links": {"self": "/company/471101"}}
    assert looked_up(late, IRIS, another, OFFICERS) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)


def test_a_number_that_was_not_given_was_not_sent() -> None:
    source = RegistrySource.model_validate(described("census"))
    optional = source.inputs["number"].model_copy(update={"required": False})
    careless = source.model_copy(update={"inputs": {**source.inputs, "number": optional}})
    query = Query({"birth_date": "1966-05-28"}, timeout=5.0)
    assert looked_up(careless, query, {"resident": "yes"}) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)


def test_no_rule_refuses_for_an_answer_with_neither_number_nor_name() -> None:
    source = RegistrySource.model_validate(described("census"))
    sent, status = source.rules
    assert isinstance(status, StatusRule)
    record = source.record.model_copy(update={"status": {"active": ("yes",), "inactive": ("no",)}})
    hasty = status.model_copy(update={"otherwise": "refused", "reason": Reason.STATUS_INACTIVE})
    step = source.steps[0].model_copy(update={"outcomes": ()})
    for rules in ((sent, hasty), (hasty, sent)):
        careless = source.model_copy(update={"rules": rules, "record": record, "steps": (step,)})
        assert looked_up(careless, RESIDENT, {"resident": "no"}) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
        assert looked_up(careless, RESIDENT, {"resident": "yes"})[0] is Outcome.ACCEPTED


def test_a_record_whose_name_is_gone_refuses_nobody() -> None:
    source = RegistrySource.model_validate(described("officers"))
    rules = [
        rule.model_copy(update={"absent": "pass"}) if isinstance(rule, NameRule) else rule for rule in source.rules
    ]
    inputs = {**source.inputs, "number": Input.model_validate({"clean": ["digits"], "format": "luhn"})}
    fields = {**source.record.fields, "number": "number"}
    record = source.record.model_copy(update={"fields": fields})
    nameless = source.model_copy(update={"rules": tuple(rules), "inputs": inputs, "record": record})
    gone = {"company_status": "dissolved", "links": {"self": "/company/9000010000"}}
    query = Query({**IRIS.answer, "number": "9000010000"}, timeout=5.0)
    unnamed = {"items": [{"state": "in office"}]}
    assert looked_up(nameless, query, gone, unnamed) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
    without_sent = nameless.model_copy(update={"rules": tuple(rules[1:])})
    assert looked_up(without_sent, query, gone, unnamed) == (Outcome.REFUSED, Reason.STATUS_INACTIVE)


@pytest.mark.parametrize(("age", "is_taken"), [("0", True), ("1", False), ("3600", False), ("old", False)])
def test_an_answer_that_a_cache_kept_is_none(age: str, is_taken: bool) -> None:
    answer = Reply(200, {"age": age}, b'{"resident": "yes"}')
    if is_taken:
        assert verdict("census", RESIDENT, answer)[0] is Outcome.ACCEPTED
        return
    with pytest.raises(Unreadable, match="a cache gave this answer"):
        verdict("census", RESIDENT, answer)


def test_each_request_goes_over_a_connection_of_its_own_and_asks_caches_for_a_new_answer(listen: Listen) -> None:
    """A registry whose answer to the one before comes late, on the connection that was kept."""
    asked: list[list[bytes]] = []

    def registry(connection: socket.socket) -> None:
        asked.append([])
        while request := read_request(connection):
            asked[-1].append(request)
            body = json.dumps(OFFICERS if b"/officers" in request else COMPANY).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    url = f"http://127.0.0.1:{listen(registry)}"
    source = adapter(described("officers", url))
    for _ in range(2):
        assert isinstance(found := source.look_up(IRIS), Finding)
        assert found.outcome is Outcome.ACCEPTED
    source.close()
    assert [len(requests) for requests in asked] == [1, 1, 1, 1]
    assert all(b"\r\nCache-Control: no-cache\r\n" in request for (request,) in asked)


def test_an_answer_that_repeats_the_number_needs_neither(listen: Listen) -> None:
    asked: list[list[bytes]] = []

    def registry(connection: socket.socket) -> None:
        asked.append([])
        while request := read_request(connection):
            asked[-1].append(request)
            body = json.dumps({"number": "12345678Z"}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nAge: 9\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    repeats = described("census", f"http://127.0.0.1:{listen(registry)}")
    repeats["steps"][0]["request"] = {"url": repeats["steps"][0]["request"]["url"], "query": {"number": "{number}"}}
    repeats["record"] = {"from": "body", "fields": {"number": "number"}}
    repeats["rules"] = [{"check": "equals", "field": "number", "input": "number"}]
    source = adapter(repeats)
    for _ in range(2):
        assert isinstance(found := source.look_up(RESIDENT), Finding)
        assert found.outcome is Outcome.ACCEPTED
    source.close()
    (requests,) = asked
    assert not any(b"Cache-Control" in request for request in requests)
