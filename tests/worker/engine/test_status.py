"""How an engine says that it is: to the health file, the endpoints and the table of workers alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from store.queue.claims import Claimed
from tests.store.desk import Desk
from tests.worker.engine.works import PATIENCE, Steered, Works, soon
from worker.bootstrap import serve_endpoints
from worker.engine import status, watchdog
from worker.metrics.endpoints import open_listener


@pytest.fixture
def url(each_works: Works) -> Iterator[str]:
    """The endpoints of an engine."""
    endpoints = serve_endpoints(open_listener("127.0.0.1:0"), each_works.engine)
    yield f"http://127.0.0.1:{endpoints.port}"
    endpoints.close()


def problems(url: str, path: str) -> tuple[int, list[str]]:
    answer = requests.get(f"{url}/{path}", timeout=PATIENCE)
    return answer.status_code, answer.json()["problems"]


def test_an_engine_is_started_once_it_has_looked_for_work(
    each_works: Works, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = threading.Event()
    claim = each_works.engine.claimer._claims.claim

    def slowly(*given: object) -> Claimed:
        looks.wait(PATIENCE)
        return claim(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(each_works.engine.claimer._claims, "claim", slowly)
    assert each_works.plans.refresh()
    assert problems(url, "startupz") == (503, ["this worker has not looked for work yet"])
    each_works.start()
    assert problems(url, "startupz")[0] == 503
    assert problems(url, "livez") == (200, [])
    looks.set()
    assert soon(lambda: problems(url, "startupz") == (200, []))


@pytest.mark.slow
def test_an_engine_that_stands_still_is_not_alive(each_works: Works, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog then ends the process, which here would be that of the tests."""
    monkeypatch.setattr(watchdog, "STANDSTILL", 4.0)
    ended: list[int] = []
    each_works.engine._watchdog._end = ended.append
    hangs = threading.Event()
    monkeypatch.setattr(each_works.engine._keeper._upkeep, "turns", lambda _: hangs.wait(PATIENCE) and {})
    each_works.engine._keeper._next_refresh = float("inf")
    assert each_works.plans.refresh()
    each_works.start()
    assert soon(lambda: problems(url, "livez")[0] == 503)
    (problem,) = problems(url, "livez")[1]
    assert problem.startswith("this worker hangs: its keeper has not moved for ")
    assert soon(lambda: ended == [watchdog.EXIT_CODE])
    hangs.set()


@pytest.mark.slow
def test_lookups_that_hang_leave_it_alive_while_they_are_few(
    each_works: Works, url: str, steered: Steered, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_works.configure(slots=8)
    ended: list[int] = []
    dog = each_works.engine._watchdog
    dog._end, dog._longest = ended.append, lambda _: 0.1
    endpoints = serve_endpoints(open_listener("127.0.0.1:0"), each_works.engine)
    url = f"http://127.0.0.1:{endpoints.port}"
    steered.hold()
    each_works.start()
    each_works.desk.submit("p-1")
    assert soon(lambda: dog._hanging() == 1)
    assert problems(url, "livez") == (200, [])
    each_works.desk.submit("p-2")
    assert soon(lambda: problems(url, "livez")[0] == 503)
    assert problems(url, "livez")[1] == ["this worker hangs: 2 of 8 lookups have run for twice their source's timeout"]
    assert soon(lambda: ended)
    endpoints.close()


def test_a_database_that_has_not_answered_for_a_while_is_away(
    works: Works, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not works.engine.status.facts().database, "before the first answer"
    works.start()
    assert soon(lambda: works.engine.status.facts().database)
    works.stop()
    monkeypatch.setattr(status, "ANSWERED", 0.0)
    facts = works.engine.status.facts()
    assert (facts.database, facts.stopping, facts.ready) == (False, True, False)
    assert facts.unready == ["is stopping", "does not reach the database, or may not write there"]
