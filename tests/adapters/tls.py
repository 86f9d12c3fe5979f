"""Servers with certificates of their own, for tests of what is trusted."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.adapters.conftest import Script, read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def certificate_for(folder: Path, names: str, *options: str) -> Path:
    """A self-signed certificate with its key in one PEM file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command, to make a certificate")
    pem = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=valmont.example", "-addext", f"subjectAltName={names}", *options]
    subprocess.run([*command, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    pem.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return pem


def over_tls(
    certificate: Path, script: Script, *, names: list[str | None] | None = None, clients: Path | None = None
) -> Script:
    """Plays `script` inside TLS. `names` takes the server names that were asked for; a client must show a certificate
    that is in `clients`, where that is given.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            script(secure)

    return wrapped


def serve(connection: socket.socket) -> None:
    while read_request(connection):
        connection.sendall(OK)
