"""From Confirm to the result on the page: loosely, because machines are busy. `make bench-browser` has the figures."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.timing import confirmations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_the_word_is_there_before_somebody_wonders(browse: Callable[..., Any], fleet: Fleet) -> None:
    took = list(confirmations(browse(), fleet.web.address, 6))
    assert median(took) < 3
