"""Web tier, PostgreSQL, Celery's worker on Valkey, HTTP source, verdict: all real, and one worker for all tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from examples.sources import Sources
from jurat.seal import generate
from jurat.vocabulary import AccessState
from store.verification import verify_access, verify_checks
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import INSIDE, PATIENCE, PHYSICIAN, ROOT, SUSPENDED, Town, soon
from tests.rigs.workers import Worker

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def town(make_town: MakeTown) -> Town:
    return make_town()


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[Worker]:
    with town.worker("--concurrency", "8") as worker:
        assert worker.says("ready.", PATIENCE)
        yield worker


def test_answers_become_verdicts_and_verdicts_access(town: Town, worker: Worker) -> None:
    (code,) = town.codes(1)
    residence, profession, by_code = town.submit_all(
        "iris", residence=INSIDE, profession=PHYSICIAN, code={"code": code.lower()}
    )
    checks = {
        "residence": residence,
        "profession": profession,
        "code": by_code,
        "suspended": town.submit("tugdual", "profession", SUSPENDED),
        "elsewhere": town.submit("tugdual", "residence", {**INSIDE, "number": "12", "street": "quai des Sardiniers",
                                                          "postcode": "99002"}),
        "used": town.submit("maelle", "code", {"code": "0000-0000-0000"}),
    }  # fmt: skip
    assert {name: town.verdict(check) for name, check in checks.items()} == {
        "residence": ("accepted", "inside_zone"),
        "profession": ("accepted", "record_matches"),
        "code": ("accepted", "code_valid"),
        "suspended": ("refused", "status_inactive"),
        "elsewhere": ("refused", "outside_zone"),
        "used": ("undetermined", "code_malformed"),
    }
    assert town.client.access("budget", "iris").state is AccessState.GRANTED
    assert town.client.access("budget", "tugdual").state is AccessState.BLOCKED
    assert town.client.access("budget", "maelle").rounds_left["code"] == 3
    assert town.verdict(town.submit("maelle", "code", {"code": code})) == ("refused", "code_used")


def test_nothing_that_a_participant_confirmed_is_left_or_was_logged(town: Town, worker: Worker) -> None:
    assert town.sql("SELECT count(*) FROM jurat_checks WHERE state = 'settled' AND answer IS NOT NULL") == [(0,)]
    stored = repr(town.sql("SELECT evidence FROM jurat_verdicts") + town.sql("SELECT * FROM jurat_attempts"))
    for word in ("Tanneurs", "tanneurs", "Valombre", "9000010000", "Iris"):
        assert word not in stored + worker.log


@pytest.mark.slow
def test_a_bell_is_answered_well_before_the_next_look_at_the_database(town: Town, worker: Worker) -> None:
    assert town.hears_bells("profession", PHYSICIAN, "waiting")


def test_many_answers_at_once_get_a_verdict_each(town: Town, worker: Worker) -> None:
    checks = town.submit_many(200, "profession", PHYSICIAN, prefix="many")
    assert soon(lambda: town.states()["settled"] == sum(town.states().values()))
    assert town.verdicts_a_check(checks) == Counter({1: 200})


def test_all_that_was_written_goes_together(town: Town, worker: Worker) -> None:
    database = town.service.database
    assert verify_checks(database) == []
    assert [each.found for each in verify_access(database)] == [[]]


@pytest.mark.slow
def test_a_source_that_is_configured_later_is_served_and_its_bells_are_heard(town: Town, worker: Worker) -> None:
    document = {**town.document, "sources": {**town.document["sources"], "later": {"type": "simulated"}}}
    document["criteria"] = {**document["criteria"], "anything": {"source": "later"}}
    budget = document["consultations"]["budget"]
    questions = {**budget["questions"], "anything": {"criterion": "anything"}}
    document["consultations"] = {"budget": {**budget, "questions": questions}}
    version = town.apply(document)
    assert worker.says(f"config_version={version}", PATIENCE)
    first = town.submit("late-0", "anything", {"word": "accept"})
    assert town.verdict(first) == ("accepted", "record_matches")
    assert town.sql("SELECT DISTINCT config_version FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id "
                    "WHERE question = 'anything'") == [(version,)]  # fmt: skip
    assert town.hears_bells("anything", {"word": "accept"}, "late")


@pytest.mark.slow
def test_an_ambiguous_address_is_chosen_from_a_list_and_costs_no_round(town: Town, worker: Worker) -> None:
    """The street is in two towns of one postcode, and the form asked for no town."""
    document = {**town.document}
    base = {"type": "address-file", "path": str(ROOT / "examples" / "town" / "addresses.csv")}
    document["sources"] = {**document["sources"], "base": base}
    document["criteria"] = {**document["criteria"], "lives-on-the-hill": {"source": "base", "zone": "hill"}}
    budget = document["consultations"]["budget"]
    questions = {**budget["questions"], "home": {"criterion": "lives-on-the-hill"}}
    document["consultations"] = {"budget": {**budget, "questions": questions}}
    version = town.apply(document)
    assert worker.says(f"config_version={version}", PATIENCE)
    private_key, reply_key = generate()
    typed = {"number": "4", "street": "rue de l'Église", "postcode": "99002"}
    check = town.submit("gwenola", "home", typed, reply_key=reply_key)
    assert town.verdict(check) == ("undetermined", "ambiguous_address")
    assert town.client.access("budget", "gwenola").rounds_left["home"] == 1
    offered = town.client.candidates(check, private_key)
    assert {each["city"] for each in offered} == {"Valmont", "Port-Valmont"}
    (chosen,) = (each for each in offered if each["city"] == "Valmont")
    assert town.verdict(town.submit("gwenola", "home", chosen, reply_key=reply_key)) == ("accepted", "inside_zone")
    assert town.client.access("budget", "gwenola").rounds_left["home"] == 0
    ((sealed,),) = town.sql("SELECT candidates FROM jurat_checks WHERE candidates IS NOT NULL")
    assert b"Valmont" not in bytes(sealed)
    assert "glise" not in worker.log


@pytest.mark.slow
def test_sigterm_ends_it_warmly(town: Town, worker: Worker, sources: Sources) -> None:
    """Look-ups under way run to their end, which is no minute away, and what came of them is written."""
    before = len(town.sql("SELECT 1 FROM jurat_attempts"))
    asked = sources.count("time-out")
    town.submit_many(8, "honour", PHYSICIAN, prefix="under-way")
    assert soon(lambda: sources.count("time-out") >= asked + 8)
    assert worker.stop(timeout=45) == 0
    assert town.states()["leased"] == 0
    assert len(town.sql("SELECT 1 FROM jurat_attempts")) >= before + 8
    assert town.sql("SELECT max(lost_leases) FROM jurat_checks") == [(0,)]
    assert "Traceback" not in worker.log
    assert "engine stopped" in worker.log
