"""The clock of PostgreSQL is put back by an hour under a running engine."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.store.desk import DOCUMENT, Desk
from tests.worker.engine.works import Steered, Works, soon

CLOCK = (
    "CREATE SCHEMA offset_by",
    "CREATE TABLE offset_by.clock (seconds float8 NOT NULL)",
    "INSERT INTO offset_by.clock VALUES (0)",
    """CREATE FUNCTION offset_by.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
       'SELECT pg_catalog.statement_timestamp() + make_interval(secs => seconds) FROM offset_by.clock'""",
    """DO $$ BEGIN
         EXECUTE format('ALTER DATABASE %I SET search_path = offset_by, public, pg_catalog', current_database());
       END $$""",
)
"""A clock that is searched before the catalogue's, for every connection that is opened later."""

LIMITED = {**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": {"type": "simulated", "rate": "20/s"}}}


@pytest.mark.slow
@pytest.mark.faults
def test_an_engine_goes_on_when_the_clock_is_put_back(postgresql_url: str, steered: Steered) -> None:
    before = Desk(postgresql_url)
    for statement in CLOCK:
        before.sql(statement)
    before.close()
    desk = Desk(postgresql_url, LIMITED)
    works = Works(desk, steered)
    try:
        works.start()
        desk.submit("p-0")
        assert works.settles(1)
        assert soon(lambda: desk.one("SELECT count(*) FROM jurat_upkeep WHERE task = 'requests'") == 1)
        with capture_logs() as logs:
            desk.submit_many(3, first=1)
            desk.sql("UPDATE offset_by.clock SET seconds = -3600")
            desk.submit_many(3, first=4)
            assert works.settles(7)
            assert soon(lambda: [line for line in logs if line["event"] == "the database's clock was put back"])
            with desk.engine.begin() as connection:
                asked = desk.client.erase(connection, participant="p-0")
            assert soon(lambda: desk.client.request(asked).state != "waiting")
    finally:
        works.close()
        desk.close()
