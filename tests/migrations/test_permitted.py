"""Each right to write has a statement that tries the worst: it is refused, found, or harmless as said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from docs.rights import writes
from docs.texts import meanings
from jurat.database import open_engine
from store.history.sealer import begin
from store.history.verification import verify_history
from store.schema.grants import RIGHTS, Role, rights_of
from store.verification import verify_access, verify_checks
from tests.migrations import forgeries, permitted
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases
from tests.store.desk import ACCEPTED, ADMIN, NUMBER_TAKEN, REFUSED, Desk, attempt, claiming

WRITES = {
    (role, table, privilege)
    for table in RIGHTS
    for role in Role
    for privilege in rights_of(role, table)
    if privilege != "SELECT"
}
_WRITTEN = re.compile(r"(INSERT)\s+INTO (jurat_\w+)|(UPDATE) (jurat_\w+)|(DELETE) FROM (jurat_\w+)")


def written(role: Role, statements: object) -> set[tuple[Role, str, str]]:
    """The rights that statements use."""
    assert isinstance(statements, (list, dict))
    found = (each for statement in statements for each in _WRITTEN.finditer(statement))
    return {(role, *reversed([part for part in each.groups() if part])) for each in found}  # type: ignore[misc]


@pytest.fixture(scope="module")
def filled(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[str]:
    """A database that is copied: p-1 has access by an address and a code, p-2 was refused, p-3 waits, p-4 is in
    review, p-5 holds a number; an erasure and a revocation wait; a history has begun.
    """
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url)
    desk.settle(desk.held("p-1"), ACCEPTED, attempt=attempt())
    code, _ = desk.add_codes(2)
    desk.settle(desk.held("p-1", "code"), desk.code_valid(code), attempt=attempt())
    desk.settle(desk.held("p-5", "profession"), claiming("900100", desk.fingerprints), attempt=attempt())
    desk.settle(desk.held("p-2"), REFUSED)
    desk.settle(desk.held("p-4", "profession"), NUMBER_TAKEN)
    desk.submit("p-3")
    for kind in ("erase", "revoke"):
        desk.sql(
            "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at)"
            f" VALUES (gen_random_uuid(), '{kind}', 'a clerk', 'budget', 'p-2', now())"
        )
    for row in (
        "jurat_pauses VALUES ('towns', now(), now() + interval '1 hour', 'x')",
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
        "jurat_dataset_streets VALUES (1, 1, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0)",
        "jurat_dataset_houses VALUES (1, 1, 1, '', 1, '', 0, 0)",
        "jurat_dataset_words VALUES (1, 'old')",
        "jurat_roster_entries VALUES (1, 1, 'x', '{}')",
    ):
        desk.sql(f"INSERT INTO {row}")
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
    said = [each.what for each in verify_checks(engine)] + [each.what for each in sealed.contradictions]
    said += [each.what for page in verify_access(engine) for each in page.found]
    engine.dispose()
    return said


def decided(url: str) -> list[object]:
    with plain(url) as owner:
        return [
            owner.execute(sql).fetchall()
            for sql in (
                "SELECT check_id, revision, outcome FROM jurat_verdicts ORDER BY 1, 2",
                "SELECT participant, access, questions FROM jurat_access WHERE participant <> 'p-99' ORDER BY 1",
            )
        ]


def test_each_right_to_write_is_tried_and_has_its_reason() -> None:
    tried = set[tuple[Role, str, str]]()
    for role in Role:
        for attempts in (forgeries.BY, permitted.FOUND, permitted.SHOWN):
            tried |= written(role, attempts.get(role, {}))
    assert tried >= WRITES
    assert {(role, table, right) for table, role, right, _ in writes(meanings()["writes"])} == WRITES


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, attempts in permitted.FOUND.items() for each in attempts]
)
def test_what_passes_is_found(copied: str, role: Role, statement: str) -> None:
    with Logins(copied) as logins, logins.connection(role) as connection:
        assert refusal(connection, statement) is None
        assert connection.execute("SELECT 1").fetchone()
    assert any(each.startswith(permitted.FOUND[role][statement]) for each in found(copied)), found(copied)


@pytest.mark.parametrize("role", permitted.SHOWN)
def test_what_passes_decides_nothing(copied: str, role: Role) -> None:
    before = decided(copied)
    with Logins(copied) as logins, logins.connection(role) as connection, plain(copied) as owner:
        login = make_url(logins.url(role)).username
        for statement, shown in permitted.SHOWN[role].items():
            assert refusal(connection, statement) is None, statement
            assert connection.execute("SELECT 1").fetchone()
            row = owner.execute(shown.replace(":login", f"'{login}'").encode()).fetchone()
            assert row == (True,), statement
    assert decided(copied) == before
