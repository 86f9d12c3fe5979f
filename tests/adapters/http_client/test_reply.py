from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Credentials, RejectedRequest, SourceError, Throttled, Unavailable, Unreadable
from adapters.http_client.reply import LONGEST_WAIT_S, Reply, raise_for_trouble, retry_after

NOW = datetime(2031, 5, 4, 12, 0, tzinfo=UTC).timestamp()


def reply(body: bytes = b"", status: int = 200) -> Reply:
    return Reply(status, {}, body)


documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(documents)
def test_a_json_document_is_read_as_it_was_written(document: Any) -> None:
    assert reply(json.dumps(document).encode()).json() == document


def test_a_byte_order_mark_is_no_trouble() -> None:
    assert reply(b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"<!doctype html>",
        b'{"a": 1} trailing',
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * 100 + b"]" * 100,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_json_that_is_not_strict_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        reply(body).json()
    assert caught.value.__context__ is None


def test_many_brackets_are_no_trouble_when_they_are_not_deep() -> None:
    wide = [{"a": [1]} for _ in range(500)] + ["[{" * 500]
    assert reply(json.dumps(wide).encode()).json() == wide
    deepest = b"[" * 64 + b"]" * 64
    assert reply(deepest).json() == json.loads(deepest)


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("7\x1f", 7),
        ("99999999", LONGEST_WAIT_S),
        ("9" * 4000, LONGEST_WAIT_S),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("5, 10", None),
        (http_date(90), 90),
        (http_date(90).replace("GMT", "-0000"), 90),
        (http_date(90).removesuffix(" GMT"), 90),
        (http_date(-90), None),
        (http_date(10**8), LONGEST_WAIT_S),
        ("Sun, 99 Foo 2031 99:00:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_the_wait_that_a_source_asks_for(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.slow
@given(st.text())
def test_any_wait_is_a_number_within_the_cap_or_nothing(header: str) -> None:
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Credentials),
        (403, Credentials),
        (407, Credentials),
        (429, Throttled),
        (408, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (599, Unavailable),
        (301, Unreadable),
        (302, Unreadable),
        (304, Unreadable),
        (307, Unreadable),
        (308, Unreadable),
        (202, Unreadable),
        (204, Unreadable),
        (206, Unreadable),
        (299, Unreadable),
        (400, RejectedRequest),
        (404, RejectedRequest),
        (422, RejectedRequest),
    ],
)
def test_a_status_without_an_answer_is_an_error(status: int, error: type[SourceError]) -> None:
    with pytest.raises(SourceError) as caught:
        raise_for_trouble(Reply(status, {}, b"", retry_after=3.0))
    assert type(caught.value) is error
    assert str(status) in caught.value.detail
    assert caught.value.retry_after == (3.0 if error in {Throttled, Unavailable} else None)


@pytest.mark.parametrize("status", [200, 201, 203])
def test_a_good_status_is_none(status: int) -> None:
    raise_for_trouble(reply(status=status))
