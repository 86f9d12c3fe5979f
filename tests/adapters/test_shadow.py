"""A new version of a source looks up a share of what the old one has found, and decides nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from adapters.base import Finding, Found, NeedsReview, Query, SourceError, Throttled, Unavailable, of_many
from adapters.shadow import ShadowSource, shadowed
from jurat.vocabulary import Outcome, Reason
from tests.worker.engine.works import soon

ACCEPTED = Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)
REFUSED = Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE)
IRIS = Query({"number": "9000010000"})


class Old:
    """A source that finds `found`."""

    def __init__(self, found: Any = ACCEPTED) -> None:
        self.found, self.closed = found, False

    def look_up(self, query: Query) -> Found:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found  # type: ignore[no-any-return]

    def close(self) -> None:
        self.closed = True


class Many(Old):
    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        return [self.look_up(each) for each in queries]


class New(Old):
    """The shadow. With `gate` each lookup waits until that is set."""

    def __init__(self, found: Any = REFUSED, gate: threading.Event | None = None) -> None:
        super().__init__(found)
        self.asked: list[Query] = []
        self._gate = gate

    def look_up(self, query: Query) -> Found:
        self.asked.append(query)
        if self._gate is not None:
            assert self._gate.wait(60)
        return super().look_up(query)


@pytest.fixture
def made() -> Iterator[Callable[..., tuple[ShadowSource, list[tuple[str, str]]]]]:
    shadows: list[ShadowSource] = []

    def make(new: New, share: float = 1.0, **options: Any) -> tuple[ShadowSource, list[tuple[str, str]]]:
        pairs: list[tuple[str, str]] = []
        options = {"timeout": 7.0, "another": lambda _: 0.0, "chance": lambda: 0.5, **options}
        shadows.append(ShadowSource(new, share, note=lambda *pair: pairs.append(pair), **options))
        return shadows[-1], pairs

    yield make
    for each in shadows:
        each.close()


def test_both_verdicts_are_noted_and_the_old_one_counts(made: Any) -> None:
    new = New()
    shadow, pairs = made(new)
    source = shadowed(Old(), shadow)
    assert source.look_up(IRIS) is ACCEPTED
    assert soon(lambda: pairs == [("accepted", "refused/status_inactive")])
    assert [(each.answer, each.timeout) for each in new.asked] == [(IRIS.answer, 7.0)]


def test_no_lookup_waits_for_the_shadow_and_what_is_too_much_is_left_out(made: Any) -> None:
    gate = threading.Event()
    new = New(gate=gate)
    shadow, pairs = made(new)
    source = shadowed(Old(), shadow)
    began = time.monotonic()
    for _ in range(50):
        assert source.look_up(IRIS) is ACCEPTED
    assert time.monotonic() - began < 30, "while the shadow hangs"
    gate.set()
    assert soon(lambda: len(pairs) in {4, 5})
    assert len(new.asked) == len(pairs)


def test_a_share_of_the_lookups_is_asked(made: Any) -> None:
    chances = iter([0.04, 0.05, 0.9, 0.0])
    new = New()
    shadow, pairs = made(new, 0.05, chance=lambda: next(chances))
    source = shadowed(Old(), shadow)
    for _ in range(4):
        source.look_up(IRIS)
    assert soon(lambda: len(pairs) == 2)
    assert len(new.asked) == 2


@pytest.mark.parametrize("found", [Unavailable("away"), NeedsReview()])
def test_what_the_source_did_not_find_is_not_compared(made: Any, found: Any) -> None:
    new = New()
    shadow, _ = made(new)
    source = shadowed(Old(found), shadow)
    if isinstance(found, SourceError):
        with pytest.raises(Unavailable):
            source.look_up(IRIS)
    else:
        source.look_up(IRIS)
    shadow.close()
    assert new.asked == []


def test_it_is_asked_within_its_quota_alone(made: Any) -> None:
    granted: list[float | None] = [None, 0.0]
    longest: list[float] = []

    def another(seconds: float) -> float | None:
        longest.append(seconds)
        if not granted:
            raise Unavailable("the database did not answer")
        return granted.pop(0)

    new = New()
    shadow, _ = made(new, another=another)
    assert [shadow._look_up(IRIS) for _ in range(3)] == ["", "refused/status_inactive", ""]
    assert (len(new.asked), longest) == (1, [5.0] * 3)


@pytest.mark.parametrize("wait", [0.0, 300.0])
def test_a_shadow_that_gave_no_answer_rests(made: Any, wait: float) -> None:
    now = [0.0]
    new = New(Throttled("too often", retry_after=wait))
    shadow, _ = made(new, clock=lambda: now[0])
    said = "undetermined/source_throttled"
    for moment, found in ((0.0, said), (max(60.0, wait) - 1, ""), (max(60.0, wait), said)):
        now[0] = moment
        assert shadow._look_up(IRIS) == found


def test_a_fault_of_a_new_description_ends_nothing(made: Any) -> None:
    shadow, pairs = made(New(ZeroDivisionError()))
    shadow.offer(IRIS, ACCEPTED)
    assert soon(lambda: len(pairs) == 1)
    shadow.offer(IRIS, ACCEPTED)
    assert soon(lambda: len(pairs) == 2)
    assert set(pairs) == {("accepted", "undetermined/source_unreadable")}


def test_of_many_at_once_each_is_offered(made: Any) -> None:
    shadow, pairs = made(New())
    source = of_many(shadowed(Many(), shadow))
    assert source is not None
    assert source.look_up_many([IRIS, IRIS]) == [ACCEPTED, ACCEPTED]
    assert soon(lambda: len(pairs) == 2)
    assert of_many(shadowed(Old(), shadow)) is None


def test_closing_a_source_ends_the_thread_of_its_shadow(made: Any) -> None:
    before = set(threading.enumerate())

    def started() -> list[str]:
        return [thread.name for thread in set(threading.enumerate()) - before if thread.name == "shadow"]

    shadow, pairs = made(New())
    old = Old()
    source = shadowed(old, shadow)
    source.look_up(IRIS)
    assert soon(lambda: len(pairs) == 1)
    assert started()
    source.close()
    assert old.closed
    assert soon(lambda: not started())
    source.look_up(IRIS)
    assert not started()
