"""`audit`: who did what."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import make_url

from store.schema.grants import DatabaseRole
from tests.cli.conftest import configure
from tests.cli.shell import Shell
from tests.rigs.logins import Logins


@pytest.fixture
def busy(configured: Shell) -> Shell:
    """Iris generated codes, and Ada noted a backup."""
    configured("codes", "generate", "spring", "--count", "1", "--as", "Iris")
    configured("backup", "note", "--as", "Ada")
    return configured


def actions(shell: Shell, *words: str) -> list[tuple[str, str]]:
    ran = shell("audit", "--json", *words)
    assert ran.code == 0, ran.err
    return [(each["actor"], each["action"]) for each in ran.json]


def test_who_did_what_is_listed_the_oldest_first(busy: Shell) -> None:
    assert actions(busy)[-2:] == [("Iris", "codes add"), ("Ada", "backup note")]
    ran = busy("audit")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["AT", "LOGIN", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]
    assert '{"codes": 1}' in ran.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--actor", "Iris"), [("Iris", "codes add")]),
        (("--action", "backup note"), [("Ada", "backup note")]),
        (("--subject", "spring", "--actor", "Iris"), [("Iris", "codes add")]),
        (("--actor", "iris"), []),
        (("--login", "clerk"), []),
        (("--since", "2099-01-01"), []),
        (("--until", "2026-01-01T00:00Z"), []),
        (("--limit", "1"), [("Ada", "backup note")]),
    ],
)
def test_each_filter_leaves_what_fits(busy: Shell, words: tuple[str, ...], found: list[tuple[str, str]]) -> None:
    assert actions(busy, *words) == found


def test_a_period_has_what_was_done_in_it(busy: Shell) -> None:
    assert len(actions(busy, "--since", "2026-01-01", "--until", "2099-01-01")) == len(actions(busy))


def test_it_says_when_it_shows_the_newest_alone_and_when_there_is_nothing(busy: Shell) -> None:
    assert "only the newest 1 row" in busy("audit", "--limit", "1").err
    assert "nothing fits" in busy("audit", "--actor", "nobody").err


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--limit", "0"), ("--until", "2026-01-01T00:00")])
def test_wrong_usage_is_said(busy: Shell, words: tuple[str, ...]) -> None:
    ran = busy("audit", *words)
    assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_no_row_commands_the_terminal(busy: Shell) -> None:
    with closing(sqlite3.connect(busy.folder / "jurat.db")) as connection:
        connection.execute(
            "INSERT INTO jurat_audit (id, at, actor, action, subject, detail) VALUES "
            "('0192a000-0000-7000-8000-000000000009', '2026-11-30 00:00:00.000', ?, 'a', 'b', '{}')",
            ("evil\x1b[2J\u202e",),
        )
        connection.commit()
    out = busy("audit").out
    assert "evil?[2J?" in out
    assert "\x1b" not in out


def test_a_reader_of_postgresql_sees_the_logins(postgresql_shell: Shell, postgresql_url: str) -> None:
    configure(postgresql_shell)
    with Logins(postgresql_url) as logins:
        administrator, reader = logins.url(DatabaseRole.ADMIN), logins.url(DatabaseRole.READER)
        assert postgresql_shell("backup", "note", "--as", "Ada", JURAT_DATABASE_URL=administrator).code == 0
        login = make_url(administrator).username
        ran = postgresql_shell("audit", "--login", str(login), "--json", JURAT_DATABASE_URL=reader)
    assert [(each["login"], each["actor"]) for each in ran.json] == [(login, "Ada")]
