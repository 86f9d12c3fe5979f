"""Connections that no message breaks, on a real Valkey."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Consumer
from kombu.exceptions import OperationalError
from redis import Redis
from structlog.testing import capture_logs

from tests.worker.strange_messages import BADLY_WRITTEN, BELL, FOREIGN, UNREADABLE
from worker.bell import forget, listen
from worker.broker import SILENCE, Connection, Oddities, oddities
from worker.celery_settings import celery_settings
from worker.celery_step import queue
from worker.metrics.names import BellKind

QUEUE = "checks.registry"
_LAST = b"[[], {}, {}]"


def changed(fields: dict[str, Any], properties: dict[str, Any]) -> bytes:
    """A bell with some of its fields changed."""
    bell = json.loads(BELL)
    bell["properties"].update(properties)
    return json.dumps({**bell, **fields}).encode()


class Reader:
    """Reads the queue as a worker does, with each message that comes out of kombu kept."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[Any] = []
        self._connection = Connection(url, transport_options=celery_settings(url)["broker_transport_options"])
        self._consumer = Consumer(self._connection, [queue(QUEUE)])
        self._consumer.on_message = self.messages.append
        self._consumer.on_decode_error = lambda message, error: self.messages.append(message)
        self._consumer.consume()
        self._bell = Redis.from_url(url)

    def read(self, *items: bytes) -> None:
        """Put these into the queue and read until the message that is put behind them comes."""
        self.messages.clear()
        for item in items:
            self._bell.lpush(QUEUE, item)
        self._bell.lpush(QUEUE, changed({"body": _LAST.decode()}, {"body_encoding": None}))
        end = time.monotonic() + 60
        while not any(message.body == _LAST for message in self.messages):
            assert time.monotonic() < end
            with suppress(socket.timeout):
                self._connection.drain_events(timeout=1)
        self.messages.pop()

    def unacknowledged(self) -> int:
        return sum(self._bell.exists(name) for name in ("unacked", "unacked_index"))

    def close(self) -> None:
        self._connection.release()
        self._bell.close()


@pytest.fixture(scope="module")
def reader(valkey_server: str) -> Iterator[Reader]:
    with Redis.from_url(valkey_server) as connection:
        connection.flushdb()
    made = Reader(valkey_server)
    yield made
    made.close()


@pytest.fixture
def rung() -> Iterator[list[None]]:
    """One entry for each time that a message woke the engine."""
    heard: list[None] = []

    def wake(_: object) -> None:
        heard.append(None)

    listen(wake)
    yield heard
    forget(wake)


@pytest.mark.parametrize("item", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_item_that_is_no_message_is_dropped_counted_and_rung_for(
    reader: Reader, rung: list[None], item: bytes
) -> None:
    before = oddities.counts()["unreadable"]
    reader.read(item)
    if reader.messages:  # kombu could make a message of it, and has logged what is wrong with it
        assert reader.messages[0].errors
    else:
        assert oddities.counts()["unreadable"] == before + 1
        assert len(rung) == 1


@pytest.mark.parametrize(
    "item", [*FOREIGN.values(), *BADLY_WRITTEN.values()], ids=[*FOREIGN.keys(), *BADLY_WRITTEN.keys()]
)
def test_what_has_the_fields_of_a_message_comes_as_one(reader: Reader, item: bytes) -> None:
    before = oddities.counts()
    reader.read(item)
    assert len(reader.messages) == 1
    assert oddities.counts() == before


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_FIELD = st.sampled_from(["body", "content-type", "content-encoding", "headers", "properties"])
_PROPERTY = st.sampled_from(["delivery_tag", "body_encoding", "delivery_info", "priority"])


@given(
    st.binary()
    | _JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(changed, st.dictionaries(_FIELD, _JSON), st.dictionaries(_PROPERTY, _JSON))
)
def test_no_item_of_whatever_shape_stops_the_reading(reader: Reader, item: bytes) -> None:
    reader.read(item)


def test_nothing_is_left_behind_that_could_come_again(reader: Reader) -> None:
    reader.read(*UNREADABLE.values(), *FOREIGN.values(), *BADLY_WRITTEN.values())
    assert reader.unacknowledged() == 0


def test_messages_that_are_no_bells_are_logged_once_a_minute_for_each_kind() -> None:
    now = 1000.0
    noted = Oddities(lambda: now)
    with capture_logs() as lines:
        for _ in range(500):
            noted.note(BellKind.UNREADABLE)
            noted.note(BellKind.FOREIGN)
        now += SILENCE
        noted.note(BellKind.FOREIGN)
        noted.note(BellKind.FOREIGN)
    assert [(line["kind"], line["dropped"]) for line in lines] == [("unreadable", 1), ("foreign", 1), ("foreign", 501)]
    assert noted.counts() == {"unreadable": 500, "foreign": 502}


def test_a_broker_that_is_away_is_told_of_once_and_tried_again_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    failures: list[tuple[Exception, float]] = []
    connection = Connection(url, transport_options=celery_settings(url)["broker_transport_options"])
    with pytest.raises(OperationalError):
        connection.ensure_connection(
            lambda *failure: failures.append(failure), 4, interval_start=0.01, interval_step=0.0
        )
    assert len(failures) == 1, "it has tried five times"


def test_the_transport_in_memory_sleeps_for_a_moment_only() -> None:
    with Connection("memory://", transport_options={"polling_interval": 0.02}) as connection:
        consumer = Consumer(connection, [queue(QUEUE)])
        consumer.consume()
        begun = time.monotonic()
        with pytest.raises(socket.timeout):
            connection.drain_events(timeout=60.0)  # Celery asks for two seconds, twice when it ends
        assert time.monotonic() - begun < 30


@pytest.mark.parametrize("url", ["sentinel://127.0.0.1:26379", "rediss://127.0.0.1", "redis://127.0.0.1;redis://[::1]"])
def test_every_way_to_redis_is_as_sturdy(url: str) -> None:
    connection = Connection(url)
    for _ in range(2):
        assert connection.get_transport_cls().__module__ == "worker.broker"
        assert connection.get_transport_cls().Channel.__module__ == "worker.broker"
        connection.maybe_switch_next()
