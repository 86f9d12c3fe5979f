"""What is shown of one look-up: all that happened, and no secret in any spelling."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Finding
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from cli.lookups.look_up_once import (
    LONGEST_TEXT,
    MOST_ENTRIES,
    MOST_LINES,
    RecordedLookup,
    code_of,
    lines_of,
    query_of,
    result_of,
)
from cli.output import Exit, Failure
from config.registry import RegistrySource
from tests.adapters.registry.described import IRIS, Canned, description, person, records

SECRET = 's3 cret&"ü"/+='


def shown(*answers: Any, secret: str = SECRET, **changes: Any) -> dict[str, Any]:
    described = description(secrets={"key": {"env": "JURAT_SOURCE_KEY"}}, **changes)
    watcher = RecordedLookup()
    source = RegistryAdapter(
        RegistrySource.model_validate(described),
        secret=lambda _: secret,
        transport=Canned(answers),
        watch=watcher,
    )
    return watcher.as_data(result_of(source, IRIS))


def step(**request: Any) -> list[dict[str, Any]]:
    (one,) = description()["steps"]
    one["request"] |= request
    return [one]


def test_it_shows_request_answer_outcomes_record_rules_and_verdict() -> None:
    document = shown(records(person(status="suspended")))
    (asked,) = document["steps"]
    assert asked["request"]["url"].endswith("/registry/professionals")
    assert asked["request"]["query"] == [["number", "9000010000"]]
    assert (asked["answer"]["status"], asked["answer"]["unreadable"]) == (200, None)
    assert asked["answer"]["body"]["count"] == 1
    assert [outcome["held"] for outcome in asked["outcomes"]] == [False, False, False]
    assert document["records"] == 1
    assert document["malformed"] is None
    assert document["record"]["status"] == ["suspended"]
    assert document["record"]["names"] == [{"family": "Valombre", "given": "Iris"}]
    assert [rule["gives"] for rule in document["rules"]] == [None, None, "refused/status_inactive"]
    assert (document["verdict"]["outcome"], document["verdict"]["reason"]) == ("refused", "status_inactive")
    lines = list(lines_of(document))
    assert "rules[2]  status  refused/status_inactive" in lines
    assert "  outcomes[2]  body.count == `0`  no" in lines
    assert lines[-1] == "refused status_inactive"


def test_it_shows_each_record_of_the_number_with_its_rules() -> None:
    record = {**description()["record"], "several": "any"}
    document = shown(records(person(number="9000010745"), person(status="suspended"), person()), record=record)
    (other,) = document["others"]
    assert (document["record"]["status"], other["record"]["status"]) == (["suspended"], ["active"])
    assert document["rules"][-1]["gives"] == "refused/status_inactive"
    assert all(rule["held"] for rule in other["rules"])
    lines = list(lines_of(document))
    assert (
        lines.index("records: 3") < lines.index("rules[2]  status  refused/status_inactive") < lines.index("record 2")
    )
    assert lines[-1] == "accepted record_matches"


def test_an_answer_that_cannot_be_read_is_told_as_that() -> None:
    document = shown(b"<html>")
    assert document["steps"][0]["answer"]["unreadable"] == "the answer is not JSON, or not strictly"
    lines = list(lines_of(document))
    assert "    not readable: the answer is not JSON, or not strictly" in lines
    assert lines[-1] == "undetermined source_unreadable: the answer is not JSON, or not strictly"


PLACES = {
    "a header": {"auth": {"type": "header", "name": "X-Key", "value": "{secrets.key}"}},
    "a bearer": {"auth": {"type": "bearer", "token": "{secrets.key}"}},
    "the query": {"auth": {"type": "query", "name": "key", "value": "{secrets.key}"}},
    "a user": {"auth": {"type": "basic", "user": "{secrets.key}"}},
    "a password": {"auth": {"type": "basic", "user": "{secrets.key}", "password": "{secrets.key}"}},
    "JSON": {"method": "POST", "json": {"key": "{secrets.key}", "n": "{number}"}},
    "a form": {"method": "POST", "form": {"key": "{secrets.key}"}},
    "XML": {"method": "POST", "xml": "<a><key>{secrets.key}</key></a>"},
}


@pytest.mark.parametrize("request_", PLACES.values(), ids=PLACES)
@given(
    secret=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=3, max_size=40).map("Zq7".__add__)
)
def test_no_secret_is_shown_wherever_it_is_sent_and_however_it_comes_back(request_: Any, secret: str) -> None:
    secret = secret.strip()
    echo = {
        "plain": f"your key {secret} is old",
        "coded": quote_plus(secret),
        "small": quote_plus(secret).lower(),
        "HTML": escape(secret.upper()),
        "XML in XML": escape(escape(secret, quote=False)),
        "JSON in JSON": json.dumps({"key": secret}),
        "basic": b64encode(f"user:{secret}".encode()).decode(),
        "list": [secret],
        secret: 1,
    }
    answer = Reply(200, {"x-echo": f"Bearer {secret}"}, json.dumps({**records(person()), **echo}).encode())
    document = shown(answer, secret=secret, steps=step(**request_))
    page = json.dumps(document, ensure_ascii=False) + "\n".join(lines_of(document))
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in page.replace("__secrets.key__", "")
    assert "zq7" not in page.lower()
    assert "__secrets.key__" in page


def test_a_token_that_a_step_brings_is_masked_where_it_was_said_and_where_it_is_sent() -> None:
    login = {
        "name": "login",
        "request": {"url": "http://127.0.0.1/login", "auth": {"type": "bearer", "token": "{secrets.key}"}},
        "set": {"token": {"value": "body.token", "secret": True}, "place": "body.place"},
    }
    lookup = step(headers={"X-Token": "{token}", "X-Place": "{place}"})
    document = shown({"token": "t0kentoken", "place": "north"}, records(person()), steps=[login, *lookup])
    page = json.dumps(document)
    assert "t0kentoken" not in page
    assert document["steps"][0]["answer"]["body"] == {"token": "__token__", "place": "north"}
    assert document["steps"][0]["set"] == {"token": "__token__", "place": "north"}
    assert document["steps"][1]["request"]["headers"]["X-Token"] == "__token__"
    assert "  set token = __token__" in list(lines_of(document))


ENDINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "by an outcome": ({"token": "t0kentoken", "warning": "x"}, {}),
    "by an empty value": ({"token": "t0kentoken", "sid": ""}, {"sid": "body.sid"}),
    "by a value that is too long": ({"token": "t0kentoken", "sid": "x" * 8001}, {"sid": "body.sid"}),
    "by a token that became a list": ({"token": ["t0kentoken", {"next": "t0kentoken"}]}, {}),
    "by its status": ({"token": "t0kentoken", "status": 500}, {}),
}


@pytest.mark.parametrize(("answer", "more"), ENDINGS.values(), ids=ENDINGS)
def test_a_token_is_masked_where_its_step_ended_before_it_was_kept(answer: dict[str, Any], more: Any) -> None:
    login = {
        "name": "login",
        "request": {"url": "http://127.0.0.1/login"},
        "outcomes": [{"when": "body.warning", "then": "undetermined", "reason": "source_credentials"}],
        "set": {"token": {"value": "body.token", "secret": True}, **more},
    }
    whole = Reply(answer.get("status", 200), {"x-token": "T0KENTOKEN"}, json.dumps(answer).encode())
    document = shown(whole, steps=[login, *step(headers={"X-Token": "{token}"})])
    assert len(document["steps"]) == 1
    assert "t0kentoken" not in json.dumps(document).lower()
    assert document["steps"][0]["answer"]["headers"] == {"x-token": "__token__"}


def test_a_token_that_is_no_text_is_masked_too() -> None:
    login = {
        "name": "login",
        "request": {"url": "http://127.0.0.1/login"},
        "set": {"token": {"value": "body.token", "secret": True}},
    }
    steps = [login, *step(headers={"X-Token": "{token}"})]
    assert "40961" not in json.dumps(shown({"token": 40961, "again": "40961"}, records(person()), steps=steps))
    assert "\\ud800" not in json.dumps(shown(b'{"token": "a\\ud800b"}', steps=steps)["steps"])


def test_a_session_in_a_header_of_the_answer_is_not_shown() -> None:
    document = shown(Reply(200, {"set-cookie": "JSESSIONID=1234"}, json.dumps(records(person())).encode()))
    assert document["steps"][0]["answer"]["headers"] == {"set-cookie": "…"}


def test_what_is_large_is_cut() -> None:
    body = {"long": "x" * 1000, "many": list(range(100)), **records(person())}
    document = shown(body)
    found = document["steps"][0]["answer"]["body"]
    assert found["long"] == f"{'x' * LONGEST_TEXT}… (1,000 characters)"
    assert found["many"] == [*range(MOST_ENTRIES), "… and 80 more"]
    wide = shown({f"k{index}": index for index in range(500)})
    lines = list(lines_of(wide))
    assert "    … and 302 more lines" in lines
    assert len(lines) < MOST_LINES + 20


def test_what_is_typed_wrongly_is_told_with_what_was_meant() -> None:
    source = RegistrySource.model_validate(description())
    good = [("number", "9000010000"), ("family_name", "Valombre"), ("given_name", "Iris")]
    query = query_of(source, good, [("professions", "10"), ("professions", "21")])
    assert (query.requirement, query.timeout) == ({"professions": ["10", "21"]}, 5.0)
    for inputs, requirements, said in (
        ([*good, ("numbr", "1")], [], "there is no input 'numbr' — did you mean 'number'?"),
        ([*good, ("number", "1")], [], "the input 'number' is given twice"),
        (
            good[:1],
            [],
            "the form asks for family_name, given_name as well — add --input family_name=… --input given_name=…",
        ),
        (good, [("profession", "10")], "no rule reads 'profession' — did you mean 'professions'?"),
    ):
        with pytest.raises(Failure) as caught:
            query_of(source, inputs, requirements)
        assert (str(caught.value), caught.value.code) == (said, Exit.USAGE)


def test_an_age_and_a_day_are_required_in_their_own_form() -> None:
    described = description()
    described["record"]["fields"] |= {"born": {"value": "born", "date": "%Y-%m-%d"}}
    described["rules"] += [
        {"check": "min_age", "field": "born", "requirement": "min_age", "reason": "too_young", "else": "refused"},
        {"check": "valid_at", "until": "born", "requirement": "day", "else": "refused"},
    ]
    source = RegistrySource.model_validate(described)
    good = [("number", "9000010000"), ("family_name", "Valombre"), ("given_name", "Iris")]
    query = query_of(source, good, [("min_age", "16"), ("day", "2026-11-26")])
    assert query.requirement == {"min_age": 16, "day": "2026-11-26"}
    for pairs, said in (
        ([("min_age", "old")], "the requirement 'min_age' must be a whole number of years, from 1 to 120"),
        ([("day", "1"), ("day", "2")], "the requirement 'day' is given twice"),
        ([("day", "soon")], "the requirement 'day' must be a day"),
    ):
        with pytest.raises(Failure) as caught:
            query_of(source, good, pairs)
        assert str(caught.value) == said


def test_the_exit_code_says_the_verdict() -> None:
    from adapters.base import Unavailable
    from jurat.vocabulary import Outcome, Reason

    assert code_of(Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)) is Exit.DONE
    assert code_of(Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE)) is Exit.REFUSED
    assert code_of(Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS)) is Exit.UNDETERMINED
    assert code_of(Unavailable("down")) is Exit.UNDETERMINED
