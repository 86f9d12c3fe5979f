"""A real worker looks people up in registries that want a token, a signature or a password's digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, PHYSICIAN, SUSPENDED, Town, soon
from tests.adapters.registry.guarded import CLIENT, KEYS, SECRET, SIGNING, Guarded, document
from tests.rigs.workers import Worker

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

THREADS = 16


@pytest.fixture(scope="module")
def server() -> Iterator[Guarded]:
    with Guarded() as started:
        yield started


@pytest.fixture(scope="module")
def town(make_town: MakeTown, server: Guarded) -> Town:
    town = make_town()
    town.apply(configured(server))
    return town


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[Worker]:
    with town.worker("--concurrency", str(THREADS), **KEYS) as worker:
        assert worker.says("ready.", PATIENCE)
        yield worker


def configured(server: Guarded, **pharmacists: Any) -> Any:
    made = document(server.port)
    made["sources"]["pharmacists"] |= pharmacists
    return made


def asked(server: Guarded, kind: str) -> int:
    with server.lock:
        return server.asked[kind]


@pytest.mark.parametrize("question", ["pharmacist", "surveyor", "resident"])
def test_who_is_listed_is_accepted_and_who_was_struck_off_refused(
    town: Town, worker: Worker, server: Guarded, question: str
) -> None:
    nonces = len(server.nonces)
    checks = town.submit_many(20, question, PHYSICIAN, prefix=question)
    former = town.submit(f"tugdual-{question}", question, SUSPENDED)
    assert {town.verdict(check) for check in checks} == {("accepted", "record_matches")}
    assert town.verdict(former) == ("refused", "status_inactive")
    fresh = server.nonces[nonces:]
    assert len(set(fresh)) == len(fresh) == (0 if question == "pharmacist" else 21)
    assert asked(server, "token") == 1
    assert asked(server, "refused") == 0


def test_all_threads_renew_a_token_once_that_ended_early(town: Town, worker: Worker, server: Guarded) -> None:
    before = asked(server, "token")
    server.delay = 0.3
    server.end_tokens()
    checks = town.submit_many(THREADS, "pharmacist", PHYSICIAN, prefix="renewed")
    assert {town.verdict(check) for check in checks} == {("accepted", "record_matches")}
    assert asked(server, "token") == before + 1
    server.delay = 0.0


def test_a_token_that_lives_for_seconds_is_renewed_before_its_end(town: Town, worker: Worker, server: Guarded) -> None:
    server.life = 2
    server.end_tokens()
    refused = asked(server, "refused")
    before = asked(server, "token")
    number = 0
    while asked(server, "token") < before + 3:
        number += 1
        assert town.verdict(town.submit(f"short-{number}", "pharmacist", PHYSICIAN)) == ("accepted", "record_matches")
    assert asked(server, "refused") <= refused + 2, "the one that ended early, and none of those that ended in time"
    server.life = 3600


def test_a_token_is_paid_from_the_quota_of_its_source(town: Town, worker: Worker, server: Guarded) -> None:
    version = town.apply(configured(server, daily=1000))
    assert worker.says(f"config_version={version}", PATIENCE)
    town.verdict(town.submit("paid-0", "pharmacist", PHYSICIAN))
    used = "SELECT used FROM jurat_sources WHERE name = 'pharmacists'"
    ((before,),) = town.sql(used)
    server.end_tokens()
    for number in range(1, 4):
        town.verdict(town.submit(f"paid-{number}", "pharmacist", PHYSICIAN))
    assert town.sql(used) == [(before + 3 + 2,)], "the lookups, the token, and the second sending after the 401"


def test_an_endpoint_that_fails_opens_the_breaker_and_its_probes_may_ask_for_a_token(
    town: Town, worker: Worker, server: Guarded
) -> None:
    """No one is refused for it, and the quota is the source's own: a probe pays for the token that it needs."""
    limits = {"rate": "20/s", "breaker": {"failures": 2, "probe": "200ms"}}
    server.token_answer = 503, {"error": "tok3n"}
    version = town.apply(configured(server, **limits))
    assert worker.says(f"config_version={version}", PATIENCE)
    checks = town.submit_many(5, "pharmacist", SUSPENDED, prefix="failing")
    opened = "SELECT count(*) FROM jurat_sources WHERE name = 'pharmacists' AND opened_at IS NOT NULL"
    assert soon(lambda: town.sql(opened) == [(1,)])
    ids = ", ".join(f"'{check}'" for check in checks)
    assert town.sql(f"SELECT count(*) FROM jurat_verdicts WHERE check_id IN ({ids})") == [(0,)]
    server.token_answer = None
    assert {town.verdict(check) for check in checks} == {("refused", "status_inactive")}
    assert town.sql(opened) == [(0,)]


def test_neither_token_nor_key_was_logged_or_stored(town: Town, worker: Worker) -> None:
    stored = repr(town.sql("SELECT * FROM jurat_attempts") + town.sql("SELECT * FROM jurat_verdicts"))
    stored += repr(town.sql("SELECT * FROM jurat_sources") + town.sql("SELECT * FROM jurat_configs"))
    for hidden in ("tok3n", CLIENT, SECRET, SIGNING.decode(), KEYS["JURAT_SOURCE_SIGNING_KEY"]):
        assert hidden not in worker.log + stored
    assert "Traceback" not in worker.log
