"""An engine with images, and a clone in which a page is followed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.containers import debian
from tests.containers.engine import Engine
from tests.docs.conftest import committed
from tests.docs.pages import ROOT


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Docker, with what stands in for the images of registries."""
    if reason := debian.lacking("dockerd", "docker", "docker-compose", "mmdebstrap"):
        missing(reason)
    with Engine() as started:
        started.provide_images()
        yield started


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone: what is or would be committed."""
    return make_clone(tmp_path_factory.mktemp("containers") / "clone")


def make_clone(folder: Path) -> Path:
    """A folder with what is or would be committed."""
    for name in committed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder
