"""Real worker processes: Celery's own command line with jurat's application.

    with Worker(environment, "--concurrency", "8") as worker:
        worker.says("configuration taken")
        worker.kill()                  # as the kernel would, without warning
        worker.start()                 # another process with the same options
        assert worker.stop() == 0      # SIGTERM

Like the servers beside it, a worker has a folder of its own, and ends when the process that started it does.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.rigs.servers import Server

ROOT = Path(__file__).resolve().parents[2]


class Worker(Server):
    """One worker process with `environment` as its settings and `options` behind `celery worker`."""

    name = "worker"

    def __init__(self, environment: Mapping[str, str], *options: str) -> None:
        super().__init__()
        self.environment = dict(environment)
        """Of the next process."""
        self._options = options
        self._begun = 0
        self._ended: int | None = None

    @property
    def exit_code(self) -> int | None:
        """How it ended last, None while it runs."""
        return self._process.poll() if self._process else self._ended

    @property
    def log(self) -> str:
        """What the process that was started last has written."""
        with self._log.open("rb") as log:
            log.seek(self._begun)
            return log.read().decode(errors="replace")

    @property
    def endpoints(self) -> str:
        """The URL of its health and metrics, where JURAT_LISTEN is `127.0.0.1:0`."""
        assert self.says("serves health and metrics"), self.log
        (*_, address) = re.findall(r"serves health and metrics +.*address=(\S+)", self.log)
        return f"http://{address}"

    def start(self) -> None:
        """Start and wait until the engine runs; broker and database may be away. Raises ServerFailed."""
        self._begun = self._log.stat().st_size if self._log.exists() else 0
        super().start()

    def says(self, words: str, seconds: float = 100.0) -> bool:
        """Whether `words` come to stand in its log within so many seconds."""
        end = time.monotonic() + seconds
        while words not in self.log:
            if time.monotonic() > end or not self.running:
                return words in self.log
            time.sleep(0.02)
        return True

    def stop(self, timeout: float = 60.0) -> int | None:  # type: ignore[override]
        """End it by SIGTERM, within `timeout` seconds; its exit code. Raises ServerFailed."""
        super().stop(timeout)
        return self.exit_code

    def celery(self, *arguments: str, timeout: float = 100.0) -> subprocess.CompletedProcess[str]:
        """What `celery -A worker.app ARGUMENTS` says with the same settings."""
        return subprocess.run(
            [*_CELERY, *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def _command(self) -> list[str]:
        return [*_CELERY, "worker", "--loglevel", "INFO", "-n", f"{self.folder.name}@%h", *self._options]

    def _answers(self) -> bool:
        return "engine started" in self.log

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.folder),
            "PYTHONWARNINGS": "ignore::RuntimeWarning:celery.platforms",  # tests may run as root
            **self.environment,
        }

    def _gone(self) -> None:
        self._ended = self._process.returncode if self._process else None
        super()._gone()


_CELERY = (sys.executable, "-P", "-m", "celery", "-A", "worker.app")


def refused(environment: Mapping[str, str], *options: str, timeout: float = 100.0) -> subprocess.CompletedProcess[str]:
    """How a worker ends that is not meant to start. Raises TimeoutExpired when it does not end."""
    cleared = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
    with subprocess.Popen(
        [*_CELERY, "worker", *options],
        cwd=ROOT,
        env={**cleared, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        try:
            out, err = started.communicate(timeout=timeout)
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(started.args, started.returncode, out, err)
