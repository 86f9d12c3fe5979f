"""The judge of a long run finds each planted leak, and nothing in a run that stayed as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.soak.judge import Process, Sample, Vacuum, judge, slope, warm_up

SECONDS, RATE, SLOTS = 1800.0, 50.0, 16
Change = Callable[[Sample, Process], tuple[Sample, Process]]


def run(change: Change = lambda sample, process: (sample, process)) -> list[Sample]:
    """Half an hour: RSS rises for eight minutes and then trembles, autovacuum comes every two."""
    chance = random.Random(1)
    samples = []
    for number in range(180):
        at = number * 10.0
        checks = int(at * RATE) + 1
        rss = 90.0 + min(at, 480.0) / 24 + chance.uniform(-0.4, 0.4)
        process = Process(77, rss, 40 + chance.randrange(2), 30 + chance.randrange(3), 23)
        dead = int((at % 130) * 2 * RATE)
        sample = Sample(at, {}, checks, checks, waiting=chance.randrange(30), dead=dead, size=100_000 + checks * 700)
        sample, process = change(sample, process)
        samples.append(replace(sample, workers={"w0": process, "w1": Process(78, 91.0, 40, 32, 23)}))
    return samples


def failed(samples: list[Sample]) -> list[str]:
    return [figure.name for figure in judge(samples, SECONDS, RATE, SLOTS, Vacuum()) if not figure.kept]


def test_a_run_that_stayed_as_it_was_kept_every_figure() -> None:
    assert failed(run()) == []


def test_what_grows_in_the_warm_up_alone_is_no_leak() -> None:
    assert warm_up(SECONDS) == 600.0
    assert warm_up(300.0) == 100.0
    assert (
        failed(run(lambda sample, process: (sample, replace(process, rss_mb=process.rss_mb + min(sample.at, 600)))))
        == []
    )


LEAKS: dict[str, tuple[Change, str]] = {
    "memory": (
        lambda sample, process: (sample, replace(process, rss_mb=process.rss_mb + 1.5 * sample.at / 600)),
        "w0: RSS, MB in 10 minutes",
    ),
    "file descriptors": (
        lambda sample, process: (sample, replace(process, fds=process.fds + int(sample.at / 240))),
        "w0: more file descriptors",
    ),
    "connections": (
        lambda sample, process: (sample, replace(process, kept=process.kept + int(sample.at / 900))),
        "w0: connections kept to sources",
    ),
    "threads": (
        lambda sample, process: (sample, replace(process, threads=process.threads + int(sample.at / 240))),
        "w0: more threads",
    ),
    "an end": (
        lambda sample, process: (sample, replace(process, pid=77 if sample.at < 900 else 99)),
        "w0: times it ended",
    ),
    "dead rows": (
        lambda sample, process: (replace(sample, dead=int(sample.at * 2 * RATE)), process),
        "dead rows of jurat_checks",
    ),
    "bloat": (
        lambda sample, process: (replace(sample, size=int(sample.size * (1 + sample.at / 3600))), process),
        "bytes a check, times those after the warm-up",
    ),
    "a slow web tier": (
        lambda sample, process: (replace(sample, submitted=int(sample.submitted * 0.97)), process),
        "submits behind",
    ),
    "backlog": (
        lambda sample, process: (replace(sample, waiting=int(sample.at)), process),
        "checks waiting in the end",
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_each_leak_is_found_and_only_that(leak: str) -> None:
    change, what = LEAKS[leak]
    assert failed(run(change)) == [what]


def test_a_worker_that_is_gone_is_said() -> None:
    samples = run()
    samples[100] = replace(samples[100], workers={"w1": samples[100].workers["w1"]})
    assert failed(samples) == ["w0: times it ended"]


def test_a_run_that_is_too_short_is_not_judged() -> None:
    with pytest.raises(ValueError, match="too few"):
        judge(run()[:64], SECONDS, RATE, SLOTS, Vacuum())


def test_the_slope_is_that_of_least_squares() -> None:
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == pytest.approx(2.0)
    assert slope([(0, 0.0), (1, 1.0), (2, 0.0), (3, 1.0)]) == pytest.approx(0.2)
