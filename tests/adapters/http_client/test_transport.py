from __future__ import annotations

import gc
import gzip
import logging
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import ParseResult, SplitResult, SplitResultBytes

import pytest

from adapters.base import Blocked, RejectedRequest, SourceError, TimedOut, Unavailable, Unreadable
from adapters.http_client.last_answer import last_answer
from adapters.http_client.transport import Transport
from config.networks import LOOPBACK
from examples.sources import Mood, Sources
from tests.adapters.conftest import Listen, Script, read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = "Valombre"  # in place of what a participant typed
PATIENCE = 60.0
"""Seconds for what a quick machine does at once, and for what may not be waited for."""


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK, max_bytes=50_000)
    yield transport
    transport.close()


def answering(*answers: bytes) -> Script:
    """Answers the requests of each connection in turn, then hangs up."""

    def script(connection: socket.socket) -> None:
        for answer in answers:
            if not read_request(connection):
                return
            connection.sendall(answer)

    return script


def error_of(call: Callable[[], Any]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    return caught.value


# ------------------------------------------------------------------------------------------------------ what is sent


def test_a_request_carries_its_query_headers_and_body_and_little_else(transport: Transport, listen: Listen) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    port = listen(script)
    reply = transport.send(
        "POST",
        f"http://127.0.0.1:{port}/a?x=1",
        params=[("q", "8 rue de l'Étale"), ("q", "a&b=c#d")],
        headers={"X-Key": "k"},
        body=b"{}",
        timeout=PATIENCE,
    )
    assert (reply.status, reply.body, reply.headers) == (200, b"ok", {"content-length": "2"})
    line, _, rest = seen[0].decode("latin-1").partition("\r\n")
    assert line == "POST /a?x=1&q=8+rue+de+l%27%C3%89tale&q=a%26b%3Dc%23d HTTP/1.1"
    headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest.split("\r\n") if row)}
    assert headers.pop("{}", "") == ""
    assert headers == {
        "host": f"127.0.0.1:{port}",
        "user-agent": "jurat",
        "accept-encoding": "gzip",
        "x-key": "k",
        "content-length": "2",
    }


def test_the_environment_is_not_read(
    transport: Transport, listen: Listen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    port = listen(script)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE).status == 200
    assert b"authorization" not in seen[0].lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://valmont.example/",
        "http://10.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost.valmont.example/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https://somebody:word@valmont.example/",
        "http://somebody@127.0.0.1/",
    ],
)
def test_only_https_and_no_credentials_in_a_url(url: str, transport: Transport) -> None:
    error = error_of(lambda: transport.send("GET", url, timeout=PATIENCE))
    assert isinstance(error, Blocked | RejectedRequest)
    assert "somebody" not in repr(error)


def test_plain_http_to_this_machine_needs_to_be_allowed(sources: Sources) -> None:
    transport = Transport()
    assert isinstance(error_of(lambda: transport.send("GET", sources.url(), timeout=PATIENCE)), Blocked)


@pytest.mark.parametrize("url", ["https://", "https:///x", "https://[::1/", "https://valmont.example:port/", "x"])
def test_a_malformed_url_is_rejected_before_sending(url: str, transport: Transport) -> None:
    assert isinstance(error_of(lambda: transport.send("GET", url, timeout=PATIENCE)), RejectedRequest | Blocked)


@pytest.mark.parametrize("value", ["A\r\nX-Evil: 1", "A\nb", "\N{PILE OF POO}", "Ł", " leading", "nul\x00"])
def test_a_header_that_http_cannot_hold_is_rejected_before_sending(
    value: str, transport: Transport, sources: Sources
) -> None:
    before = sources.requests.total()
    error = error_of(lambda: transport.send("GET", sources.url(), headers={"X-Name": value}, timeout=PATIENCE))
    assert isinstance(error, RejectedRequest)
    assert value.strip() not in repr(error)
    assert sources.requests.total() == before


# ---------------------------------------------------------------------------------------------------- how it is bounded


SLOW: Mapping[str, Script] = {
    "no answer": lambda connection: _drip(connection, b""),
    "slow status line": lambda connection: _drip(connection, b"HTTP/1.1 200 OK" + b" " * 800),
    "slow headers": lambda connection: _drip(connection, b"HTTP/1.1 200 OK\r\nX: " + b"z" * 800, head=17),
    "slow body": lambda connection: _drip(
        connection, b"HTTP/1.1 200 OK\r\nContent-Length: 800\r\n\r\n" + b"z" * 800, head=40
    ),
    "slow chunks": lambda connection: _drip(
        connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nz\r\n" * 200, head=47
    ),
    "slow chunk size": lambda connection: _drip(
        connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 800, head=47
    ),
    "slow 100s": lambda connection: _drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 30),
}


def _drip(connection: socket.socket, content: bytes, head: int = 0) -> None:
    read_request(connection)
    connection.sendall(content[:head])
    for byte in content[head:]:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)
    connection.recv(1)


@pytest.mark.parametrize("slow", SLOW)
def test_the_deadline_holds_over_the_whole_exchange(slow: str, transport: Transport, listen: Listen) -> None:
    port = listen(SLOW[slow])
    started = time.monotonic()
    error = error_of(lambda: transport.send("GET", f"http://127.0.0.1:{port}/", timeout=0.4))
    assert 0.4 <= time.monotonic() - started < 15  # all of it would take more than half a minute
    assert (type(error), error.detail) == (TimedOut, "no answer within 0.4 s")


def test_a_wait_is_bounded_by_the_read_timeout_as_well(listen: Listen) -> None:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK, read_timeout=0.2)
    port = listen(SLOW["no answer"])
    error = error_of(lambda: transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE))
    assert error.detail == "no answer within 0.2 s"
    transport.close()


def test_connecting_has_a_time_out_of_its_own() -> None:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK, connect_timeout=0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # fill the queue, so that the next one gets no answer
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        error = error_of(lambda: transport.send("GET", f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=PATIENCE))
        assert time.monotonic() - started < PATIENCE / 2
        for one in waiting:
            one.close()
    assert error.detail == "no connection within 0.2 s"
    transport.close()


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport(connect_timeout=0.2)
    hanging = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hanging.wait(2 * PATIENCE) and [])
    error = error_of(lambda: transport.send("GET", "https://registry.valmont.example/", timeout=PATIENCE))
    assert error.detail == "no connection within 0.2 s"
    hanging.set()


def test_an_unknown_host_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = error_of(lambda: Transport().send("GET", "https://registry.valmont.example/", timeout=PATIENCE))
    assert (type(error), error.detail) == (Unavailable, "its host name was not found")


def test_a_host_with_several_addresses_is_tried_at_each(
    transport: Transport, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(sources.url().split(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    both = [(*stream, ("127.0.0.1", dead)), (*stream, ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    url = sources.url(Mood.OK, "registry").replace("127.0.0.1", "localhost")
    assert transport.send("GET", url, timeout=PATIENCE).status == 404


def test_a_time_out_that_has_passed_sends_nothing(transport: Transport, sources: Sources) -> None:
    before = sources.requests.total()
    assert isinstance(error_of(lambda: transport.send("GET", sources.url(), timeout=0)), Unavailable)
    assert sources.requests.total() == before


# --------------------------------------------------------------------------------------------------- what may come back


def test_a_packed_answer_is_unpacked(transport: Transport, listen: Listen) -> None:
    packed = gzip.compress(b"x" * 40_000, mtime=0)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    port = listen(answering(head + packed))
    assert transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE).body == b"x" * 40_000


@pytest.mark.parametrize("size", [50_000, 50_001])
@pytest.mark.parametrize("framing", ["declared", "chunked", "until closed", "gzip"])
def test_a_body_may_have_as_many_bytes_as_the_cap(
    size: int, framing: str, transport: Transport, listen: Listen
) -> None:
    body = b"x" * size
    head, sent = {
        "declared": (f"Content-Length: {size}", body),
        "chunked": ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)),
        "until closed": ("Connection: close", body),
        "gzip": ("Content-Encoding: gzip\r\nConnection: close", gzip.compress(body, mtime=0)),
    }[framing]
    port = listen(answering(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + sent))
    if size <= 50_000:
        assert transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE).body == body
    else:
        error = error_of(lambda: transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE))
        assert (type(error), error.detail) == (Unreadable, "the answer is larger than 50000 bytes")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\nok", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"", mtime=0) * 10_000, Unreadable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", Unavailable),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, Unreadable),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", Unreadable),
        (b"220 mail.valmont.example ESMTP\r\n", Unreadable),
        (b"HTTP/1.1 9x OK\r\n\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", Unavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", Unavailable),
        (b"\x16\x03\x01\x00\xa5", Unreadable),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_answer_that_is_broken_is_an_error(
    answer: bytes, kind: type[SourceError], transport: Transport, listen: Listen
) -> None:
    port = listen(answering(answer))
    assert type(error_of(lambda: transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE))) is kind


@pytest.mark.parametrize("mood", [Mood.RESET, Mood.HANG_UP, Mood.NOT_HTTP, Mood.CUT_OFF, Mood.DRIP, Mood.ENDLESS])
def test_no_error_and_no_log_holds_what_was_asked(
    mood: Mood, transport: Transport, sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    url = sources.url(mood, "registry") + f"/professionals/{SECRET}"
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        transport.send("GET", url, params={"number": SECRET}, headers={"X": SECRET}, timeout=0.3)
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    error: BaseException | None = caught.value
    while error is not None:
        everything += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    assert SECRET not in everything


# -------------------------------------------------------------------------------------------------- kept connections


def test_nothing_keeps_what_was_asked(transport: Transport, listen: Listen) -> None:
    """urllib.parse remembers the last URLs that it split."""
    number, port = "90000104517", listen(answering(OK, OK, OK, OK))
    for path in (number, f"{number}%C3%A9", f"é {number}", f"{number}\\x"):
        transport.send("GET", f"http://127.0.0.1:{port}/{path}", params={"number": number}, timeout=PATIENCE)
        urls = [each for each in gc.get_objects() if isinstance(each, SplitResult | SplitResultBytes | ParseResult)]
        assert not [each for each in urls if number in str(each)]


def test_a_connection_is_kept(transport: Transport, listen: Listen) -> None:
    connections: Counter[str] = Counter()

    def script(connection: socket.socket) -> None:
        connections["all"] += 1
        answering(*[OK] * 10)(connection)

    port = listen(script)
    for _ in range(8):
        assert transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE).body == b"ok"
    assert connections["all"] == 1


class Stale:
    """Hangs up on the second request of each connection, as a source does that closes idle ones at this very moment."""

    def __init__(self, second: bytes = b"", answers: int = 1) -> None:
        self.requests = self.connections = 0
        self._second, self._answers = second, answers

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        for index in range(2):
            if not read_request(connection):
                return
            self.requests += 1
            if index == 0 and self.connections <= self._answers:
                connection.sendall(OK)
            else:
                connection.sendall(self._second)
                return


def test_a_kept_connection_that_the_source_closed_is_replaced_once(transport: Transport, listen: Listen) -> None:
    stale = Stale(answers=2)
    url = f"http://127.0.0.1:{listen(stale)}/"
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    assert (stale.connections, stale.requests) == (2, 3)


def test_it_is_replaced_by_a_new_one_not_by_another_kept_one(transport: Transport, listen: Listen) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    connections: list[int] = []

    def script(connection: socket.socket) -> None:
        connections.append(len(connections))
        if not read_request(connection):
            return
        if connections[-1] < 2:
            both.wait()
        connection.sendall(OK)
        read_request(connection)

    url = f"http://127.0.0.1:{listen(script)}/"
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: transport.send("GET", url, timeout=PATIENCE), range(2)))
    assert [reply.body for reply in replies] == [b"ok", b"ok"]
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    assert len(connections) == 3


def test_it_is_not_replaced_twice(transport: Transport, listen: Listen) -> None:
    stale = Stale(answers=1)
    url = f"http://127.0.0.1:{listen(stale)}/"
    transport.send("GET", url, timeout=PATIENCE)
    assert type(error_of(lambda: transport.send("GET", url, timeout=PATIENCE))) is Unavailable
    assert (stale.connections, stale.requests) == (2, 3)


def test_it_is_not_replaced_when_a_part_of_an_answer_came(transport: Transport, listen: Listen) -> None:
    stale = Stale(second=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", answers=9)
    url = f"http://127.0.0.1:{listen(stale)}/"
    transport.send("GET", url, timeout=PATIENCE)
    assert type(error_of(lambda: transport.send("GET", url, timeout=PATIENCE))) is Unavailable
    assert (stale.connections, stale.requests) == (1, 2)


def test_a_first_connection_that_is_closed_is_not_repeated(transport: Transport, sources: Sources) -> None:
    sources.switch("closed-at-once", Mood.HANG_UP)
    error_of(lambda: transport.send("GET", sources.url("closed-at-once", "registry"), timeout=PATIENCE))
    assert sources.count("closed-at-once") == 1


def test_a_kept_connection_that_stays_silent_is_not_repeated(transport: Transport, sources: Sources) -> None:
    transport.send("GET", sources.url("silent-later", "registry"), timeout=PATIENCE)
    sources.switch("silent-later", Mood.TIME_OUT)
    error_of(lambda: transport.send("GET", sources.url("silent-later", "registry"), timeout=0.3))
    assert sources.count("silent-later") <= 2


def test_a_closed_transport_sends_nothing(sources: Sources) -> None:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK)
    transport.send("GET", sources.url(), timeout=PATIENCE)
    transport.close()
    assert isinstance(error_of(lambda: transport.send("GET", sources.url(), timeout=PATIENCE)), Unavailable)


def test_a_thread_keeps_the_status_of_its_last_answer_and_of_no_other(transport: Transport, sources: Sources) -> None:
    transport.send("GET", sources.url("redirect", "registry"), timeout=PATIENCE)
    assert last_answer.status == 302
    transport.send("GET", sources.url("down", "registry"), timeout=PATIENCE)
    with ThreadPoolExecutor(1) as others:
        others.submit(transport.send, "GET", sources.url("empty", "registry"), timeout=PATIENCE).result()
    assert last_answer.status == 503
    error_of(lambda: transport.send("GET", sources.url("hang-up", "registry"), timeout=PATIENCE))
    assert last_answer.status is None, "it is that of this request, not of one before"
