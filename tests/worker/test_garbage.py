"""How often a process of ours looks for garbage: seldom while it loads and in a command, as usual in a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jurat.seal import generate, key_to_text

ROOT = Path(__file__).resolve().parents[2]


def told(code: str) -> list[str]:
    """What code prints in a process of its own, with the settings of a worker."""
    settings = {"JURAT_BROKER_URL": "none", "JURAT_UNSEAL_KEYS": key_to_text(generate()[0])}
    command = [sys.executable, "-c", f"import gc; usual = gc.get_threshold(); {code}"]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True).stdout.split()


def test_a_worker_that_is_loaded_looks_as_usual_and_no_more_at_what_is_loaded() -> None:
    assert told("import worker.app; print(gc.get_threshold() == usual, gc.get_freeze_count() > 50_000)") == [
        "True",
        "True",
    ]


def test_a_command_looks_seldom_and_not_at_what_is_there_when_it_ends() -> None:
    run = "import sys, runpy; sys.argv = ['jurat', '--help']"
    ends = "import atexit; atexit.register(lambda: print(gc.get_threshold() > usual, gc.get_freeze_count()))"
    (*_, seldom, frozen) = told(f"{ends}; {run}; runpy.run_module('cli', run_name='__main__')")
    assert seldom == "True"
    assert int(frozen) > 10_000
