"""How to run workers: the commands of the page, with real workers."""

from __future__ import annotations

import json
import shutil
import socket

import pytest

from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal
from worker.engine.engine import GRACE
from worker.engine.plans import LONGEST_LOOK_UP

PAGE = ROOT / "docs" / "operators" / "run-workers.md"
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
QUICKSTART = ROOT / "docs" / "platforms" / "quickstart.md"


@pytest.mark.slow
def test_workers_start_tell_how_they_are_and_stop(terminal: Terminal) -> None:
    set_up = blocks(QUICKSTART, "sh")[1]
    assert "config apply" in set_up.text
    terminal.run_block(set_up, {})
    all_ready = 'until test "$(bin/jurat health --ready 2>&1 | grep -c yes)" = 4; do sleep 1; done'
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    instead = {"sleep 6": all_ready, "9464": port}
    if not shutil.which("curl"):
        instead["curl -s"] = f".venv/bin/python -c '{ASK}'"
    terminal.follow(PAGE, instead=instead)
    for number in ("", "2", "3", "4"):
        log = (terminal.folder / f"worker{number}.log").read_text("utf-8")
        assert "engine stopped" in log


@pytest.mark.slow
def test_a_line_of_the_log_looks_as_shown(terminal: Terminal) -> None:
    """The processors that write it, without a worker."""
    said = terminal.run(
        '.venv/bin/python -c "import structlog; from config.settings import LogFormat; from worker.logs import set_up; '
        "set_up(LogFormat.JSON, worker='w', host='h', version='1'); structlog.get_logger('jurat.checks').info("
        "'settled', check_id='1', fence=1, trace_id='4b', outcome='accepted', reason='code_valid')\""
    )[1]
    assert list(json.loads(said)) == list(json.loads(block(PAGE, "json")))


def test_the_time_to_stop_is_that_of_the_engine() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    assert f"at most {LONGEST_LOOK_UP:.0f} s" in text
    assert f"give it {LONGEST_LOOK_UP + 4 * GRACE:.0f} s" in text
    assert "stop_grace_period: 80s" in (ROOT / "docker-compose.yml").read_text("utf-8")
