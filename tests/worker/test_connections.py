"""How long the service waits for PostgreSQL, by who asks."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from config.settings import Settings
from jurat.database import bounded, open_engine, preparing, reader
from jurat.seal import generate, key_to_text
from tests.cli.shell import ROOT
from tests.migrations.later import become_later
from worker.bootstrap import engine_on
from worker.database import LONGER, LONGEST, PATIENCE, advice_on, give_up_on, look
from worker.service import open_service


def patience(engine: Engine) -> float | None:
    """Of one transaction, None where it waits for ever."""
    with engine.begin() as connection:
        raw: Any = connection.connection.dbapi_connection
        return raw.wait.args[1] if "wait" in vars(raw) else None


def test_a_worker_gives_up_also_on_what_was_connected_before_it_began(postgresql_url: str) -> None:
    given = {"database_url": postgresql_url, "broker_url": "none", "unseal_keys": key_to_text(generate()[0])}
    with closing(open_service(Settings.model_validate(given))) as service:
        database = service.database
        assert patience(database) is None
        engine_on(service, slots=1)
        assert [patience(each) for each in (bounded(database), preparing(bounded(database)))] == [PATIENCE, PATIENCE]
        assert [patience(each) for each in (database, reader(database))] == [LONGER, LONGER]


def test_a_worker_that_starts_on_a_schema_behind_it_says_so(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_service(Settings.model_validate({"database_url": database_url}))) as service:
        with capture_logs() as logs:
            look(service)
        assert [line["why"] for line in logs] == ["no configuration was applied"]
        become_later(monkeypatch, tmp_path / "later")
        with capture_logs() as logs:
            look(service)
        assert [line["why"] for line in logs] == [
            "the schema is behind this program",
            "no configuration was applied",
        ]


def test_a_command_that_works_for_long_may_do_so(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    give_up_on(engine, command=True)
    assert (patience(bounded(engine)), patience(engine)) == (PATIENCE, LONGEST)
    engine.dispose()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('connection to server at "h", port 5432 failed: Connection refused', "start it"),
        ("connection timeout expired", "look whether it hangs, or correct the host"),
        ("the database has not answered for 13 s", "look whether it hangs"),
        ("canceling statement due to lock timeout", "who holds a lock"),
        ("cannot execute UPDATE in a read-only transaction", "target_session_attrs=read-write"),
        ('FATAL:  password authentication failed for user "u"', "user and password"),
        ('FATAL:  role "u" does not exist', "user and password"),
        ('FATAL:  database "d" does not exist', "correct its name"),
        ("permission denied for table jurat_checks", "separate-roles.md"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
    ],
)
def test_what_a_database_says_has_its_advice(said: str, advice: str) -> None:
    assert advice in advice_on(said)


def test_a_page_that_advice_names_is_there() -> None:
    assert (ROOT / "docs" / "operators" / "separate-roles.md").exists()
