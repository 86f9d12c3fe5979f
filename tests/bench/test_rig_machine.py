"""What processes use is read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.rig.machine import Memory, Usage, cpu_seconds

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_a_child_counts_with_its_parent_after_its_end_as_well() -> None:
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.25


def test_a_part_is_reported_apart_from_the_rest_of_ours() -> None:
    child = subprocess.Popen([sys.executable, "-c", BURN + "\nimport sys; print(flush=True); sys.stdin.read()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    before = Usage.now({"child": [], "me": []})
    child.stdout.readline()
    used = Usage.now({"child": [child.pid], "me": []}) - before
    child.communicate()
    assert used.parts["child"] >= 0.25
    assert used.parts["me"] == 0
    assert used.ours >= used.parts["child"] - 0.1
    assert 0 <= used.foreign_share <= 1


def test_what_we_do_not_run_is_foreign() -> None:
    used = Usage({}, ours=2.0, busy=3.0, whole=20.0)
    assert used.foreign_share == 0.05


def test_memory_that_is_shared_counts_once_in_pss() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    memory = Memory.of([child.pid])
    child.communicate()
    assert 0 < memory.pss <= memory.rss < 200
    assert Memory.of([child.pid]) == Memory(0, 0)
