"""An engine with images, and a clone in which a page is followed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.containers import debian
from tests.containers.engine import Engine
from tests.containers.reader import OPERATOR
from tests.docs.conftest import committed
from tests.docs.pages import ROOT


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Docker, with what stands in for the images of registries."""
    if reason := debian.lacking("runs"):
        missing(reason)
    with Engine() as started:
        started.provide_images()
        yield started


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """A fresh clone, of someone who is not root: what is or would be committed."""
    with tempfile.TemporaryDirectory(prefix="jurat-clone-", dir=debian.PLACE) as place:
        folder = Path(place)
        for name in committed():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OPERATOR, OPERATOR)
        yield folder
