"""Connects to the broker so that no message can end a worker.

kombu reads what a producer wrote as if it were well formed. One list item in Redis that is no message ends a worker
process, and the next one after it, once for each item. A message is only a bell: one that cannot be read is dropped,
counted and logged. Its content is never shown, because it may contain anything.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import Empty
from typing import Any

import kombu
from celery.app.amqp import AMQP
from kombu.exceptions import InconsistencyError
from kombu.transport import memory, redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import RedisError

from config.logger import get_logger
from worker.bell import wake
from worker.metrics.names import BellKind

log = get_logger("jurat.broker")

LONGEST_SLEEP = 0.1
"""Seconds that the transport in memory may sleep: a worker without a broker notices within them that it is to end."""

SILENCE = 60.0
"""Seconds between two lines in the log about messages of one kind, and about one broker that is away."""

RETRY = {"interval_start": 1.0, "interval_step": 1.0, "interval_max": 3.0}
"""Seconds between two attempts to connect. kombu waits up to 30 s, and would find a broker that is back much later."""

_OF_THE_CONNECTION = (OSError, RedisError, InconsistencyError, Empty)
"""The errors on which kombu reconnects. Its own list has KeyError as well, which a message without a field raises."""


_NO_BELLS = (BellKind.UNREADABLE, BellKind.FOREIGN)


class Oddities:
    """Counts the messages that are no bells, and logs each kind once a minute at most. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[BellKind] = Counter()
        self._logged_at: dict[BellKind, float] = {}

    def note(self, kind: BellKind) -> None:
        now = self._clock()
        with self._lock:
            self._counts[kind] += 1
            if now - self._logged_at.get(kind, -SILENCE) < SILENCE:
                return
            self._logged_at[kind] = now
            count = self._counts[kind]
        log.warning("message dropped", kind=kind.value, dropped=count, advice="only jurat's bells belong on its queues")

    def counts(self) -> dict[str, int]:
        """How many of each kind have come since this process started."""
        with self._lock:
            return {kind.value: self._counts[kind] for kind in _NO_BELLS}


oddities = Oddities()
"""One for the process, because a broker's connection does not know its worker."""


def drop(kind: BellKind) -> None:
    """Treat a message that is no bell like one: waking is harmless, and its sender may have meant well."""
    oddities.note(kind)
    wake(kind)


class _SturdyChannel(redis.Channel):
    """Survives content that is no JSON. The reply of Redis is read whole by then, so the connection is sound."""

    _closing: bool

    def _brpop_read(self, **options: Any) -> Any:
        if self._closing:
            # kombu would wait for the bell that is on its way, also on a connection that is dead. One lost costs less.
            self._in_poll = None
            raise Empty
        try:
            return super()._brpop_read(**options)  # type: ignore[misc] # the stubs leave out what has an underscore
        except _OF_THE_CONNECTION:
            raise
        except Exception:  # noqa: BLE001 - whatever JSON raises: ValueError, RecursionError, a hook's own
            drop(BellKind.UNREADABLE)
            return True

    def _handle_message(self, client: Any, r: Any) -> Any:
        """Takes a message on remote control's channel. kombu would log all of what it cannot read."""
        received = super()._handle_message(client, r)  # type: ignore[misc] # as above
        if bytes_to_str(received["type"]).endswith("message"):
            try:
                loads(bytes_to_str(received["data"]))
            except Exception:  # noqa: BLE001 - as above
                drop(BellKind.UNREADABLE)
                received["data"] = None
        return received


class _Sturdy:
    """Survives messages that lack what a message has, on queues as well as on remote control's channel."""

    def _deliver(self, message: Any, queue: Any) -> None:
        try:
            super()._deliver(message, queue)  # type: ignore[misc]
        except _OF_THE_CONNECTION:
            raise
        except Exception:  # noqa: BLE001 - kombu checks no field, so that any error may come
            drop(BellKind.UNREADABLE)


class _Redis(_Sturdy, redis.Transport):
    Channel = _SturdyChannel


class _SturdySentinelChannel(_SturdyChannel, redis.SentinelChannel):
    """The same behind Sentinel."""


class _Sentinel(_Sturdy, redis.SentinelTransport):
    Channel = _SturdySentinelChannel


class _MemoryTransport(_Sturdy, memory.Transport):
    def drain_events(self, connection: Any, timeout: float | None = None, **options: Any) -> None:
        super().drain_events(connection, timeout=min(timeout or LONGEST_SLEEP, LONGEST_SLEEP), **options)


_STURDY = {redis.Transport: _Redis, redis.SentinelTransport: _Sentinel, memory.Transport: _MemoryTransport}
"""Other brokers check the form of their messages themselves, as AMQP does."""


class Connection(kombu.Connection):
    """A connection on which no message ends a worker, and which soon finds a broker that has come back."""

    def get_transport_cls(self) -> Any:
        found = super().get_transport_cls()
        return _STURDY.get(found, found)

    def ensure_connection(self, errback: Any = None, *args: Any, **options: Any) -> Any:
        return super().ensure_connection(errback and _seldom(errback), *args, **{**RETRY, **options})


def _seldom(errback: Callable[..., Any]) -> Callable[..., None]:
    """Reports the first failure at once and later ones once a minute: they come every three seconds."""
    last: list[float] = []

    def report(*arguments: Any) -> None:
        now = time.monotonic()
        if not last or now - last[-1] >= SILENCE:
            last[:] = [now]
            errback(*arguments)

    return report


class Broker(AMQP):
    """Celery's access to the broker, over such connections. For `Celery(amqp=…)`."""

    Connection = Connection
    BrokerConnection = Connection
