"""What the platform's own tests need in addition to the service: its libraries, and the environment of the wheel."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.docs.terminal import Terminal
from tests.examples.platform.fleet import Fleet
from tests.examples.platform.processes import missing
from tests.examples.stacks.runtimes import PYTHON, ROOT
from tests.rigs.servers import NoServer

LIBRARIES = ("babel", "flask", "flask_wtf", "waitress")


@pytest.fixture(scope="session")
def libraries() -> None:
    """Flask and the others in addition to the service, as `make platform` has them."""
    if lacking := [name for name in LIBRARIES if find_spec(name) is None]:
        missing(f"{', '.join(lacking)}; `make platform` installs them")


@pytest.fixture(scope="session")
def wheel_alone() -> Path:
    """A Python that has the wheel and what platforms run on, and nothing of the service."""
    python = Path(os.environ.get("VALMONT_PYTHON") or PYTHON)
    if not python.exists():
        missing("the environment in .venv-examples; `make test-examples` makes it")
    return python


@pytest.fixture(scope="module")
def fleet(wheel_alone: Path, valkey_server: str) -> Iterator[Fleet]:
    """Everything but the web tier, as Compose has it."""
    try:
        made = Fleet(wheel_alone, valkey_server)
    except NoServer as error:
        missing(str(error))
    with made:
        yield made


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """In a folder that looks like a clone."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {".venv", ".git", "dist", "secrets"}:
            (clone / path.name).symlink_to(path)
    (clone / ".venv").symlink_to(sys.prefix)
    with Terminal(clone, {}) as opened:
        yield opened


@pytest.fixture(scope="module")
def valmont(tmp_path_factory: pytest.TempPathFactory, libraries: None) -> Iterator[Any]:
    """The town of a module, on SQLite with an engine inside."""
    from tests.examples.platform.inside import opened

    folder = tmp_path_factory.mktemp("valmont")
    with opened(f"sqlite:///{folder / 'valmont.db'}", folder) as found:
        yield found
