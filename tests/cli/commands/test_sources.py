"""`sources list | health | pause | resume | test`."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence

FAR = "2999-01-01 00:00:00.000"
REGISTRIES = """\
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
    shell.write("sources.yaml", REGISTRIES.format(port=port))
    applied = shell("config", "apply", "sources.yaml")
    assert applied.code == 0, applied.err
    return shell


def set_standing(shell: Shell, name: str, **columns: object) -> None:
    """Write how a source stands, as workers do."""
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        changed = connection.execute(
            f"UPDATE jurat_sources SET {assignments} WHERE name = :name", {**columns, "name": name}
        )
        assert changed.rowcount == 1


def audited(shell: Shell) -> list[tuple[str, str, str, dict[str, object]]]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        rows = connection.execute("SELECT actor, action, subject, detail FROM jurat_audit ORDER BY at, id").fetchall()
    return [(*row[:3], json.loads(row[3])) for row in rows if row[1].startswith("sources ")]


def serve(shell: Shell) -> None:
    """A live worker serves all sources, as its row says."""
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        connection.execute(
            "INSERT INTO jurat_workers (id, host, name, version, revision, started_at, seen_at, slots, held, "
            "config_version, unseal_keys, hash_keys, ready, stopping) "
            "VALUES (:id, 'here', 'w@here', '0.1.0', '0028', :at, :at, 4, 0, 1, "
            "'[]', '[]', 1, 0)",
            {"id": str(uuid4()), "at": "2998-01-01 00:00:00.000"},
        )


def test_the_list_says_how_each_source_stands(configured: Shell) -> None:
    serve(configured)
    paused = {"paused_until": FAR, "pause_reason": "source_throttled"}
    fresh = {"figures_at": "2998-01-01 00:00:00.000", "waiting": 7}
    set_standing(configured, "spring", **fresh, last_success_at="2026-11-25 10:00:00.000", **paused)
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection, connection:
        connection.execute("INSERT INTO jurat_sources (name) VALUES ('removed')")
    rows = {row["source"]: row for row in configured("sources", "list", "--json").json}
    assert set(rows) == {"spring", "magic"}
    assert (rows["spring"]["type"], rows["spring"]["waiting"]) == ("codes", 7)
    assert (rows["spring"]["state"], rows["spring"]["pause_reason"]) == ("paused", "source_throttled")
    assert (rows["magic"]["state"], rows["magic"]["last_success_at"]) == ("open", None)
    text = configured("sources", "list").out
    assert "2026-11-25 10:00:00Z" in text
    assert "paused until 2999-01-01 00:00:00Z (source_throttled)" in text


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        (
            {"failures": 1, "last_failure_at": "2026-11-25 10:00:02.000", "last_failure": "source_unavailable"},
            "failing",
        ),
        ({"last_failure_at": "2026-11-25 10:00:02.000", "last_failure": "source_credentials"}, "failing"),
        ({"last_failure_at": "2026-11-25 09:00:00.000", "last_failure": "source_unavailable"}, "open"),
        ({"failures": 5, "opened_at": "2026-11-25 10:00:03.000", "last_failure": "source_unavailable"}, "broken"),
        ({"failures": 1, "paused_until": FAR, "pause_reason": "source_throttled"}, "paused"),
    ],
)
def test_a_source_that_fails_is_not_listed_as_open(configured: Shell, columns: dict[str, object], state: str) -> None:
    set_standing(configured, "spring", last_success_at="2026-11-25 10:00:00.000", **columns)
    rows = {row["source"]: row for row in configured("sources", "list", "--json").json}
    assert (rows["spring"]["state"], rows["magic"]["state"]) == (state, "open")
    (line,) = [line for line in configured("sources", "list").out.splitlines() if line.startswith("spring")]
    assert f"  {state}" in line


def test_a_suspect_source_is_shown_until_a_person_says_that_it_is_right(configured: Shell) -> None:
    assert configured("sources", "trust", "spring").out.startswith("spring was not suspect, and is open")
    shares = {"suspect_reason": "name_differs", "suspect_share": 0.6, "usual_share": 0.03}
    set_standing(configured, "spring", suspect_since="2026-11-25 10:00:00.000", **shares)
    ran = configured("sources", "health", "spring")
    assert ran.code == 1
    assert "suspect since 2026-11-25 10:00:00Z: name_differs 60%, usually 3%" in ran.out
    assert "`bin/jurat sources trust spring`" in ran.out
    (row,) = configured("sources", "health", "spring", "--json").json["sources"]
    assert (row["state"], row["suspect_reason"]) == ("open", "name_differs")
    doctor = configured("doctor")
    assert doctor.code == 1
    assert "docs/runbooks/JuratSourceSuspect.md" in doctor.out
    assert configured("sources", "trust", "spring", "--as", "the clerk").out.startswith("spring is open")
    assert audited(configured) == [("the clerk", "sources trust", "spring", {})]
    assert configured("sources", "health", "spring").code == 0
    assert "JuratSourceSuspect" not in configured("doctor").out


def test_a_pause_that_is_over_is_none(configured: Shell) -> None:
    set_standing(configured, "spring", paused_until="2020-01-01 00:00:00.000", pause_reason="x")
    rows = configured("sources", "list", "--json").json
    assert {(row["paused_until"], row["pause_reason"], row["state"]) for row in rows} == {(None, None, "open")}


def test_the_list_says_which_source_its_hours_close(shell: Shell) -> None:
    hours = 'hours: { timezone: Europe/Paris, closed: ["2020-01-01 00:00 - 2998-12-31 24:00"] }'
    shell.write("sources.yaml", REGISTRIES.format(port=1).replace("type: manual", f"type: manual, {hours}"))
    assert shell("config", "apply", "sources.yaml").code == 0
    rows = {row["source"]: row for row in shell("sources", "list", "--json").json}
    assert (rows["proofs"]["state"], rows["proofs"]["closed_until"]) == ("closed", "2998-12-31T23:00:00Z")
    assert rows["ban"]["state"] == "open"
    assert shell("sources", "health").code == 0


def test_health_ends_with_1_where_a_breaker_is_open_and_says_what_to_do(configured: Shell) -> None:
    well = configured("sources", "health")
    assert (well.code, well.err) == (0, "")
    assert well.out.splitlines() == [
        "ok  magic   open; never asked; nothing waits; no live worker serves it",
        "ok  spring  open; never asked; nothing waits; no live worker serves it",
    ]
    moment = "2026-11-25 10:00:00.000"
    failed = {"last_failure_at": moment, "last_failure": "source_unavailable"}
    fresh = {"figures_at": "2998-01-01 00:00:00.000", "waiting": 5000}
    serve(configured)
    set_standing(configured, "magic", opened_at=moment, failures=7, **fresh, **failed)
    ran = configured("sources", "health")
    assert ran.code == 1
    assert ran.out.splitlines()[0] == (
        "problem  magic   broken since 2026-11-25 10:00:00Z: 7 failures in a row, the last source_unavailable; never "
        "answered, last failure 2026-11-25 10:00:00Z (source_unavailable); 5,000 checks wait; served by 1 worker "
        "(w@here) — workers ask it for one lookup at a time until it answers; see `bin/jurat sources test magic "
        "--live`"
    )
    document = configured("sources", "health", "magic", "--json")
    assert (document.code, document.json["ok"]) == (1, False)
    assert [(each["source"], each["state"]) for each in document.json["sources"]] == [("magic", "broken")]
    assert configured("sources", "health", "spring").code == 0


def test_doctor_names_a_source_whose_breaker_is_open(configured: Shell) -> None:
    assert configured("doctor", "--json").json["ok"] is True
    moment = "2026-11-25 10:00:00.000"
    failed = {"last_failure_at": moment, "last_failure": "source_unavailable"}
    set_standing(configured, "magic", opened_at=moment, failures=7, **failed)
    ran = configured("doctor", "--json")
    assert ran.code == 1
    (problem,) = (step for step in ran.json["steps"] if step["mark"] == "problem")
    assert problem["name"] == "source magic"
    assert re.match(r"broken for [\d,]+ (days|hours): 7 failures in a row", problem["found"])


def test_a_person_pauses_and_resumes_a_source_and_both_are_audited(configured: Shell) -> None:
    paused = configured("sources", "pause", "spring", "--for", "2h", "--reason", "the printer moves", "--as", "ada")
    assert (paused.code, paused.err) == (0, "")
    assert re.fullmatch(r"spring is paused until [0-9 :-]+Z \(the printer moves\)\n", paused.out)
    row = configured("sources", "list", "--json").json[1]
    assert (row["source"], row["state"], row["pause_reason"]) == ("spring", "paused", "the printer moves")
    left = datetime.fromisoformat(row["paused_until"]) - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert configured("sources", "health").code == 0
    resumed = configured("sources", "resume", "spring", "--as", "bob")
    assert (resumed.code, resumed.out) == (0, "spring is open\n")
    assert [entry[:3] for entry in audited(configured)] == [
        ("ada", "sources pause", "spring"),
        ("bob", "sources resume", "spring"),
    ]
    assert audited(configured)[0][3]["reason"] == "the printer moves"


def test_sources_are_paused_and_resumed_on_postgresql_too(postgresql_shell: Shell) -> None:
    shell = configure(postgresql_shell)
    assert shell("sources", "pause", "spring", "--for", "2h", "--reason", "the printer moves").code == 0
    assert shell("sources", "health", "spring", "--json").json["sources"][0]["state"] == "paused"
    assert shell("sources", "resume", "spring").out == "spring is open\n"
    assert shell("sources", "list", "--json").json[1]["paused_until"] is None


def test_a_longer_pause_stays_and_is_told(configured: Shell) -> None:
    assert configured("sources", "pause", "spring", "--for", "2d", "--reason", "moving").code == 0
    shorter = configured("sources", "pause", "spring", "--for", "1h", "--reason", "lunch")
    assert shorter.code == 1
    assert is_one_sentence(shorter)
    assert "(moving)" in shorter.err
    assert "sources resume spring" in shorter.err
    assert len(audited(configured)) == 1


def test_a_source_that_is_not_paused_is_resumed_without_a_trace(configured: Shell) -> None:
    ran = configured("sources", "resume", "spring")
    assert (ran.code, ran.out) == (0, "spring was not paused, and is open\n")
    assert audited(configured) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pause", "sprng", "--for", "1h", "--reason", "x"), "did you mean 'spring'"),
        (("resume", "sprng"), "did you mean 'spring'"),
        (("health", "sprng"), "did you mean 'spring'"),
        (("pause", "spring", "--for", "2", "--reason", "x"), "a duration is a number with its unit"),
        (("pause", "spring", "--for", "500ms", "--reason", "x"), "from 1s to 365d is expected"),
        (("pause", "spring", "--for", "366d", "--reason", "x"), "from 1s to 365d is expected"),
        (("pause", "spring", "--for", "1h", "--reason", "a\nb"), "printable characters"),
        (("pause", "spring", "--for", "1h"), "--reason"),
    ],
)
def test_wrong_words_are_named_with_what_is_meant(configured: Shell, words: tuple[str, ...], said: str) -> None:
    ran = configured("sources", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert audited(configured) == []


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


def test_a_live_test_is_not_made_while_the_source_may_not_be_asked(shell: Shell, server: ThreadingHTTPServer) -> None:
    with_sources(shell, server.server_port)
    shell("sources", "pause", "ban", "--for", "1h", "--reason", "a move")
    ran = shell("sources", "test", "ban", "--live")
    assert ran.code == 0
    assert "not asked: paused until" in ran.out
    assert server.RequestHandlerClass.asked == []  # type: ignore[attr-defined]


def test_a_server_that_is_down_is_a_dependency_that_is_down(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        with_sources(shell, taken.getsockname()[1])
        ran = shell("sources", "test", "ban", "--live")
    assert ran.code == 3
    assert "connection refused" in ran.out


PRIVATE = """\
sources:
  ban: { type: addok, url: "https://127.0.0.1:1" }
"""


def test_a_server_in_a_private_network_is_asked_where_the_network_is_listed(shell: Shell) -> None:
    for text in (PRIVATE, f"environment: test\n{PRIVATE}"):
        (shell.folder / "jurat.yaml").write_text(text)
        assert shell("config", "apply", "jurat.yaml").code == 0
        ran = shell("sources", "test", "ban", "--live", JURAT_PRIVATE_NETWORKS="")
        assert ran.code == 1
        assert "127.0.0.1 is this machine; list it in JURAT_PRIVATE_NETWORKS if that is meant" in ran.out
    ran = shell("sources", "test", "ban", "--live", JURAT_PRIVATE_NETWORKS="10.0.0.0/8 127.0.0.1")
    assert ran.code == 3
    assert "connection refused" in ran.out


def test_an_unknown_source_is_named_with_what_was_meant(configured: Shell) -> None:
    ran = configured("sources", "test", "sprng")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "did you mean 'spring'" in ran.err


def test_without_a_configuration_they_say_what_to_do(shell: Shell) -> None:
    for words in (("sources", "list"), ("sources", "health"), ("sources", "resume", "a"), ("sources", "test", "--all")):
        ran = shell(*words)
        assert ran.code == 2
        assert is_one_sentence(ran)
        assert "config apply" in ran.err
