from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from structlog.testing import capture_logs

from worker.engine.threads import EngineThread


def test_a_step_that_fails_is_survived_and_the_thread_says_that_the_database_is_away() -> None:
    class Failing(EngineThread):
        def __init__(self) -> None:
            super().__init__("failing")
            self.errors: list[Exception] = [OperationalError("", {}, Exception()), KeyError("7")]
            self.seen: list[bool] = []
            self.done = threading.Event()

        def step(self) -> None:
            self.seen.append(self.away)
            if self.errors:
                raise self.errors.pop(0)
            self.done.set()

    thread = Failing()
    with capture_logs() as logs:
        thread.start()
        assert thread.done.wait(60)
        thread.stop()
        assert thread.join(60)
    assert thread.seen[:3] == [False, True, True]
    assert [line["event"] for line in logs] == ["database away", "engine thread failed", "database back"]


@pytest.mark.slow
def test_the_same_failure_is_told_once_and_one_of_the_database_in_a_sentence_without_what_it_says() -> None:
    class Refused(EngineThread):
        steps = 0

        def step(self) -> None:
            self.steps += 1
            if self.steps > 6:
                self.stopping.set()
            elif self.steps % 2:
                raise ProgrammingError("UPDATE jurat_checks", {}, Exception("no, Iris Valombre"))
            else:
                raise KeyError("7")

    thread = Refused("refused")
    with capture_logs() as logs:
        thread.start()
        assert thread.join(60)
    assert [(line["event"].partition(":")[0], line["error"], "exc_info" in line) for line in logs] == [
        ("engine thread failed", "Exception", False),
        ("engine thread failed", "KeyError", True),
    ]
    assert "Iris" not in str(logs[0])
