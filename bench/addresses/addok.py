"""Starts a real addok if none runs yet, and stops it again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests

from bench.rig import ROOT

RIG = ROOT.parent / "shared" / "rigs" / "addok"
STATE = ROOT / "build" / "addok"
START_TIMEOUT = 600.0
"""Seconds. The first start installs addok; the later ones take some seconds."""


class NoAddok(Exception):
    """The geocoder cannot be asked. The message says what was tried and what to do."""


@contextlib.contextmanager
def addok(url: str, rig: Path = RIG, processes: int = 2) -> Iterator[None]:
    """Addok at `url` until the block ends. One that runs already is used, and left running.

    `rig` is a folder with `start` and `stop`; `processes` is how many addok gets.

    Raises:
        NoAddok: nothing answers at `url`, and nothing can be started there.
    """
    if answers(url):
        yield
        return
    parts = urlsplit(url)
    if parts.hostname not in {"127.0.0.1", "localhost"} or not parts.port or not (rig / "start").is_file():
        raise NoAddok(f"nothing answers at {url}, and there is no {rig}/start that could start a geocoder there")
    # A state of its own: `stop` ends what runs there, and someone else may have started the rig in the usual place.
    own = {"RIG_PORT": str(parts.port), "RIG_WORKERS": str(processes), "RIG_DIR": str(STATE)}
    environment = {**own, **os.environ, "RIG_PORT": own["RIG_PORT"]}
    try:
        _run(rig / "start", environment)
        if not answers(url):
            raise NoAddok(f"{rig}/start ended, and nothing answers at {url}; see what it said above")
        yield
    finally:
        _run(rig / "stop", environment)


def answers(url: str) -> bool:
    """Whether an addok answers there and reports that it is well."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health", timeout=5).ok
    return False


def _run(script: Path, environment: dict[str, str]) -> None:
    # What it starts keeps the descriptors that it got, so it gets ours, and no pipe that is never read.
    try:
        subprocess.run([script], env=environment, stdout=sys.stderr, check=True, timeout=START_TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoAddok(f"{script} failed: {error}") from None
