"""Celery's remote control, over a real broker: whoever may ring cannot end a worker with it."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from redis import Redis

from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, PHYSICIAN, Town, soon
from worker.celery_settings import celery_settings

pytestmark = pytest.mark.acceptance

CONTROL = "/0.celery.pidbox"
"""The channel of remote control, as Celery names it in database 0 of Redis."""


def tell(url: str, command: str) -> None:
    """What anybody can send who knows the URL of the broker."""
    app: Any = Celery("anybody")
    app.conf.update(celery_settings(url))
    app.control.broadcast(command)
    app.close()


def works(town: Town, participant: str) -> bool:
    return town.verdict(town.submit(participant, "profession", PHYSICIAN)) == ("accepted", "record_matches")


def listens(url: str) -> bool:
    with Redis.from_url(url) as broker:
        return int(broker.publish(CONTROL, b"no command")) > 0


def test_who_may_ring_ends_no_worker(make_town: MakeTown, valkey_server: str) -> None:
    town = make_town()
    with town.worker("--concurrency", "2") as worker:
        assert worker.says("ready.", PATIENCE)
        assert not listens(valkey_server)
        tell(valkey_server, "shutdown")
        assert works(town, "p")
        assert worker.running
        assert "shutdown" not in worker.log
        assert worker.stop(PATIENCE) == 0


@pytest.mark.slow
def test_it_is_there_where_the_operator_asks_for_it(make_town: MakeTown, valkey_server: str) -> None:
    """The other half, without which the first would hold with no broker at all."""
    town = make_town()
    with town.worker("--concurrency", "2", JURAT_REMOTE_CONTROL="true") as worker:
        assert worker.says("ready.", PATIENCE)
        assert soon(lambda: listens(valkey_server))
        tell(valkey_server, "shutdown")
        assert soon(lambda: not worker.running)
        assert worker.exit_code == 0
