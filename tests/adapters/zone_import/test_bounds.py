"""Where something lies is said in words that a person can compare with a map."""

from __future__ import annotations

import pytest

from adapters.zone_import.bounds import in_words


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((2.2, 48.8, 2.4, 48.9), "between 2.2 and 2.4 east, 48.8 and 48.9 north"),
        ((-70.71, -33.5, -70.5, -33.25), "between 70.5 and 70.71 west, 33.25 and 33.5 south"),
        ((-0.2, -0.1, 0.30004, 51.5), "between 0.2 west and 0.3 east, 0.1 south and 51.5 north"),
        ((0, 0, 0, 0), "between 0 and 0 east, 0 and 0 north"),
        ((-3.5, 40, 0, 41), "between 0 and 3.5 west, 40 and 41 north"),
    ],
)
def test_a_box_in_words(box: tuple[float, float, float, float], said: str) -> None:
    assert in_words(box) == said
