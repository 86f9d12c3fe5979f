"""The database is killed and comes back: an engine goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from jurat.database import open_engine
from store.schema.migrations import upgrade
from tests.rigs.servers import NoServer, PostgreSQL
from tests.store.desk import Desk
from tests.worker.engine.works import PATIENCE, Steered, Works, soon
from worker.database import give_up


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server for these tests alone, for it is killed."""
    try:
        made = PostgreSQL(settings={"synchronous_commit": "on"})  # a kill may not lose what was committed
    except NoServer as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.fixture
def works(server: PostgreSQL, steered: Steered) -> Iterator[Works]:
    url = server.databases.create()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    desk = Desk(url)
    made = Works(desk, steered)
    yield made
    server.start()
    made.close()
    desk.close()


@pytest.mark.slow
@pytest.mark.faults
def test_an_engine_outlives_its_database_and_settles_each_check_once(works: Works, server: PostgreSQL) -> None:
    works.configure(slots=7)  # of which one of four sources may have four
    works.start()
    works.desk.submit_many(4)
    assert works.settles(4)
    works.steered.hold()
    works.desk.submit_many(12, "profession")
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 4)
    # However long this machine needs to start the server again, no one else shall have them meanwhile.
    works.desk.sql("UPDATE jurat_checks SET lease_until = NOW(3600) WHERE state = 'leased'")
    with capture_logs() as logs:
        server.kill()
        works.steered.let_go()
        assert soon(lambda: works.engine.writer.away and works.engine.claimer.away)
        with pytest.raises(OperationalError):
            works.desk.submit("nobody")
        server.start()
        assert works.settles(16)
    said = [line for line in logs if line["event"] == "database away"]
    assert len(said) == 1, "once a minute for all threads together"
    assert not [line for line in logs if line["log_level"] == "error"]
    counts = "SELECT check_id, count(*) FROM jurat_verdicts GROUP BY check_id"
    assert [row[1] for row in works.desk.sql(counts)] == [1] * 16
    assert len(works.steered.asked) == 16, "what was looked up is written, not looked up again"
    assert works.desk.one("SELECT max(lost_leases) FROM jurat_checks") == 0
    assert works.stop()


@pytest.mark.slow
@pytest.mark.faults
def test_an_engine_starts_without_its_database_and_begins_when_it_comes(works: Works, server: PostgreSQL) -> None:
    check = works.desk.submit()
    server.kill()
    works.engine.start()
    works._started = True
    assert soon(lambda: works.engine.plans.current() is None and works.engine._keeper.away)
    server.start()
    assert soon(lambda: works.plans.current() is not None)
    assert works.settles(1)
    assert works.desk.verdicts(check.id) == [("accepted", "record_matches")]


@pytest.mark.slow
@pytest.mark.faults
def test_stopping_while_the_database_is_away_waits_for_it_as_long_as_it_may(works: Works, server: PostgreSQL) -> None:
    works.start()
    works.steered.hold()
    works.desk.submit()
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 1)
    server.kill()
    works.steered.let_go()
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(works.stop)
        assert soon(lambda: works.engine.writer.away and works.engine.writer._ending)
        assert not stopped.done()
        server.start()
        assert stopped.result(2 * PATIENCE)
    assert works.settled == 1


@pytest.mark.slow
@pytest.mark.faults
def test_a_database_that_hangs_is_away_and_no_thread_waits_for_it(works: Works, server: PostgreSQL) -> None:
    """Its kernel acknowledges what it is sent, so that the driver alone would wait for ever, and the watchdog not."""
    give_up(works.desk.engine, longest=1.0, patience=1.0)
    works.start()
    works.steered.hold()
    works.desk.submit()
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 1)
    threads = (works.engine.writer, works.engine.claimer, works.engine._renewer, works.engine._keeper)
    with capture_logs() as logs:
        server.pause()
        works.steered.let_go()
        assert soon(lambda: all(thread.away for thread in threads))
        server.resume()
        assert works.settles(1)
        assert soon(lambda: not any(thread.away for thread in threads))
    assert [line["event"] for line in logs if line["log_level"] != "info"] == ["database away"]
    assert len(works.steered.asked) == 1
