"""Presets that a town makes its own, and the public file of the RPPS, through a real worker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from config.presets import FOLDER, expand
from config.registry import RosterSource
from config.registry.implied import fill_in
from examples.sources import Answer, Mood, Sources
from store.datasets.roster_files import NewRoster, import_roster
from store.datasets.rosters import RosterImport
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import ADMIN, PATIENCE, Town
from tests.adapters.registry.guarded import text_of, token_of
from tests.rigs.workers import Worker

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

BORN = "1966-05-28"
CONTROL, RESIDENT, STRANGER = "12345678Z", "X1234567L", "87654321X"
ODD = {"no-with-error": "00000001R", "no-without-code": "00000002W", "empty": "00000003A", "fault": "00000004G"}
"""Numbers that are answered in another way than by yes or no, by the name of the SOAP answer."""

ODD_IN_JSON: Mapping[str, Any] = {
    "no-with-error": {"code": "E-104", "registered": False},
    "no-without-code": {"registered": False},
    "empty": {"code": "OK", "registered": None},
    "fault": {"error": "no resident has this document"},
}
USER, PASSWORD = "town & census", "s3cret:+/é"
SECRETS = {"JURAT_SOURCE_USER": USER, "JURAT_SOURCE_PASSWORD": PASSWORD}

ACCEPTED, NOBODY = ("accepted", "record_matches"), ("refused", "record_not_found")


class Census:
    """A census that says yes or no, in JSON and over SOAP. Its checks of the token share no code with the adapter."""

    def __init__(self) -> None:
        self.residents = {CONTROL, RESIDENT}
        self.password = PASSWORD
        self.asked: list[str] = []
        self.nonces: list[str] = []
        self._lock = threading.Lock()

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """As a service of `Sources`."""
        typed = json.loads(body)
        word = self._word(typed["document"], typed["birth_date"])
        if word in ODD:
            return Answer(ODD_IN_JSON[word])
        return Answer({"code": "OK", "registered": word == "yes"})

    def soap(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """As a service of `Sources`."""
        user, nonce, is_right = token_of(body, self.password)
        with self._lock:
            is_new = nonce not in self.nonces
            self.nonces.append(nonce)
        if user != USER or not is_right or not is_new:
            return _soap("failed-authentication", 500)
        return _soap(self._word(text_of(body, "document"), text_of(body, "birthDate")))

    def _word(self, number: str, born: str) -> str:
        with self._lock:
            self.asked.append(number)
        odd = [word for word, each in ODD.items() if each == number]
        return odd[0] if odd else "yes" if number in self.residents and born == BORN else "no"


def _soap(name: str, status: int = 200) -> Answer:
    return Answer({}, status, xml=(FOLDER / "answers" / "census-soap" / f"{name}.xml").read_bytes())


def described(**written: Any) -> dict[str, Any]:
    """A source as an administrator writes it, with its preset filled in."""
    expanded, complaints = expand({"source": written})
    assert complaints == []
    source: dict[str, Any] = fill_in(expanded["source"]).source
    return source


def census_of(form: str, url: str) -> dict[str, Any]:
    soap = {"user": {"env": "JURAT_SOURCE_USER"}, "password": {"env": "JURAT_SOURCE_PASSWORD"}}
    return described(
        type="registry",
        preset=f"census-{form}",
        secrets=soap if form == "soap" else {"token": {"env": "JURAT_SOURCE_PASSWORD"}},
        control={"input": {"number": CONTROL, "birth_date": BORN}, "every": "1s"},
        rate="50/s",
        number_kind=form,
        breaker={"failures": 1000},
        steps={"lookup": {"request": {"url": url}}},
    )


RPPS = described(type="roster", preset="fr-rpps-file")


@pytest.fixture(scope="module")
def census() -> Census:
    return Census()


@pytest.fixture(scope="module")
def town(make_town: MakeTown, census: Census) -> Iterator[Town]:
    with Sources(services={"rest": census.rest, "soap": census.soap}) as sources:
        town = make_town()
        forms = {form: census_of(form, sources.url(Mood.OK, form)) for form in ("rest", "soap")}
        physician = {"source": "rpps", "require": {"professions": ["10"]}}
        late = {f"late-{form}": {"criterion": form, "deadline": "3s"} for form in forms}
        questions = {**{name: {"criterion": name} for name in (*forms, "rpps")}, **late}
        town.apply(
            {
                "environment": "test",
                "sources": {**forms, "rpps": RPPS},
                "criteria": {**{form: {"source": form} for form in forms}, "rpps": physician},
                "consultations": {"budget": {"questions": questions}},
            }
        )
        yield town
        assert sources.failures == []


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[Worker]:
    with town.worker("--concurrency", "4", **SECRETS) as worker:
        assert worker.says("ready.", PATIENCE)
        yield worker


def submitted(town: Town, form: str, number: str, *, late: bool = False) -> UUID:
    question = f"late-{form}" if late else form
    return town.submit(f"{question}-{number}", question, {"number": number, "birth_date": BORN})


@pytest.mark.parametrize("form", ["rest", "soap"])
def test_a_yes_accepts_and_a_no_refuses_once_it_was_said_twice(
    town: Town, worker: Worker, census: Census, form: str
) -> None:
    before = len(census.asked)
    assert town.verdict(submitted(town, form, RESIDENT)) == ACCEPTED
    assert town.verdict(submitted(town, form, STRANGER)) == NOBODY
    asked = census.asked[before:]
    assert (asked.count(RESIDENT), asked.count(STRANGER)) == (1, 2)
    assert CONTROL in asked, "before anyone is refused, the census must know somebody"


@pytest.mark.parametrize("form", ["rest", "soap"])
def test_what_is_neither_yes_nor_no_decides_nothing(town: Town, worker: Worker, form: str) -> None:
    checks = {word: submitted(town, form, number, late=True) for word, number in ODD.items()}
    verdicts = {word: town.verdict(check) for word, check in checks.items()}
    assert verdicts == {
        "no-with-error": ("undetermined", "source_rejected_request"),
        "no-without-code": ("undetermined", "source_unreadable"),
        "empty": ("undetermined", "status_unknown"),
        "fault": ("undetermined", "source_rejected_request" if form == "soap" else "source_unreadable"),
    }


def test_the_public_file_is_imported_and_looked_up(town: Town, worker: Worker) -> None:
    fingerprints = town.service.fingerprints
    assert fingerprints is not None
    file = FOLDER / "answers" / "fr-rpps-file" / "activities.txt"
    new = NewRoster(file, RosterSource.model_validate(RPPS), datetime.now(UTC).date())
    done = import_roster(RosterImport(town.service.database), new, fingerprints, ADMIN)
    assert (done.shared, done.sharing) == (4, 8)
    people = {
        "99900010002 Sardel Maëlle": ACCEPTED,
        "99900087778 Landreval Ysaline": ("refused", "profession_not_eligible"),
        "99900043334 Paulhac Odilon": ("undetermined", "record_not_public"),
        "99900112220 Quintrec Aelig": ("undetermined", "status_unknown"),
        "99900021116 Vigie Lazare": ("undetermined", "name_differs"),
        "99900076664 Sternhag Aud": ("undetermined", "record_not_found"),
    }
    fields = "number", "family_name", "given_name"
    checks = {who: town.submit(who[:11], "rpps", dict(zip(fields, who.split(), strict=True))) for who in people}
    assert {who: town.verdict(check) for who, check in checks.items()} == people


def test_a_wrong_password_and_a_census_that_knows_nobody_refuse_nobody(
    town: Town, worker: Worker, census: Census
) -> None:
    census.password = "another"
    assert town.verdict(submitted(town, "soap", STRANGER, late=True)) == ("undetermined", "source_credentials")
    census.password = PASSWORD
    census.residents.clear()
    checks = [submitted(town, form, RESIDENT, late=True) for form in ("rest", "soap")]
    assert [town.verdict(check) for check in checks] == [("undetermined", "source_unreadable")] * 2
    assert len(set(census.nonces)) == len(census.nonces), "each token is new"


def test_nothing_that_was_typed_is_left_or_was_logged(town: Town, worker: Worker) -> None:
    stored = repr(town.sql("SELECT evidence FROM jurat_verdicts") + town.sql("SELECT * FROM jurat_attempts"))
    for word in (RESIDENT, STRANGER, BORN, "Landreval", "LANDREVAL", USER, PASSWORD):
        assert word not in stored + worker.log
    assert "Traceback" not in worker.log
