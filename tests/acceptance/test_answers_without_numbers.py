"""Registries whose answers do not repeat the number, from the web tier to the verdict, through a worker of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from examples.sources import Answer, Mood, Sources
from jurat import InvalidAnswer
from jurat.vocabulary import State
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, Town, soon
from tests.adapters.registry.test_sealed_answers import LOADED, described
from tests.rigs.workers import Worker

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

IRIS = {"number": "0047 1100", "family_name": "Valombre", "given_name": "Iris"}
TUGDUAL = {"number": "la 000815", "family_name": "Corvec", "given_name": "Tugdual"}
RESIDENT = {"number": "12345678-z", "birth_date": "1966-05-28"}
CONTROL = LOADED["census"]["control"]["input"]


class Registries:
    """The invented registers: two companies with their officers, and a census that says yes or no."""

    def __init__(self) -> None:
        self.residents = {(CONTROL["number"], CONTROL["birth_date"]), ("12345678Z", "1966-05-28")}
        self.companies = {"00471100": "active", "LA000815": "dissolved"}
        self.names = {"00471100": "VALOMBRE, Iris Anne", "LA000815": "CORVEC, Tugdual"}
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def companies_house(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """As a service of `Sources`."""
        number = path.split("/")[1]
        self._note(path)
        if number not in self.companies:
            return Answer({"error": "no such company"}, 404)
        if path.endswith("/officers"):
            return Answer({"items": [{"name": self.names[number], "state": "In office"}]})
        # The register has lost the leading zeros of its numbers.
        return Answer({"company_status": self.companies[number], "links": {"self": f"/company/{number.lstrip('0')}"}})

    def census(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """As a service of `Sources`."""
        typed = json.loads(body)
        self._note(f"census/{typed['document']}")
        return Answer({"resident": "yes" if (typed["document"], typed["born"]) in self.residents else "no"})

    def _note(self, what: str) -> None:
        with self._lock:
            self.asked.append(what)


@pytest.fixture(scope="module")
def registries() -> Registries:
    return Registries()


@pytest.fixture(scope="module")
def served(registries: Registries) -> Iterator[Sources]:
    services = {"companies": registries.companies_house, "census": registries.census}
    with Sources(services=services) as sources:
        yield sources
        assert sources.failures == []


@pytest.fixture(scope="module")
def town(make_town: MakeTown, served: Sources) -> Town:
    town = make_town()
    questions = {name: {"criterion": f"is-{name}", "rounds": 9} for name in ("officer", "resident")}
    town.apply(
        {
            "environment": "test",
            "sources": {
                "officers": described("officers", served.url(Mood.OK, "companies")),
                "census": {
                    **described("census", served.url(Mood.OK, "census")),
                    "control": LOADED["census"]["control"],
                },
            },
            "criteria": {"is-officer": {"source": "officers"}, "is-resident": {"source": "census"}},
            "consultations": {"budget": {"questions": questions}},
        }
    )
    return town


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[Worker]:
    with town.worker("--concurrency", "8") as worker:
        assert worker.says("ready.", PATIENCE)
        yield worker


def test_officers_are_found_by_the_number_that_was_sent(town: Town, worker: Worker) -> None:
    checks: dict[str, dict[str, Any]] = {
        "iris": IRIS,
        "tugdual": TUGDUAL,
        "stranger": {**IRIS, "family_name": "Vigie", "given_name": "Lazare"},
        "nobody": {**IRIS, "number": "00471101"},
    }
    sent = {name: town.submit(name, "officer", answer) for name, answer in checks.items()}
    assert {name: town.verdict(check) for name, check in sent.items()} == {
        "iris": ("accepted", "record_matches"),
        "tugdual": ("refused", "status_inactive"),
        "stranger": ("undetermined", "name_differs"),
        "nobody": ("undetermined", "record_not_found"),
    }


def test_a_census_says_yes_and_no(town: Town, worker: Worker, registries: Registries) -> None:
    yes = town.submit("resident", "resident", RESIDENT)
    no = town.submit("elsewhere", "resident", {**RESIDENT, "number": "87654321X"})
    assert town.verdict(yes) == ("accepted", "record_matches")
    assert town.verdict(no) == ("refused", "record_not_found")
    assert registries.asked.count("census/87654321X") == 2, "an absence is asked for twice"
    again = town.submit("another", "resident", {**RESIDENT, "number": "1234 5678 Z"})
    assert soon(lambda: town.client.result(again).state == State.REVIEW), "the number has served someone"


def test_a_mistyped_number_is_refused_by_the_form_and_costs_no_round(
    town: Town, worker: Worker, registries: Registries
) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        town.submit("hasty", "officer", {**IRIS, "number": "0047110"})
    assert (caught.value.field, caught.value.rule) == ("number", "pattern")
    before = len(registries.asked)
    # The form takes what only the worker can tell: letters of another script.
    check = town.submit("hasty", "officer", {**IRIS, "number": "LБ000815"})
    assert town.verdict(check) == ("undetermined", "number_malformed")
    assert town.client.access("budget", "hasty").rounds_left["officer"] == 9
    assert len(registries.asked) == before


def test_nothing_that_was_typed_is_left_or_was_logged(town: Town, worker: Worker) -> None:
    stored = repr(town.sql("SELECT evidence FROM jurat_verdicts") + town.sql("SELECT * FROM jurat_attempts"))
    for word in ("Valombre", "Corvec", "00471100", "12345678Z", "1966"):
        assert word not in stored + worker.log
