"""Each right to write has a statement that tries the worst: it is refused, found, or harmless as said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from sqlalchemy import make_url

from docs.rights import given
from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.seal import Unseal
from store.history.sealer import Sealer, begin
from store.history.verification import verify_history
from store.queue.claims import Claims
from store.requests.request_runner import Request, RequestKind, Requests
from store.schema.grants import DatabaseRole
from store.verdicts.access import AccessRows
from store.verdicts.verdict_writer import VerdictWriter
from store.verification import verify_access, verify_checks, verify_configured
from tests.migrations import forgeries, permitted
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases
from tests.store.desk import ACCEPTED, ADMIN, NUMBER_TAKEN, PRIVATE_KEY, REFUSED, Desk, claiming

_WRITTEN = re.compile(r"(?:(INSERT)\s+INTO |(UPDATE) |(DELETE) FROM |SELECT )(jurat_\w+)")


def used(role: DatabaseRole, statements: Iterable[str]) -> Iterator[tuple[str, DatabaseRole, str]]:
    """The rights that statements use."""
    for statement in statements:
        for each in _WRITTEN.finditer(statement):
            yield each[4], role, each[1] or each[2] or each[3] or "EXECUTE"


@pytest.fixture(scope="module")
def filled(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[str]:
    """A database that is copied: p-1 has access by an address and a code, p-2 was refused, p-3 waits, p-4 is in
    review, p-5 holds a number, p-7 contests; an erasure, a revocation, a contest and a decision wait; a history has
    begun.
    """
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url)
    desk.look_up(desk.held("p-1"), ACCEPTED)
    code, _ = desk.add_codes(2)
    desk.look_up(desk.held("p-1", "code"), desk.code_valid(code))
    desk.look_up(desk.held("p-5", "profession"), claiming("900100", desk.fingerprints))
    desk.look_up(desk.held("p-2"), REFUSED)
    for refused in ("p-7", "p-8"):
        desk.look_up(desk.held(refused), REFUSED)
    contested = desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-7'")
    Requests(desk.engine).do(Request(uuid7(), RequestKind.CONTEST, "participant", check_id=contested, note=b"x"))
    desk.settle(desk.held("p-4", "profession"), NUMBER_TAKEN)
    desk.submit("p-3")
    for kind in ("erase", "revoke"):
        desk.sql(
            "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at)"
            f" VALUES (gen_random_uuid(), '{kind}', 'a clerk', 'budget', 'p-2', now())"
        )
    for row in (
        "jurat_pauses VALUES ('towns', now(), now() + interval '1 hour', 'x')",
        "jurat_outcomes VALUES ('towns', 1, 'name_differs', 1)",
        "jurat_upkeep VALUES ('leases', now())",
        "jurat_missing_keys VALUES ('aa', now(), now(), 'towns')",
        (
            "jurat_workers SELECT gen_random_uuid(), 'h', 'n', '', '', now(), now(), 1, 0, NULL, 1, '[]', '[]', true,"
            " false"
        ),
        "jurat_allowances (login, per_hour) VALUES ('app', 100)",
        "jurat_consultations (name, document, published_by, published_at) VALUES ('c', '{}', 'me', now())",
        (
            "jurat_datasets (id, name, version, state, kind, language, digest, data_date, imported_by, imported_at)"
            " VALUES (1, 'd', 1, 'active', '', '', '', '', 'me', now())"
        ),
        (
            "jurat_requests (id, kind, check_id, note, note_key, by_whom, asked_at) SELECT gen_random_uuid(),"
            " 'contest', id, 'x', 'k', 'participant', now() FROM jurat_checks WHERE participant = 'p-8'"
        ),
        (
            "jurat_requests (id, kind, check_id, reason, by_whom, asked_at) SELECT gen_random_uuid(), 'decide', id,"
            " 'person_accepted', 'a clerk', now() FROM jurat_checks WHERE participant = 'p-7'"
        ),
    ):
        desk.sql(f"INSERT INTO {row}")
    desk.sql("SELECT jurat_open_for_review(id, sha256('x'), 'a clerk') FROM jurat_checks WHERE participant = 'p-4'")
    begin(desk.engine, ADMIN)
    assert found(url) == []
    desk.close()
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def copied(postgresql_server: Databases, filled: str) -> Iterator[str]:
    url = postgresql_server.create(template=filled)
    yield url
    postgresql_server.drop(url)


def found(url: str) -> list[str]:
    """What `db verify` finds."""
    engine = open_engine(url)
    sealed = verify_history(engine, [], None)
    assert sealed is not None
    said = [each.what for each in verify_checks(engine) + verify_configured(engine)]
    said += [each.what for each in sealed.contradictions]
    said += [each.what for page in verify_access(engine) for each in page.found]
    engine.dispose()
    return said


def decided(url: str) -> list[object]:
    with plain(url) as owner:
        return [
            owner.execute(sql).fetchall()
            for sql in (
                "SELECT check_id, revision, outcome FROM jurat_verdicts ORDER BY 1, 2",
                "SELECT participant, access, questions FROM jurat_access WHERE participant NOT LIKE 'p-9%' ORDER BY 1",
            )
        ]


def test_the_worst_of_each_right_to_write_is_tried() -> None:
    """docs.generate holds their reasons against the same list."""
    tried = set[tuple[str, DatabaseRole, str]]()
    for attempts in (forgeries.BY, permitted.FOUND, permitted.SEALED, permitted.SHOWN):
        for role, statements in attempts.items():
            tried.update(used(role, statements))
    assert set(given()) - tried == set()


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, attempts in permitted.FOUND.items() for each in attempts]
)
def test_what_passes_is_found(copied: str, role: DatabaseRole, statement: str) -> None:
    with Logins(copied) as logins, logins.connection(role) as connection:
        assert refusal(connection, statement) is None
        assert connection.execute("SELECT 1").fetchone()
    assert any(each.startswith(permitted.FOUND[role][statement]) for each in found(copied)), found(copied)


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, attempts in permitted.SEALED.items() for each in attempts]
)
def test_what_passes_is_found_in_a_sealed_history(
    copied: str, tmp_path: Path, role: DatabaseRole, statement: str
) -> None:
    engine = open_engine(copied)
    Sealer(engine, SigningKey.generate(), tmp_path / "heads").turn()
    engine.dispose()
    assert found(copied) == []
    with Logins(copied) as logins, logins.connection(role) as connection:
        assert refusal(connection, statement) is None
    assert found(copied) == [permitted.SEALED[role][statement]]


@pytest.mark.parametrize("role", permitted.SHOWN)
def test_what_passes_decides_nothing(copied: str, role: DatabaseRole) -> None:
    before = decided(copied)
    with Logins(copied) as logins, logins.connection(role) as connection, plain(copied) as owner:
        login = make_url(logins.url(role)).username
        for statement, shown in permitted.SHOWN[role].items():
            assert refusal(connection, statement) is None, statement
            assert connection.execute("SELECT 1").fetchone()
            row = owner.execute(shown.replace(":login", f"'{login}'").encode()).fetchone()
            assert row == (True,), statement
    assert decided(copied) == before


def test_an_invented_lookup_is_taken_once_and_its_login_stays(copied: str) -> None:
    """Nothing in the database tells it from a lookup that took place."""
    with Logins(copied) as logins, logins.connection(DatabaseRole.WORKER) as connection:
        login = make_url(logins.url(DatabaseRole.WORKER)).username
        assert refusal(connection, permitted.INVENTED) is None
        engine = open_engine(logins.url(DatabaseRole.WORKER))
        with engine.begin() as accessing:
            AccessRows().add_up(accessing, {("budget", "p-3")})
        engine.dispose()
        assert found(copied) == []
        row = connection.execute(
            "SELECT login, now() - decided_at < interval '1 minute' FROM jurat_verdicts"
            f" WHERE check_id = {permitted.WAITING}".encode()
        ).fetchone()
        assert row == (login, True)
        assert refusal(connection, permitted.INVENTED.replace("accepted", "refused")), "it decides no check again"


def test_what_honest_programs_do_is_let_through(copied: str) -> None:
    """Under the login of a worker. The owner's tests know nothing of guards."""
    desk = Desk(copied)
    asked = Request(uuid7(), RequestKind.REVOKE, ADMIN, consultation="budget", participant="p-5")
    with Logins(copied) as logins, logins.connection(DatabaseRole.ACCOUNTS) as platform:
        engine = open_engine(logins.url(DatabaseRole.WORKER))
        desk.claims = Claims(engine, keys=Unseal([PRIVATE_KEY]).key_ids)
        desk.verdict_writer = VerdictWriter(engine)
        desk.look_up(desk.claim_one(), REFUSED, retain=3600.0)
        platform.execute("SELECT jurat_transfer('budget', 'p-1', 'p-6', 'me'), jurat_erase('p-5', 'budget')")
        Requests(desk.engine).do(asked)  # after the erasure was asked for, so that its row comes later
        Requests(engine).apply_waiting()
        engine.dispose()
    assert desk.access("p-6") == "granted"
    erased = desk.sql(
        "SELECT participant FROM jurat_claims UNION SELECT participant FROM jurat_requests WHERE id = :id"
        " UNION SELECT participant FROM jurat_checks WHERE question = 'profession' AND state = 'settled'",
        id=asked.id,
    )
    assert [row[0].startswith("erased-") for row in erased] == [True], "one id, in all of them"
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'pending'") == 0
    desk.close()
    assert found(copied) == []
