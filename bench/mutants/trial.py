"""Copies of the project in which one line is changed and tests are run: what becomes of a mutation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

from bench.mutants.mutations import Mutation

PATIENCE = 60.0
TIMES = 10.0
"""A mutated run hangs when it has taken so many seconds, and so many times as long as the tests took without it."""

NOT_THIS = "--ignore=tests/bench/test_mutants.py"
"""It sees that each entry matches the code, and so would find every mutation."""

_STAMPS = count(1_000_000_000)
"""Modification times of mutated files: Python takes what it compiled before for a file of the same time and size."""


class Verdict(StrEnum):
    """What became of a mutation."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"
    """No test failed, nor did all pass: nothing could be imported, or a fixture failed. That proves nothing."""
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of tests: how it ended, and by which test or fault."""

    verdict: Verdict
    seconds: float
    said: str


class Copy:
    """A copy of a project's files as they are in its working tree, with the same environment."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = folder
        listing = ("git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        for name in subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0"):
            if name and (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        if (root / ".venv").exists():
            (folder / ".venv").symlink_to((root / ".venv").resolve())

    def run(self, tests: Sequence[str], timeout: float | None = None) -> Ran:
        """Run tests up to the first that fails."""
        own = self.root / ".venv" / "bin" / "python"
        python = str(own) if own.exists() else sys.executable
        command = [python, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", NOT_THIS, *tests]
        # As in CI: properties try the same examples each time, and a server that is missing skips nothing.
        environment = {**os.environ, "CI": "true"}
        begun = time.monotonic()
        with subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                output, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                return Ran(Verdict.KILLED, time.monotonic() - begun, f"hangs for {timeout:.0f} s")
        return Ran(*_read(process.returncode, output, time.monotonic() - begun))

    @contextmanager
    def mutated(self, mutation: Mutation) -> Iterator[None]:
        """The copy with a mutation. Raises NoMatch."""
        file = self.root / mutation.file
        text, before, times = mutation.mutated(self.root), file.read_bytes(), file.stat()
        file.write_text(text, "utf-8")
        stamp = next(_STAMPS)
        os.utime(file, (stamp, stamp))
        try:
            yield
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _end(process: subprocess.Popen[str]) -> None:
    """End it as Ctrl-C does, so that servers and processes of the tests end with it; then by force."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()


def _read(code: int, output: str, seconds: float) -> tuple[Verdict, float, str]:
    """What pytest's exit code and its summary say."""
    failures = [line.split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if code == 0:
        return Verdict.SURVIVED, seconds, ""
    if code == 1 and failures and failures[0].startswith("FAILED "):
        return Verdict.KILLED, seconds, failures[0].removeprefix("FAILED ")
    last = next(iter(failures), next(iter(output.splitlines()[-1:]), ""))
    return Verdict.BROKEN, seconds, f"exit code {code}: {last}"
