from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import LogFormat

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


def speak(form: LogFormat) -> str:
    """What a process that fails twice, once in Celery's logs and once in ours, writes to standard error."""
    said = subprocess.run(
        [sys.executable, "-c", SPEAK, form], cwd=ROOT, capture_output=True, text=True, check=True, timeout=100
    )
    assert said.stdout == ""
    return said.stderr


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
