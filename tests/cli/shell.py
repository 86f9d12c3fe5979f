"""The command line as tests use it: most in this process, where that is enough, and some as an operator would."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from cli.command import Command
from cli.main import SECTIONS, load, run
from cli.output import Exit
from tests.rigs import loggers

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCHER = ROOT / "bin" / "jurat"

_AT_A_TERMINAL = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""A shell's background jobs, which these tests may be one of, ignore Ctrl-C, and so do their children."""


class Terminal(io.TextIOWrapper):
    """What is written here, a person sees."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Ran:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs commands under one environment, in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.stream: type[io.TextIOWrapper] = io.TextIOWrapper
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Ran:
        """In this process."""
        written = (io.BytesIO(), io.BytesIO())
        out, err = (self.stream(buffer, encoding="utf-8", write_through=True) for buffer in written)
        handlers, level, before = logging.root.handlers[:], logging.root.level, dict(os.environ)
        with self._monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr("tempfile.tempdir", self.environment.get("TMPDIR"))  # asked for once in a process
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
            patch.setattr("os.nice", lambda _: 0)  # only root could take it back, and other tests would wait
            try:
                code = run(words)
            finally:
                os.environ.clear()  # the demonstration sets its own
                os.environ.update(before)
                logging.root.handlers[:] = handlers
                logging.root.setLevel(level)
                loggers.forget()
        assert_is_named(code, words)
        return Ran(code, *(buffer.getvalue().decode() for buffer in written))

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """As a process of its own, through `bin/jurat`."""
        return subprocess.Popen(
            [sys.executable, "-c", _AT_A_TERMINAL, LAUNCHER, *words],
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def process(self, *words: str, stdin: str = "", **environment: str) -> Ran:
        """As a process of its own, to its end."""
        with self.start(*words, **environment) as process:
            out, err = process.communicate(stdin, timeout=100)
        assert_is_named(process.returncode, words)
        return Ran(process.returncode, out, err)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def assert_is_named(code: int, words: Sequence[str]) -> None:
    """Whatever a test has a command do: the help of the command must name the exit code that comes of it."""
    command = command_of(words)
    if command is not None and code >= 0:  # below it is a signal
        assert code in {*command.codes, Exit.FAULT, Exit.INTERRUPTED}, f"`{' '.join(words)}` ended with {code}"


def command_of(words: Sequence[str]) -> Command | None:
    """The command that a line calls, None where it calls none."""
    if not words or not any(words[0] in part for part in SECTIONS.values()):
        return None
    command: click.Command | None = load(words[0])
    if isinstance(command, click.Group):
        command = command.commands.get(words[1]) if len(words) > 1 else None
    return command if isinstance(command, Command) else None


def is_one_sentence(ran: Ran) -> bool:
    """Whether a failure said what it had to say on one line of standard error, and nothing on standard output."""
    return (
        ran.out == ""
        and ran.err.startswith("jurat: ")
        and len(ran.err.splitlines()) == 1
        and "Traceback" not in ran.err
    )
