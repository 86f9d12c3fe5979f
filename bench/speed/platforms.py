"""Submits as the web platform of each arm: inserts a check in a transaction, commits, and notifies the workers.

A platform serves several threads. Both the process that measures and the processes of a crowd have one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, create_engine

from bench.rig.registry import answer
from bench.speed.plan import Kind
from bench.speed.rivals.ledger import SUBMIT
from jurat import Client, Submission
from jurat.database import parse_url
from jurat.ids import uuid7

CONSULTATION = "vote"
QUESTIONS = ("profession", "register", "practice")
"""What each participant is asked, and answers with a number of its own: jurat adds up access from all of them, in rows
that workers contend for. The other arms have no such rows, and check each answer alone."""

_CHUNK = 5000
"""Submits that share a transaction where there are many."""


def participant_of(index: int) -> str:
    """Who gives the answer of this index to jurat: one after the other answers all questions."""
    return f"p-{index // len(QUESTIONS)}"


def question_of(index: int) -> str:
    """What that answers."""
    return QUESTIONS[index % len(QUESTIONS)]


def index_of(participant: str, question: str) -> int:
    """Which answer that is."""
    return int(participant.removeprefix("p-")) * len(QUESTIONS) + QUESTIONS.index(question)


@dataclass(frozen=True, slots=True)
class Address:
    """What a platform is given: the database as a psycopg URL, the broker (None: do not ring), jurat's public key."""

    kind: Kind
    database_url: str
    broker_url: str | None
    seal_key: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """One submit: the time when its commit returned, and the seconds that it took without that commit."""

    at: float
    cost: float


class Platform(Protocol):
    """Submits checks by their index."""

    def submit_one(self, index: int) -> Submitted:
        """As a web request does it."""

    def submit_many(self, indexes: Iterable[int]) -> None:
        """As an import does it."""

    def close(self) -> None:
        """Give back connections."""


def _submission(index: int) -> Submission:
    return Submission(CONSULTATION, participant_of(index), question_of(index), answer(index))


class _OnJurat:
    def __init__(self, address: Address) -> None:
        self._client = Client(None, address.broker_url, address.seal_key)
        self._engine: Engine = create_engine(parse_url(address.database_url), pool_size=16)

    def submit_one(self, index: int) -> Submitted:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")  # the platform's own work has begun the transaction
            begun = time.perf_counter()
            self._client.submit(
                connection,
                consultation=CONSULTATION,
                participant=participant_of(index),
                question=question_of(index),
                answer=answer(index),
            )
            cost = time.perf_counter() - begun
            connection.commit()
            at = time.time()
        begun = time.perf_counter()
        self._client.ring()
        return Submitted(at, cost + time.perf_counter() - begun)

    def submit_many(self, indexes: Iterable[int]) -> None:
        for chunk in _chunks(indexes):
            with self._engine.begin() as connection:
                self._client.submit_many(connection, [_submission(n) for n in chunk])
            self._client.ring()

    def close(self) -> None:
        self._client.close()
        self._engine.dispose()


class _OnQueue:
    """`sender` makes, for each thread, what enqueues one id."""

    def __init__(self, address: Address, sender: Callable[[], Callable[[str], object]]) -> None:
        self._url = address.database_url
        self._sender = sender
        self._thread = threading.local()
        self._connections: list[psycopg.Connection[Any]] = []

    def submit_one(self, index: int) -> Submitted:
        database, send = self._kept()
        check = uuid7()
        database.execute("SELECT 1")
        begun = time.perf_counter()
        database.execute(SUBMIT, (check, f"p-{index}", Jsonb(answer(index))))
        cost = time.perf_counter() - begun
        database.commit()
        at, begun = time.time(), time.perf_counter()
        send(str(check))
        return Submitted(at, cost + time.perf_counter() - begun)

    def submit_many(self, indexes: Iterable[int]) -> None:
        database, send = self._kept()
        for chunk in _chunks(indexes):
            checks = [(uuid7(), n) for n in chunk]
            with database.cursor() as cursor:
                cursor.executemany(SUBMIT, [(check, f"p-{n}", Jsonb(answer(n))) for check, n in checks])
            database.commit()
            for check, _ in checks:
                send(str(check))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _kept(self) -> tuple[psycopg.Connection[Any], Callable[[str], object]]:
        if not hasattr(self._thread, "database"):
            self._thread.database = psycopg.connect(self._url)
            self._connections.append(self._thread.database)
            self._thread.send = self._sender()
        return self._thread.database, self._thread.send


def _celery(broker_url: str) -> Callable[[], Callable[[str], object]]:
    from bench.speed.rivals.ledger import TASK  # noqa: PLC0415
    from bench.speed.rivals.on_celery import make_app  # noqa: PLC0415 - each arm's libraries only where it runs

    app = make_app(broker_url)

    def sender() -> Callable[[str], object]:
        producer = app.amqp.Producer(app.connection_for_write(), auto_declare=False)
        return lambda check: app.send_task(TASK, (check,), producer=producer)

    return sender


def _dramatiq(broker_url: str) -> Callable[[], Callable[[str], object]]:
    from bench.speed.rivals.on_dramatiq import make_actor  # noqa: PLC0415 - as above

    actor = make_actor(broker_url)
    return lambda: actor.send


def _taskiq(broker_url: str) -> Callable[[], Callable[[str], object]]:
    from bench.speed.rivals.on_taskiq import make_task  # noqa: PLC0415 - as above

    def sender() -> Callable[[str], object]:
        task, loop = make_task(broker_url), asyncio.new_event_loop()
        loop.run_until_complete(task.broker.startup())
        return lambda check: loop.run_until_complete(task.kiq(check))

    return sender


_SENDERS = {Kind.CELERY: _celery, Kind.DRAMATIQ: _dramatiq, Kind.TASKIQ: _taskiq}


def _sender(address: Address) -> Callable[[], Callable[[str], object]]:
    match address.kind:
        case Kind.BARE:
            return lambda: lambda _: None  # what is in the table is found there
        case Kind.PROCRASTINATE:
            from bench.speed.rivals.on_procrastinate import make_sender  # noqa: PLC0415 - as above

            return lambda: make_sender(address.database_url)
        case Kind.PGQUEUER:
            from bench.speed.rivals.on_pgqueuer import make_sender  # noqa: PLC0415 - as above

            return lambda: make_sender(address.database_url)
    return _SENDERS[address.kind](address.broker_url or "")


def open_platform(address: Address) -> Platform:
    """The platform of an arm. Raises ImportError when its library is not installed."""
    if address.kind == Kind.JURAT:
        return _OnJurat(address)
    return _OnQueue(address, _sender(address))


def _chunks(indexes: Iterable[int]) -> Iterable[list[int]]:
    waiting = list(indexes)
    for begin in range(0, len(waiting), _CHUNK):
        yield waiting[begin : begin + _CHUNK]
