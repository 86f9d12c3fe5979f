from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.base import Refused, SourceError, Unavailable
from adapters.http_client.transport import Transport, _public_tls_context, _tls_context_for
from config.networks import networks_of
from tests.adapters.conftest import Listen, Script, read_request
from tests.adapters.tls import OK, certificate_for, over_tls, serve

HERE = networks_of("127.0.0.0/8")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1", "-days", "2")


@pytest.fixture
def transport(certificate: Path) -> Iterator[Transport]:
    transport = Transport(private_networks=HERE, ca_file=str(certificate))
    yield transport
    transport.close()


def error_of(call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    return caught.value


def test_a_certificate_of_the_operators_own_is_trusted(transport: Transport, certificate: Path, listen: Listen) -> None:
    port = listen(over_tls(certificate, serve))
    for _ in range(3):
        assert transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60).body == b"ok"


def test_any_other_signer_is_not_trusted(certificate: Path, listen: Listen) -> None:
    port = listen(over_tls(certificate, serve))
    error = error_of(lambda: Transport(private_networks=HERE).send("GET", f"https://127.0.0.1:{port}/", timeout=60))
    assert (type(error), error.detail) == (Unavailable, "its certificate has an unknown signer")


LONG_AGO = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]


@pytest.mark.usefixtures("certificate")
@pytest.mark.parametrize(
    ("names", "options", "what"),
    [("DNS:other.example", ["-days", "2"], "names another host"), ("IP:127.0.0.1", LONG_AGO, "has expired")],
)
def test_an_error_says_what_is_wrong_with_a_certificate(
    names: str, options: list[str], what: str, listen: Listen, tmp_path: Path
) -> None:
    try:
        wrong = certificate_for(tmp_path, names, *options)
    except subprocess.CalledProcessError:
        pytest.skip("this openssl cannot make a certificate of the past")
    transport = Transport(private_networks=HERE, ca_file=str(wrong))
    port = listen(over_tls(wrong, serve))
    assert (
        error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60)).detail
        == f"its certificate {what}"
    )


def test_a_server_without_tls_is_an_outage(transport: Transport, listen: Listen) -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(OK)

    port = listen(plain)
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60))
    assert (type(error), error.detail) == (Unavailable, "no TLS connection could be agreed on")


def _dripping(head: bytes, byte: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        for _ in range(600):
            connection.sendall(byte)
            time.sleep(0.05)

    return script


@pytest.mark.parametrize(
    "script",
    [
        _dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        _dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"y"),
    ],
    ids=["slow headers", "slow body"],
)
def test_the_deadline_holds_inside_tls(script: Script, transport: Transport, certificate: Path, listen: Listen) -> None:
    port = listen(over_tls(certificate, script))
    started = time.monotonic()
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=0.4))
    assert time.monotonic() - started < 10  # all of it would take half a minute
    assert error.detail == "no answer within 0.4 s"


def _handshake_byte_by_byte(connection: socket.socket) -> None:
    connection.recv(4096)
    record = b"\x16\x03\x03\x03\x00\x02\x00\x02\xfc\x03\x03" + bytes(600)  # the beginning of a server hello
    for byte in record:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize(
    "script",
    [lambda connection: connection.recv(4096) and connection.recv(1), _handshake_byte_by_byte],
    ids=["silent", "slow"],
)
def test_the_deadline_holds_over_the_handshake(script: Script, transport: Transport, listen: Listen) -> None:
    port = listen(script)
    started = time.monotonic()
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=0.4))
    assert time.monotonic() - started < 10
    assert error.detail == "no answer within 0.4 s"


def test_a_drip_inside_one_tls_record_ends_at_the_deadline(
    transport: Transport, certificate: Path, listen: Listen
) -> None:
    """A record whose bytes come one by one: OpenSSL reads the socket many times in what is one read for us."""

    def relay(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", inner)) as upstream:
            connection.settimeout(0.01)
            flights = 0
            while True:
                with contextlib.suppress(TimeoutError):
                    request = connection.recv(4096)
                    if not request:
                        return
                    upstream.sendall(request)
                    flights += 1  # from the second on, the handshake is done
                upstream.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    for byte in upstream.recv(65536):
                        connection.sendall(bytes([byte]))
                        time.sleep(0.02 if flights > 1 else 0)

    inner = listen(over_tls(certificate, serve))
    port = listen(relay)
    started = time.monotonic()
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=0.5))
    assert time.monotonic() - started < 10
    assert error.detail == "no answer within 0.5 s", "the whole record would take two seconds, and be an answer"


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="ca_file"):
        Transport(ca_file=str(path))


# ------------------------------------------------------------------------------------------------------------ proxies


class Proxy:
    """A forward proxy: CONNECT becomes a tunnel, anything else is answered by the proxy itself."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n", seconds_each: float = 0.0) -> None:
        self.asked: list[str] = []
        self._answer, self._seconds_each = answer, seconds_each

    def __call__(self, connection: socket.socket) -> None:
        request = read_request(connection).decode()
        self.asked.append(request.split("\r\n", maxsplit=1)[0])
        if not request.startswith("CONNECT "):
            connection.sendall(OK)
            return
        for byte in self._answer:
            connection.sendall(bytes([byte]))
            time.sleep(self._seconds_each)
        if not self._answer.startswith(b"HTTP/1.1 200"):
            return
        host, _, port = request.split(" ")[1].rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            back = threading.Thread(target=self._pump, args=(upstream, connection), daemon=True)
            back.start()
            self._pump(connection, upstream)
            back.join(1)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)


def test_a_proxy_tunnels_tls_and_its_connection_is_kept(certificate: Path, listen: Listen) -> None:
    proxy = Proxy()
    port = listen(over_tls(certificate, serve))
    transport = Transport(private_networks=HERE, ca_file=str(certificate), proxy=f"http://127.0.0.1:{listen(proxy)}")
    for _ in range(3):
        assert transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60).body == b"ok"
    assert proxy.asked == [f"CONNECT 127.0.0.1:{port} HTTP/1.0"]
    transport.close()


def test_the_certificate_is_checked_behind_a_proxy_too(certificate: Path, listen: Listen) -> None:
    port = listen(over_tls(certificate, serve))
    transport = Transport(private_networks=HERE, proxy=f"http://127.0.0.1:{listen(Proxy())}")
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60))
    assert error.detail == "its certificate has an unknown signer"
    transport.close()


def test_a_server_without_tls_is_an_outage_behind_a_proxy_too(certificate: Path, listen: Listen) -> None:
    port = listen(lambda connection: connection.sendall(connection.recv(4096) and OK))
    transport = Transport(private_networks=HERE, ca_file=str(certificate), proxy=f"http://127.0.0.1:{listen(Proxy())}")
    error = error_of(lambda: transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60))
    assert (type(error), error.detail) == (Unavailable, "no TLS connection could be agreed on")
    transport.close()


def test_a_stale_tunnel_is_replaced_once(certificate: Path, listen: Listen) -> None:
    def hang_up_on_the_second(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)

    proxy = Proxy()
    port = listen(over_tls(certificate, hang_up_on_the_second))
    transport = Transport(private_networks=HERE, ca_file=str(certificate), proxy=f"http://127.0.0.1:{listen(proxy)}")
    for _ in range(2):
        assert transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60).body == b"ok"
    assert len(proxy.asked) == 2
    transport.close()


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_proxy_that_refuses_is_an_outage(status: str, listen: Listen) -> None:
    proxy = Proxy(f"HTTP/1.1 {status}\r\n\r\n".encode())
    transport = Transport(private_networks=HERE, proxy=f"http://127.0.0.1:{listen(proxy)}")
    error = error_of(lambda: transport.send("GET", "https://registry.valmont.example/", timeout=60))
    assert (type(error), error.detail) == (Unavailable, "the proxy gave no connection")
    transport.close()


def test_the_deadline_holds_over_a_slow_proxy(listen: Listen) -> None:
    transport = Transport(
        private_networks=HERE,
        proxy=f"http://127.0.0.1:{listen(Proxy(b'HTTP/1.1 200' + b' ' * 600, seconds_each=0.05))}",
    )
    started = time.monotonic()
    error = error_of(lambda: transport.send("GET", "https://registry.valmont.example/", timeout=0.4))
    assert time.monotonic() - started < 10
    assert error.detail == "no answer within 0.4 s"
    transport.close()


def test_a_proxy_that_is_down_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    transport = Transport(private_networks=HERE, proxy=f"http://127.0.0.1:{port}")
    error = error_of(lambda: transport.send("GET", "https://registry.valmont.example/", timeout=60))
    assert (type(error), error.detail) == (Refused, "connection refused")


@pytest.mark.parametrize("proxy", ["proxy.example:3128", "https://proxy.example", "socks5://proxy.example", "http://"])
def test_a_proxy_of_another_kind_is_refused(proxy: str) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        Transport(proxy=proxy)


@pytest.mark.parametrize("ca_file", ["", "its own"])
def test_no_key_of_a_session_is_written_down(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca_file: str
) -> None:
    """With SSLKEYLOGFILE in its environment, Python would append them to that file."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    _public_tls_context.cache_clear()
    context = _tls_context_for(str(certificate)) if ca_file else _public_tls_context()
    assert not context.keylog_filename
    _public_tls_context.cache_clear()
