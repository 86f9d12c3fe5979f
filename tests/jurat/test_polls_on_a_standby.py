"""A platform may poll a standby: its reads need no write, and a check that has not arrived there is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import make_url, text

from jurat import Client, Outcome, UnknownCheck
from jurat.database import open_engine
from store.schema.migrations import upgrade
from tests.rigs.servers import NoServer, PostgreSQL
from tests.rigs.standby import Standby
from tests.store.desk import ACCEPTED, Desk, entry
from tests.worker.engine.works import soon

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture
def both() -> Iterator[tuple[Desk, str]]:
    """A database with our tables, and the URL of its copy on a standby."""
    try:
        primary = PostgreSQL()
    except NoServer as error:
        pytest.skip(str(error))
    with primary:
        url = primary.databases.create()
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        desk = Desk(url)
        with Standby(primary) as standby:
            yield desk, make_url(standby.url).set(database=make_url(url).database).render_as_string()
        desk.close()


def state(client: Client, check: UUID) -> str | None:
    """None where it has not arrived."""
    found = client.results([check])
    return found[0].state if found else None


def test_verdicts_and_access_are_read_there(both: tuple[Desk, str]) -> None:
    desk, url = both
    client = Client(url)
    held = desk.held("p-1")
    assert soon(lambda: state(client, held.id) == "leased")
    desk.write(entry(held, ACCEPTED))
    assert soon(lambda: state(client, held.id) == "settled")
    assert client.result(held.id).outcome is Outcome.ACCEPTED
    assert client.access("budget", "p-1") == desk.client.access("budget", "p-1")
    client.close()


def test_a_check_that_has_not_arrived_is_unknown_there_and_known_where_it_was_submitted(
    both: tuple[Desk, str],
) -> None:
    desk, url = both
    client, behind = Client(url), open_engine(url)
    first = desk.submit("p-1")
    assert soon(lambda: state(client, first.id) == "pending")
    with behind.connect() as connection:
        connection.execute(text("SELECT pg_wal_replay_pause()"))
        second = desk.submit("p-2")
        with pytest.raises(UnknownCheck):
            client.result(second.id)
        assert desk.client.result(second.id).state == "pending"
        connection.execute(text("SELECT pg_wal_replay_resume()"))
    assert soon(lambda: state(client, second.id) == "pending")
    behind.dispose()
    client.close()
