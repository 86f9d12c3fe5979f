"""The repr of anything that a lookup builds has nothing that was typed or answered.

A repr gets into logs and crash reports by many ways: a traceback with locals, a debugger, an f-string with `!r`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from types import FrameType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Query, SourceError
from adapters.http_client.reply import Reply
from adapters.registry.batches import RegistryOfMany, adapter_class
from adapters.registry.trace import LookupTrace
from adapters.registry_tests.roster_tests import run_roster_trials
from config.registry import RegistrySource
from tests.adapters.registry.described import NOON, Canned, description
from tests.adapters.registry_tests.test_roster_tests import source as list_of

DESCRIPTION = "config.registry"
OURS = ("adapters.", DESCRIPTION)
BORN = date(1963, 7, 19)
"""A day that no code names."""

CANARIES = st.text(st.sampled_from("QWZqwzÉé"), min_size=7, max_size=12)
"""Words that are in no repr by chance, some with letters beyond ASCII."""


class Seen:
    """Everything of our own classes that functions of ours took, made and returned, as its repr."""

    def __init__(self) -> None:
        self.reprs: dict[str, set[str]] = {}
        self._described: dict[int, object] = {}
        self._busy = False

    def profile(self, frame: FrameType, event: str, value: Any) -> None:
        ours = str(frame.f_globals.get("__name__", "")).startswith(OURS)
        if self._busy or not ours or event not in {"call", "return"}:
            return
        self._busy = True
        try:
            for held in [*frame.f_locals.values(), value if event == "return" else None]:
                self._note(held)
        finally:
            self._busy = False

    def _note(self, held: Any) -> None:
        kind = type(held)
        if kind.__module__.startswith(DESCRIPTION):
            # What is described does not change, and its repr is long.
            if id(held) in self._described:
                return
            self._described[id(held)] = held
        if kind.__module__.startswith(OURS):
            with suppress(AttributeError):  # not made up to its end yet
                self.reprs.setdefault(f"{kind.__module__}.{kind.__qualname__}", set()).add(repr(held))


@contextmanager
def watched() -> Iterator[Seen]:
    seen, before = Seen(), sys.getprofile()
    sys.setprofile(seen.profile)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def showing(seen: Seen, *canaries: str) -> dict[str, str]:
    """The classes whose reprs hold one of these, each with such a repr."""
    spelled = {form for text in canaries for form in (text, text.lower(), text.upper(), ascii(text)[1:-1])}
    return {name: text for name, texts in seen.reprs.items() for text in texts if any(form in text for form in spelled)}


def described(decode: str) -> dict[str, Any]:
    """A registry with every kind of field and rule, whose answer is read as JSON or XML."""
    whole = description()
    whole["steps"][0] |= {"decode": decode, "outcomes": []}
    root = "body" if decode == "json" else "body.answer"
    whole["inputs"] = {**whole["inputs"], "number": {}, "birth_date": {"type": "date", "required": True}}
    whole["record"] = {
        "from": f"{root}.person",
        "fields": {
            "number": "number",
            "names": "{family: family, given: given}",
            "status": "status",
            "professions": "profession",
            "birth_date": {"value": "born", "date": "iso"},
        },
        "status": {"active": ["active"]},
    }
    born = {"check": "equals", "field": "birth_date", "input": "birth_date", "else": "refused"}
    whole["rules"] = [*whole["rules"][:2], {**born, "reason": "birth_date_differs"}, *whole["rules"][2:]]
    return whole


def answered(decode: str, person: Mapping[str, str]) -> Reply:
    if decode == "json":
        return Reply(200, {}, json.dumps({"person": person}).encode())
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in person.items())
    return Reply(200, {}, f"<answer><person>{inner}</person></answer>".encode())


@settings(max_examples=6, deadline=None)
@given(st.lists(CANARIES, min_size=6, max_size=6, unique=True), st.sampled_from(["json", "xml"]), st.booleans())
def test_nothing_that_a_lookup_builds_shows_who_is_looked_up(words: list[str], decode: str, theirs: bool) -> None:
    number, family, given_name, other, status, profession = words
    person = {"number": number, "family": family, "given": given_name, "status": status, "profession": profession}
    person["born"] = BORN.isoformat()
    answer = {"number": number, "family_name": family if theirs else other, "given_name": given_name}
    query = Query({**answer, "birth_date": BORN.isoformat()})
    model = RegistrySource.model_validate(described(decode))
    with watched() as seen:
        replies = [answered(decode, person), Reply(200, {}, b"{" + number.encode()), Reply(503, {}, number.encode())]
        adapter = adapter_class(model)(
            model, secret=str, transport=Canned(replies), clock=lambda: NOON, watch=LookupTrace()
        )
        for asked in (query, query, query, Query({**query.answer, "birth_date": number})):
            with suppress(SourceError):
                adapter.look_up(asked)
    assert showing(seen, *words, BORN.isoformat(), repr(BORN)) == {}
    built = {
        "record.Record",
        "rules.Case",
        "decoder.Decoded",
        "dates.DaySpan",
        "templates.Message",
        "numbers.Malformed",
    }
    assert {f"adapters.registry.{name}" for name in built} <= seen.reprs.keys()
    assert {"adapters.person_names.comparison.Name", "adapters.person_names.parts.NamePart"} <= seen.reprs.keys()


@settings(max_examples=6, deadline=None)
@given(st.lists(CANARIES, min_size=4, max_size=4, unique=True))
def test_nothing_that_is_made_of_a_list_of_people_shows_anybody(words: list[str]) -> None:
    number, family, status, other = words
    rows = [
        {"Ref No": f"{number}1", "Surname": family, "Status": status},
        {"Ref No": other, "Surname": "", "Status": ""},
    ]
    trials = [
        {"name": str(index), "input": {"number": typed, "family_name": family}, "expect": "accepted"}
        for index, typed in enumerate((f"{number}1", other, status))
    ]
    tests = [{**trial, "responses": {"file": {"json": rows}}} for trial in trials]
    with watched() as seen:
        described = list_of(*tests, inputs={"number": {"clean": ["trim"]}, "family_name": {}})
        found = [each.found for each in run_roster_trials(described, lambda _, name: name.encode())]
    assert found == [
        "undetermined/status_unknown",
        "undetermined/record_not_public",
        "undetermined/record_not_found",
    ]
    assert showing(seen, *words) == {}
    assert not [word for word in words if word in repr(found) + repr(described) + repr(described.tests)]
    built = {"roster_rows.RosterRow", "judge.Asked", "record.Record", "rules.Case"}
    assert {f"adapters.registry.{name}" for name in built} <= seen.reprs.keys()
    assert {
        "adapters.rosters.RosterVersion",
        "adapters.registry_tests.description_tests.TrialResult",
    } <= seen.reprs.keys()


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(10**9, 10**10 - 1).map(str), min_size=3, max_size=3, unique=True), CANARIES)
def test_nothing_that_is_made_of_a_batch_shows_anybody(numbers: list[str], family: str) -> None:
    whole = {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "inputs": {"number": {"clean": ["digits"]}, "family_name": {}},
        "steps": [{"request": {"url": "http://127.0.0.1/members", "query": {"number": "{number}"}}}],
        "record": {"from": "body.members", "fields": {"number": "number", "names": "{family: family}"}},
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "compatible": "undetermined"},
        ],
        "batch": {"most": 20},
    }
    model = RegistrySource.model_validate(whole)
    first, second, strange = numbers
    answer = {"members": [{"number": number, "family": family} for number in (first, strange)]}
    with watched() as seen:
        adapter = RegistryOfMany(model, secret=str, transport=Canned([answer]), clock=lambda: NOON)
        asked = [Query({"number": number, "family_name": family}) for number in (first, second)]
        found = adapter.look_up_many(asked)
    assert showing(seen, *numbers, family) == {}
    assert not [text for text in (*numbers, family) if text in repr(found)]
    assert {"adapters.registry.judge.Asked", "adapters.registry.batches._Answer"} <= seen.reprs.keys()
