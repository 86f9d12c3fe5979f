from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from examples.sources import Mood, Sources

ROOT = Path(__file__).resolve().parents[3]
NUMBER = {"number": "9000010000"}
ADDRESS = {"q": "4 rue des Tanneurs 99001 Valmont"}


@pytest.fixture
def sources() -> Iterator[Sources]:
    with Sources(troubled=2) as running:
        yield running
    assert running.failures == []


def get(url: str, **params: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=params, timeout=60)


def test_the_register_knows_its_people(sources: Sources) -> None:
    url = sources.url(Mood.OK, "registry")
    assert get(f"{url}/professionals", **NUMBER).json()["count"] == 1
    assert get(f"{url}/professionals", number="9000012592").json()["count"] == 2
    assert get(f"{url}/professionals", number="9000012964").json() == {"count": 0, "professionals": []}
    assert get(f"{url}/professionals/9000010000").json()["status"] == "active"
    assert get(f"{url}/professionals/9000012964").status_code == 404


@pytest.mark.parametrize(
    ("query", "kind", "name", "postcode"),
    [
        ("4 rue des Tanneurs 99001 Valmont", "housenumber", "4 Rue des Tanneurs", "99001"),
        ("4, r. des Taneurs", "housenumber", "4 Rue des Tanneurs", "99001"),
        ("4000 rue des Tanneurs", "street", "Rue des Tanneurs", "99001"),
        ("rue de l'etale", "street", "Rue de l'Étale", "99002"),
    ],
)
def test_the_geocoder_knows_its_town(query: str, kind: str, name: str, postcode: str, sources: Sources) -> None:
    first = get(sources.url(Mood.OK, "geocoder") + "/search", q=query).json()["features"][0]["properties"]
    assert (first["type"], first["name"], first["postcode"]) == (kind, name, postcode)
    assert 0.8 < first["score"] <= 1


def test_the_geocoder_says_what_it_cannot_read(sources: Sources) -> None:
    url = sources.url(Mood.OK, "geocoder") + "/search"
    assert get(url).status_code == get(url, q="rue", limit="0").status_code == 400
    assert get(url, q="zzzzzzzzzz").json()["features"] == []
    assert all(f["properties"]["postcode"] == "99002" for f in get(url, q="rue", postcode="99002").json()["features"])


def test_a_mood_may_pass(sources: Sources) -> None:
    url = sources.url("down-then-back", "geocoder") + "/search"
    assert [get(url, **ADDRESS).status_code for _ in range(4)] == [503, 503, 200, 200]
    assert sources.count("down-then-back") == 4


def test_a_path_may_be_given_another_mood(sources: Sources) -> None:
    url = sources.url("mine", "registry") + "/professionals"
    assert get(url, **NUMBER).status_code == 404
    sources.switch("mine", Mood.THROTTLING)
    assert get(url, **NUMBER).headers["Retry-After"] == "2"
    sources.switch("mine", Mood.OK)
    assert get(url, **NUMBER).status_code == 200
    assert sources.requests["/moods/mine/registry/professionals"] == 3


def test_it_may_come_after_some_more_requests(sources: Sources) -> None:
    url = sources.url(Mood.OK, "registry") + "/professionals"
    assert get(url, **NUMBER).status_code == 200
    sources.switch(Mood.OK, Mood.DOWN, after=2)
    assert [get(url, **NUMBER).status_code for _ in range(4)] == [200, 200, 503, 503]


def test_closing_does_not_wait_for_those_who_dawdle() -> None:
    started = time.monotonic()
    with Sources() as running, requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.Timeout):
            session.get(running.url(Mood.TIME_OUT, "registry"), timeout=0.1)
        assert session.get(running.url(Mood.OK, "registry") + "/professionals/9000010000", timeout=30).ok
    assert time.monotonic() - started < 30  # the one that says nothing would take a minute
    with pytest.raises(RuntimeError, match="start"):
        running.url()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_they_also_run_as_a_process_until_they_are_told(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "examples.sources", "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert get(f"{url}/registry/professionals", **NUMBER).json()["count"] == 1
        process.send_signal(number)
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_told() -> None:
    with Sources() as running:
        port = urlsplit(running.url()).port
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "examples.sources", "--port", str(port)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr
