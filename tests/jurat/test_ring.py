"""The bell against a real broker, and against brokers that refuse, hang or swallow."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from jurat import Client
from jurat.ring import BURST, EXPIRES, INTERVAL, STEADY, TASK, Bell, queue_of
from tests.jurat.consultations import ADDRESS, Town
from tests.jurat.forks import PATIENCE, in_children
from tests.rigs.servers import NoServer, Valkey

NEVER = 100 * PATIENCE
"""Seconds that no test lasts."""

ENDLESS = {"socket_timeout": 600.0, "socket_connect_timeout": 600.0, "max_retries": 0}
"""Limits of a broker that is waited for so long that nobody can take it for a busy machine."""


@pytest.fixture
def real_broker(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as connection:
        yield connection


@pytest.fixture
def broker(real_broker: Redis, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """One in which every bell stays, so that they can be counted."""
    monkeypatch.setattr("jurat.ring.KEPT", 1_000_000)
    monkeypatch.setattr("jurat.ring.KEPT_FOR", round(NEVER))
    return real_broker


@pytest.fixture
def open_bell() -> Iterator[Callable[[str], Bell]]:
    bells: list[Bell] = []

    def make(url: str) -> Bell:
        bells.append(Bell(url))
        return bells[-1]

    yield make
    for bell in bells:
        bell.close(PATIENCE)
        assert bell._thread is None or not bell._thread.is_alive()


@pytest.fixture
def _endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a broker that does not answer waits for ever."""
    monkeypatch.setattr("jurat.ring._BROKER_LIMITS", ENDLESS)


def ring(bell: Bell, *sources: str) -> float:
    """Ring and return the seconds that it took."""
    bell.note(sources)
    started = time.perf_counter()
    bell.ring()
    return time.perf_counter() - started


def messages(broker: Redis, source: str = "towns", *, at_least: int = 1) -> list[dict[str, Any]]:
    """The messages on a source's queue, oldest first, once there are so many."""
    end = time.monotonic() + PATIENCE
    while (waiting := broker.llen(queue_of(source))) < at_least and time.monotonic() < end:
        time.sleep(0.005)
    assert waiting >= at_least
    return [json.loads(message) for message in reversed(broker.lrange(queue_of(source), 0, -1))]


def test_a_bell_is_a_message_without_content_on_the_queue_of_its_source(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    ring(open_bell(valkey_url), "towns")
    [message] = messages(broker)
    assert message["headers"]["task"] == TASK == "jurat.ring"
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == ("()", "{}")
    assert message["properties"]["delivery_info"]["routing_key"] == "checks.towns"


def test_a_bell_expires_after_five_seconds(broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str) -> None:
    before = datetime.now(UTC)
    ring(open_bell(valkey_url), "towns")
    [message] = messages(broker)
    expires = datetime.fromisoformat(message["headers"]["expires"])
    assert before <= expires - timedelta(seconds=EXPIRES) <= datetime.now(UTC)
    assert EXPIRES == 5


@pytest.mark.slow
def test_two_thousand_bells_that_nobody_hears_leave_one_for_each_source_and_that_one_goes(
    real_broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.ring.STEADY", math.inf)
    monkeypatch.setattr("jurat.ring.INTERVAL", 0.0)
    bell, sources = open_bell(valkey_url), ("towns", "rpps")
    real_broker.config_resetstat()
    sent, end = 0, time.monotonic() + 2 * PATIENCE
    while sent < 2_000 and time.monotonic() < end:
        for _ in range(100):
            ring(bell, *sources)
            time.sleep(0.0001)
        assert all(real_broker.llen(queue_of(source)) <= 2 for source in sources)
        sent = real_broker.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"]
    bell.close(PATIENCE)
    assert sent >= 2_000
    for source in sources:
        assert real_broker.llen(queue_of(source)) <= 1
        assert real_broker.pttl(queue_of(source)) != -1, "it has an end"
    end = time.monotonic() + PATIENCE
    while real_broker.exists(*map(queue_of, sources)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not real_broker.exists(*map(queue_of, sources))


def test_of_bells_that_nobody_hears_one_is_left_and_that_one_goes(
    real_broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    for _ in range(BURST):
        ring(bell, "towns")
    bell.close(PATIENCE)
    assert real_broker.llen("checks.towns") <= 1
    assert 0 < real_broker.pttl("checks.towns") <= 1000 * EXPIRES or not real_broker.exists("checks.towns")


def test_a_bell_that_a_worker_takes_is_whole_whatever_waited_before_it(
    real_broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    real_broker.lpush("checks.towns", *[b"left by an older client"] * 1_000)
    ring(open_bell(valkey_url), "towns")
    end = time.monotonic() + PATIENCE
    while real_broker.llen("checks.towns") != 1 and time.monotonic() < end:
        time.sleep(0.005)
    taken = real_broker.rpop("checks.towns")
    assert json.loads(taken)["headers"]["task"] == TASK  # type: ignore[arg-type] # bytes, as this client is synchronous


def test_a_broker_that_drops_what_is_too_old_is_told_how_old(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    ring(open_bell(valkey_url), "towns")
    [message] = messages(broker)
    assert message["properties"]["expiration"] == str(1000 * EXPIRES), "RabbitMQ's own, in milliseconds"


def test_while_few_ring_each_bell_is_sent_at_once(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.ring.INTERVAL", NEVER)
    monkeypatch.setattr("jurat.ring.STEADY", 1 / NEVER)
    bell = open_bell(valkey_url)
    for number in range(1, BURST + 1):
        ring(bell, "towns")
        messages(broker, at_least=number)
    ring(bell, "towns")
    ring(bell, "rpps")  # sent after that, were it sent
    messages(broker, "rpps")
    assert len(messages(broker)) == BURST
    bell.close(PATIENCE)
    assert len(messages(broker)) == BURST + 1


def test_many_bells_become_few_and_one_comes_after_the_last(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.ring.STEADY", 1 / NEVER)
    bell = open_bell(valkey_url)
    ring(bell, "warm")
    messages(broker, "warm")
    started, rung = time.monotonic(), 0
    while rung < 100 or time.monotonic() < started + 6 * INTERVAL:
        ring(bell, "towns")
        rung += 1
        time.sleep(0.0005)
    messages(broker, at_least=2)
    bell.close(PATIENCE)
    assert len(messages(broker)) <= BURST + (time.monotonic() - started) / INTERVAL + 2


def test_soon_after_a_storm_bells_are_sent_at_once_again(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.ring.INTERVAL", NEVER)
    bell = open_bell(valkey_url)
    for _ in range(round(2 * PATIENCE * STEADY)):
        ring(bell, "towns")
    ring(bell, "rpps")
    messages(broker, "rpps")
    before, end = broker.llen(queue_of("towns")), time.monotonic() + PATIENCE
    while broker.llen(queue_of("towns")) == before and time.monotonic() < end:
        ring(bell, "towns")
        time.sleep(2 / STEADY)
    assert broker.llen(queue_of("towns")) > before


def test_a_send_that_takes_long_is_followed_by_a_rest(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.ring.INTERVAL", NEVER)
    monkeypatch.setattr("jurat.ring.REST", math.inf)
    bell = open_bell(valkey_url)
    ring(bell, "towns")
    messages(broker)
    ring(bell, "rpps")
    time.sleep(0.2)
    assert broker.llen(queue_of("rpps")) == 0
    bell.close(PATIENCE)
    assert len(messages(broker, "rpps")) == 1


def test_the_last_of_many_bells_is_never_swallowed(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    for number in range(0, 60, 4):
        ring(bell, "towns")
        messages(broker)
        time.sleep(number / 1000)  # all moments between two bells
        broker.delete(queue_of("towns"))
        ring(bell, "towns")
        messages(broker)
        broker.delete(queue_of("towns"))


def test_each_source_has_a_bell_of_its_own(broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str) -> None:
    ring(open_bell(valkey_url), "towns", "rpps", "spring")
    for source in ("towns", "rpps", "spring"):
        assert len(messages(broker, source)) == 1


def test_nothing_is_rung_for_where_nothing_was_submitted(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    ring(bell)
    ring(bell, "towns")
    bell.ring()
    bell.close(PATIENCE)
    assert len(messages(broker)) == 1
    assert list(broker.scan_iter("checks.*")) == [b"checks.towns"]


def test_a_thread_rings_for_its_own_submits_alone(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    bell.note(["towns"])
    other = threading.Thread(target=ring, args=(bell, "rpps"))
    other.start()
    other.join()
    messages(broker, "rpps")
    bell.close(PATIENCE)
    assert broker.llen("checks.towns") == 0


def test_closing_sends_what_is_waiting(broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str) -> None:
    bell = open_bell(valkey_url)
    for _ in range(3):
        ring(bell, "towns", "rpps")
    bell.close(PATIENCE)
    assert broker.llen("checks.towns") >= 1
    assert broker.llen("checks.rpps") >= 1
    before = broker.llen("checks.towns")
    ring(bell, "towns")
    bell.close(PATIENCE)
    assert broker.llen("checks.towns") == before


def test_the_client_rings_the_sources_that_it_submitted_to(
    broker: Redis, town: Town, seal_key: str, valkey_url: str
) -> None:
    client = Client(town.url, valkey_url, seal_key)
    with town.engine.begin() as connection:
        client.submit(connection, consultation="budget", participant="p-1", question="residence", answer=ADDRESS)
        client.submit(connection, consultation="budget", participant="p-1", question="code", answer={"code": "spring"})
    client.ring()
    assert len(messages(broker, "towns")) == len(messages(broker, "spring")) == 1
    client.close()
    assert broker.llen("checks.rpps") == 0


# -- a broker in trouble


def refused() -> contextlib.AbstractContextManager[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return contextlib.nullcontext(f"redis://127.0.0.1:{port}/0")


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A black hole: connections are taken and nothing ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@contextlib.contextmanager
def unreachable() -> Iterator[str]:
    """A host that drops packets: the queue of a listener is full, so a connection never opens."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = server.getsockname()
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"redis://127.0.0.1:{address[1]}/0"


@contextlib.contextmanager
def garbled() -> Iterator[str]:
    """Something that is no broker."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("trouble", [refused, silent, unreachable, garbled])
@pytest.mark.usefixtures("_endless")
def test_a_broker_in_trouble_is_never_noticed(trouble: Callable[[], contextlib.AbstractContextManager[str]]) -> None:
    with trouble() as url:
        bell = Bell(url)
        assert sum(ring(bell, f"source-{n % 3}") for n in range(50)) < PATIENCE
        started = time.monotonic()
        bell.close()
        assert time.monotonic() - started < PATIENCE


@pytest.mark.usefixtures("_endless")
def test_a_broker_that_hangs_or_dies_is_never_noticed_and_is_rung_again_when_it_is_back() -> None:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Valkey())
        except NoServer as error:
            pytest.skip(str(error))
        broker = stack.enter_context(Redis.from_url(server.url))
        bell = Bell(server.url)
        stack.callback(bell.close)
        ring(bell, "before")
        messages(broker, "before")
        server.pause()
        assert sum(ring(bell, "towns") for _ in range(20)) < PATIENCE
        time.sleep(0.2)  # the bell is on the wire now
        assert sum(ring(bell, "rpps") for _ in range(20)) < PATIENCE
        server.resume()
        messages(broker, "rpps")
        server.kill()
        broker.connection_pool.disconnect()
        assert sum(ring(bell, "towns") for _ in range(20)) < PATIENCE
        time.sleep(0.2)
        server.start()
        ring(bell, "after")
        messages(broker, "after")


# -- forks, as pre-forking web servers do them


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_web_process_rings_with_a_thread_and_a_connection_of_its_own(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    ring(bell, "parent")
    messages(broker, "parent")

    def ring_in_child(_number: int) -> None:
        ring(bell, "child")
        bell.close(PATIENCE)

    for number in range(1, 6):
        assert in_children(1, ring_in_child) == [0]
        assert len(messages(broker, "child", at_least=number)) == number
        ring(bell, "parent")
        messages(broker, "parent", at_least=number + 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_the_sending_thread_holds_the_lock_does_not_stop_the_child(
    broker: Redis, open_bell: Callable[[str], Bell], valkey_url: str
) -> None:
    bell = open_bell(valkey_url)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with bell._changed:
            held.set()
            release.wait(2 * PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)

    def ring_in_child(_number: int) -> None:
        ring(bell, "child")
        bell.close(PATIENCE)

    try:
        assert in_children(1, ring_in_child) == [0]
    finally:
        release.set()
        holder.join()
    assert len(messages(broker, "child")) == 1
