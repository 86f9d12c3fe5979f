"""No core file: with real processes, which abort as the kernel would make them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jurat.seal import generate, key_to_text
from tests.rigs.workers import Worker

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the limits of another process")
ABORTS = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
DUMPABLE = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
"""PR_GET_DUMPABLE of prctl(2)."""


def settings(folder: Path) -> dict[str, str]:
    return {
        "JURAT_DATABASE_URL": f"sqlite:///{folder / 'jurat.db'}",
        "JURAT_BROKER_URL": "none",
        "JURAT_UNSEAL_KEYS": key_to_text(generate()[0]),
        "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
    }


@contextmanager
def cores_allowed() -> Iterator[None]:
    """`ulimit -c unlimited`, as far as this machine lets us, for what is started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("this machine allows no core files to anybody")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def limits(pid: int) -> list[str]:
    (line,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
    return line.split()[4:6]


def left(folder: Path) -> list[str]:
    """What is in a folder in which processes were started, and what the kernel calls a core."""
    return sorted(path.name for path in folder.rglob("*core*"))


def dumped(process: subprocess.Popen[bytes]) -> bool:
    """Whether the kernel wrote a core, wherever it puts them: it says so to who waits for the process."""
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == -signal.SIGABRT
    return os.WCOREDUMP(status)


def ran(code: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})


@LINUX
def test_an_abort_leaves_no_core(tmp_path: Path) -> None:
    with cores_allowed():
        if not dumped(ran(ABORTS, tmp_path)):
            pytest.skip("this machine writes no core of any process")
        for file in tmp_path.glob("*core*"):
            file.unlink()
        assert not dumped(ran(f"from worker.cores import leave_none; leave_none(); {ABORTS}", tmp_path))
    assert left(tmp_path) == []


@LINUX
def test_neither_limit_alone_is_what_keeps_it(tmp_path: Path) -> None:
    """A program that takes cores through a pipe looks at no limit, and a limit holds where there is no prctl."""
    script = "from worker.cores import leave_none; leave_none(); import resource\n"
    said = subprocess.run(
        [sys.executable, "-c", f"{script}print(resource.getrlimit(resource.RLIMIT_CORE)); {DUMPABLE}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines() == ["(0, 0)", "0"]


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("how", ["celery", "bin/jurat"])
def test_a_worker_that_aborts_leaves_no_core(how: str, tmp_path: Path) -> None:
    with cores_allowed():
        worker = Started(how, settings(tmp_path))
        with worker:
            assert limits(worker.pid) == ["0", "0"]
            process = worker.process
            with suppress(PermissionError):  # lifted from outside, where that is allowed: then the second lock holds
                resource.prlimit(process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
            os.kill(process.pid, signal.SIGABRT)
            assert not dumped(process)
            assert left(worker.folder) == []
            assert left(tmp_path) == []


@pytest.mark.slow
@LINUX
def test_every_command_is_such_a_process(tmp_path: Path) -> None:
    """`doctor`, `review show` and `codes generate` hold keys as well. One that waits shows what holds for all."""
    environment = {**os.environ, **settings(tmp_path)}
    subprocess.run([ROOT / "bin/jurat", "db", "upgrade"], env=environment, check=True, capture_output=True)
    file = tmp_path / "pipe"
    os.mkfifo(file)
    command: list[str | Path] = [ROOT / "bin/jurat", "codes", "import", "spring", file]
    with cores_allowed(), subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as waiting:
        end = time.monotonic() + 60
        while limits(waiting.pid) != ["0", "0"]:
            assert waiting.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        waiting.kill()


class Started(Worker):
    """A worker by either of its two commands, whose process a test may wait for by itself."""

    def __init__(self, how: str, environment: dict[str, str]) -> None:
        super().__init__(environment, "--concurrency", "1")
        self._how = how

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _command(self) -> list[str]:
        return super()._command() if self._how == "celery" else [str(ROOT / "bin/jurat"), "worker", "--slots", "1"]
