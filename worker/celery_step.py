"""Starts and stops the engine with Celery's worker, for the queues that the worker was given."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, ClassVar

from celery import bootsteps
from celery.apps.worker import Worker
from kombu import Queue

from config.logger import get_logger
from jurat.ring import queue_of
from tasks.plan import Plan
from worker.bell import forget, listen
from worker.celery_settings import DEFAULT_QUEUE
from worker.engine.engine import FIRST_PLAN, GRACE, Engine
from worker.engine.plans import LONGEST_LOOK_UP

log = get_logger("jurat.worker")


CELERYS_END = 1.5
"""Seconds that Celery has to end after the engine. With a broker that hangs it would wait far longer, for nothing."""

_PREFIX = queue_of("")


def queue(name: str) -> Queue:
    """A queue of bells. They are not acknowledged: a lost one costs a second, and none comes back again and again."""
    return Queue(name, routing_key=name, no_ack=True)  # without a key of its own, all queues would share the default


class EngineStep(bootsteps.StartStopStep):
    """A worker step, not a consumer step: with the broker down the consumer never starts, and checks must be done."""

    requires = ("celery.worker.components:Pool",)
    running: ClassVar[list[EngineStep]] = []

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.engine: Engine | None = None
        self._worker = parent
        self._ending = threading.Lock()
        parent.jurat_step = self

    def start(self, parent: Any) -> None:
        """Start the engine with the worker's concurrency as its slots."""
        queues = set(parent.app.amqp.queues.consume_from)
        only = None if DEFAULT_QUEUE in queues else {name.removeprefix(_PREFIX) for name in queues}
        self.engine = parent.app.jurat_make_engine(parent.concurrency, only, parent.hostname)
        self.engine.plans.listeners.append(lambda plan: _follow(parent, plan, only))
        self.engine.status.hears_bells.append(lambda: _hears_bells(parent))
        listen(self.engine.wake)
        EngineStep.running.append(self)
        self.engine.start()
        # With the sources known, the consumer that starts next listens to their bells from the beginning.
        self.engine.plans.taken.wait(FIRST_PLAN)

    def stop(self, parent: Any) -> None:
        """Let lookups end; after the longest lookup and a few seconds the process ends, whatever Celery does."""
        if self.engine is None:
            return
        ending = self._end_in(LONGEST_LOOK_UP + GRACE)
        self._end_engine(self.engine)
        ending.cancel()
        if isinstance(parent, Worker):  # a process of our own, not a thread in someone else's
            self._end_in(CELERYS_END)

    def shut_down(self) -> None:
        """A signal asked this process to end: claim nothing more, let lookups end, and end, whatever Celery does.
        A second SIGTERM drops lookups that have started as well; Celery would do nothing then.
        """
        if self.engine is None:
            return
        self.engine.stop_claiming()
        threading.Thread(target=self._see_out, args=(self.engine,), name="end", daemon=True).start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self._drop, daemon=True).start())

    def _see_out(self, engine: Engine) -> None:
        """Runs next to Celery, which stops the engine only after it has left its broker, and may hang there."""
        self._worker.consumer.call_soon(lambda: None)  # its loop may sleep, and looks for the signal when it wakes
        self._end_in(LONGEST_LOOK_UP + GRACE)
        self._end_engine(engine)
        self._end_in(CELERYS_END)

    def _end_engine(self, engine: Engine) -> None:
        with self._ending:
            if self in EngineStep.running:
                forget(engine.wake)
                EngineStep.running.remove(self)
                engine.stop()

    def _drop(self) -> None:
        if self.engine is not None:
            self._end_in(GRACE)
            self.engine.drop()
        os._exit(0)

    def _end_in(self, seconds: float) -> threading.Timer:
        """Whatever Celery and its broker do, the process ends after so many seconds."""
        timer = threading.Timer(seconds, os._exit, (0,))
        timer.daemon = True
        timer.start()
        return timer


def _follow(worker: Any, plan: Plan, only: set[str] | None) -> None:
    """Listen for the bells of newly configured sources as well; warn about sources that are not configured."""
    if only is not None:
        for name in sorted(only - set(plan.sources)):
            log.warning("no such source", queue=queue_of(name), advice="apply a configuration that has it, or fix -Q")
        return
    queues = worker.app.amqp.queues
    added = [name for name in map(queue_of, plan.sources) if name not in queues.consume_from]
    for name in added:
        queues.select_add(queue(name))
    if added:
        # Done by the consumer's own loop once it runs: it may be connecting at this very moment.
        worker.consumer.call_soon(_consume, worker.consumer, added)


def _hears_bells(worker: Any) -> bool:
    """Whether Celery's consumer is connected to its broker, or to none, and takes messages."""
    consumer = getattr(worker, "consumer", None)
    if consumer is None or consumer.connection is None or consumer.task_consumer is None:
        return False
    return bool(consumer.connection.connected)


def _consume(consumer: Any, names: list[str]) -> None:
    for name in names:
        if consumer.task_consumer is not None:
            consumer.add_task_queue(name)
