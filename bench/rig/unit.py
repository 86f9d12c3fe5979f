"""A worker process that is started again when it ends, as systemd does, and whose output is kept."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.rig import ROOT

RESTART = 0.5
"""Seconds between a worker's end and its next start."""

_CELERY = ("-P", "-m", "celery")


@dataclass(frozen=True, slots=True)
class Program:
    """The folder of a jurat, and what runs it."""

    folder: Path = ROOT
    python: str = sys.executable


OURS = Program()


class Unit:
    """One worker that is meant to run. `prefix` precedes its command, as `clock` gives it."""

    def __init__(
        self,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        slots: int,
        *,
        prefix: Sequence[str] = (),
        application: str = "worker.app",
        program: Program = OURS,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.ends: Counter[int] = Counter()
        """How its processes ended, by exit code, negative for a signal."""
        options = ("--concurrency", str(slots), "-n", f"{name}@%h", "--loglevel", "INFO")
        self._prefix, self._words = prefix, (*_CELERY, "-A", application, "worker", *options)
        self._program = program
        self._environment = {**os.environ, "JURAT_LOG": "json", **environment}
        self._environment["PYTHONWARNINGS"] = "ignore::RuntimeWarning:celery.platforms"  # may run as root
        self._environment["TMPDIR"] = str(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._begun = 0
        self._thread = threading.Thread(target=self._supervise, name=f"supervise-{name}", daemon=True)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether its present process has a configuration: from then on it takes over what others left."""
        if not self.running:
            return False
        with self.log.open("rb") as log:
            log.seek(self._begun)
            return b"configuration taken" in log.read()

    @property
    def pid(self) -> int | None:
        """The id of its present process, None if there is none."""
        with self._lock:
            return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    def signal(self, number: int) -> bool:
        """Send a signal to its process and what that started; whether there was one."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
                return True
        return False

    def holds_port(self, port: int) -> bool:
        """Whether its process holds the connection whose own end has this port of the loopback address (Linux)."""
        process = self._process
        if process is None:
            return False
        own = f":{port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        sockets = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(own)}
        try:
            return any(str(entry.readlink()) in sockets for entry in Path(f"/proc/{process.pid}/fd").iterdir())
        except OSError:
            return False

    def ended(self, timeout: float) -> bool:
        """Wait for its present process to end. False if it does not."""
        process = self._process
        if process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
            return True
        return False

    def renew(self, environment: Mapping[str, str], program: Program | None = None) -> None:
        """Have its process end by SIGTERM, and start again with these variables, as another program if one is given."""
        self._environment |= environment
        self._program = program or self._program
        before = self.pid
        self.signal(signal.SIGTERM)
        until(lambda: self.pid not in (None, before), 90)

    def retire(self) -> None:
        """Ask it to end for good, by SIGTERM."""
        self._over.set()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it for good, at once."""
        self._over.set()
        self.signal(signal.SIGKILL)
        if self._thread.is_alive():
            self._thread.join(10)

    def said(self, words: str) -> int:
        """How often `words` are in all that its processes wrote."""
        return self.log.read_text(errors="replace").count(words) if self.log.exists() else 0

    def said_last_at(self) -> datetime:
        """The time of its last line, by its own clock. Raises IndexError when it has said nothing."""
        times = re.findall(r'"timestamp": "([^"]+)"', self.log.read_text(errors="replace"))
        return datetime.fromisoformat(times[-1])

    def _supervise(self) -> None:
        while not self._over.is_set():
            with self.log.open("ab") as log, self._lock:
                self._begun = log.tell()
                program = self._program
                self._process = subprocess.Popen(
                    [*self._prefix, program.python, *self._words],
                    cwd=program.folder,
                    env={**self._environment, "PYTHONPATH": str(program.folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.ends[self._process.wait()] += 1
            self._over.wait(RESTART)


def clock(offset: str) -> tuple[str, ...]:
    """The prefix of a unit whose wall clock is off by `+2h`; empty where faketime is not installed."""
    library = next(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
    # Not the command `faketime`: it stays as a parent, and takes the signals that are meant for the worker.
    return ("env", f"LD_PRELOAD={library}", f"FAKETIME={offset}", "DONT_FAKE_MONOTONIC=1") if library else ()


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Whether `condition` comes to hold within so many seconds. Asked again after so many of pause."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def waited(condition: Callable[[], bool], seconds: float, complaint: str, pause: float = 0.05) -> float:
    """How many seconds it took until the condition held. Raises TimeoutError with `complaint`."""
    begun = time.monotonic()
    if not until(condition, seconds, pause):
        raise TimeoutError(f"{complaint} within {seconds:g} s")
    return time.monotonic() - begun
