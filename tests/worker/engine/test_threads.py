from __future__ import annotations

import threading

from sqlalchemy.exc import OperationalError
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
