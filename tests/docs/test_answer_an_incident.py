"""Answer an incident: what the page does after a password was stolen works as it is written there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from store.schema.grants import DatabaseRole
from tests.cli.shell import Shell
from tests.docs.pages import ROOT
from tests.rigs.logins import Logins, plain

PAGE = ROOT / "docs" / "runbooks" / "answer-an-incident.md"


def shown(language: str) -> str:
    """The page's one block in this language, which is part of a list."""
    text = PAGE.read_text("utf-8")
    (found,) = re.findall(rf"^ +```{language}\n(.*?)^ +```$", text, re.DOTALL | re.MULTILINE)
    return textwrap.dedent(str(found))


def test_a_stolen_password_lets_no_one_in_and_what_it_asked_for_is_withdrawn(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as superuser:
        stolen = logins.url(DatabaseRole.ACCOUNTS)
        name = str(make_url(stolen).username)
        superuser.execute("INSERT INTO jurat_allowances (login, per_hour, delay_s) VALUES (%s, 100, 86400)", (name,))
        with plain(stolen) as thief:
            thief.execute("SELECT jurat_erase('p-1')")
            for statement in shown("sql").splitlines():
                superuser.execute(re.sub(r"\bweb\b", name, statement).encode())
            with pytest.raises(psycopg.OperationalError):
                thief.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"), plain(stolen):
            pass
        shell = Shell(tmp_path, {"JURAT_DATABASE_URL": logins.url(DatabaseRole.ADMIN)}, monkeypatch)
        ran = [shell(*re.sub(r"\bweb\b", name, line).split()[1:]) for line in shown("sh").splitlines()]
    assert [each.code for each in ran] == [0, 0, 0], [each.err for each in ran]
    assert ran[0].err == "withdrew 1 request\n"
