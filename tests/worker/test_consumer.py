"""Celery's consumer as jurat configures it, in this process, on the transport in memory."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import celery.worker.state
import pytest
from celery import Celery
from celery.concurrency.thread import TaskPool
from celery.exceptions import WorkerShutdown
from celery.worker.control import Panel
from kombu import Message
from kombu.asynchronous.timer import Timer

import worker.celery_app  # noqa: F401 - adds the command
from worker.bell import forget, listen
from worker.broker import Broker, oddities
from worker.celery_settings import celery_settings
from worker.consumer import Consumer


def make_consumer(url: str) -> Any:
    app: Any = Celery("jurat-test", amqp=Broker, set_as_current=False)
    app.conf.update(celery_settings(url))
    controller = SimpleNamespace(use_eventloop=False, semaphore=None, state=celery.worker.state)
    return Consumer(
        print, hostname="h", app=app, timer=Timer(), controller=controller, pool=TaskPool(1), task_events=False
    )


@pytest.fixture
def consumer() -> Iterator[Any]:
    made = make_consumer("memory://")
    yield made
    made.shutdown()
    made.pool.stop()


@pytest.fixture
def rung() -> Iterator[list[None]]:
    heard: list[None] = []

    def wake(_: object) -> None:
        heard.append(None)

    listen(wake)
    yield heard
    forget(wake)


def test_celery_is_told_to_use_it() -> None:
    assert celery_settings("none")["worker_consumer"] == f"{Consumer.__module__}:{Consumer.__qualname__}"


def test_it_greets_nobody_and_listens_to_no_heartbeats() -> None:
    steps = {type(step).__name__ for step in make_consumer("redis://127.0.0.1:1/0").steps}
    assert {"Evloop", "Heart"} <= steps
    assert not {"Mingle", "Gossip"} & steps


def test_a_bell_rings_whatever_is_in_it(consumer: Any, rung: list[None]) -> None:
    receive = consumer.create_task_handler()
    before = oddities.counts()
    receive(Message("!", content_type="x/y", headers={"task": "jurat.ring"}))
    assert len(rung) == 1
    assert oddities.counts() == before


def test_operators_can_ask_how_many_were_dropped() -> None:
    assert Panel.data["dropped"](None) == oddities.counts()


@pytest.mark.parametrize("headers", [{}, {"task": "someone.elses"}, {"task": ["jurat.ring"]}])
def test_a_message_that_is_no_bell_is_counted_and_rings(
    consumer: Any, rung: list[None], headers: dict[str, Any]
) -> None:
    receive = consumer.create_task_handler()
    before = oddities.counts()["foreign"]
    receive(Message('{"task": "jurat.ring"}', content_type="application/json", headers=headers))
    assert len(rung) == 1
    assert oddities.counts()["foreign"] == before + 1


def test_what_cannot_be_decoded_is_counted_and_its_content_told_nowhere(
    consumer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = oddities.counts()["unreadable"]
    consumer.on_decode_error(Message("Iris Valombre", headers={"compression": "x"}), ValueError("Iris Valombre"))
    assert oddities.counts()["unreadable"] == before + 1
    assert "Valombre" not in caplog.text


def test_an_error_that_nobody_thought_of_makes_it_connect_again(consumer: Any) -> None:
    raised = [TypeError("a mistake in a library"), WorkerShutdown(0)]

    def loop(*_: Any) -> None:
        raise raised.pop(0)

    consumer.loop = loop
    with pytest.raises(WorkerShutdown):
        consumer.start()
    assert raised == []
