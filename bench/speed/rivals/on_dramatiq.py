"""dramatiq on Redis: `dramatiq bench.speed.rivals.on_dramatiq -p 2 -t 64`. Its own middleware, no results."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.speed.rivals.ledger import TASK, place


def make_actor(broker_url: str) -> Any:
    """The actor on a broker of its own, for workers and for senders."""
    made: Any = RedisBroker(url=broker_url)
    dramatiq.set_broker(made)
    return dramatiq.actor(_check, actor_name=TASK, broker=made)


def _check(check_id: str) -> None:
    from bench.speed.rivals.in_threads import check  # noqa: PLC0415 - a sender needs none of it

    check(check_id)


actor = make_actor(place().broker_url)
broker = actor.broker
