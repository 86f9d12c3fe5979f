"""The certificate that a source knows us by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from adapters.base import Unavailable
from adapters.http_client.transport import Transport
from config.limits import ClientCertificate
from config.networks import networks_of
from tests.adapters.conftest import Listen
from tests.adapters.tls import certificate_for, over_tls, serve

HERE = networks_of("127.0.0.1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("server"), "IP:127.0.0.1", "-days", "2")


@pytest.fixture
def ours(tmp_path: Path) -> ClientCertificate:
    certificate_for(tmp_path, "DNS:jurat.valmont.example", "-days", "2")
    (tmp_path / "key").chmod(0o600)
    return ClientCertificate(certificate=str(tmp_path / "cert"), key=str(tmp_path / "key"))


def asking(server: Path, client: ClientCertificate | None) -> Transport:
    return Transport(ca_file=str(server), client_certificate=client, private_networks=HERE)


def test_a_source_that_asks_for_a_certificate_is_shown_it(
    server: Path, ours: ClientCertificate, listen: Listen
) -> None:
    port = listen(over_tls(server, serve, clients=Path(ours.certificate)))
    transport = asking(server, ours)
    assert transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60).body == b"ok"
    transport.close()


def test_without_one_such_a_source_is_unavailable(server: Path, ours: ClientCertificate, listen: Listen) -> None:
    port = listen(over_tls(server, serve, clients=Path(ours.certificate)))
    transport = asking(server, None)
    with pytest.raises(Unavailable):
        transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60)
    transport.close()


def test_the_certificate_of_the_source_is_checked_all_the_same(
    server: Path, ours: ClientCertificate, listen: Listen
) -> None:
    port = listen(over_tls(server, serve, clients=Path(ours.certificate)))
    transport = Transport(client_certificate=ours, private_networks=HERE)
    with pytest.raises(Unavailable, match="has an unknown signer"):
        transport.send("GET", f"https://127.0.0.1:{port}/", timeout=60)
    transport.close()


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_file_that_is_not_there_is_named(ours: ClientCertificate, missing: str) -> None:
    path = Path(getattr(ours, missing))
    path.unlink()
    with pytest.raises(ValueError, match=rf"^client_certificate: there is no file .*{path}"):
        Transport(client_certificate=ours)


@pytest.mark.parametrize("option", ["certificate", "key", "ca_file"])
def test_a_pipe_is_named_and_not_waited_for(ours: ClientCertificate, tmp_path: Path, option: str) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    files = {"ca_file": pipe} if option == "ca_file" else {"client_certificate": ours.model_copy(update={option: pipe})}
    with pytest.raises(ValueError, match="pipe cannot be read: it is a pipe, and no file"):
        Transport(**files)


def test_a_key_that_any_user_can_read_is_refused(ours: ClientCertificate) -> None:
    Path(ours.key).chmod(0o644)
    with pytest.raises(ValueError, match=rf"any user can read the key {ours.key}; run `chmod o= {ours.key}`$"):
        Transport(client_certificate=ours)


def test_an_encrypted_key_is_refused_and_its_password_asked_of_nobody(ours: ClientCertificate) -> None:
    encrypt = ["openssl", "pkcs8", "-topk8", "-passout", "pass:hidden", "-in", ours.key, "-out", f"{ours.key}2"]
    subprocess.run(encrypt, check=True, capture_output=True)
    Path(f"{ours.key}2").chmod(0o600)
    with pytest.raises(ValueError, match="are not a certificate and its unencrypted key as PEM"):
        Transport(client_certificate=ours.model_copy(update={"key": f"{ours.key}2"}))


def test_a_key_of_another_certificate_is_refused(ours: ClientCertificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate_for(tmp_path / "other", "DNS:other.example", "-days", "2")
    (tmp_path / "other" / "key").chmod(0o600)
    with pytest.raises(ValueError, match="are not a certificate and its unencrypted key as PEM"):
        Transport(client_certificate=ours.model_copy(update={"key": str(tmp_path / "other" / "key")}))
