from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from tasks.checks import ClaimedCheck
from worker.engine.in_flight import InFlight
from worker.engine.threads import EngineThread
from worker.engine.watchdog import EXIT_CODE, FRESH, STANDSTILL, Watchdog

ROOT = Path(__file__).resolve().parents[3]


class Still(EngineThread):
    """A thread that is never started: its beat is what a test says."""

    def __init__(self, name: str, beat: float = 0.0) -> None:
        super().__init__(name)
        self.beat = beat

    def step(self) -> None:
        raise AssertionError("it is not started")


@dataclass
class Kennel:
    """A watchdog with a clock of its own."""

    slots: int = 8
    now: float = 0.0
    handled: int = 0
    ended: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = Still("claimer")
        self.in_flight = InFlight(self.slots, clock=lambda: self.now)
        writer: Any = self
        self.dog = Watchdog(self.in_flight, [self.thread], writer, lambda _: 10.0, self.ended.append, lambda: self.now)

    def pass_time(self, seconds: float, *, beating: bool = True) -> str | None:
        """What the watchdog says at last, which looks each second meanwhile."""
        said = self.dog.trouble()
        while seconds > 0 and said is None:
            step = min(1.0, seconds)
            seconds -= step
            self.now += step
            if beating:
                self.thread.beat = self.now
            said = self.dog.trouble()
        return said


def held(number: int) -> ClaimedCheck:
    return ClaimedCheck(UUID(int=number), 1, "budget", f"p-{number}", "residence", "towns", b"", "k", 0, 0, 60.0)


def test_a_worker_without_work_is_left_alone_for_ever() -> None:
    kennel = Kennel()
    assert not any(kennel.pass_time(STANDSTILL) for _ in range(10))


def test_a_thread_that_stands_still_is_named() -> None:
    kennel = Kennel()
    assert kennel.pass_time(STANDSTILL, beating=False) is None
    assert kennel.pass_time(1, beating=False) == "its claimer has not moved for 61 s"


def test_look_ups_that_hang_are_counted_by_twice_their_source_s_timeout() -> None:
    kennel = Kennel()
    for number in range(2):
        kennel.in_flight.add([held(number)])
        kennel.in_flight.start([held(number)])
    assert kennel.pass_time(19.9) is None
    assert kennel.pass_time(0.2) == "2 of 8 lookups have run for twice their source's timeout"
    kennel.in_flight.mark_looked_up([held(0)])
    assert kennel.pass_time(0.1) is None, "fewer than a quarter of the slots"


def test_checks_that_are_held_and_not_written_are_a_standstill() -> None:
    kennel = Kennel()
    assert kennel.pass_time(0) is None
    kennel.in_flight.add([held(1)])
    assert kennel.pass_time(STANDSTILL - 1) is None
    kennel.handled += 1
    assert kennel.pass_time(2) is None, "something was written"
    assert kennel.pass_time(STANDSTILL + 1) == "nothing was written for 61 s although checks are held"


def test_what_was_put_apart_is_no_standstill_however_long_it_lasts() -> None:
    kennel = Kennel()
    kennel.in_flight.add([held(1)])
    kennel.in_flight.mark_looked_up([held(1)])
    kennel.in_flight.put_apart([held(1)])
    assert not any(kennel.pass_time(STANDSTILL) for _ in range(5))


def test_the_time_in_which_the_process_did_not_run_does_not_count() -> None:
    """Its clock goes on while it is stopped: it wakes, and an hour seems to have passed since its last look."""
    kennel = Kennel()
    for number in range(2):
        kennel.in_flight.add([held(number)])
        kennel.in_flight.start([held(number)])
    assert kennel.pass_time(5) is None
    for _ in range(3):
        kennel.now += 3600
        assert kennel.dog.trouble() is None
    assert kennel.pass_time(8.5) is None
    assert kennel.pass_time(1) == "2 of 8 lookups have run for twice their source's timeout"


def test_it_says_why_and_ends_the_process_once() -> None:
    kennel = Kennel()
    assert kennel.pass_time(STANDSTILL, beating=False) is None
    kennel.now += 1
    with capture_logs() as logs:
        kennel.dog.start()
        assert kennel.dog.join(60)
    assert kennel.ended == [EXIT_CODE]
    assert [(line["event"], line["why"]) for line in logs] == [
        ("worker ends itself", "its claimer has not moved for 61 s")
    ]


FROZEN = 6.0
"""Seconds: more than twice the timeout below, and than all that this takes where no one stops it."""

SCRIPT = """
import os, sys, time
from tests.worker.engine.test_watchdog import Still, held
from worker.engine.in_flight import InFlight
from worker.engine.watchdog import Watchdog

class Writer:
    handled = 0

in_flight = InFlight(4)
in_flight.add([held(1)])
in_flight.start([held(1)])
dog = Watchdog(in_flight, [Still("claimer", time.monotonic())], Writer(), lambda _: 2.0, os._exit)
dog.start()
print("looking", flush=True)
for _ in range(30):
    time.sleep(0.05)
in_flight.mark_looked_up([held(1)])
in_flight.release([held(1)])
looks = 0
while looks < 3:
    before = dog.beat
    while dog.beat == before:
        time.sleep(0.01)
    looks += 1
"""


@pytest.mark.slow
def test_a_process_that_was_stopped_for_long_does_not_end_itself_when_it_wakes() -> None:
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "looking\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN)
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0


def test_an_outage_excuses_a_worker_as_long_as_it_lasts_and_no_longer() -> None:
    kennel = Kennel()
    kennel.in_flight.add([held(1)])
    kennel.thread.away = True
    for _ in range(5):
        kennel.thread.away_at = kennel.now
        assert kennel.pass_time(FRESH) is None
    # It is at work since, and has not come to the end of its step.
    assert kennel.pass_time(STANDSTILL) is None
    assert kennel.pass_time(1) == "nothing was written for 61 s although checks are held"
