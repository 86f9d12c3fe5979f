"""The geocoder is started where none runs, and only what was started is stopped. What is missing is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench.addresses.addok import NoAddok, addok, answers
from bench.addresses.nominatim import NotHere, find_tools


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def running() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """A rig whose scripts only write down that they were called."""
    for name in ("start", "stop"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho {name} "$RIG_PORT" >>"{tmp_path}/called"\n', encoding="utf-8")
        script.chmod(0o755)
    return tmp_path


def called(rig: Path) -> list[str]:
    file = rig / "called"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_a_geocoder_that_runs_is_used_and_left_running(running: str, rig: Path) -> None:
    with addok(running, rig):
        pass
    assert called(rig) == []
    assert answers(running)


def test_one_that_does_not_come_up_is_stopped_again(rig: Path) -> None:
    with pytest.raises(NoAddok, match="nothing answers"), addok("http://127.0.0.1:9", rig):
        pytest.fail("there is no geocoder")
    assert called(rig) == ["start 9", "stop 9"]


@pytest.mark.parametrize("url", ["http://geocoder.example", "http://127.0.0.1"])
def test_nothing_is_started_for_another_machine(url: str, rig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.addresses.addok.answers", lambda _: False)
    with pytest.raises(NoAddok, match="nothing answers"), addok(url, rig):
        pytest.fail("there is no geocoder")
    assert called(rig) == []


def test_a_rig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoAddok, match=str(tmp_path)), addok("http://127.0.0.1:9", tmp_path):
        pytest.fail("there is no geocoder")


def programmes(folder: Path, *names: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_everything_that_nominatim_lacks_is_named_with_the_way_to_install_it(tmp_path: Path) -> None:
    path = programmes(tmp_path / "bin", "createdb", "g++")
    with pytest.raises(NotHere) as raised:
        find_tools(tmp_path / "none", tmp_path / "none", path)
    said = str(raised.value)
    assert "no PostgreSQL with PostGIS" in said
    assert "osm2pgsql" in said
    assert "pkg-config" in said
    assert "createdb," not in said
    assert "apt-get install" in said


def test_the_newest_postgresql_that_has_postgis_is_taken(tmp_path: Path) -> None:
    path = programmes(tmp_path / "bin", "createdb", "g++", "osm2pgsql", "pkg-config")
    for version in ("9.6", "16", "17", "18"):
        programmes(tmp_path / "lib" / version / "bin", "initdb")
    for version in ("9.6", "16", "17"):
        extension = tmp_path / "share" / version / "extension"
        extension.mkdir(parents=True)
        (extension / "postgis.control").touch()
    assert find_tools(tmp_path / "lib", tmp_path / "share", path).bindir == tmp_path / "lib" / "17" / "bin"
