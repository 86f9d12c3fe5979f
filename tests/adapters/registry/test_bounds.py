"""Answers that are too large or too slow or ask us to wait, and texts that are long to look at: time and memory hold.

Rows 10, 14 and 25 of the table in `test_hostile_rows.py`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from adapters.base import SourceError, Throttled, TimedOut, Unavailable, Unreadable
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.numbers import Cleaner, Malformed, clean
from config.registry import RegistrySource
from config.registry.model.inputs import CleaningStep, Input, NumberFormat
from examples.sources import Mood, Sources
from jurat.vocabulary import Reason
from tests.adapters.conftest import Listen, read_request
from tests.adapters.registry.described import (
    IRIS,
    Canned,
    Registry,
    adapter,
    asked,
    at,
    description,
    person,
    records,
)

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 0.5
LATE = 1.0
"""Seconds that a lookup may take beyond its time-out."""

CAP = 256 << 10
MOST_MEMORY = 16 * CAP
"""Bytes by which a process may grow over sixty answers that are larger; a gzip bomb unpacks to sixteen times this."""

TRIES = 3
"""A busy machine may let a thread wait; it does not do so each time."""


def took(attempt: Callable[[], object]) -> float:
    """The seconds of the quickest of a few attempts."""
    quickest = float("inf")
    for _ in range(TRIES):
        started = time.monotonic()
        attempt()
        quickest = min(quickest, time.monotonic() - started)
        if quickest <= TIMEOUT + LATE:
            break
    return quickest


def error_of(source: RegistryAdapter) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.look_up(asked("9000010000", "Valombre", "Iris", timeout=TIMEOUT))
    return caught.value


@pytest.mark.parametrize(
    ("mood", "kind"),
    [
        (Mood.GZIP_BOMB, Unreadable),
        (Mood.ENDLESS, Unreadable),
        (Mood.OVERSIZED, Unreadable),
        (Mood.DRIP, TimedOut),
        (Mood.SLOW_HEADERS, TimedOut),
        (Mood.TIME_OUT, TimedOut),
    ],
)
def test_an_answer_without_end_ends_in_time(mood: Mood, kind: type[SourceError], sources: Sources) -> None:
    source = adapter(at(sources.url(mood, "registry"), max_bytes=f"{CAP}B"))
    errors: list[SourceError] = []
    assert took(lambda: errors.append(error_of(source))) <= TIMEOUT + LATE
    source.close()
    # A machine that is busy may cut off what would have been too large.
    assert type(errors[-1]) in {kind, Unavailable, TimedOut}


ASKING = """
import json, sys
from adapters.base import SourceError
from tests.adapters.registry.described import adapter, asked

def most_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

def ask(described):
    source = adapter(described)
    try:
        source.look_up(asked("9000010000", "Valombre", "Iris", timeout=5))
    except SourceError as error:
        return type(error).__name__
    finally:
        source.close()

good, *hostile = json.load(sys.stdin)
ask(good)  # loads what any lookup needs
before = most_memory()
print(*{ask(each) for each in hostile for _ in range(20)}, most_memory() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells the most memory that a process had"
)
def test_answers_that_are_too_large_take_no_memory(sources: Sources) -> None:
    """In a process of its own, whose memory holds nothing of the server's."""
    moods = [Mood.OK, Mood.GZIP_BOMB, Mood.ENDLESS, Mood.OVERSIZED]
    urls = json.dumps([at(sources.url(mood, "registry"), max_bytes=f"{CAP}B") for mood in moods])
    ran = subprocess.run(
        [sys.executable, "-c", ASKING], input=urls, text=True, capture_output=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    *kinds, grown = ran.stdout.split()
    assert kinds == ["Unreadable"]
    assert int(grown) < MOST_MEMORY


def test_a_declared_length_beyond_the_cap_is_refused_before_any_of_it_came(listen: Listen) -> None:
    def declare(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (CAP + 1))
        read_request(connection)

    source = adapter(at(f"http://127.0.0.1:{listen(declare)}", max_bytes=f"{CAP}B"))
    started = time.monotonic()
    with pytest.raises(Unreadable, match="larger than"):
        source.look_up(asked("9000010000", "Valombre", "Iris", timeout=60))
    assert time.monotonic() - started < 30, "it did not wait for what was declared"
    source.close()


def _at(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (lambda: None, None, None),
        (lambda: "7", 7, 7),
        (lambda: "0", 0, 0),
        (lambda: _at(300), 200, 301),
        (lambda: _at(300).replace("GMT", "+0000"), 200, 301),
        (lambda: "99999999", 3600, 3600),
        (lambda: _at(10**8), 3600, 3600),
        (lambda: "9" * 400, 3600, 3600),
        (lambda: "-5", None, None),
        (lambda: _at(-300), None, None),
        (lambda: "soon", None, None),
        (lambda: "1.5", None, None),
        (lambda: "7, 9", None, None),
        (lambda: "", None, None),
    ],
    ids=["none", "seconds", "zero", "date", "date with offset", "huge", "huge date", "beyond any number", "negative",
         "past", "words", "fraction", "two", "empty"],
)  # fmt: skip
def test_a_registry_that_throttles_is_left_alone_as_long_as_it_says_within_reason(
    header: Callable[[], str | None], least: float | None, most: float | None, listen: Listen
) -> None:
    value = header()
    registry = Registry(listen, {"error": "too many"}, 429, "" if value is None else f"Retry-After: {value}\r\n")
    with pytest.raises(Throttled) as caught:
        registry.ask(outcomes=[])
    wait = caught.value.retry_after
    if least is None or most is None:
        assert wait is None, "the backoff of the engine counts"
    else:
        assert wait is not None
        assert least <= wait <= most


def test_as_many_names_as_a_record_may_have_are_compared_in_no_time() -> None:
    typed = asked("9000010000", "汪" * 60, "偉" * 60)
    names = [{"family": "王" * 199 + chr(0x4E00 + at), "given": "伟" * 200} for at in range(50)]
    model = RegistrySource.model_validate(description())
    source = RegistryAdapter(model, secret=str, transport=Canned([records(person(names=names))]))
    started = time.process_time()
    assert source.look_up(typed).reason is Reason.NAME_DIFFERS  # type: ignore[union-attr]
    assert time.process_time() - started < 0.5


LOGIN = {"name": "login", "request": {"url": "http://127.0.0.1/login"}, "set": {"token": "body.token"}}


@pytest.mark.parametrize("length", [1, 1001, 8000, 8001])
def test_a_token_is_as_long_as_a_header_may_be(length: int) -> None:
    (lookup,) = description()["steps"]
    lookup["request"]["headers"] = {"Authorization": "Bearer {token}"}
    answers = Canned([{"token": f" {'x' * length}\n"}, records(person())])
    model = RegistrySource.model_validate(description(steps=[LOGIN, lookup]))
    source = RegistryAdapter(model, secret=str, transport=answers)
    if length > 8000:
        with pytest.raises(Unreadable, match=r"^a value that a later step needs has more than 8000 characters$"):
            source.look_up(IRIS)
        return
    assert source.look_up(IRIS).reason is Reason.RECORD_MATCHES  # type: ignore[union-attr]
    assert answers.sent[1]["headers"]["Authorization"] == f"Bearer {'x' * length}"


RUNAWAY = ["a" * 26 + "!", "a a " * 2500, "\u0301" * 10_000, "1" * 10_000, "é" * 400 + "\x00"]


@pytest.mark.parametrize("form", [None, *NumberFormat])
def test_no_form_of_number_takes_long_over_any_text(form: NumberFormat | None) -> None:
    """`^(\\w+\\s?)*$`, which no description can hold, takes 13 s for the first, and twice that for each letter more."""
    cleaners = [{"number": Cleaner(Input(max_length=1000, format=form, clean=(step,)))} for step in CleaningStep]
    started = time.process_time()
    for cleaner in cleaners:
        for text in RUNAWAY:
            try:
                clean({"number": text}, cleaner)
            except Malformed:
                continue
    assert time.process_time() - started < 1.0
