"""The bench of the alarm on outcome shares, once and small."""

from __future__ import annotations

import random

import pytest

from bench.outcome_shares import STEADY, evenings, jumped, main, run
from jurat.vocabulary import Reason


@pytest.mark.slow
def test_it_prints_how_often_it_errs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--years", "0", "--jumps", "1"])
    printed = capsys.readouterr().out
    assert "1000 a day: 0 at an even pace" in printed
    assert "to 100%: never" in printed, "five a day are too few"


def test_shares_add_up_to_one_and_keep_their_proportions() -> None:
    assert sum(STEADY.values()) == pytest.approx(1)
    after = jumped(0.6)
    assert sum(after.values()) == pytest.approx(1)
    assert after[Reason.NAME_DIFFERS] == 0.6


def test_as_many_results_come_as_the_rate_says() -> None:
    looks = list(run(evenings(100), lambda _: STEADY, 27 * 24, random.Random(1)))
    assert looks[-1][0] == pytest.approx(2700, rel=0.1)
