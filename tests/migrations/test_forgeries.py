"""What a login may write only as our own programs do: forged verdicts, states, times and deletions are refused, and
rows keep who wrote them and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from store.schema.grants import DatabaseRole
from tests.migrations.attacks import INTO_AUDIT, INTO_CHECKS, INTO_VERDICTS, STRANGER, TIME, check
from tests.migrations.forgeries import BY, IN_THE_NAME_OF_OTHERS, LATER, NOW, PENDING, REVIEWED, REVOKED, SETTLED
from tests.migrations.test_role_attacks import QUESTION, Shared, refusal
from tests.rigs.logins import Logins, plain

ASKED = b"SELECT jurat_erase(participant => 'p-2')"
TABLES = (
    *("checks", "verdicts", "attempts", "reviews", "claims", "requests", "codes", "audit", "access", "sources"),
    *("pauses", "upkeep", "workers", "missing_keys", "configs", "seal_keys", "datasets", "dataset_streets"),
    *("dataset_houses", "dataset_words", "roster_entries", "openings", "inquiries"),
)


@pytest.fixture
def shared(postgresql_url: str) -> Iterator[Shared]:
    """Three answers on their way and at its end, a number, a code that was redeemed, a revocation, and requests."""
    with Logins(postgresql_url) as logins, plain(postgresql_url) as owner:
        owner.execute(QUESTION)
        rows = (check(SETTLED, "p-1"), check(PENDING, "p-2"), check(REVIEWED, "p-3"))
        owner.execute(f"INSERT {INTO_CHECKS} VALUES ({'), ('.join(rows)})".encode())
        owner.execute("UPDATE jurat_checks SET fence = 3")
        owner.execute(f"UPDATE jurat_checks SET state = 'settled' WHERE id = '{SETTLED}'".encode())
        owner.execute(f"UPDATE jurat_checks SET state = 'review' WHERE id = '{REVIEWED}'".encode())
        values = f"'{SETTLED}', 1, 'accepted', 'record_matches', '{{}}', 'worker', 1, 'towns', 3, {TIME}, NULL"
        owner.execute(f"INSERT {INTO_VERDICTS} VALUES ({values})".encode())
        for each in (SETTLED, PENDING):
            owner.execute(
                f"INSERT INTO jurat_attempts VALUES ('{each}', 1, 'towns', now(), 1, 'answered', '')".encode()
            )
        owner.execute(
            f"INSERT INTO jurat_reviews VALUES ('{REVIEWED}', 'near_border', '{{}}', 1, now(), {LATER})".encode()
        )
        owner.execute(
            f"INSERT INTO jurat_claims VALUES ('budget', 'n', '12345678:aa', '{SETTLED}', 'p-1', true, now())".encode()
        )
        owner.execute(
            "INSERT INTO jurat_codes (list, fingerprint, created_at, redeemed_by, redeemed_at, revoked_at)"
            f" VALUES ('spring', '12345678:aa', now(), '{SETTLED}', now(), NULL),"
            f" ('spring', '12345678:bb', now(), NULL, NULL, NULL), ('spring', '12345678:cc', now(), NULL, NULL, {TIME})"
            "".encode()
        )
        owner.execute(
            "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at, applied_at)"
            f" VALUES ('{REVOKED}', 'revoke', 'budget', 'p-1', 'a clerk', now(), now())".encode()
        )
        owner.execute(
            "INSERT INTO jurat_requests (id, kind, consultation, participant, question, check_id, reason, note,"
            " note_key, by_whom, asked_at, applied_at) VALUES"
            " (gen_random_uuid(), 'erase', 'budget', 'p-5', NULL, NULL, NULL, NULL, NULL, 'a clerk', now(), NULL),"
            " (gen_random_uuid(), 'reopen', 'budget', 'p-1', 'residence', NULL, NULL, NULL, NULL, 'a clerk', now(),"
            f" now()), (gen_random_uuid(), 'decide', NULL, NULL, NULL, '{SETTLED}', 'outside_zone', NULL, NULL,"
            f" 'a clerk', now(), now()), (gen_random_uuid(), 'contest', NULL, NULL, NULL, '{SETTLED}', NULL, 'x', 'k',"
            " 'participant', now(), NULL), (gen_random_uuid(), 'codes', NULL, NULL, NULL, NULL, NULL, 'x', 'k',"
            " 'a clerk', now(), NULL)".encode()
        )
        owner.execute(f"SELECT jurat_open_for_review('{REVIEWED}', sha256('x'), 'a clerk')".encode())
        owner.execute("INSERT INTO jurat_sources (name) VALUES ('towns')")
        owner.execute(
            "INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)"
            " VALUES (gen_random_uuid(), 'towns', 'me', sha256('x'), 'x', '0123456789abcdef', now())"
        )
        owner.execute(
            "INSERT INTO jurat_seal_keys VALUES ('0123456789abcdef', sha256('x'), now(), now() + interval '9 days', '')"
        )
        owner.execute("UPDATE jurat_seal_keys SET retired_at = now()")
        owner.execute("INSERT INTO jurat_configs VALUES (1, '', '{}', 'me', now())")
        owner.execute(b"INSERT INTO jurat_pauses VALUES ('towns', now(), now() + interval '1 hour', 'x')")
        owner.execute("INSERT INTO jurat_upkeep VALUES ('leases', now())")
        owner.execute("INSERT INTO jurat_missing_keys VALUES ('aa', now(), now(), 'towns')")
        owner.execute(
            "INSERT INTO jurat_workers SELECT gen_random_uuid(), 'host', 'a', '', '', now(), now(), 1, 0, NULL, NULL,"
            " '[]', '[]', true, false"
        )
        owner.execute(
            "INSERT INTO jurat_datasets (id, name, version, state, kind, language, digest, data_date, imported_by,"
            " imported_at) VALUES (1, 'd', 1, 'active', '', '', '', '', 'me', now() - interval '1 day'),"
            " (2, 'e', 1, 'staged', '', '', '', '', 'me', now())"
        )
        for row in (
            "streets VALUES (1, 1, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0)",
            "houses VALUES (1, 1, 1, '', 1, '', 0, 0)",
            "words VALUES (1, 'old')",
        ):
            owner.execute(f"INSERT INTO jurat_dataset_{row}".encode())
        owner.execute("INSERT INTO jurat_roster_entries VALUES (1, 1, 'x', '{}')")
        yield Shared(postgresql_url, owner, logins)


def rows(shared: Shared) -> list[Any]:
    return [shared.owner.execute(f"SELECT * FROM jurat_{table} ORDER BY 1, 2".encode()).fetchall() for table in TABLES]


@pytest.mark.parametrize("role", BY)
def test_what_no_honest_program_writes_is_refused(shared: Shared, role: DatabaseRole) -> None:
    before, passed = rows(shared), {}
    with shared.logins.connection(role) as connection:
        for forgery in BY[role]:
            if (said := refusal(connection, f"BEGIN;\n{forgery};\nCOMMIT")) != "23000":
                passed[forgery] = said
            connection.execute("ROLLBACK")
    assert passed == {}
    assert rows(shared) == before


def test_a_platform_confirms_no_answer_to_what_is_not_asked(shared: Shared) -> None:
    """Each would fill the participant's row, or have a turn of its own before honest checks."""
    before = rows(shared)
    row = check(STRANGER, "p-1")
    late = f"{INTO_CHECKS.replace('(id,', '(round, id,')} VALUES (32767, {row.replace('residence', 'later')})"
    with shared.logins.connection(DatabaseRole.PLATFORM) as connection:
        said = [
            refusal(connection, statement)
            for statement in (
                f"INSERT {INTO_CHECKS} VALUES ({row.replace('residence', 'later')})",
                f"INSERT {INTO_CHECKS} VALUES ({row.replace('budget', 'nowhere')})",
                f"INSERT {late}",
            )
        ]
    assert said == ["JU002", "JU001", "JU002"]
    assert rows(shared) == before


def test_a_platform_submits_in_the_present(shared: Shared) -> None:
    for number, time in enumerate(("'2001-01-01'", "'2050-01-01'", "'infinity'", f"{NOW} - interval '2 minutes'", NOW)):
        row = check(f"0192a000-0000-7000-8000-00000000003{number}", f"p-9{number}").split(TIME)
        with shared.logins.connection(DatabaseRole.PLATFORM) as connection:
            connection.execute(f"INSERT {INTO_CHECKS} VALUES ({row[0]}{NOW}, {time}, {LATER})".encode())
    found = shared.owner.execute(
        "SELECT submitted_at BETWEEN clock_timestamp() - interval '90 seconds' AND clock_timestamp() FROM jurat_checks"
        " WHERE participant LIKE 'p-9%'"
    ).fetchall()
    assert found == [(True,)] * 5


def test_who_staged_a_version_fills_it_and_puts_it_in_force(shared: Shared) -> None:
    columns = "id, name, version, kind, language, digest, data_date, imported_by, imported_at"
    with shared.logins.connection(DatabaseRole.ADMIN) as connection:
        for statement in (
            f"INSERT INTO jurat_datasets ({columns}) VALUES (3, 'f', 1, '', '', '', '', 'me', now())",
            "INSERT INTO jurat_dataset_words VALUES (3, 'mine')",
            "UPDATE jurat_datasets SET state = 'active', houses = 5 WHERE id = 3",
            "UPDATE jurat_datasets SET state = 'removing' WHERE id = 2",
        ):
            assert refusal(connection, statement) is None, statement


@pytest.mark.parametrize("role", DatabaseRole)
def test_no_one_writes_in_the_name_of_another_login(shared: Shared, role: DatabaseRole) -> None:
    with shared.logins.connection(role) as connection:
        said = {forgery: refusal(connection, forgery) for forgery in IN_THE_NAME_OF_OTHERS}
    assert said == dict.fromkeys(IN_THE_NAME_OF_OTHERS, "42501")


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER])
def test_a_verdict_is_of_the_present_and_keeps_who_wrote_it(shared: Shared, role: DatabaseRole) -> None:
    login = make_url(shared.logins.url(role)).username
    for revision, time in enumerate(("'2001-01-01'", "'infinity'", NOW), start=2):
        values = f"'{SETTLED}', {revision}, 'accepted', 'a-reason', '{{}}', 'worker', 1, 'towns', 3, {time}, {LATER}"
        with shared.logins.connection(role) as connection:
            connection.execute(f"INSERT {INTO_VERDICTS} VALUES ({values})".encode())
    found = shared.owner.execute(
        "SELECT login, decided_at BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp()"
        " FROM jurat_verdicts WHERE revision > 1"
    ).fetchall()
    assert found == [(login, True)] * 3


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN])
def test_an_audit_row_is_of_the_present_and_keeps_who_wrote_it(shared: Shared, role: DatabaseRole) -> None:
    login = make_url(shared.logins.url(role)).username
    with shared.logins.connection(role) as connection:
        for time in ("'2001-01-01'", "'infinity'", NOW):
            values = f"gen_random_uuid(), {time}, 'somebody else', 'opened', 'check', '{{}}'"
            connection.execute(f"INSERT {INTO_AUDIT} VALUES ({values})".encode())
    found = shared.owner.execute(
        "SELECT login, at BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp() FROM jurat_audit"
    ).fetchall()
    assert found == [(login, True)] * 3


def test_a_request_keeps_the_login_that_asked_also_by_a_function(shared: Shared) -> None:
    login = make_url(shared.logins.url(DatabaseRole.ACCOUNTS)).username
    with shared.logins.connection(DatabaseRole.ACCOUNTS) as connection:
        connection.execute(ASKED)
    ((found,),) = shared.owner.execute("SELECT login FROM jurat_requests WHERE participant = 'p-2'").fetchall()
    assert found == login


def test_a_number_comes_free_with_the_verdict_that_no_longer_accepts(shared: Shared) -> None:
    values = f"'{SETTLED}', 2, 'refused', 'person_refused', '{{}}', 'reviewer', 1, 'towns', 9, {NOW}, NULL"
    with shared.logins.connection(DatabaseRole.REVIEWER) as connection:
        release = "UPDATE jurat_claims SET holds = false"
        assert refusal(connection, f"BEGIN;\n{release};\nINSERT {INTO_VERDICTS} VALUES ({values});\nCOMMIT") is None


def test_what_is_hashed_again_with_another_key_is_let_through(shared: Shared) -> None:
    with shared.logins.connection(DatabaseRole.ADMIN) as connection:
        for table in ("claims", "codes"):
            statement = f"UPDATE jurat_{table} SET fingerprint = '87654321:' || right(fingerprint, 2)"
            assert refusal(connection, statement) is None, table


def test_what_belongs_to_a_check_goes_after_its_verdicts(shared: Shared) -> None:
    shared.owner.execute("ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_retained")
    shared.owner.execute(b"DELETE FROM jurat_verdicts")
    with shared.logins.connection(DatabaseRole.WORKER) as connection:
        for table in ("attempts", "claims"):
            assert refusal(connection, f"DELETE FROM jurat_{table} WHERE check_id = '{SETTLED}'") is None


def test_the_owner_is_let_through(shared: Shared) -> None:
    """Who fills a database, or mends one. No trigger would stop an owner anyway."""
    for statement in (*BY[DatabaseRole.ADMIN], "DELETE FROM jurat_attempts"):
        assert refusal(shared.owner, f"BEGIN;\n{statement};\nROLLBACK") is None, statement


def test_guards_fire_whatever_the_session_says(shared: Shared) -> None:
    off = shared.owner.execute(
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'jurat%'"
        " AND tgenabled <> 'A' ORDER BY 1"
    ).fetchall()
    assert off == [("jurat_checks_submitted",), ("jurat_verdicts_told",)]


def test_a_request_is_dealt_with_though_a_revision_was_to_block_its_check(shared: Shared) -> None:
    """With the highest number as a revision there would be no next one: every turn of upkeep failed at it."""
    values = f"'{REVIEWED}', 2147483647, 'refused', 'x', '{{}}', 'me', 1, 'towns', 3, {NOW}, NULL"
    insert = f"INSERT {INTO_VERDICTS} VALUES ({values})".encode()
    with (
        shared.logins.connection(DatabaseRole.REVIEWER) as connection,
        pytest.raises(psycopg.Error, match="one more than"),
    ):
        connection.execute(insert)
