"""What every source must do, whatever it asks: right answers, and the right error in each bad mood of the world.

A new adapter over HTTP passes it with one line in its tests:

    class TestAddok(Conformance):
        subject = Subject(
            service="geocoder",  # what of examples/sources it asks
            build=lambda url: Addok(url, Transport(…)),  # a source whose requests go below `url`
            found=Case(Query({"number": "4", "street": "Rue des Tanneurs", ...}), lambda found: bool(found.places)),
            missing=Case(Query({...}), lambda found: not found.places),
            ambiguous=Case(Query({...}), lambda found: len(found.places) > 1),
        )

`url` is the service of `examples.sources.Sources` in the mood under test (`http://127.0.0.1:PORT/moods/down/geocoder`).
An adapter whose own contract has another error for a mood says so in `expect`, with the reason in a comment.
The fixture `sources` comes from the conftest of this folder.
"""

from __future__ import annotations

import itertools
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest

from adapters.base import Finding, Query, Source, SourceError, Throttled, TimedOut, Unavailable, Unreadable
from examples.sources import Mood, Sources
from jurat.vocabulary import Outcome

TIMEOUT_S = 0.5
"""The time-out of a lookup whose answer never comes."""

PATIENCE_S = 30.0
"""The time-out of a lookup whose answer comes at once on a fast machine. The others end sooner, too; reading all that
comes would take a minute."""

NO_ANSWER = frozenset({Mood.TIME_OUT, Mood.SLOW_HEADERS, Mood.DRIP})

TROUBLE: Mapping[Mood, type[SourceError]] = {
    Mood.DOWN: Unavailable,
    Mood.THROTTLING: Throttled,
    Mood.THROTTLING_DATE: Throttled,
    Mood.THROTTLING_BARE: Throttled,
    Mood.THROTTLING_NEGATIVE: Throttled,
    Mood.THROTTLING_HUGE: Throttled,
    Mood.TIME_OUT: TimedOut,
    Mood.SLOW_HEADERS: TimedOut,
    Mood.DRIP: TimedOut,
    Mood.OVERSIZED: Unreadable,
    Mood.ENDLESS: Unreadable,
    Mood.GZIP_BOMB: Unreadable,
    Mood.WRONG_TYPE: Unreadable,
    Mood.WRONG_SHAPE: Unreadable,
    Mood.NULLS: Unreadable,
    Mood.LIST: Unreadable,
    Mood.EMPTY: Unreadable,
    Mood.NO_CONTENT: Unreadable,
    Mood.CUT_OFF: Unavailable,
    Mood.REDIRECT: Unreadable,
    Mood.RESET: Unavailable,
    Mood.HANG_UP: Unavailable,
    Mood.NOT_HTTP: Unreadable,
}
_fresh = itertools.count()


@dataclass(frozen=True, slots=True)
class Case:
    """A question and whether an answer to it is the right one."""

    query: Query
    right: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter under test. `build` makes a source whose requests go below a URL."""

    service: str
    build: Callable[[str], Source]
    found: Case
    missing: Case
    ambiguous: Case
    expect: Mapping[Mood, type[SourceError]] = field(default_factory=dict)
    nothing: frozenset[Mood] = frozenset()
    """Moods whose answer is, in this contract, that nothing was found."""


class Conformance:
    subject: ClassVar[Subject]

    def test_it_finds_what_is_there(self, sources: Sources) -> None:
        self._answers(sources, self.subject.found)

    def test_it_says_so_when_there_is_nothing(self, sources: Sources) -> None:
        self._answers(sources, self.subject.missing)

    def test_it_says_so_when_there_is_more_than_one(self, sources: Sources) -> None:
        self._answers(sources, self.subject.ambiguous)

    @pytest.mark.parametrize("mood", TROUBLE)
    def test_a_bad_mood_is_an_error_in_time_and_never_a_yes_or_no(
        self, mood: Mood, sources: Sources, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = self._path(sources, mood)
        source = self.subject.build(sources.url(path, self.subject.service))
        query = replace(self.subject.found.query, timeout=TIMEOUT_S if mood in NO_ANSWER else PATIENCE_S)
        if mood in self.subject.nothing:
            assert self.subject.missing.right(source.look_up(query))
            source.close()
            return
        started = time.monotonic()
        with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
            source.look_up(query)
        took = time.monotonic() - started
        source.close()
        assert type(caught.value) is self.subject.expect.get(mood, TROUBLE[mood])
        assert took < PATIENCE_S
        # A time-out may end before a busy machine has sent anything.
        assert sources.count(path) == 1 or (mood in NO_ANSWER and not sources.count(path)), "every request pays"
        _hold_nothing_private(query, caught.value, caplog.text)

    @pytest.mark.parametrize(
        ("mood", "least", "most"),
        [
            (Mood.THROTTLING, 600, 600),
            (Mood.THROTTLING_DATE, 500, 601),
            (Mood.THROTTLING_HUGE, 3600, 3600),
            (Mood.THROTTLING_BARE, None, None),
            (Mood.THROTTLING_NEGATIVE, None, None),
        ],
    )
    def test_a_throttling_source_says_how_long_to_wait(
        self, mood: Mood, least: float | None, most: float | None, sources: Sources
    ) -> None:
        source = self.subject.build(sources.url(self._path(sources, mood), self.subject.service))
        with pytest.raises(Throttled) as caught:
            source.look_up(self.subject.found.query)
        source.close()
        wait = caught.value.retry_after
        if least is None or most is None:
            assert wait is None
        else:
            assert wait is not None
            assert least <= wait <= most

    @pytest.mark.parametrize("mood", [Mood.DOWN, Mood.CUT_OFF, Mood.TIME_OUT, Mood.RESET, Mood.ENDLESS])
    def test_it_works_again_when_the_source_is_back(self, mood: Mood, sources: Sources) -> None:
        path = self._path(sources, mood)
        source = self.subject.build(sources.url(path, self.subject.service))
        with pytest.raises(SourceError):
            source.look_up(replace(self.subject.found.query, timeout=TIMEOUT_S))
        sources.switch(path, Mood.OK)
        assert self.subject.found.right(source.look_up(self.subject.found.query))
        source.close()

    def test_many_threads_may_ask_at_once(self, sources: Sources) -> None:
        source = self.subject.build(sources.url(Mood.OK, self.subject.service))
        cases = [self.subject.found, self.subject.missing, self.subject.ambiguous] * 20
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda case: source.look_up(case.query), cases))
        source.close()
        assert all(case.right(found) for case, found in zip(cases, answers, strict=True))

    def test_nobody_listening_is_an_outage(self, sources: Sources) -> None:
        with Sources() as gone:
            url = gone.url(Mood.OK, self.subject.service)
        source = self.subject.build(url)
        with pytest.raises(Unavailable) as caught:
            source.look_up(self.subject.found.query)
        source.close()
        _hold_nothing_private(self.subject.found.query, caught.value, "")

    def test_a_closed_source_gives_an_error_of_ours(self, sources: Sources) -> None:
        source = self.subject.build(sources.url(Mood.OK, self.subject.service))
        source.close()
        with pytest.raises(Unavailable):
            source.look_up(self.subject.found.query)

    def _answers(self, sources: Sources, case: Case) -> None:
        source = self.subject.build(sources.url(Mood.OK, self.subject.service))
        found = source.look_up(case.query)
        source.close()
        assert case.right(found)
        if isinstance(found, Finding):
            assert found.outcome is not Outcome.ACCEPTED or case is self.subject.found
            _hold_nothing_private(case.query, found.evidence)

    def _path(self, sources: Sources, mood: Mood) -> str:
        """A path of this test's own, in `mood`."""
        path = f"{mood}-{next(_fresh)}"
        sources.switch(path, mood)
        return path


def _hold_nothing_private(query: Query, *texts: object) -> None:
    """Fail when a text, or all that Python would print of an error, holds a value of the answer in any spelling."""
    shown = []
    for text in texts:
        shown.append(f"{text!s} {text!r}")
        if isinstance(text, BaseException):
            shown.extend(traceback.format_exception(text, chain=True))
    page = " ".join(shown).casefold()
    for value in map(str, query.answer.values()):
        if len(value) >= 3:
            for form in (value, quote(value), quote_plus(value)):
                assert form.casefold() not in page
