"""The HTTP endpoints, with hostile and slow clients, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from tests.worker.engine.works import PATIENCE
from worker.metrics import endpoints as module
from worker.metrics.endpoints import CONNECTIONS, AddressUnusable, Endpoints, Probe, open_listener


class Seven(Collector):
    """One metric, which fails or waits when a test says so."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def collect(self) -> Iterator[Metric]:
        if self.error:
            raise self.error
        yield GaugeMetricFamily("jurat_seven", "Seven.", 7)


class Served:
    """Endpoints at a free port, with problems that a test sets."""

    def __init__(self) -> None:
        self.problems: dict[Probe, list[str]] = {probe: [] for probe in Probe}
        self.collector = Seven()
        probes = {probe: (lambda probe=probe: self.problems[probe]) for probe in Probe}
        self.endpoints = Endpoints(
            open_listener("127.0.0.1:0"), self.collector, probes, version="1.2.3", installation="0123456789abcdef"
        )
        self.endpoints.start()

    def ask(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        return requests.request(
            method, f"http://127.0.0.1:{self.endpoints.port}{path}", headers=headers, timeout=PATIENCE
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.endpoints.port), PATIENCE)

    def send(self, request: bytes) -> bytes:
        """What comes back until the connection is closed."""
        with self.connect() as connection:
            connection.sendall(request)
            return read(connection)


def read(connection: socket.socket) -> bytes:
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.endpoints.close()


@pytest.mark.parametrize("probe", Probe)
def test_a_probe_is_answered_by_what_is_wrong(served: Served, probe: Probe) -> None:
    about = {"version": "1.2.3", "installation": "0123456789abcdef"}
    answer = served.ask(f"/{probe}")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "problems": [], **about})
    assert answer.headers["Content-Type"] == "application/json"
    served.problems[probe] = ["one", "two"]
    answer = served.ask(f"/{probe}?verbose")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "problems": ["one", "two"], **about})
    assert [served.ask(f"/{other}").status_code for other in Probe if other is not probe] == [200, 200]


def test_metrics_come_in_the_format_that_is_asked_for(served: Served) -> None:
    plain = served.ask("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    (family,) = plain_metrics(plain.text)
    assert family.samples[0][:3] == ("jurat_seven", {}, 7.0)
    asked = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain"
    opened = served.ask("/metrics", Accept=asked)
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    (family,) = open_metrics(opened.text)  # type: ignore[no-untyped-call]
    assert family.samples[0][:3] == ("jurat_seven", {}, 7.0)


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/nothing"])
def test_head_is_the_answer_without_its_body(served: Served, path: str) -> None:
    got, head = served.ask(path), served.ask(path, "HEAD")
    assert (head.status_code, head.headers["Content-Length"]) == (got.status_code, str(len(got.content)))
    assert head.content == b""


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/../metrics", "/Metrics", "/%6cetrics", "/x" * 2000])
def test_nothing_else_is_served(served: Served, path: str) -> None:
    answer = served.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 404 ")
    assert b"livez, /readyz, /startupz and /metrics" in answer
    assert path == "/" or path.encode() not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO"])
def test_nothing_but_get_and_head_is_answered(served: Served, method: str) -> None:
    answer = served.send(f"{method} /metrics HTTP/1.1\r\nContent-Length: 5000\r\n\r\n".encode() + b"x" * 5000)
    assert answer.startswith(b"HTTP/1.0 405 ")
    assert b"Allow: GET, HEAD" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"hostile\r\n\r\n",
        b"hostile HTTP\r\n\r\n",
        b"GET /hostile\x00\xff HTTP/9.9\r\n\r\n",
        b"GET /hostile HTTP/a.b\r\n\r\n",
        b"GET /hostile" + b"x" * 20_000,
        b"GET /livez HTTP/1.1\r\n" + b"hostile: 1\r\n" * 300 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nhostile: " + b"x" * 20_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hostile" + bytes(range(256)) * 40,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nhostile",
        b"GET /livez",
    ],
)
def test_garbage_is_refused_without_showing_it(served: Served, request_bytes: bytes) -> None:
    with capture_logs() as logs, served.connect() as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = read(connection)
    assert not answer or answer.split()[1] in {b"400", b"404", b"405", b"414", b"431", b"505"}
    assert b"hostile" not in answer
    assert b"Traceback" not in answer
    assert logs == []
    assert served.ask("/livez").status_code == 200


def test_a_client_that_sends_too_slowly_is_left(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    begun = time.monotonic()
    with served.connect() as connection:
        try:
            while time.monotonic() - begun < PATIENCE:  # a byte now and then, each sooner than the time-out
                connection.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            pass
        else:
            pytest.fail("it may send for ever")
    assert served.ask("/livez").status_code == 200


def test_four_connections_are_served_at_once_and_a_fifth_waits_for_one_of_them(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 4 * PATIENCE)
    silent = [served.connect() for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor() as pool:
        fifth = pool.submit(served.ask, "/livez")
        time.sleep(0.3)
        assert not fifth.done()
        silent[0].close()
        assert fifth.result(PATIENCE).status_code == 200
    for connection in silent:
        connection.close()


def test_a_client_that_takes_nothing_costs_one_thread_for_a_while(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    monkeypatch.setattr(served.endpoints, "_about", {"filling": "x" * 30_000_000})
    with served.connect() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        with ThreadPoolExecutor() as pool:
            assert [answer.status_code for answer in pool.map(lambda _: served.ask("/x"), range(8))] == [404] * 8


@pytest.mark.slow
def test_connections_that_came_and_went_leave_nothing(served: Served) -> None:
    for _ in range(300):
        served.connect().close()
    with ThreadPoolExecutor(16) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: served.ask("/metrics"), range(64))} == {200}
    assert sum(thread.name.startswith("jurat-http-") for thread in threading.enumerate()) == CONNECTIONS


def test_what_fails_shows_no_traceback_and_no_message(served: Served) -> None:
    served.collector.error = KeyError("Iris Valombre")
    with capture_logs() as logs:
        answer = served.ask("/metrics")
    assert (answer.status_code, answer.json()["ok"]) == (500, False)
    assert "Iris" not in answer.text + str(logs)
    assert [line["error"] for line in logs] == ["KeyError"]
    served.collector.error = None
    assert served.ask("/metrics").status_code == 200


def test_closed_it_answers_no_more_and_leaves_its_address(served: Served) -> None:
    port = served.endpoints.port
    served.ask("/livez")
    served.endpoints.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/livez", timeout=PATIENCE)
    open_listener(f"127.0.0.1:{port}").close()


def test_an_address_is_taken_at_once_and_by_one(served: Served) -> None:
    address = f"127.0.0.1:{served.endpoints.port}"
    with pytest.raises(AddressUnusable, match=f"JURAT_LISTEN: {address} cannot be used .*; name a free port"):
        open_listener(address)


@pytest.mark.parametrize("address", ["192.0.2.1:0", "no-such-host.invalid:0", "[::ffff:192.0.2.1]:0"])
def test_an_address_of_no_one_here_is_a_sentence(address: str) -> None:
    with pytest.raises(AddressUnusable, match="cannot be used"):
        open_listener(address)


@pytest.mark.parametrize("address", [":0", "localhost:0", "[::1]:0"])
def test_each_form_of_an_address_is_listened_on(address: str) -> None:
    try:
        listener = open_listener(address)
    except AddressUnusable:
        if "::" not in address:
            raise
        pytest.skip("no IPv6 here")
    host = "::1" if "::" in address else "127.0.0.1"
    socket.create_connection((host, listener.getsockname()[1]), PATIENCE).close()
    listener.close()


def test_the_answers_are_json_of_one_line(served: Served) -> None:
    document: Any = json.loads(served.send(b"GET /readyz HTTP/1.0\n\n").splitlines()[-1])
    assert document["ok"] is True
