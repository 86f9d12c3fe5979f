"""One stage for all platforms, and each of them as a running process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.examples.stacks.runtimes import PLATFORMS, lacking
from tests.examples.stacks.stage import Platform, Stage
from tests.rigs.servers import NoServer

TYPED = ("Tanneurs", "Sardiniers", "99001", "<b>", "undetermined", "refuse", "slow:", "down")
"""Words of the answers that tests confirm."""


def missing(reason: str) -> NoReturn:
    """A runtime that this machine has not. CI must have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Database and worker."""
    try:
        made = Stage()
    except NoServer as error:
        missing(str(error))
    with made:
        yield made


@pytest.fixture(scope="module", params=PLATFORMS)
def platform(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Platform]:
    """A running platform, one after the other. Nothing that was typed into it may be in its log in the end."""
    if reason := lacking(request.param):
        missing(reason)
    with Platform(request.param, stage.platform_environment) as started:
        yield started
        assert [word for word in TYPED if word in started.log] == []
