"""What Transport keeps from one exchange to the next: connections, and the origins whose URLs it has checked."""

from __future__ import annotations

import base64
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Blocked, RejectedRequest, Unavailable
from adapters.http_client.connections import Exchange
from adapters.http_client.destinations import Destinations
from adapters.http_client.transport import Transport
from config.networks import LOOPBACK, networks_of
from tests.adapters.conftest import Listen, Script, read_request

HERE = networks_of("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE = 60.0


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK)
    yield transport
    transport.close()


class Serving:
    """Answers every request of every connection, and remembers what was asked on which connection."""

    def __init__(self, *answers: bytes) -> None:
        self.connections = 0
        self.asked: list[bytes] = []
        self._answers = answers
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        while request := read_request(connection):
            with self._lock:
                self.asked.append(request)
                answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
            connection.sendall(answer)


def test_no_wait_goes_beyond_the_deadline() -> None:
    def left(seconds: float, at_most: float) -> float:
        return Exchange(Destinations(), time.monotonic() + seconds, 3.0, 10.0, 1).left(at_most)

    assert 0 < left(5.0, at_most=10.0) <= 5.0
    assert left(PATIENCE, at_most=0.5) == 0.5
    with pytest.raises(TimeoutError):
        left(0.0, at_most=10.0)


def test_as_many_connections_are_kept_as_there_are_threads(transport: Transport, listen: Listen) -> None:
    together = threading.Barrier(40, timeout=PATIENCE)
    opened: Counter[str] = Counter()

    def script(connection: socket.socket) -> None:
        opened["all"] += 1
        while read_request(connection):
            together.wait()
            connection.sendall(OK)

    url = f"http://127.0.0.1:{listen(script)}/"
    with ThreadPoolExecutor(40) as threads:
        for _ in range(3):
            replies = list(threads.map(lambda _: transport.send("GET", url, timeout=PATIENCE).body, range(40)))
            assert replies == [b"ok"] * 40
    assert opened["all"] == 40


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        OK + b"x",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["a second answer", "a byte too many", "to be closed", "an old server"],
)
def test_an_answer_that_may_not_be_followed_by_another_ends_its_connection(
    answer: bytes, transport: Transport, listen: Listen
) -> None:
    serving = Serving(answer, OK)
    url = f"http://127.0.0.1:{listen(serving)}/"
    assert [transport.send("GET", url, timeout=PATIENCE).body for _ in range(3)] == [b"ok"] * 3
    assert serving.connections == 2


def test_what_came_between_two_requests_is_no_answer_to_the_second(transport: Transport, listen: Listen) -> None:
    sent = threading.Event()

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        if not sent.is_set():
            time.sleep(0.2)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse")
            sent.set()
        read_request(connection)

    url = f"http://127.0.0.1:{listen(script)}/"
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    assert sent.wait(PATIENCE)
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"


def test_a_stale_connection_is_replaced_by_a_new_one_also_where_no_more_can_be_kept(listen: Listen) -> None:
    asked_again, another_kept = threading.Event(), threading.Event()
    connections: list[int] = []

    def script(connection: socket.socket) -> None:
        connections.append(len(connections))
        first = connections[-1] == 0
        read_request(connection)
        connection.sendall(OK)
        if read_request(connection) and first:
            asked_again.set()
            another_kept.wait(PATIENCE)

    url = f"http://127.0.0.1:{listen(script)}/"
    transport = Transport(loopback_http=True, private_networks=LOOPBACK, connections=1)
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(transport.send, "GET", url, timeout=PATIENCE)
        assert asked_again.wait(PATIENCE)
        assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
        another_kept.set()
        assert late.result().body == b"ok"
    transport.close()
    assert len(connections) == 3


def test_a_short_wait_is_a_wait(transport: Transport, listen: Listen) -> None:
    def script(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    port = listen(script)
    with pytest.raises(Unavailable, match=r"no answer within 0\.01 s"):
        transport.send("GET", f"http://127.0.0.1:{port}/", timeout=0.01)


def test_the_time_out_of_a_socket_is_not_set_anew_for_each_wait(
    transport: Transport, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, settings = itertools.count(), list[float | None]()
    set_time_out = socket.socket.settimeout

    def settimeout(sock: socket.socket, seconds: float | None) -> None:
        settings.append(seconds)
        set_time_out(sock, seconds)

    url = f"http://127.0.0.1:{listen(Serving(OK))}/"
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 1_000_000)
    monkeypatch.setattr(socket.socket, "settimeout", settimeout)
    for _ in range(20):
        transport.send("GET", url, timeout=5)
    assert len(settings) <= 5


def test_an_interim_answer_is_passed_over(transport: Transport, listen: Listen) -> None:
    serving = Serving(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + OK)
    url = f"http://127.0.0.1:{listen(serving)}/"
    assert [transport.send("GET", url, timeout=PATIENCE).status for _ in range(2)] == [200, 200]
    assert serving.connections == 1


def test_a_request_goes_out_in_one_piece(transport: Transport, listen: Listen) -> None:
    received: list[bytes] = []

    def script(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(OK)

    url = f"http://127.0.0.1:{listen(script)}/"
    transport.send("POST", url, headers={"Host": "valmont.example"}, body=b"z" * 2000, timeout=PATIENCE)
    assert received[0].startswith(b"POST / HTTP/1.1\r\nHost: valmont.example\r\n")
    assert received[0].endswith(b"\r\n\r\n" + b"z" * 2000)
    assert received[0].lower().count(b"host:") == 1


@pytest.mark.parametrize("method", ["GET /x", "G\r\nET", "", "GÉT", "HEAD", "CONNECT"])
def test_a_method_other_than_get_and_post_is_rejected(method: str, transport: Transport) -> None:
    with pytest.raises(RejectedRequest):
        transport.send(method, "http://127.0.0.1:9/", timeout=PATIENCE)


@pytest.mark.parametrize("name", ["X Name", "X-Name:", "X\r\nY", "", "É"])
def test_a_name_of_a_header_that_http_cannot_hold_is_rejected(name: str, transport: Transport) -> None:
    with pytest.raises(RejectedRequest):
        transport.send("GET", "http://127.0.0.1:9/", headers={name: "x"}, timeout=PATIENCE)


def test_more_hosts_than_are_kept_are_all_reached(transport: Transport, listen: Listen) -> None:
    urls = [f"http://127.0.0.1:{listen(Serving(OK))}/" for _ in range(12)]
    for _ in range(2):
        assert {transport.send("GET", url, timeout=PATIENCE).body for url in urls} == {b"ok"}


# --------------------------------------------------------------------------------------------------------------- URLs


def targets() -> Script:
    def script(connection: socket.socket) -> None:
        while request := read_request(connection):
            target = request.split(b" ")[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    return script


SETTLED = "aZ9/.-_~!$&'()*+,;=:@?"
PATHS = st.text(SETTLED, max_size=12) | st.text(SETTLED + '%41É #[]"<|', max_size=12)


def test_a_url_reaches_the_source_as_requests_would_send_it(transport: Transport, listen: Listen) -> None:
    origin = f"http://127.0.0.1:{listen(targets())}"
    transport.send("GET", f"{origin}/", timeout=PATIENCE)

    @given(PATHS, st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=3))
    def holds(path: str, params: list[tuple[str, str]]) -> None:
        url = f"{origin}/a{path}"
        prepared = requests.PreparedRequest()
        prepared.prepare_url(url, params)
        assert transport.send("GET", url, params=params, timeout=PATIENCE).body.decode() == prepared.path_url

    holds()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.valmont.example:{}/",
        "http://somebody@127.0.0.1:{}/",
        "ftp://127.0.0.1:{}/",
        "http://127.0.0.1:{}@valmont.example/",
        "HTTP://10.0.0.1:{}/",
        "http://valmont.example/127.0.0.1:{}/",
    ],
)
def test_a_checked_origin_lets_no_other_pass(url: str, transport: Transport, listen: Listen) -> None:
    port = listen(Serving(OK))
    assert transport.send("GET", f"http://127.0.0.1:{port}/", timeout=PATIENCE).status == 200
    with pytest.raises(Blocked):
        transport.send("GET", url.format(port), timeout=PATIENCE)


# ------------------------------------------------------------------------------------------------------------ proxies


def test_plain_http_is_asked_of_the_proxy_as_a_whole_url(listen: Listen) -> None:
    serving = Serving(OK)
    proxy = f"http://somebody:word@127.0.0.1:{listen(serving)}"
    transport = Transport(loopback_http=True, private_networks=LOOPBACK, proxy=proxy)
    for _ in range(2):
        assert transport.send("GET", "http://127.0.0.1:9/a", params={"b": "c"}, timeout=PATIENCE).body == b"ok"
    transport.close()
    line, *fields = serving.asked[1].decode().split("\r\n")
    assert line == "GET http://127.0.0.1:9/a?b=c HTTP/1.1"
    assert "Host: 127.0.0.1:9" in fields
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'somebody:word').decode()}" in fields
    assert serving.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Connected\r\n\r\nearly",
        b"SSH-2.0-x\r\n\r\n",
        b"",
        b"HTTP/1.1 200 Conn",
        b"HTTP/1.1 302 Found\r\n\r\n",
    ],
)
def test_a_tunnel_that_is_none_is_an_outage(answer: bytes, listen: Listen) -> None:
    def script(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(answer)

    asked: list[bytes] = []
    transport = Transport(private_networks=HERE, proxy=f"http://somebody:word@127.0.0.1:{listen(script)}")
    with pytest.raises(Unavailable, match="the proxy gave no connection"):
        transport.send("GET", "https://registry.valmont.example/", headers={"X": "secret"}, timeout=PATIENCE)
    transport.close()
    assert asked[0].startswith(b"CONNECT registry.valmont.example:443 HTTP/1.0\r\nProxy-Authorization: Basic ")
    assert b"secret" not in asked[0]
