"""Runs one of our modules in a process of its own, for what strangers wrote: without an environment, and with an end
of its time and memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]


class NotEnded(Exception):
    """The process took too long or too much memory, or failed. The message says it."""


def run_apart(module: str, given: Mapping[str, Any], seconds: int, memory: int) -> Any:
    """What `main` of a module makes of `given`, both JSON. `memory` in bytes. Raises NotEnded."""
    with tempfile.TemporaryDirectory(prefix="jurat-apart-") as folder:
        try:
            ran = subprocess.run(  # noqa: S603 - our own module, by this interpreter
                [sys.executable, "-P", "-s", "-B", "-m", module],
                input=json.dumps({"given": given, "seconds": seconds, "memory": memory}).encode(),
                capture_output=True,
                cwd=folder,
                env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "HOME": folder},
                timeout=2 * seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            ran = None
    if ran is None or ran.returncode:
        raise NotEnded(f"it took more than {seconds} s or {memory >> 20} MB, or failed")
    return json.loads(ran.stdout)


def given_apart() -> Any:
    """In that process: what it was given. From here on its limits hold."""
    asked = json.load(sys.stdin)
    for limit, most in ((resource.RLIMIT_AS, asked["memory"]), (resource.RLIMIT_CPU, asked["seconds"])):
        _, hard = resource.getrlimit(limit)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (soft, soft))
    return asked["given"]
