"""`now`: what someone should look at, each condition brought about in a database, and some with real workers."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url

from jurat.database import open_engine
from jurat.seal import generate, key_id, key_to_text
from jurat.vocabulary import Reason
from store.dialects import dialect_of
from store.monitoring.conditions import DEADLINE
from store.queue.breakers import SourceFigures
from store.queue.sources import Sources
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from store.workers import Fleet, Member
from tasks.rules.source_limits import Breaker
from tests.cli.commands.test_fleet import Start, ago, opened_by, sql, start, submit, town
from tests.cli.shell import Ran, Shell, is_one_sentence
from tests.rigs.logins import Logins, plain
from tests.rigs.waiting import until

__all__ = ["start", "town"]

CALM = "nothing needs attention: 1 worker with 4 slots; "


@contextmanager
def opened(shell: Shell) -> Iterator[Engine]:
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    try:
        yield engine
    finally:
        engine.dispose()


def report(shell: Shell, **given: Any) -> None:
    """Have a worker report: one that serves all and lacks nothing, but for what is `given`."""
    usual = {"slots": 4, "config_version": 1, "unseal_keys": (opened_by(shell),), "ready": True}
    with opened(shell) as engine:
        Fleet(engine).report(Member(uuid4(), "here", "w@here", "1.0", "r", **{**usual, **given}))


def fail(shell: Shell, times: int) -> None:
    """Have a worker report so many failures of `magic`."""
    figures = SourceFigures(failed=times, trailing=times, last_failure=Reason.SOURCE_UNAVAILABLE, seconds=1.0)
    with opened(shell) as engine:
        Sources(engine).record({"magic": figures}, {"magic": Breaker(failures=5)})


def count(shell: Shell, seconds: int = 0) -> None:
    """Have a worker count what waits, so many seconds ago."""
    with opened(shell) as engine:
        Upkeep(engine).count_waiting()
    sql(shell, f"UPDATE jurat_sources SET figures_at = {ago(shell, seconds)}")


def found(ran: Ran) -> list[tuple[str, str]]:
    """The conditions and sources that `--json` names."""
    document = ran.json
    assert (ran.code, document["ok"]) == ((1, False) if document["findings"] else (0, True))
    return [(each["condition"], each["source"]) for each in document["findings"]]


def now(shell: Shell) -> list[tuple[str, str]]:
    return found(shell("now", "--json"))


def test_a_healthy_fleet_needs_no_attention(town: Shell) -> None:
    report(town)
    submit(town, "p-1")
    ran = town("now")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{CALM}1 check due, 0 for later, 0 looked up now\n"
    document = town("now", "--json").json
    assert document.pop("findings") == []
    assert document == {"ok": True, "workers": 1, "slots": 4, "due": 1, "later": 0, "leased": 0, "config_version": 1}


# ------------------------------------------------------------------------------------------------ the eight conditions


def test_no_worker(town: Shell) -> None:
    submit(town, "p-1")
    ran = town("now")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0] == (
        "page    JuratNobodyWorks: no worker of this database was seen in the last 30 s, with 1 check waiting"
    )
    assert lines[1:3] == [
        "        start workers (`bin/jurat worker`), and read the end of their logs",
        "        docs/runbooks/JuratNobodyWorks.md",
    ]
    assert lines[-1] == "0 workers with 0 slots; 1 check due, 0 for later, 0 looked up now"
    report(town)
    assert town("now").code == 0
    sql(town, f"UPDATE jurat_workers SET seen_at = {ago(town, 31)}")
    assert now(town) == [("JuratNobodyWorks", "")]


def test_a_wrong_key(town: Shell) -> None:
    private, public = generate()
    submit(town, "p-1", JURAT_SEAL_KEY=key_to_text(public), JURAT_UNSEAL_KEYS="")
    report(town)
    ran = town("now")
    assert ran.code == 1
    assert f"no live worker opens 1 answer sealed for the key {key_id(public)}" in ran.out
    assert f"bring back the key with the id {key_id(public)}" in ran.out
    assert key_to_text(private) not in ran.out
    assert now(town) == [("JuratKeyMissing", "magic")]
    report(town, unseal_keys=(key_id(public),), sources=("spring",))
    assert "have a worker with that key serve magic" in town("now").out
    report(town, unseal_keys=(key_id(public),))
    assert now(town) == []


def test_an_unserved_source(town: Shell) -> None:
    report(town, sources=("spring",))
    assert now(town) == []
    submit(town, "p-1")
    assert now(town) == [("JuratSourceUnserved", "magic")]
    report(town, sources=("magic",))
    assert now(town) == []


def test_a_broken_source(town: Shell) -> None:
    report(town)
    fail(town, 4)
    assert now(town) == []
    fail(town, 1)
    ran = town("now")
    assert "ticket  JuratSourceBroken (magic): broken for " in ran.out
    assert "5 failures in a row, the last source_unavailable" in ran.out
    assert now(town) == [("JuratSourceBroken", "magic")]
    with opened(town) as engine:
        Sources(engine).record({"magic": SourceFigures(answered=1)}, {})
    assert now(town) == []


def test_deadlines_ahead(town: Shell) -> None:
    report(town)
    submit(town, "p-1")
    fail(town, 5)
    assert ("JuratDeadlinesAhead", "magic") not in now(town)
    with opened(town) as engine:
        soon = dialect_of(engine).now(str(DEADLINE - 1))
    sql(town, f"UPDATE jurat_checks SET deadline_at = {soon}")
    assert now(town) == [("JuratDeadlinesAhead", "magic"), ("JuratSourceBroken", "magic")]
    assert town("sources", "pause", "magic", "--for", "1h", "--reason", "maintenance").code == 0
    assert now(town) == [("JuratSourceBroken", "magic")], "no deadline runs during a pause"


def test_stuck_checks(town: Shell) -> None:
    report(town)
    submit(town, "p-1")
    sql(town, f"UPDATE jurat_checks SET due_at = {ago(town, 50)}")
    assert now(town) == []
    sql(town, f"UPDATE jurat_checks SET due_at = {ago(town, 61)}")
    assert now(town) == [("JuratChecksStuck", "magic")]
    with opened(town) as engine:
        Sources(engine).record({"magic": SourceFigures(answered=1)}, {})
    assert now(town) == [], "one was looked up since"


def test_old_figures(town: Shell) -> None:
    report(town)
    count(town, 25)
    assert now(town) == []
    count(town, 45)
    ran = town("now")
    assert "ticket  JuratUpkeepLate: figures last ran 4" in ran.out
    assert "what waits is not counted, and platforms poll less often" in ran.out
    assert now(town) == [("JuratUpkeepLate", "")]


def test_a_read_only_database(postgresql_shell: Shell, postgresql_url: str) -> None:
    with plain(postgresql_url) as administrator:
        name = make_url(postgresql_url).database
        administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    ran = postgresql_shell("now")
    assert ran.code == 1
    assert ran.out.startswith("page    JuratDatabaseReadOnly: the database takes no writes")
    assert now(postgresql_shell)[0] == ("JuratDatabaseReadOnly", "")


# ------------------------------------------------------------------------------------------------ away, or not ours


def test_a_database_that_is_away_is_a_finding(bare_shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://me:secret@127.0.0.1:{port}/jurat"
    ran = bare_shell("now", JURAT_DATABASE_URL=url)
    assert ran.code == 1
    assert ran.out.startswith("page    JuratDatabaseAway: ")
    assert "start it, or correct JURAT_DATABASE_URL" in ran.out
    assert "secret" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err
    assert found(bare_shell("now", "--json", JURAT_DATABASE_URL=url)) == [("JuratDatabaseAway", "")]


def test_where_there_is_no_file_one_sentence_says_so(bare_shell: Shell, tmp_path: Path) -> None:
    ran = bare_shell("now", JURAT_DATABASE_URL=f"sqlite:///{tmp_path / 'none.db'}")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_our_tables_is_a_finding(bare_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    ran = bare_shell("now", JURAT_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "page    JuratSchemaUnusable: the database has no jurat tables",
        "        run `bin/jurat db upgrade`",
        "        docs/runbooks/JuratSchemaUnusable.md",
    ]


@pytest.mark.parametrize("town", ["postgresql"], indirect=True)
def test_it_needs_the_rights_of_a_reader_and_no_key(town: Shell) -> None:
    url = town.environment["JURAT_DATABASE_URL"]
    report(town)
    submit(town, "p-1")
    with Logins(url) as logins:
        bare = {"JURAT_UNSEAL_KEYS": "", "JURAT_HASH_KEYS": "", "JURAT_SEAL_KEY": ""}
        ran = town("now", JURAT_DATABASE_URL=logins.url(DatabaseRole.READER), **bare)
        assert (ran.code, ran.out.startswith(CALM)) == (0, True)
        nobody = town("now", JURAT_DATABASE_URL=logins.url(), **bare)
        assert nobody.code == 1
        assert "permission denied" in nobody.out
        assert "give this user the role that its process needs" in nobody.out


# ------------------------------------------------------------------------------------------------ with real workers


@pytest.mark.slow
def test_with_real_workers_it_is_calm_until_one_is_killed_and_again_when_one_is_back(town: Shell, start: Start) -> None:
    only = start("--hostname", "only@here", "-Q", "checks.spring", "--slots", "2")
    assert until(lambda: now(town) == [])
    submit(town, "p-1")
    assert until(lambda: now(town) == [("JuratSourceUnserved", "magic")])
    only.send_signal(signal.SIGKILL)
    only.wait(100)
    sql(town, f"UPDATE jurat_workers SET seen_at = {ago(town, 31)}")
    assert now(town)[0] == ("JuratNobodyWorks", "")
    start("--hostname", "every@here", "--slots", "2")
    assert until(lambda: now(town) == [])
    ran = town.process("now")
    assert (ran.code, "1 worker with 2 slots" in ran.out) == (0, True)
