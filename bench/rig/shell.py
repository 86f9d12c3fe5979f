"""Runs commands of `bin/jurat` one after the other in one process of its own: it loads everything once.

As a program, it reads requests as lines of JSON, and answers with an exit code and what was said.
"""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig import ROOT
from cli.main import run
from tests.rigs import loggers


class Ran(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    said: str


class Shell:
    """Runs commands in a folder, until it is closed. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JURAT_", "PG"))}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.rig.shell"],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> Ran:
        """Run one command. Its environment has these variables, and none of ours besides."""
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(json.dumps([list(words), dict(environment), stdin]) + "\n")
        to.flush()
        return Ran(*json.loads(back.readline()))

    def close(self) -> None:
        self._process.communicate(timeout=30)


def _run(words: list[str], environment: Mapping[str, str], stdin: str) -> Ran:
    written = (io.BytesIO(), io.BytesIO())
    out, err = (io.TextIOWrapper(buffer, encoding="utf-8", write_through=True) for buffer in written)
    before, given = dict(os.environ), sys.stdin
    handlers, level = logging.root.handlers[:], logging.root.level
    os.environ.update(environment)
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    tempfile.tempdir = None
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = run(words)
    finally:
        sys.stdin = given
        os.environ.clear()
        os.environ.update(before)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        loggers.forget()
    return Ran(code, "".join(buffer.getvalue().decode(errors="replace") for buffer in written))


def main() -> None:
    for line in sys.stdin:
        request: Any = json.loads(line)
        print(json.dumps(_run(*request)), flush=True)


if __name__ == "__main__":
    main()
