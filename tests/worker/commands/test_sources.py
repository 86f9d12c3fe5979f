"""`sources list | test`."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.worker.shell import Shell, is_one_sentence

REGISTERS = """\
environment: test
sources:
  ban: {{ type: addok, url: "http://127.0.0.1:{port}/geocode", timeout: 30s }}
  towns: {{ type: address-file, path: towns.csv }}
  proofs: {{ type: manual }}
"""
TOWNS = """\
numero;rep;nom_voie;code_postal;nom_commune;lon;lat
1;;Rue du Puits;00100;Valmont;2.1;48.1
2;bis;Rue du Puits;00100;Valmont;2.1;48.1
"""


class Answers(BaseHTTPRequestHandler):
    """A server that is there, and knows nothing."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(Answers):
        asked: list[str] = []  # noqa: RUF012 - one list for all requests of this server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def with_sources(shell: Shell, port: int) -> Shell:
    shell.write("towns.csv", TOWNS)
    shell.write("sources.yaml", REGISTERS.format(port=port))
    applied = shell("config", "apply", "sources.yaml")
    assert applied.code == 0, applied.err
    return shell


def test_the_list_says_how_each_source_stands(configured: Shell) -> None:
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection, connection:
        connection.execute(
            "UPDATE jurat_sources SET waiting = 7, last_success_at = '2026-11-25 10:00:00.000', "
            "paused_until = '2999-01-01 00:00:00.000', pause_reason = 'source_throttled' WHERE name = 'spring'"
        )
        connection.execute("INSERT INTO jurat_sources (name) VALUES ('removed')")
    rows = {row["source"]: row for row in configured("sources", "list", "--json").json}
    assert set(rows) == {"spring", "magic"}
    assert (rows["spring"]["type"], rows["spring"]["waiting"]) == ("codes", 7)
    assert rows["spring"]["pause_reason"] == "source_throttled"
    assert rows["magic"]["last_success_at"] is None
    assert "2026-11-25 10:00:00Z" in configured("sources", "list").out


def test_a_pause_that_is_over_is_none(configured: Shell) -> None:
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection, connection:
        connection.execute("UPDATE jurat_sources SET paused_until = '2020-01-01 00:00:00.000', pause_reason = 'x'")
    rows = configured("sources", "list", "--json").json
    assert [(row["paused_until"], row["pause_reason"]) for row in rows] == [(None, None)] * 2


def test_a_test_tells_what_each_source_has(configured: Shell) -> None:
    ran = configured("sources", "test", "--all")
    assert ran.code == 0
    assert ran.out.splitlines() == ["ok  source magic   is ready", "ok  source spring  2 of 2 codes free"]


def test_a_source_without_what_it_needs_fails_the_test(shell: Shell) -> None:
    with_sources(shell, 1)
    assert shell("sources", "test", "towns", "--json").json["steps"][0]["found"] == "2 addresses read"
    (shell.folder / "towns.csv").write_text(TOWNS.replace("lon;lat", "x;y"))
    ran = shell("sources", "test", "towns")
    assert ran.code == 1
    assert ran.out.startswith("problem  source towns  ")
    assert "towns.csv" in ran.out


def test_codes_without_hash_keys_fail_the_test(configured: Shell) -> None:
    ran = configured("sources", "test", "spring", JURAT_HASH_KEYS="")
    assert ran.code == 1
    assert "JURAT_HASH_KEYS" in ran.out


def test_a_live_test_asks_the_root_of_the_server_once_and_looks_nobody_up(
    shell: Shell, server: ThreadingHTTPServer
) -> None:
    with_sources(shell, server.server_port)
    offline = shell("sources", "test", "ban")
    assert (offline.code, server.RequestHandlerClass.asked) == (0, [])  # type: ignore[attr-defined]
    ran = shell("sources", "test", "--all", "--live")
    assert ran.code == 0
    assert f"http://127.0.0.1:{server.server_port}/ answers 404" in ran.out
    assert server.RequestHandlerClass.asked == ["/"]  # type: ignore[attr-defined]


def test_a_server_that_is_down_is_a_dependency_that_is_down(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        with_sources(shell, taken.getsockname()[1])
        ran = shell("sources", "test", "ban", "--live")
    assert ran.code == 3
    assert "connection refused" in ran.out


def test_an_unknown_source_is_named_with_what_was_meant(configured: Shell) -> None:
    ran = configured("sources", "test", "sprng")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "did you mean 'spring'" in ran.err


def test_without_a_configuration_they_say_what_to_do(shell: Shell) -> None:
    for words in (("sources", "list"), ("sources", "test", "--all")):
        ran = shell(*words)
        assert ran.code == 1
        assert is_one_sentence(ran)
        assert "config apply" in ran.err
