from __future__ import annotations

import contextlib
import gc
import gzip
import http.client
import io
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Unavailable, Unreadable
from adapters.http_client.message import MAX_HEAD_BYTES, Receive, Response, encode_request, read_answer, read_status

CAP = 5_000
PIECE = 16 << 10


def arriving(content: bytes, sizes: Sequence[int] = ()) -> Receive:
    """Gives `content` in pieces of these sizes, then the rest in large ones, then nothing."""
    left, waiting = content, list(sizes)

    def receive() -> bytes:
        nonlocal left
        size = waiting.pop(0) if waiting else PIECE
        piece, left = left[:size], left[size:]
        return piece

    return receive


def read(content: bytes, sizes: Sequence[int] = ()) -> Response:
    return read_answer(arriving(content, sizes), CAP)


class _Played:
    """A socket for http.client that plays what came."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._content)


def read_by_http_client(content: bytes) -> tuple[int, dict[str, str], bytes]:
    played: Any = _Played(content)
    response = http.client.HTTPResponse(played)
    response.begin()
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        shown = value.strip(" \t")
        headers[name.lower()] = f"{headers[name.lower()]}, {shown}" if name.lower() in headers else shown
    return response.status, headers, response.read()


# ------------------------------------------------------------------------------------------------------- what is read

TOKENS = st.text("!#$%&'*+-.^_`|~0123456789abcXYZ", min_size=1, max_size=12)
FRAMING = {"content-length", "transfer-encoding", "content-encoding", "connection"}
NAMES = TOKENS.filter(lambda name: name.lower() not in FRAMING)
VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc"])
WORDS = st.text(VISIBLE, max_size=12)
SPACES = st.text(" \t", max_size=2)
VALUES = st.lists(WORDS, max_size=3).map(" ".join)
FIELDS = st.lists(st.tuples(NAMES, SPACES, VALUES, SPACES), max_size=8)
STATUSES = st.integers(200, 999)


@given(STATUSES, st.sampled_from(["", " ", " OK", " Très bien"]), FIELDS, st.lists(st.integers(1, 30), max_size=9))
def test_a_head_is_read_as_http_client_reads_it(
    status: int, phrase: str, fields: list[tuple[str, str, str, str]], sizes: list[int]
) -> None:
    lines = [f"{name}:{before}{value}{after}\r\n" for name, before, value, after in fields]
    head = f"HTTP/1.1 {status}{phrase}\r\n{''.join(lines)}Content-Length: 0\r\n\r\n".encode("latin-1")
    answer = read(head, sizes)
    assert (answer.status, answer.headers, answer.body) == read_by_http_client(head)
    assert answer.reusable


def chunked(body: bytes, cuts: list[int], extension: str, trailers: str) -> bytes:
    pieces, rest = [], body
    for cut in cuts:
        piece, rest = rest[:cut], rest[cut:]
        if piece:
            pieces.append(piece)
    pieces += [rest] if rest else []
    framed = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension.encode(), piece) for piece in pieces)
    return framed + f"0{extension}\r\n{trailers}\r\n".encode()


@given(
    st.binary(max_size=300),
    st.sampled_from(["length", "chunks", "close"]),
    st.booleans(),
    st.lists(st.integers(1, 80), max_size=9),
    st.sampled_from(["", ";a=b"]),
    st.sampled_from(["", "X: y\r\n"]),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_a_body_is_the_same_in_whatever_frame_and_pieces_it_comes(
    body: bytes, frame: str, packed: bool, cuts: list[int], extension: str, trailers: str, sizes: list[int]
) -> None:
    wire = gzip.compress(body, mtime=0) if packed else body
    head = "HTTP/1.1 200 OK\r\n" + ("Content-Encoding: gzip\r\n" if packed else "")
    content = {
        "length": f"{head}Content-Length: {len(wire)}\r\n\r\n".encode() + wire,
        "chunks": f"{head}Transfer-Encoding: Chunked\r\n\r\n".encode() + chunked(wire, cuts, extension, trailers),
        "close": f"{head}\r\n".encode() + wire,
    }[frame]
    answer = read(content, sizes)
    assert (answer.body, answer.reusable) == (body, frame != "close")
    assert read_by_http_client(content)[2] == wire


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0", 200),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Encoding: gzip", 200),
        ("HTTP/1.1 204 No Content", 204),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked", 204),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9", 304),
    ],
)
def test_some_answers_have_no_body(head: str, status: int) -> None:
    answer = read(f"{head}\r\n\r\n".encode())
    assert (answer.status, answer.body, answer.reusable) == (status, b"", True)


@given(st.lists(st.integers(1, 30), max_size=9))
def test_interim_answers_are_passed_over_with_all_that_they_say(sizes: list[int]) -> None:
    interim = b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Go\r\nContent-Length: 9\r\n\r\n"
    answer = read(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", sizes)
    assert answer == Response(200, {"content-length": "2"}, b"ok", reusable=True)


def test_fields_behind_the_chunks_are_left_out() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = read(head + b"2\r\nok\r\n0\r\nContent-Encoding: gzip\r\nX: y\r\n\r\n")
    assert answer == Response(200, {"transfer-encoding": "chunked"}, b"ok", reusable=True)


def test_an_offer_of_another_protocol_is_passed_over() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: Upgrade, Keep-Alive\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    assert (read(head + b"ok").body, read(head + b"ok").reusable) == (b"ok", True)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        ("HTTP/1.1 200 OK", True),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive", True),
        ("HTTP/1.1 200 OK\r\nConnection: Close", False),
        ("HTTP/1.1 200 OK\r\nConnection: x-one, close", False),
        ("HTTP/1.1 200 OK\r\nConnection: x-one\r\nConnection: close", False),
        ("HTTP/1.0 200 OK", False),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
    ],
)
def test_a_connection_is_reused_where_both_sides_keep_it(head: str, reusable: bool) -> None:
    assert read(f"{head}\r\nContent-Length: 2\r\n\r\nok".encode()).reusable is reusable


@pytest.mark.parametrize("beyond", [b"x", b"\r\nx", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_what_comes_beyond_the_end_is_no_answer_and_ends_the_connection(answer: bytes, beyond: bytes) -> None:
    whole = read(answer)
    assert whole.reusable is (b"close" not in answer)
    assert read(answer + beyond) == replace(whole, reusable=False)


def test_empty_lines_around_an_answer_are_passed_over() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    assert read(b"\r\n" + answer + b"\r\n") == read(answer)


def test_fields_that_came_twice_are_joined() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nVary: a\r\nX: 1\r\nvary:\tb \r\nContent-Length: 2\r\n\r\nok")
    assert (answer.headers["vary"], answer.body) == ("a, b", b"ok")


def test_gzip_members_follow_each_other() -> None:
    packed = gzip.compress(b"one ", mtime=0) + gzip.compress(b"two")
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    assert answer.body == b"one two"


def test_nothing_of_an_answer_waits_for_the_garbage_collector() -> None:
    contents = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"]
    gc.collect()
    gc.disable()
    try:
        for content in contents:
            with contextlib.suppress(ConnectionAbortedError):
                read(content)
        assert gc.collect() == 0
    finally:
        gc.enable()


# ---------------------------------------------------------------------------------------------------- what is refused

BODY = "\r\n\r\nok"


@pytest.mark.parametrize(
    "content",
    [
        "HTTP/2 200 OK" + BODY,
        "HTTP/2.0 200 OK" + BODY,
        "HTTP/0.9 200 OK" + BODY,
        "HTTP/1.1  200 OK" + BODY,
        "HTTP/1.1 200OK" + BODY,
        "HTTP/1.1 20 OK" + BODY,
        "HTTP/1.1 099 OK" + BODY,
        "HTTP/1.1 2000 OK" + BODY,
        "HTTP/1.1 ٢٠٠ OK" + BODY,
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x" + BODY,
        "http/1.1 200 OK" + BODY,
        "HTTP/1.1 200 OK\nX: y" + BODY,
        "HTTP/1.1 200 O\rK" + BODY,
        "HTTP/1.1 200 OK\r\n folded: y" + BODY,
        "HTTP/1.1 200 OK\r\nX : y" + BODY,
        "HTTP/1.1 200 OK\r\n: y" + BODY,
        "HTTP/1.1 200 OK\r\nX" + BODY,
        "HTTP/1.1 200 OK\r\nX y: z" + BODY,
        "HTTP/1.1 200 OK\r\nX: a\r\n b" + BODY,
        "HTTP/1.1 200 OK\r\nX: a\rb" + BODY,
        "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 2" + BODY,
        "HTTP/1.1 200 OK\r\nX: a\nY: b\r\nZ: c" + BODY,
        "HTTP/1.1 200 OK\r\nX: a\x00b" + BODY,
        "HTTP/1.1 200 OK\r\nÉ: a" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 2," + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: +2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: -2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 1_0" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: \xb2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length:" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: " + "9" * 5000 + BODY,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Encoding: deflate" + BODY,
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip" + BODY,
    ],
    ids=lambda content: repr(content)[:70],
)
def test_what_could_be_taken_for_two_answers_is_unreadable(content: str) -> None:
    with pytest.raises(Unreadable):
        read(content.encode("latin-1", "replace"))


@pytest.mark.parametrize(
    "chunks",
    [
        "zz\r\nok\r\n",
        "+2\r\nok\r\n",
        "0x2\r\nok\r\n",
        " 2\r\nok\r\n",
        "2\nok\r\n",
        "\r\nok",
        "2\r\nokay\r\n",
        "2\r\nokxx",
        "2 x\r\nok\r\n",
        "2  \r\nok\r\n",
        "2;a\nb\r\nok\r\n",
        "1" + "0" * 15 + "2\r\nok\r\n",
        "2\r\nok\n",
        "2\r\nok\r\n0\r\nX : y\r\n",
        "2\r\nok\r\n0\r\n" + "X: y\r\n" * 101,
        "2\r\nok\r\n0\r\nContent-Length: 2\r\n",
        "-1\r\nok\r\n",
    ],
    ids=lambda chunks: repr(chunks)[:40],
)
def test_damaged_chunks_are_no_answer(chunks: str) -> None:
    content = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}" + "0\r\n\r\n" * 2
    with pytest.raises(Unavailable):
        read(content.encode())


def test_chunks_that_are_too_large_together_are_unreadable() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert len(read(head + chunked(b"x" * CAP, [1000] * 4, "", "")).body) == CAP
    with pytest.raises(Unreadable, match="larger than 5000 bytes"):
        read(head + chunked(b"x" * (CAP + 1), [1000] * 5, "", ""))


def _gzip(wire: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(wire) + wire


@pytest.mark.parametrize(
    "wire",
    [
        gzip.compress(b"x" * 50, mtime=0)[:-1],
        gzip.compress(b"x" * 50, mtime=0)[:-9] + b"\x00" * 9,
        gzip.compress(b"x", mtime=0) + b"more",
        zlib.compress(b"x"),
        gzip.compress(b"", mtime=0) * 17,
        gzip.compress(b"x" * (CAP + 1), mtime=0),
        gzip.compress(b"x" * CAP, mtime=0) + gzip.compress(b"x", mtime=0),
    ],
    ids=["cut off", "wrong sum", "more behind", "no gzip", "too many members", "too large", "too large together"],
)
def test_gzip_that_is_damaged_or_too_large_is_unreadable(wire: bytes) -> None:
    with pytest.raises(Unreadable):
        read(_gzip(wire))


def test_what_is_packed_is_unpacked_only_as_far_as_it_may_go() -> None:
    bomb = _gzip(gzip.compress(bytes(64 << 20), mtime=0))
    tracemalloc.start()
    with pytest.raises(Unreadable, match="larger than 200000 bytes"):
        read_answer(arriving(bomb), 200_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 << 20


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES + BODY.encode(),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000 + b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 " + b" " * (MAX_HEAD_BYTES + PIECE) + BODY.encode(),
        b"HTTP/1.1 200 OK\r\nX: y" + b" " * (MAX_HEAD_BYTES + PIECE) + BODY.encode(),
    ],
    ids=lambda head: repr(head)[:40],
)
def test_a_head_has_a_limit(head: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answer(arriving(head), 1 << 20)


def test_a_body_that_is_declared_too_large_is_not_waited_for() -> None:
    with pytest.raises(Unreadable, match="larger than 5000 bytes"):
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 5001\r\n\r\n")


@pytest.mark.parametrize(
    "chunks",
    [
        b"2;" + b"x" * (MAX_HEAD_BYTES + CAP),
        b"0" * (MAX_HEAD_BYTES + CAP),
        b"1\r\nx\r\n" * ((MAX_HEAD_BYTES + CAP) // 6 + 1),
        b"2\r\nok\r\n0\r\nX: " + b"y" * (MAX_HEAD_BYTES + CAP),
    ],
    ids=lambda chunks: repr(chunks)[:40],
)
def test_what_is_around_the_chunks_has_a_limit(chunks: bytes) -> None:
    came = 0

    def receive() -> bytes:
        nonlocal came
        came += PIECE
        return content[came - PIECE : came] or b"0" * PIECE

    content = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    with pytest.raises(Unreadable, match="larger than 5000 bytes"):
        read_answer(receive, CAP)
    assert came <= MAX_HEAD_BYTES + CAP + 2 * PIECE


@given(st.integers(0, 80), st.sampled_from(["Content-Length: 9", "Transfer-Encoding: chunked"]))
def test_an_answer_that_ends_too_early_is_told_from_a_whole_one(size: int, frame: str) -> None:
    body = b"9 letters" if "Length" in frame else b"9\r\n9 letters\r\n0\r\nX: y\r\n\r\n"
    content = f"HTTP/1.1 200 OK\r\n{frame}\r\n\r\n".encode() + body
    assert read(content).body == b"9 letters"
    if size < len(content):
        with pytest.raises(ConnectionAbortedError):
            read(content[:size])


PIECES: list[Callable[[bytes], bytes]] = [
    lambda noise: noise,
    lambda noise: b"HTTP/1.1 " + noise,
    lambda noise: b"HTTP/1.1 200 OK\r\n" + noise,
    lambda noise: b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n",
    lambda noise: b"HTTP/1.1 200 OK\r\nContent-Length: " + noise + b"\r\n\r\nok",
    lambda noise: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + noise,
    lambda noise: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + noise + b"\r\n0\r\n\r\n",
    lambda noise: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + noise,
    lambda noise: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00" + noise,
]
NOISE = st.binary(max_size=200) | st.text("0123456789aF:;,\r\n\t \x00HTP/", max_size=60).map(str.encode)


@given(st.sampled_from(PIECES), NOISE, st.lists(st.integers(1, 30), max_size=9))
def test_noise_is_an_answer_or_one_of_three_errors(
    piece: Callable[[bytes], bytes], noise: bytes, sizes: list[int]
) -> None:
    try:
        answer = read(piece(noise), sizes)
    except (Unreadable, Unavailable, ConnectionAbortedError):
        return
    assert 200 <= answer.status <= 999
    assert len(answer.body) <= CAP


# ------------------------------------------------------------------------------------------------- proxies, and writing


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"HTTP/1.0 200 Connected\r\nVia: x\r\n\r\n", 200), (b"HTTP/1.1 407 Who are you\r\n\r\n<p>Who?</p>", 407)],
)
def test_the_status_of_a_proxys_answer(content: bytes, status: int) -> None:
    assert read_status(arriving(content)) == status


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 Connected", b"HTTP/1.0 200 Connected\r\nContent-Length: 0"])
def test_a_tunnel_in_which_someone_spoke_first_is_unreadable(head: bytes) -> None:
    assert read_status(arriving(head + b"\r\n\r\n")) == 200
    with pytest.raises(Unreadable):
        read_status(arriving(head + b"\r\n\r\n\x16\x03"))


def test_a_request_is_written_as_a_whole() -> None:
    request = encode_request("POST", "/a?b=c", {"Host": "valmont.example", "X-Name": "é"}, b"{}")
    assert request == b"POST /a?b=c HTTP/1.1\r\nHost: valmont.example\r\nX-Name: \xe9\r\n\r\n{}"
    with pytest.raises(UnicodeEncodeError):
        encode_request("GET", "/", {"X-Name": "Ł"})
