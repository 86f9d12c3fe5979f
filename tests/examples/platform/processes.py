"""Processes of the platform as a reader starts them, each in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from tests.examples.stacks.runtimes import EXAMPLES, ROOT
from tests.rigs.servers import Server


def missing(reason: str) -> NoReturn:
    """Something that this machine has not. CI must have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


class Web(Server):
    """One process that serves pages, until it is closed."""

    name = "platform"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.settings = dict(settings or {})
        self.code: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text("utf-8", errors="replace")

    def end(self, number: int, timeout: float = 20.0) -> int:
        """Tell it by a signal to end; its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(timeout)
        self._gone()
        return code

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.address}/health", timeout=10).status_code == 204
        return False

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "LC_ALL": "C.UTF-8", "TMPDIR": str(self.folder), **self.settings}


class Started(Web):
    """`make platform`, with options."""

    def __init__(self, *options: str) -> None:
        super().__init__({"PYTHONPATH": str(ROOT)})
        self.options = options

    @property
    def codes(self) -> list[str]:
        """The codes of letters that it has printed."""
        return re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", self.log)

    @property
    def left(self) -> list[Path]:
        """Temporary folders that it has not removed."""
        return list(self.folder.glob("valmont-*"))

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-P",
            "-m",
            "examples.platform.start",
            "--port",
            str(self.port),
            "--console-port",
            "0",
            *self.options,
        ]


class Alone(Web):
    """`serve.py` with the wheel alone: the examples can be imported, and no folder of the service."""

    def __init__(self, python: Path, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._python = python
        (self.folder / "clone").mkdir()
        for shared in (EXAMPLES, EXAMPLES.parent / "pages"):
            (self.folder / "clone" / shared.name).symlink_to(shared)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the examples in the same environment to its end."""
        return subprocess.run(
            [self._python, "-P", *command],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def _command(self) -> list[str]:
        return [str(self._python), "-P", "-m", "examples.platform.serve"]

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "PYTHONPATH": str(self.folder / "clone"), "PORT": str(self.port)}


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    """How `make platform` ends that is not meant to start."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "examples.platform.start", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
