"""A leak that is planted in a place of each kind is found there, with the real fleet and the real files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from redis import Redis

from bench.canaries import in_process
from bench.canaries.echo import EchoSource, Mood
from bench.canaries.finder import found
from bench.canaries.fleet import CanaryFleet
from bench.canaries.life import Life
from bench.canaries.markers import Marked
from bench.canaries.sinks import collected, cores
from bench.canaries.table import sinks
from bench.rig.servers import connect
from bench.rig.unit import until
from store.schema.grants import DatabaseRole

AS_ROOT = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="root alone reads the memory of a worker, on Linux"
)


class LeakyFleet(CanaryFleet):
    """A fleet in which a secret goes everywhere."""

    def environment(self, role: DatabaseRole) -> dict[str, str]:
        return {**super().environment(role), "LEAKED": self.secret}

    @property
    def secret(self) -> str:
        return self.marked.platform_secret


@pytest.mark.slow
@AS_ROOT
def test_a_leak_in_each_sink_is_found(tmp_path: Path) -> None:
    marked = Marked()
    secret = marked.platform_secret
    with LeakyFleet(marked) as fleet:
        life = Life(fleet)
        life.administer()
        fleet.start_workers()
        leak_to_files(fleet)
        leak_to_servers(fleet)
        leak_by_http(fleet, life)
        leak_by_commands(fleet)
        leaky = Marked()
        leaky.staff, leaky.erased = f"clerk {secret}", f"p-{secret}"
        parts = [*in_process.collected(leaky, tmp_path), *collected(fleet)]
    seen = {sink for sink, _ in found(parts, {"secret": [secret.encode()]})}
    assert seen == {sink.name for sink in sinks()} - {"cores"}


def leak_to_files(fleet: LeakyFleet) -> None:
    for file in (
        *(worker.folder / "server.log" for worker in fleet.workers),
        *(fleet.temporary / "left", fleet.folder / "erasures"),
    ):
        with file.open("a", encoding="utf-8") as opened:
            opened.write(fleet.secret.upper() if file.name == "server.log" else fleet.secret)


def leak_to_servers(fleet: LeakyFleet) -> None:
    with Redis.from_url(fleet.broker_url) as broker:
        broker.set("leak", fleet.secret)
    with connect(fleet.url) as connection:
        connection.execute("CREATE TABLE leak (text text)")
        connection.execute("INSERT INTO leak VALUES (%s)", (fleet.secret,))
        connection.execute(f"DO $$ BEGIN RAISE LOG '{fleet.secret}'; END $$".encode())
        connection.execute(f"SET application_name = '{fleet.secret}'".encode())
        assert until(lambda: seen(fleet, "activity"), 30)
    fleet.dump("dump_waiting")
    with subprocess.Popen([sys.executable, "-c", "input()", fleet.secret], stdin=subprocess.PIPE) as process:
        fleet.others.append(process)
        assert until(lambda: seen(fleet, "processes"), 30)
        process.communicate(b"\n")
    assert until(lambda: seen(fleet, "broker"), 30)


def leak_by_http(fleet: LeakyFleet, life: Life) -> None:
    for mood in ("inside", Mood.PAGE):
        got(f"{fleet.source.url(mood)}/{fleet.secret}")
    fleet.endpoints[:] = [f"{fleet.source.url(Mood.PAGE).removeprefix('http://')}/{fleet.secret}"]
    life.look_at_metrics()
    sent = ExportTraceServiceRequest()
    sent.resource_spans.add().resource.attributes.add(key=fleet.secret).value.string_value = "leak"
    got(f"{fleet.receiver.url}/v1/traces", sent.SerializeToString())


def leak_by_commands(fleet: LeakyFleet) -> None:
    for sink in ("commands", "errors", "shown", "tried"):
        fleet.command(f"no-{fleet.secret}", sink=sink)
    with fleet.program("exporter", f"no-{fleet.secret}", sink="exporter", role=DatabaseRole.READER):
        fleet.others[-1].wait(60)  # it is told that this is no argument


def seen(fleet: LeakyFleet, sink: str) -> bool:
    return any(fleet.secret.encode() in part for part in list(fleet.sinks[sink]))


def got(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=30) as answer:
        return bytes(answer.read())


class Crashing:
    """A program that leaves a core file when it is aborted."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        code = (
            "import os, signal, sys\n"
            "def leave(*_):\n    open('core.1', 'w').write(sys.argv[1])\n    os._exit(6)\n"
            "signal.signal(signal.SIGABRT, leave)\nprint('ready', flush=True)\nsignal.pause()"
        )
        self._process = subprocess.Popen([sys.executable, "-c", code, text], cwd=folder, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def running(self) -> bool:
        return self._process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="where core files go is known on Linux alone")
def test_a_core_file_is_found(tmp_path: Path) -> None:
    with Crashing(tmp_path, "Zorquavbrelundo") as program:
        leaves: Any = program
        assert found(cores(leaves), {"word": [b"Zorquavbrelundo"]}).keys() == {("cores", "word")}


@pytest.fixture(scope="module")
def source() -> Iterator[EchoSource]:
    person: Mapping[str, str] = {"number": "1", "family": "A", "given": "B", "street": "rue C", "town": "D"}
    with EchoSource(person) as started:
        yield started


@pytest.mark.parametrize("mood", [*Mood, "inside", "outside"])
def test_a_source_quotes_what_it_was_sent(source: EchoSource, mood: str) -> None:
    host, port = source.url(mood).removeprefix("http://").partition("/")[0].split(":")
    body = b"in the body"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /%b/in-path HTTP/1.1\r\nX-Key: in-header\r\nContent-Length: %d\r\n\r\n%b" % (mood.encode(), 11, body)
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert all(part in answer for part in (b"in-path", b"in-header", body)), answer
    assert body in source.received[mood]
