"""How to review answers: its commands work as shown, and its Python and SQL do what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey, SealedBox
from psycopg.errors import InsufficientPrivilege
from ruamel.yaml import YAML
from sqlalchemy import make_url, text

from config.lint import lint
from jurat import Check
from jurat.ids import uuid7
from jurat.seal import Seal
from jurat.vocabulary import Reason
from tasks.checks import Review
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal
from tests.rigs.logins import Logins, plain
from tests.store.desk import PUBLIC_KEY, REFUSED, Desk

PAGE = ROOT / "docs" / "reviewers" / "review-answers.md"
CONFIGURATION: Mapping[str, Any] = YAML(typ="safe").load(block(PAGE, "yaml"))
SEAL = Seal(PUBLIC_KEY)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = Desk(database_url, CONFIGURATION)
    yield desk
    desk.close()


def sql(desk: Desk, holding: str, **values: Any) -> list[Mapping[str, Any]]:
    """Run one of the page's SQL blocks; its rows by name."""
    statement = block(PAGE, "sql", holding)
    with desk.engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return [dict(row._mapping) for row in result] if result.returns_rows else []


def submitted(desk: Desk, participant: str = "p-1") -> Check:
    return desk.submit(participant, "profession", answer={"number": "1"})


def refused(desk: Desk, participant: str = "p-1") -> Check:
    check = submitted(desk, participant)
    desk.settle(desk.claim_one("magic"), REFUSED)
    return check


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    (tmp_path / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    assert lint([tmp_path / "jurat.yaml"]).problems == ()


@pytest.mark.slow
def test_a_reviewer_does_as_shown(terminal: Terminal, clone: Path) -> None:
    (clone / "try-reviews.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    terminal.follow(PAGE)


def test_a_platform_contests_in_python(desk: Desk) -> None:
    names: dict[str, Any] = {"engine": desk.engine, "client": desk.client, "check": refused(desk)}
    exec(compile(block(PAGE, "python", "contest"), PAGE.name, "exec"), names)
    assert became(desk, names["contest"]) == (False, None)
    assert desk.upkeep.do_requests() == 1
    assert became(desk, names["contest"]) == (True, None)
    assert desk.access() == "pending"


def became(desk: Desk, request: UUID) -> tuple[bool, str | None]:
    (row,) = sql(desk, "SELECT applied_at, refused", id=desk.id(request))
    return row["applied_at"] is not None, row["refused"]


def contest(desk: Desk, check: Check) -> UUID:
    values = {"check_id": desk.id(check.id), "note": SEAL.close(b"look"), "note_key": SEAL.key_id, "document": "d-7"}
    if desk.postgresql:
        (row,) = sql(desk, "jurat_contest(", **values)
        return UUID(str(row["jurat_contest"]))
    identifier = uuid7()
    sql(desk, "'contest'", id=str(identifier), **values)
    return identifier


def decide(desk: Desk, check: Check, reason: str, by_whom: str) -> UUID:
    values = {"check_id": desk.id(check.id), "reason": reason, "by_whom": by_whom}
    if desk.postgresql:
        (row,) = sql(desk, "jurat_decide(", **values)
        return UUID(str(row["jurat_decide"]))
    identifier = uuid7()
    sql(desk, "'decide'", id=str(identifier), **values)
    return identifier


def test_a_platform_and_a_back_office_do_with_sql_alone(desk: Desk) -> None:
    check = refused(desk)
    asked = contest(desk, check)
    desk.upkeep.do_requests()
    assert became(desk, asked) == (True, None)
    (row,) = sql(desk, "FROM jurat_review_queue WHERE", consultation="budget")
    assert (UUID(str(row["check_id"])), row["reason"], bool(row["contested"])) == (check.id, "status_inactive", True)
    assert row["document"] == "d-7"
    decide(desk, check, "person_accepted", "clerk-7")
    desk.upkeep.do_requests()
    (row,) = sql(desk, "FROM jurat_review_queue WHERE", consultation="budget")
    assert "clerk-7" in str(row["words"])
    decide(desk, check, "person_accepted", "clerk-8")
    desk.upkeep.do_requests()
    assert desk.access() == "granted"
    assert sql(desk, "FROM jurat_review_queue WHERE", consultation="budget") == []
    if desk.postgresql:
        (row,) = sql(desk, "jurat_open_review(", check_id=check.id, by_whom="clerk-7")
        opened = UUID(str(row["jurat_open_review"]))
    else:
        opened = uuid7()
        changed = block(PAGE, "sql", "'decide'").replace("'decide'", "'open'").replace(":reason", "NULL")
        with desk.engine.begin() as connection:
            given = {"id": str(opened), "check_id": str(check.id), "by_whom": "clerk-7"}
            connection.execute(text(changed), given)
    desk.upkeep.do_requests()
    assert became(desk, opened) == (True, None)
    assert desk.row(check.id, "state") == "review"


def test_a_back_office_with_the_functions_alone_can_do_nothing_else(desk: Desk) -> None:
    if not desk.postgresql:
        pytest.skip("SQLite knows no users")
    check = refused(desk)
    with Logins(desk.url) as logins:
        url = logins.url()
        user = make_url(url).username
        assert user
        with plain(desk.url) as owner:
            owner.execute(block(PAGE, "sql", "GRANT EXECUTE").replace("TO backoffice", f"TO {user}").encode())
        with plain(url) as office:
            assert office.execute("SELECT check_id FROM jurat_review_queue").fetchall() == []
            office.execute("SELECT jurat_open_review(check_id => %s, by_whom => 'clerk-7')", (check.id,))
            desk.upkeep.do_requests()
            assert office.execute("SELECT check_id FROM jurat_review_queue").fetchall() == [(check.id,)]
            office.execute("SELECT jurat_decide(%s, 'person_accepted', 'clerk-7')", (check.id,))
            for refused_to_it in (
                "SELECT answer FROM jurat_checks",
                "SELECT sealed FROM jurat_openings",
                "SELECT note FROM jurat_requests",
                "UPDATE jurat_checks SET state = 'settled'",
                "INSERT INTO jurat_requests (id) VALUES (NULL)",
                "UPDATE jurat_access SET access = 'granted'",
                "INSERT INTO jurat_verdicts SELECT * FROM jurat_verdicts",
            ):
                with pytest.raises(InsufficientPrivilege):
                    office.execute(refused_to_it)
        with plain(desk.url) as owner:
            owner.execute(f"DROP OWNED BY {user}".encode())


def test_a_back_office_reads_an_answer_in_python(desk: Desk) -> None:
    check = submitted(desk)
    desk.settle(desk.claim_one("magic"), Review(Reason.NAME_DIFFERS, 3600))
    turns = SimpleNamespace(sleep=lambda _: desk.upkeep.open_answers())
    names: dict[str, Any] = {"engine": desk.engine, "client": desk.client, "check": check, "time": turns}
    exec(compile(block(PAGE, "python", "open_for_review"), PAGE.name, "exec"), names)
    assert (names["read"].answer, names["read"].note) == ({"number": "1"}, None)


def test_a_back_office_reads_an_answer_by_sql_alone(desk: Desk) -> None:
    check, pair = submitted(desk), PrivateKey.generate()
    desk.settle(desk.claim_one("magic"), Review(Reason.NAME_DIFFERS, 3600))
    values = {"check_id": desk.id(check.id), "reader_key": bytes(pair.public_key), "by_whom": "clerk-7"}
    if desk.postgresql:
        ((asked,),) = [row.values() for row in sql(desk, "jurat_open_for_review(check_id", **values)]
    else:
        asked = str(uuid7())
        sql(desk, "INTO jurat_openings", id=asked, **values)
    read = block(PAGE, "sql", "FROM jurat_opened(")
    if not desk.postgresql:
        read = read.replace("jurat_opened(:id)", "jurat_openings WHERE id = :id")
    assert [tuple(row) for row in desk.sql(read, id=asked)] == [(None, None, None)]
    desk.upkeep.open_answers()
    (row,) = (row._mapping for row in desk.sql(read, id=asked))
    plain = json.loads(SealedBox(pair).decrypt(bytes(row["sealed"])))
    assert (plain, row["refused"]) == ({"answer": {"number": "1"}, "note": None, "places": None}, None)


def test_what_a_worker_finds_stands_in_refused(desk: Desk) -> None:
    check = submitted(desk)
    desk.settle(desk.claim_one("magic"), Review(Reason.NAME_DIFFERS, 3600))
    ids = [decide(desk, check, "person_accepted", by_whom) for by_whom in ("clerk-7", "clerk-8", "clerk-9")]
    desk.upkeep.do_requests()
    said = [became(desk, each)[1] for each in ids]
    (late,) = [each for each in said if each is not None]  # any of them: they were asked in one millisecond
    assert "is decided already: accepted, person_accepted (revision 1)" in late


def test_every_block_is_run_by_one_of_these_tests() -> None:
    assert (len(blocks(PAGE, "python")), len(blocks(PAGE, "sql"))) == (2, 11)
