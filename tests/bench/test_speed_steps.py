"""The clock around a step counts the CPU of its thread, without that of the steps inside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, sys, threading, time
os.environ |= {"JURAT_DATABASE_URL": f"sqlite:///{sys.argv[1]}.db", "JURAT_BROKER_URL": "none"}
os.environ["JURAT_BENCH_STEPS"] = sys.argv[1]
from bench.speed import steps

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

inner = steps.timed("inner", lambda: "inner", lambda: burn(0.2))

def work():
    burn(0.1)
    time.sleep(0.3)
    inner()
    nothing()

nothing = steps.timed("nothing", lambda: None, lambda: burn(0.05))
outer = steps.timed("outer", lambda: "outer", work)
threads = [threading.Thread(target=outer) for _ in range(2)]
for each in threads:
    each.start()
for each in threads:
    each.join()
print(*(round(sum(each.get(name, 0) for each in steps._threads), 1) for name in ("outer", "inner")))
"""


def test_a_step_counts_its_own_cpu_in_each_thread(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "steps.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == ["0.3", "0.4"]
