"""Rings the workers' bell: an empty Celery message that says "there is work" for a source.

This is best effort by design: the row is the queue, and a lost bell costs at most a second. A separate thread sends, so
that no web request ever waits for a broker. While there are few submits, each bell is sent at once, so that the verdict
comes soon. In a storm the bells for one source within 50 ms become one, because each also costs a claim.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import threading
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from jurat.database import ESCAPES
from jurat.errors import ConfigurationError
from jurat.forks import start_over_in_children

TASK = "jurat.ring"
"""Name of the task that the workers know."""

NO_BROKER = "none"
"""What to give instead of a broker's URL if the workers run on the database alone."""

STEADY = 75.0
BURST = 10
"""How often a second a process rings for a source, and how many times at once, before its bells are merged."""

INTERVAL = 0.05
"""Seconds between two bells for a source once bells are merged."""

REST = 1.0
"""The pause after a send, as a multiple of its duration (at most `INTERVAL`): a slow broker or machine gets fewer."""

EXPIRES = 5
"""Seconds after which a bell is of no use: workers have looked by themselves since."""

KEPT = 1
KEPT_FOR = 5
"""How many bells of a source Redis keeps at most, and for how many seconds. If no worker runs, nothing takes them, and
a list in Redis has no limit of its own; one bell says as much as a thousand. RabbitMQ drops each after `EXPIRES`.
"""

_INSTALL = "pip install 'celery[redis]>=5.4'"
"""What the wheel's extra [ring] brings, for platforms that installed the wheel without it."""

_BROKER_LIMITS = {"socket_timeout": 1.0, "socket_connect_timeout": 0.5, "max_retries": 0}


def queue_of(source: str) -> str:
    """The queue on which the bells of a source are rung."""
    return f"checks.{source}"


def is_readable(broker_url: str) -> bool:
    """Whether the URL names a host and a port: an unescaped / in a password ends both too early."""
    for each in broker_url.split(";") if "socket" not in broker_url.partition("://")[0] else ():
        try:
            parts = urlsplit(each)
            if "@" in parts.path or parts.port == 0:
                return False
        except ValueError:  # of the port
            return False
    return True


class Bell:
    """Rings for the sources that were noted: at once if there are few bells, else once in 50 ms each, and once at the
    end.

    Raises ConfigurationError if Celery or the broker's library is not installed, or the URL cannot be used.
    """

    def __init__(self, broker_url: str) -> None:
        try:
            from celery import Celery
        except ImportError:
            raise ConfigurationError(f"a broker_url needs Celery: {_INSTALL}, or leave it out") from None
        given: object = broker_url
        hint = f"; {ESCAPES}" if isinstance(given, str) and not is_readable(given) else ""
        unusable = ConfigurationError(f"the broker_url cannot be used; expected redis://host:6379/0{hint}")
        if not isinstance(given, str) or "://" not in given or hint:
            raise unusable
        self._celery: Any = Celery("jurat-ring", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            broker_transport_options=_BROKER_LIMITS if broker_url.startswith("redis") else {},
            broker_connection_timeout=0.5,
            task_publish_retry=False,
            task_ignore_result=True,
            task_serializer="json",
        )
        try:
            self._celery.connection_for_write().transport  # noqa: B018 - loads the broker's library, connects nowhere
        except ImportError:
            raise ConfigurationError(f"the broker_url needs a library: {_INSTALL} for Redis") from None
        except Exception:  # noqa: BLE001 - each transport has its own; none may show the URL, which may hold a password
            raise unusable from None
        self._closed = False
        self.start_over()
        atexit.register(self.close)
        start_over_in_children(self)

    def start_over(self) -> None:
        """Forget everything. A forked web process has no sending thread, and a lock that this thread held would stay
        locked. The parent rings for what it has submitted.
        """
        self._noted = threading.local()
        self._wanted: dict[str, float] = {}
        """When to ring for each source, by `time.monotonic`."""
        self._rung: dict[str, float] = {}
        """When each source was last rung for."""
        self._spent_until: dict[str, float] = {}
        """When each source has all its bells without merging again."""
        self._rest_until = 0.0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def note(self, sources: Iterable[str]) -> None:
        """Remember that this thread has submitted to `sources`, for `ring`."""
        self._noted.sources = getattr(self._noted, "sources", set()) | set(sources)

    def ring(self) -> None:
        """Send the bells for this thread's noted sources soon. Returns at once."""
        sources: set[str] = getattr(self._noted, "sources", set())
        self._noted.sources = set()
        if not sources or self._closed:
            return
        with self._changed:
            for source in sources:
                at = self._when(source)
                if at < self._wanted.get(source, math.inf):
                    self._wanted[source] = at
                    self._changed.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name="jurat-ring", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 1.0) -> None:
        """Send the bells that wait, for at most `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout)
        atexit.unregister(self.close)

    def _when(self, source: str) -> float:
        """When to send a bell for `source` that is rung now."""
        now = time.monotonic()
        spent_until = max(now, self._spent_until.get(source, 0.0)) + 1 / STEADY
        self._spent_until[source] = min(spent_until, now + BURST / STEADY)
        return now if spent_until <= now + BURST / STEADY else self._rung.get(source, 0.0) + INTERVAL

    def _send(self) -> None:
        amqp: Any = self._celery.amqp
        connection: Any = None
        producer: Any = None
        while (source := self._next()) is not None:
            begun = time.monotonic()
            try:
                if connection is None:
                    # This thread's own, not of Celery's pool: processes forked later would share the pool's.
                    connection = self._celery.connection_for_write()
                    producer = amqp.Producer(connection)
                message = amqp.as_task_v2(str(uuid4()), TASK, expires=EXPIRES)
                queue = queue_of(source)
                amqp.send_task_message(producer, TASK, message, queue=queue, retry=False, expiration=EXPIRES)
                _forget_others(connection, producer.channel, queue)
            except Exception:  # noqa: BLE001 - whatever the broker does, the platform must not notice
                _hang_up(connection)
                connection = None
            ended = time.monotonic()
            self._rest_until = ended + min(INTERVAL, REST * (ended - begun))
        _hang_up(connection)

    def _next(self) -> str | None:
        """Wait for the next source to ring for; None when all is sent and closed."""
        with self._changed:
            while True:
                if not self._wanted:
                    if self._closed:
                        return None
                    self._changed.wait()
                    continue
                source = min(self._wanted, key=lambda name: self._wanted[name])
                now = time.monotonic()
                pause = max(self._wanted[source], self._rest_until) - now
                if pause <= 0 or self._closed:
                    del self._wanted[source]
                    self._rung[source] = now
                    return source
                self._changed.wait(pause)


def _forget_others(connection: Any, channel: Any, queue: str) -> None:
    """Keep only the last bells in a list of Redis, and let the list expire: its messages never do by themselves."""
    if connection.transport.driver_type != "redis":
        return
    with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
        pipe.ltrim(queue, 0, KEPT - 1)
        pipe.expire(queue, KEPT_FOR)
        pipe.execute()


def _hang_up(connection: Any) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.release()
