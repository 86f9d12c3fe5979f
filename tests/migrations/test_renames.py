"""A participant is renamed by an erasure or a transfer that is done, and as a whole: who has a login and renames a part
gives no round back, undoes no revocation, and erases no one by word alone. On PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.request_runner import Request, RequestKind, Requests
from store.schema.grants import DatabaseRole
from store.upkeep.purge import Purge
from store.verdicts.access import AccessRows
from store.verification import verify_checks
from tests.migrations.attacks import STRANGER
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins, plain
from tests.store.desk import ACCEPTED, ADMIN, NUMBER_TAKEN, REFUSED, Desk, attempt, claiming
from tests.store.passing import let_be_over

ASKED_BY_ADMIN = (
    "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, target, asked_at)"
    f" VALUES ('{STRANGER}', '{{}}', 'x', {{}}, '{{}}', {{}}, now())"
)
WITHDRAWN = f"UPDATE jurat_requests SET applied_at = now(), refused = 'it was withdrawn' WHERE id = '{STRANGER}'"
DONE = f"UPDATE jurat_requests SET applied_at = now() WHERE id = '{STRANGER}'"
UNNAMED = f"UPDATE jurat_requests SET participant = 'erased-2' WHERE id = '{STRANGER}'"
REVOCATION = "UPDATE jurat_requests SET participant = 'erased-1' WHERE kind = 'revoke'"


def asked(kind: str, participant: str, consultation: str = "'budget'", target: str = "NULL") -> str:
    return ASKED_BY_ADMIN.format(kind, consultation, participant, target)


def renamed(table: str, before: str, after: str, more: str = "true") -> str:
    return f"UPDATE jurat_{table} SET participant = '{after}' WHERE participant = '{before}' AND {more}"


def all_renamed(before: str, after: str) -> tuple[str, ...]:
    return renamed("checks", before, after), renamed("access", before, after)


ATTACKS = {
    "a revocation is renamed, and the access back": (
        asked("erase", "bad"),
        renamed("access", "bad", "erased-1"),
        REVOCATION,
        "UPDATE jurat_access SET participant = 'bad', access = 'granted' WHERE participant = 'erased-1'",
        WITHDRAWN,
    ),
    "a revocation alone": (asked("erase", "bad"), REVOCATION, WITHDRAWN),
    "a revocation, by an erasure that is done": (asked("erase", "bad"), REVOCATION, UNNAMED, DONE),
    "a part of the checks": (
        asked("erase", "spent"),
        renamed("checks", "spent", "erased-1", "question = 'residence'"),
        "UPDATE jurat_access SET rounds_left = '{}' WHERE participant = 'spent'",
        WITHDRAWN,
    ),
    "a part of the checks, transferred": (
        asked("transfer", "spent", target="'other'"),
        renamed("checks", "spent", "other", "question = 'residence'"),
        DONE,
    ),
    "all but a check": (
        asked("transfer", "spent", target="'other'"),
        renamed("checks", "spent", "other", "question = 'residence'"),
        renamed("access", "spent", "other"),
        DONE,
    ),
    "all but the access": (asked("erase", "spent"), renamed("checks", "spent", "erased-1"), UNNAMED, DONE),
    "all but the number": (asked("erase", "holder"), *all_renamed("holder", "erased-1"), UNNAMED, DONE),
    "all but the revocation": (asked("erase", "bad"), *all_renamed("bad", "erased-1"), UNNAMED, DONE),
    "all but the revocation, transferred": (
        asked("transfer", "bad", target="'other'"),
        *all_renamed("bad", "other"),
        DONE,
    ),
    "all, of one whom nobody asked for": (asked("erase", "stays"), *all_renamed("spent", "erased-1")),
    "all, by an erasure that is refused": (asked("erase", "spent"), *all_renamed("spent", "erased-1"), WITHDRAWN),
    "all, by an erasure that waits on": (asked("erase", "spent", "NULL"), *all_renamed("spent", "erased-1")),
    "all, by a transfer that is refused": (
        asked("transfer", "spent", target="'other'"),
        *all_renamed("spent", "other"),
        WITHDRAWN,
    ),
    "an erased one becomes somebody": (
        asked("transfer", "erased-0", target="'spent-2'"),
        *all_renamed("erased-0", "spent-2"),
        DONE,
    ),
    "an erased one becomes somebody, and the request is theirs meanwhile": (
        asked("transfer", "erased-0", target="'spent-2'"),
        *all_renamed("erased-0", "spent-2"),
        f"UPDATE jurat_requests SET participant = 'spent-2' WHERE id = '{STRANGER}'",
        DONE,
        f"UPDATE jurat_requests SET participant = 'erased-0' WHERE id = '{STRANGER}'",
    ),
    "a transfer by word alone": (asked("transfer", "spent", target="'other'"), DONE),
    "a transfer that loses its name, by word alone": (asked("transfer", "spent", target="'other'"), UNNAMED, DONE),
    "all but the answer": (asked("erase", "stays"), *all_renamed("stays", "erased-1"), UNNAMED, DONE),
    "all but the candidates": (
        asked("erase", "spent"),
        "UPDATE jurat_checks SET candidates = 'x' WHERE participant = 'spent'",
        *all_renamed("spent", "erased-1"),
        UNNAMED,
        DONE,
    ),
    "candidates of one who was erased": (
        asked("erase", "spent"),
        "UPDATE jurat_checks SET candidates = 'x' WHERE participant = 'erased-0'",
    ),
    "all but the review": (
        asked("erase", "seen"),
        "UPDATE jurat_checks SET answer = NULL, reply_key = NULL WHERE participant = 'seen'",
        *all_renamed("seen", "erased-1"),
        UNNAMED,
        DONE,
    ),
    "all but the note": (
        asked("erase", "contests"),
        "UPDATE jurat_checks SET state = 'settled' WHERE participant = 'contests'",
        *all_renamed("contests", "erased-1"),
        UNNAMED,
        DONE,
    ),
    "all but the id in a transfer": (asked("erase", "second"), *all_renamed("second", "erased-1"), UNNAMED, DONE),
    "an erasure that takes no one away": (asked("erase", "spent"), DONE),
    "an erasure that takes its own name alone": (asked("erase", "spent"), UNNAMED, DONE),
    "an erasure that takes its own name alone, everywhere": (asked("erase", "spent", "NULL"), UNNAMED, DONE),
    "an erasure that loses its name, and waits": (asked("erase", "spent", "NULL"), UNNAMED),
}


REFUSED_AS = {DatabaseRole.WORKER: ("23000",), DatabaseRole.ADMIN: ("23000", "42501")}
"""An administrator may not touch a revocation at all."""


@dataclass(frozen=True)
class Town:
    """A database in which bad was revoked, spent answered two questions and was refused, holder has a
    number, gone was erased, stays waits, seen and contests are in review, and
    second was first before.
    """

    desk: Desk
    logins: Logins

    def rows(self) -> list[object]:
        return [
            self.desk.sql(f"SELECT * FROM jurat_{table} ORDER BY 1, 2") for table in ("checks", "access", "requests")
        ]

    def ask(self, kind: RequestKind, participant: str, consultation: str | None = "budget", **given: str) -> None:
        Requests(self.desk.engine).do(
            Request(uuid7(), kind, ADMIN, consultation=consultation, participant=participant, **given)  # type: ignore[arg-type]
        )


@pytest.fixture
def town(postgresql_url: str) -> Iterator[Town]:
    desk = Desk(postgresql_url)
    desk.settle(desk.held("bad"), ACCEPTED, attempt=attempt())
    desk.look_up(desk.held("spent"), REFUSED)
    desk.look_up(desk.held("spent", "profession"), REFUSED)
    desk.look_up(desk.held("holder", "profession"), claiming("900100", desk.fingerprints))
    desk.look_up(desk.held("gone"), REFUSED)
    for refused in ("contests", "first"):
        desk.look_up(desk.held(refused), REFUSED)
    desk.settle(desk.held("seen", "profession"), NUMBER_TAKEN)
    desk.submit("stays")
    with desk.engine.begin() as connection:
        contested = desk.one("SELECT id FROM jurat_checks WHERE participant = 'contests'")
        desk.client.contest(connection, contested, note="I moved in May.")
    with Logins(postgresql_url) as logins:
        town = Town(desk, logins)
        town.ask(RequestKind.REVOKE, "bad")
        town.ask(RequestKind.ERASE, "gone")
        town.ask(RequestKind.TRANSFER, "first", target="second")
        Requests(desk.engine).apply_waiting()
        # Its name is random.
        desk.sql("UPDATE jurat_checks SET participant = 'erased-0' WHERE participant LIKE 'erased-%'")
        desk.sql("UPDATE jurat_access SET participant = 'erased-0' WHERE participant LIKE 'erased-%'")
        desk.sql("UPDATE jurat_requests SET participant = 'erased-0' WHERE participant LIKE 'erased-%'")
        yield town
    desk.close()


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.ADMIN])
def test_a_participant_is_renamed_as_a_whole_and_not_by_word_alone(town: Town, role: DatabaseRole) -> None:
    """Someone else asked in the same transaction, so that no request is left over for the next attack."""
    before, passed = town.rows(), {}
    with town.logins.connection(role), plain(town.desk.url) as owner:
        takes = f"SET SESSION AUTHORIZATION {make_url(town.logins.url(role)).username}"
        for name, (asked_for, *attack) in ATTACKS.items():
            if (said := refusal(owner, ";\n".join(("BEGIN", asked_for, takes, *attack, "COMMIT")))) not in REFUSED_AS[
                role
            ]:
                passed[name] = said
            owner.execute("ROLLBACK")
    assert passed == {}
    assert town.rows() == before


def test_an_honest_worker_erases_and_transfers_whomever_it_is_asked_for(town: Town) -> None:
    """By a worker's login: in one consultation and everywhere, asked for twice, once revoked, and once gone before."""
    town.ask(RequestKind.TRANSFER, "spent", target="moved")
    town.ask(RequestKind.RESTORE, "bad")
    town.ask(RequestKind.REVOKE, "bad")
    town.ask(RequestKind.REOPEN, "moved", question="residence")
    with town.logins.connection(DatabaseRole.ACCOUNTS) as platform:
        for asks in (
            "jurat_transfer('budget', 'moved', 'spent', 'me')",
            "jurat_transfer('budget', 'bad', 'worse', 'me')",
            "jurat_erase('worse', 'budget')",
            "jurat_erase('worse')",
            "jurat_erase('worse')",
            "jurat_erase('stays')",
            "jurat_erase('spent', 'budget')",
            "jurat_erase('moved')",
            "jurat_erase('holder')",
            "jurat_erase('second')",
            "jurat_erase('seen')",
            "jurat_erase('contests', 'budget')",
            "jurat_erase('nobody')",
        ):
            platform.execute(f"SELECT {asks}".encode())
        engine = open_engine(town.logins.url(DatabaseRole.WORKER))
        while Requests(engine).apply_waiting():
            pass
        engine.dispose()
    assert town.desk.sql("SELECT kind, refused FROM jurat_requests WHERE applied_at IS NULL") == []
    left = " UNION ".join(
        f"SELECT participant FROM jurat_{table}" for table in ("checks", "access", "claims", "requests")
    )
    assert [row[0] for row in town.desk.sql(left) if row[0] and not row[0].startswith("erased-")] == []
    assert [each.what for each in verify_checks(town.desk.engine)] == []


def test_an_honest_worker_purges_requests_with_their_checks(town: Town) -> None:
    held = town.desk.held("spent", "code")
    town.desk.settle(held, REFUSED)
    for kind, more in ((RequestKind.OPEN, {}), (RequestKind.DECIDE, {"reason": Reason.OUTSIDE_ZONE})):
        Requests(town.desk.engine).do(Request(uuid7(), kind, "a clerk", check_id=held.id, **more))  # type: ignore[arg-type]
    town.ask(RequestKind.REOPEN, "spent", question="residence")
    let_be_over(town.desk)
    engine = open_engine(town.logins.url(DatabaseRole.WORKER))
    for _ in Purge(engine, AccessRows()).pieces():
        pass
    engine.dispose()
    assert town.desk.sql("SELECT kind FROM jurat_requests WHERE kind IN ('open', 'decide', 'reopen')") == []
    assert town.desk.sql("SELECT id FROM jurat_checks WHERE participant = 'spent'") == []
