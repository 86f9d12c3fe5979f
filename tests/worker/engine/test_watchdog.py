from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from structlog.testing import capture_logs

from tasks.checks import Held
from worker.engine.holdings import Holdings
from worker.engine.threads import EngineThread
from worker.engine.watchdog import EXIT_CODE, FRESH, STANDSTILL, Watchdog


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
    written: int = 0
    ended: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = Still("claimer")
        self.holdings = Holdings(self.slots, clock=lambda: self.now)
        self.dog = Watchdog(
            self.holdings, [self.thread], lambda: self.written, lambda _: 10.0, self.ended.append, lambda: self.now
        )

    def pass_time(self, seconds: float) -> str | None:
        self.now += seconds
        self.thread.beat = self.now
        return self.dog.trouble()


def held(number: int) -> Held:
    return Held(UUID(int=number), 1, "budget", f"p-{number}", "residence", "towns", b"", "k", 0, 0, 60.0)


def test_a_worker_without_work_is_left_alone_for_ever() -> None:
    kennel = Kennel()
    assert not any(kennel.pass_time(STANDSTILL) for _ in range(10))


def test_a_thread_that_stands_still_is_named() -> None:
    kennel = Kennel()
    kennel.now = STANDSTILL + 1
    assert kennel.dog.trouble() == "its claimer has stood still for 61 s"


def test_look_ups_that_hang_are_counted_by_twice_their_source_s_timeout() -> None:
    kennel = Kennel()
    for number in range(2):
        kennel.holdings.add([held(number)])
        kennel.holdings.start([held(number)])
    assert kennel.pass_time(19.9) is None
    assert kennel.pass_time(0.2) == "2 of 8 look-ups have run for twice their source's timeout"
    kennel.holdings.looked_up([held(0)])
    assert kennel.pass_time(0.1) is None, "fewer than a quarter of the slots"


def test_checks_that_are_held_and_not_written_are_a_standstill() -> None:
    kennel = Kennel()
    assert kennel.pass_time(0) is None
    kennel.holdings.add([held(1)])
    assert kennel.pass_time(STANDSTILL - 1) is None
    kennel.written += 1
    assert kennel.pass_time(2) is None, "something was written"
    assert kennel.pass_time(STANDSTILL + 1) == "nothing was written for 61 s although checks are held"


def test_an_outage_of_the_database_is_waited_for() -> None:
    kennel = Kennel()
    kennel.holdings.add([held(1)])
    kennel.thread.away = True
    assert not any(kennel.pass_time(STANDSTILL) for _ in range(5))
    kennel.thread.away = False
    assert kennel.pass_time(STANDSTILL - 1) is None, "it has a minute to write when the database is back"


def test_it_says_why_and_ends_the_process_once() -> None:
    kennel = Kennel()
    kennel.now = STANDSTILL + 1
    with capture_logs() as logs:
        kennel.dog.start()
        assert kennel.dog.join(60)
    assert kennel.ended == [EXIT_CODE]
    assert [(line["event"], line["why"]) for line in logs] == [
        ("worker ends itself", "its claimer has stood still for 61 s")
    ]


def test_a_thread_that_said_away_and_was_not_heard_of_since_excuses_nothing() -> None:
    kennel = Kennel()
    kennel.holdings.add([held(1)])
    kennel.thread.away = True
    assert kennel.dog.trouble() is None
    kennel.now = STANDSTILL + 1
    kennel.thread.beat = kennel.now - FRESH - 1
    assert kennel.dog.trouble() == "nothing was written for 61 s although checks are held"
