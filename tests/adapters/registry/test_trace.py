from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest

from adapters.base import Unreadable
from adapters.registry.trace import LookupTrace
from config.registry.model.rules import EqualsRule
from jurat.vocabulary import Outcome, Reason
from tests.adapters.person_names import census
from tests.adapters.registry.described import IRIS, description, judged, person, records


class RecordedTrace(LookupTrace):
    """Everything that was reported, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name not in vars(LookupTrace):
            return super().__getattribute__(name)
        return self._note(name)

    def _note(self, name: str) -> Callable[..., None]:
        return lambda *args, **more: self.calls.append((name, args, more))

    def all(self, name: str) -> list[tuple[Any, ...]]:
        return [(*args, *more.values()) for called, args, more in self.calls if called == name]


def watched(*innermost: str) -> tuple[RecordedTrace, Outcome]:
    notes = RecordedTrace()
    answers = [census.login_answer(), *map(census.lookup_answer, innermost)]
    found = judged(census.description(), census.asked(min_age=16), *answers, secrets=census.KEYS, watch=notes)
    return notes, found.outcome


def test_a_lookup_reports_its_steps_in_order() -> None:
    notes, outcome = watched(census.resident())
    assert outcome is Outcome.ACCEPTED
    assert [name for name, _, _ in notes.calls] == [
        "on_secret", "on_secret", "on_request", "on_reply", "on_secret", "on_outcome", "on_values",
        "on_request", "on_reply", "on_outcome", "on_outcome", "on_records", "on_record", *["on_rule"] * 4,
    ]  # fmt: skip
    ((records_found,),) = notes.all("on_records")
    assert records_found[0]["document"] == "12345678Z"
    ((record,),) = notes.all("on_record")
    assert record.values("district") == ("03",)
    assert [index for index, _, _ in notes.all("on_rule")] == [0, 1, 2, 3]
    assert [failure for _, _, failure in notes.all("on_rule")] == [None] * 4
    assert notes.all("on_reply")[1][2].body["residents"]["resident"][0]["name"] == "MIREIA"


def test_a_trace_gets_no_secret_and_learns_which_to_hide() -> None:
    notes, _ = watched(census.resident())
    secrets = {"town": "secrets.user", "open sesame": "secrets.password", census.TOKEN: "token"}
    assert dict(notes.all("on_secret")) == secrets
    shown = str([astuple(message) for _, message in notes.all("on_request")]) + str(notes.all("on_values"))
    assert not any(secret in shown for secret in secrets)
    login, lookup = (message for _, message in notes.all("on_request"))
    assert b"<user>__secrets.user__</user>" in login.body
    assert b"<token>__token__</token>" in lookup.body
    assert b"12345678Z" in lookup.body
    assert notes.all("on_values") == [("login", {"token": "__token__"})]


def test_a_mask_is_in_every_place_of_a_request() -> None:
    request = {
        "url": "http://127.0.0.1/{number}",
        "query": {"q": "{secrets.key}"},
        "auth": {"type": "basic", "user": "{secrets.key}"},
    }
    notes = RecordedTrace()
    described = description(steps=[{"request": request}], secrets={"key": {"env": "KEY"}})
    judged(described, IRIS, records(person()), secrets={"KEY": "k&y"}, watch=notes)
    ((_, message),) = notes.all("on_request")
    assert dict(message.params) == {"q": "__secrets.key__"}
    assert message.url.endswith("/9000010000")
    assert "k&y" not in str(astuple(message))


def test_where_a_filter_rejects_a_mask_only_the_host_is_shown() -> None:
    request = {"method": "POST", "url": "http://127.0.0.1/", "json": {"key": "{secrets.key|digits}"}}
    notes = RecordedTrace()
    described = description(steps=[{"request": request}], secrets={"key": {"env": "KEY"}})
    found = judged(described, IRIS, records(person()), secrets={"KEY": "12 34"}, watch=notes)
    assert found.outcome is Outcome.ACCEPTED
    ((_, message),) = notes.all("on_request")
    assert "127.0.0.1" in message.url
    assert "1234" not in str(astuple(message))


def test_a_trace_shows_which_outcome_and_which_rule_decided() -> None:
    notes = RecordedTrace()
    found = judged(description(), IRIS, {"count": 0, "professionals": []}, watch=notes)
    assert found.reason is Reason.RECORD_NOT_FOUND
    assert [(index, held) for _, index, _, held in notes.all("on_outcome")] == [(0, False), (1, False), (2, True)]
    assert not notes.all("on_records")

    notes = RecordedTrace()
    judged(description(), IRIS, records(person(number="9000010372")), watch=notes)
    ((index, rule, failure),) = notes.all("on_rule")
    assert (index, isinstance(rule, EqualsRule), failure) == (0, True, (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS))


def test_a_trace_shows_an_answer_that_cannot_be_read() -> None:
    notes = RecordedTrace()
    with pytest.raises(Unreadable):
        judged(description(), IRIS, b"<html/>", watch=notes)
    ((_, reply, decoded),) = notes.all("on_reply")
    assert (reply.body, decoded.body) == (b"<html/>", None)
    assert decoded.trouble


def test_a_trace_changes_no_verdict() -> None:
    answers: list[Any] = [records(person()), records(person(status="suspended")), {"professionals": []}]
    for answer in answers:
        assert judged(description(), IRIS, answer) == judged(description(), IRIS, answer, watch=LookupTrace())
