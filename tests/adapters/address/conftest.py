"""What the tests of geocoders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.address.servers import Answering


@pytest.fixture
def geocoder() -> Iterator[Answering]:
    """A server on loopback that answers what the test puts into `bodies`."""
    with Answering() as running:
        yield running
