"""A command waits for a lock of another session for a while, then says who holds it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from store.schema import blockers
from store.schema.grants import DatabaseRole
from tests.cli.conftest import CONFIGURATION, bare_shell, keys, postgresql_shell
from tests.cli.shell import Shell, is_one_sentence
from tests.rigs.logins import Logins
from worker import database

__all__ = ["bare_shell", "keys", "postgresql_shell"]

SECRET = "p-secret-person"


@pytest.fixture
def held(postgresql_shell: Shell, postgresql_url: str) -> Iterator[tuple[Shell, str, Logins]]:
    """The access row of a participant, held by the platform in a transaction that goes on."""
    path = postgresql_shell.write("jurat.yaml", CONFIGURATION)
    assert postgresql_shell("codes", "generate", "spring", "--count", "1").code == 0
    assert postgresql_shell("config", "apply", str(path)).code == 0
    with Logins(postgresql_url) as logins:
        url = make_url(logins.url(DatabaseRole.PLATFORM))
        shown = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(shown, application_name="the-shop") as platform:
            for question in ("code", "who"):
                platform.commit()
                submit = "SELECT jurat_submit('budget', %s, %s, decode(repeat('00', 60), 'hex'), '0123456789abcdef')"
                platform.execute(submit, [SECRET, question])
            yield postgresql_shell, str(url.username), logins
            platform.rollback()


@pytest.mark.slow
def test_a_revocation_says_who_holds_the_row_that_it_needs(
    held: tuple[Shell, str, Logins], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, login, logins = held
    monkeypatch.setattr(database, "LOCK_WAIT", 0.3)
    ran = shell("access", "revoke", "budget", SECRET, JURAT_DATABASE_URL=logins.url(DatabaseRole.REVIEWER))
    assert (ran.code, is_one_sentence(ran)) == (3, True), ran.err
    for words in (f"of the user {login}", "application the-shop", "pg_terminate_backend"):
        assert words in ran.err, ran.err
    assert SECRET not in ran.err
    assert "privilege" not in ran.err


@pytest.mark.slow
def test_doctor_names_an_old_transaction_to_who_may_see_it(
    held: tuple[Shell, str, Logins], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, login, _ = held
    assert login not in shell("doctor").out
    monkeypatch.setattr(blockers, "OLD", 0.0)
    assert f"of the user {login} (application the-shop" in shell("doctor").out
