from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from structlog.dev import ConsoleRenderer

from config.settings import LogFormat
from jurat.vocabulary import Outcome
from worker.logs import _text

ROOT = Path(__file__).resolve().parents[2]
SPEAK = """
import logging, sys, structlog
from config.settings import LogFormat
from worker.logs import set_up

set_up(LogFormat(sys.argv[1]))

def work(answer):
    raise RuntimeError("broken")

for log in (logging.getLogger("celery"), structlog.get_logger("jurat")):
    try:
        work("12 rue des " + "Tanneurs")
    except RuntimeError:
        log.exception("failed")
structlog.get_logger("jurat").debug("not at this level")
"""


@cache
def speak(form: LogFormat) -> str:
    """What a process that fails twice, once in Celery's logs and once in ours, writes to standard error."""
    said = subprocess.run(
        [sys.executable, "-c", SPEAK, form], cwd=ROOT, capture_output=True, text=True, check=True, timeout=100
    )
    assert said.stdout == ""
    return said.stderr


@pytest.mark.slow
@pytest.mark.parametrize("form", LogFormat)
def test_a_traceback_shows_no_local_variables(form: LogFormat) -> None:
    said = speak(form)
    assert said.count("RuntimeError: broken") == 2
    assert "in work" in said
    assert "rue des Tanneurs" not in said


def test_json_logs_are_one_object_a_line() -> None:
    lines = [json.loads(line) for line in speak(LogFormat.JSON).splitlines()]
    assert [(line["logger"], line["event"], line["level"]) for line in lines] == [
        ("celery", "failed", "error"),
        ("jurat", "failed", "error"),
    ]
    assert all("RuntimeError: broken" in line["exception"] and "timestamp" in line for line in lines)


@pytest.mark.slow
def test_what_each_line_of_json_has_is_in_those_of_the_library_too() -> None:
    always = {"worker": "w@here", "host": "here"}
    script = f"{SPEAK}".replace("set_up(LogFormat(sys.argv[1]))", f"set_up(LogFormat(sys.argv[1]), **{always})")
    for form in LogFormat:
        command = [sys.executable, "-c", script, form]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100).stderr
        assert ("w@here" in said) == (form is LogFormat.JSON)
        if form is LogFormat.JSON:
            assert all(json.loads(line).items() >= always.items() for line in said.splitlines())


def test_text_for_people_is_laid_out_as_structlog_does_it() -> None:
    facts: dict[str, Any] = {"event": "no answer", "level": "info", "logger": "jurat.checks", "timestamp": "2026-11-25"}
    facts |= {"source": "ban", "fence": 3, "outcome": Outcome.ACCEPTED, "detail": 'it said "no"\nand left', "age": 1.5}
    for more in ({}, {"exception": "Traceback\n  in work"}):
        assert _text({**facts, **more}) == ConsoleRenderer(colors=False)(None, "info", {**facts, **more})


@pytest.mark.slow
def test_of_many_threads_each_line_is_whole(tmp_path: Path) -> None:
    script = (
        "import structlog, threading; from config.settings import LogFormat; from worker.logs import set_up\n"
        "set_up(LogFormat.JSON); log = structlog.get_logger('jurat')\n"
        "def talk(): [log.info('said', more='x' * 300) for _ in range(300)]\n"
        "threads = [threading.Thread(target=talk) for _ in range(16)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
    )
    with (tmp_path / "log").open("w") as file:
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=file, check=True, timeout=100)
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 16 * 300
    assert {json.loads(line)["more"] for line in lines} == {"x" * 300}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_stops_no_work() -> None:
    script = (
        "import structlog; from config.settings import LogFormat; from worker.logs import set_up\n"
        "set_up(LogFormat.TEXT); log = structlog.get_logger('jurat')\n"
        "[log.info('said', more='x' * 3000) for _ in range(10)]; print('went on', flush=True)"
    )
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", script]
        ran = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True, timeout=100, check=False
        )
    assert ran.stdout == "went on\n"


HOST = """
import logging, structlog
from worker.logs import hand_on

logging.basicConfig(format="%(name)s %(levelname)s %(message)s", level=logging.WARNING)
hand_on()
log = structlog.get_logger("jurat.engine")
log.info("below the level of the host")
log.warning("database away", thread="claimer", name="a word that a record has itself")
try:
    raise RuntimeError("broken")
except RuntimeError:
    log.exception("failed")
structlog.configure(processors=[lambda *_: "the host's own way"])
hand_on()
log.warning("x")
"""


@pytest.mark.slow
def test_in_somebody_elses_process_the_lines_go_their_way() -> None:
    said = subprocess.run([sys.executable, "-c", HOST], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second, *trace = said.stderr.splitlines()
    assert first.startswith("jurat.engine WARNING database away name=")
    assert first.endswith("thread=claimer")
    assert second.startswith("jurat.engine ERROR failed")
    assert trace[-2:] == ["RuntimeError: broken", "jurat.engine WARNING the host's own way"]
