from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands.valmont import settle
from tests.cli.shell import Shell


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first `town` of a module leaves its database for the others."""
    return tmp_path_factory.mktemp("valmont") / "jurat.db"


@pytest.fixture
def town(shell: Shell, made: Path) -> Shell:
    """A shell in Valmont: an address file, two zones side by side, and a question about the western one."""
    settle(shell, made)
    return shell
