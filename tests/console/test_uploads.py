"""Files between check and confirmation: few, for a while, each its session's own, and over a real server."""

from __future__ import annotations

import re
import threading
from io import BytesIO
from typing import Any

import pytest
import requests
from werkzeug.test import create_environ

from console.identity.sessions import Session
from console.uploads import LARGEST_REQUEST, LASTS, MOST, Busy, Sent, Uploads
from pages.server import beside, listen
from tests.console.test_zones import FORM
from tests.console.visitor import Clock, Site


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uploads(clock: Clock) -> Uploads:
    return Uploads(clock)


def test_what_is_kept_is_found_by_its_token_in_its_session_alone(uploads: Uploads) -> None:
    mine, other = Session(0), Session(0)
    token = uploads.keep(mine, "zones")
    assert uploads.find(mine, token, str) == "zones"
    assert uploads.find(mine, token, bytes) is None
    assert uploads.find(mine, "", str) is None
    assert uploads.find(other, token, str) is None
    uploads.keep(other, "others")
    assert uploads.find(other, token, str) is None
    uploads.drop(mine)
    assert uploads.find(mine, token, str) is None


def test_a_second_file_of_a_session_replaces_the_first(uploads: Uploads) -> None:
    session = Session(0)
    first, second = uploads.keep(session, "first"), uploads.keep(session, "second")
    assert [uploads.find(session, token, str) for token in (first, second)] == [None, "second"]


def test_the_oldest_gives_way_and_is_forgotten(uploads: Uploads) -> None:
    sessions = [Session(0) for _ in range(MOST + 2)]
    tokens = [uploads.keep(session, "content") for session in sessions]
    kept = [uploads.find(*pair, str) for pair in zip(sessions, tokens, strict=True)]
    assert kept == [None, None, *["content"] * MOST]
    assert not any(session.kept_secrets for session in sessions[:2])


def test_it_waits_for_a_quarter_of_an_hour(uploads: Uploads, clock: Clock) -> None:
    session = Session(0)
    token = uploads.keep(session, "content")
    clock.sleep(LASTS - 1)
    assert uploads.find(session, token, str) == "content"
    clock.sleep(1)
    assert uploads.find(session, token, str) is None
    assert session.kept_secrets == {}
    forgotten = Session(0)
    uploads.keep(forgotten, "content")
    clock.sleep(LASTS)
    uploads.keep(session, "content")
    assert forgotten.kept_secrets == {}


def test_only_one_file_is_read_at_a_time(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.uploads.PATIENCE", 0.01)
    refused = threading.Event()

    def second() -> None:
        with pytest.raises(Busy), uploads.turn():
            pass
        refused.set()

    with uploads.turn():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused.is_set()
    with uploads.turn():
        pass


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.geojson.exe", "x.zip\x00", "zones.GPKG", ""])
def test_a_file_is_under_our_own_name_for_its_owner_alone_and_then_gone(name: str) -> None:
    sent = Sent(name, b"content")
    with sent.file("zones", sent.suffix) as path:
        assert path.read_bytes() == b"content"
        assert path.name in ("zones", "zones.gpkg")
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()
    assert "content" not in repr(sent)


def test_a_server_says_of_a_file_that_it_is_too_large(site: Site) -> None:
    listening = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with beside(site.app, listening, 2 * LARGEST_REQUEST), requests.Session() as browser:

        def post(path: str, page: str, **given: Any) -> requests.Response:
            (token,) = re.findall('csrf_token" value="([^"]+)"', browser.get(base + page).text)[-1:]
            return browser.post(base + path, data={"csrf_token": token}, **given)

        link = site.link("ada", "administrator")
        post(link, link)
        large = {"file": ("zones.geojson", bytes(LARGEST_REQUEST))}
        answer = post(FORM, FORM, files=large)
        assert answer.url == base + FORM
        assert "larger than 4 MB" in answer.text
        assert browser.post(f"{base}/en/sign-out", files=large).status_code == 413
        just = {"file": ("zones.geojson", b" " * (4 << 20))}
        assert post(FORM, FORM, files=just).status_code == 422


def test_a_server_reads_no_long_headers(site: Site) -> None:
    """A stranger's header of 250 KB, with many languages, took half a second to read."""
    listening = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/en/sign-in"
    with beside(site.app, listening), requests.Session() as browser:
        answers = [browser.get(address, headers={"Accept-Language": "a," * many}) for many in (4_000, 20_000)]
    assert [answer.status_code for answer in answers] == [200, 431]


def test_files_of_a_request_are_in_memory(site: Site) -> None:
    request: Any = site.app.request_class(create_environ("/"))
    assert isinstance(request._get_file_stream(LARGEST_REQUEST, None), BytesIO)
