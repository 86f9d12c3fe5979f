"""The files by which workers show that they are alive."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from worker.health import OLDEST_SIGN, OLDEST_THREAD, Facts, Health, WorkerHealth, clock, read, workers

FACTS = Facts(slots=32, held=3, database=True, config_version=7, threads={"writer": 0.4})


def _write_and_die(path: Path) -> None:
    Health(path).write(FACTS)
    os._exit(9)  # as a killed process: nothing is cleaned up


def test_what_a_worker_wrote_can_be_read(tmp_path: Path) -> None:
    health = Health(tmp_path / "jurat-worker-1.json")
    health.write(FACTS)
    beat = read(tmp_path / "jurat-worker-1.json")
    assert beat is not None
    assert (beat.pid, beat.facts) == (os.getpid(), FACTS)
    assert beat.age < 5
    assert beat.ready
    assert beat.trouble is None
    assert beat.unready is None
    health.close()


def test_a_worker_that_ended_left_no_file(tmp_path: Path) -> None:
    health = Health(tmp_path / "jurat-worker-1.json")
    health.write(FACTS)
    health.close()
    health.close()
    health.write(FACTS)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_killed_worker_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "jurat-worker-1.json"
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert path.exists()
    assert workers(tmp_path) == []
    again = Health(path)  # a new process may get the same number, and its file
    again.write(FACTS)
    assert [beat.pid for beat in workers(tmp_path)] == [os.getpid()]
    again.close()


def test_a_shorter_text_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    health = Health(tmp_path / "jurat-worker-1.json")
    health.write(Facts(1000, 1000, database=True, threads={f"thread-{number}": 1000.0 for number in range(40)}))
    health.write(FACTS)
    beat = read(tmp_path / "jurat-worker-1.json")
    assert beat is not None
    assert beat.facts == FACTS
    health.close()


def test_a_worker_that_writes_no_more_hangs(tmp_path: Path) -> None:
    health = Health(tmp_path / "jurat-worker-1.json", clock=lambda: 1000.0)
    health.write(FACTS)
    for now, hangs in ((1000.0 + OLDEST_SIGN - 0.1, False), (1000.0 + OLDEST_SIGN + 0.1, True)):
        beat = read(tmp_path / "jurat-worker-1.json", now=lambda now=now: now)  # type: ignore[misc]
        assert beat is not None
        assert (beat.trouble is not None) is hangs
    health.close()


@pytest.mark.parametrize(("age", "hangs"), [(OLDEST_THREAD - 1, False), (OLDEST_THREAD + 1, True)])
def test_a_thread_that_moves_no_more_hangs(age: float, hangs: bool) -> None:
    beat = WorkerHealth(1, 0.5, Facts(1, 0, database=True, config_version=1, threads={"writer": 0.1, "claimer": age}))
    assert ("claimer" in (beat.trouble or "")) is hangs


def test_a_worker_without_database_or_configuration_is_alive_and_not_ready() -> None:
    away = WorkerHealth(1, 0.5, Facts(1, 0, database=False, config_version=1))
    empty = WorkerHealth(1, 0.5, Facts(1, 0, database=True))
    for beat, word in ((away, "database"), (empty, "config apply")):
        assert beat.trouble is None
        assert not beat.ready
        assert word in (beat.unready or "")


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ({"stopping": True}, "is stopping"),
        ({"looked": False}, "has not seen yet which keys it needs"),
        ({"strange": {"0123456789abcdef": 7}}, "7 for the key 0123456789abcdef"),
        ({"hash_keys": ("01234567",)}, "were hashed with: 01234567; bring back"),
        (
            {"schema": "the schema is behind this program; run `bin/jurat db upgrade`"},
            "cannot use the database: the sch",
        ),
    ],
)
def test_what_a_worker_lacks_is_read_from_its_file(tmp_path: Path, lacks: dict[str, Any], words: str) -> None:
    health = Health(tmp_path / "jurat-worker-1.json")
    facts = replace(FACTS, **lacks)
    health.write(facts)
    beat = read(tmp_path / "jurat-worker-1.json")
    assert beat is not None
    assert (beat.facts, beat.ready, beat.trouble) == (facts, False, None)
    assert words in (beat.unready or "")
    health.close()


def test_a_worker_whose_watchdog_ends_it_is_not_alive() -> None:
    beat = WorkerHealth(1, 0.5, replace(FACTS, standstill="its writer has not moved for 61 s"))
    assert beat.trouble == "worker 1 hangs: its writer has not moved for 61 s"


def test_the_file_of_another_version_is_read_as_far_as_it_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "jurat-worker-1.json"
    health = Health(path)
    health.write(FACTS)
    document = json.loads(path.read_text())
    del document["hash_keys"], document["looked"], document["strange"]
    path.write_text(json.dumps({**document, "of_a_newer_version": [1]}).ljust(4096))
    beat = read(path)
    assert beat is not None
    assert beat.facts == FACTS
    health.close()


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "jurat-worker-1.json"
    path.symlink_to(victim)
    Health(path).write(FACTS)
    assert victim.read_text() == "precious"
    assert "cannot be written" in caplog.text
    assert read(path) is None


def test_a_folder_that_cannot_be_written_stops_no_worker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    health = Health(tmp_path / "missing" / "jurat-worker-1.json")
    health.write(FACTS)
    health.write(FACTS)
    health.close()
    assert len(caplog.records) == 1


def test_two_workers_do_not_share_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Health(tmp_path / "jurat-worker-1.json"), Health(tmp_path / "jurat-worker-1.json")
    first.write(FACTS)
    second.write(Facts(1, 1, database=False))
    beat = read(tmp_path / "jurat-worker-1.json")
    assert beat is not None
    assert beat.facts == FACTS
    assert "cannot be written" in caplog.text
    first.close()


def test_what_is_no_worker_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "jurat-worker-2.json").write_text("{}")
    (tmp_path / "jurat-worker-3.json").mkdir()
    (tmp_path / "other.json").write_text("{}")
    assert workers(tmp_path) == []
    assert read(tmp_path / "jurat-worker-9.json") is None


def test_the_clock_goes_on() -> None:
    assert clock() <= clock()


def test_files_that_nobody_holds_are_removed_and_those_of_workers_stay(tmp_path: Path) -> None:
    left, held = tmp_path / "jurat-worker-1.json", tmp_path / "jurat-worker-2.json"
    left.write_text("{}")
    other = tmp_path / "another-1.json"
    other.write_text("{}")
    health = Health(held)
    health.write(FACTS)
    assert [beat.facts for beat in workers(tmp_path)] == [FACTS]
    assert (left.exists(), held.exists(), other.exists()) == (False, True, True)
    health.close()


def test_a_worker_that_starts_while_its_old_file_is_looked_at_is_seen(tmp_path: Path) -> None:
    """Whoever looks holds the file for a moment, and may remove it under the worker that opens it."""
    path = tmp_path / "jurat-worker-1.json"
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            read(path)

    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(look) for _ in range(4)]
        try:
            for _ in range(50):
                path.write_text("left behind")
                health = Health(path)
                health.write(FACTS)
                beat = read(path)
                assert beat is not None
                assert beat.facts == FACTS
                health.close()
        finally:
            looking.set()
        for each in looks:
            each.result()
