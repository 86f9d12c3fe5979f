"""How to generate codes in a back office: the blocks of the page run, on both engines where both are spoken of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url, text

from jurat.codes import generate
from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.seal import Seal, key_to_text
from store.requests.code_lists import CodeImporter
from store.upkeep.upkeep import Upkeep
from tests.docs.pages import ROOT, block, blocks
from tests.rigs.logins import Logins, plain
from tests.store.desk import PUBLIC_KEY, Desk

PAGE = ROOT / "docs" / "administrators" / "generate-codes.md"
SEAL = Seal(PUBLIC_KEY)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = Desk(database_url)
    yield desk
    desk.close()


def sql(desk: Desk, holding: str, **values: Any) -> list[Any]:
    with desk.engine.begin() as connection:
        result = connection.execute(text(block(PAGE, "sql", holding)), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def work(desk: Desk) -> None:
    Upkeep(desk.engine, CodeImporter(desk.unseal, desk.fingerprints)).do_requests()


def run(holding: str, names: dict[str, Any]) -> None:
    exec(compile(block(PAGE, "python", holding), PAGE.name, "exec"), names)


def names_of(url: str) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=30)
    return {"database_url": url, "seal_key": key_to_text(PUBLIC_KEY), "engine": open_engine(url), "expires": expires}


def put_away(names: dict[str, Any]) -> None:
    names["client"].close()
    names["engine"].dispose()


def test_python_asks_and_sees_what_came_of_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    names = names_of(desk.url)
    run("add_codes(", names)
    run("client.request(", names)
    work(desk)
    run("client.request(", names)
    assert capsys.readouterr().out == "waiting None\ndone None\n"
    assert sql(desk, "FROM jurat_code_lists ORDER") == [("spring", 500, 0, 0, 0)]
    put_away(names)


def test_sql_does_the_same(desk: Desk) -> None:
    given = {"code_list": "spring", "codes": SEAL.close(json.dumps([generate()]).encode()), "codes_key": SEAL.key_id}
    given |= {"by_whom": "Iris Morel"}
    if desk.postgresql:
        ((request,),) = sql(desk, "jurat_add_codes(", **given)
    else:
        request = str(uuid7())
        sql(desk, "INSERT INTO jurat_requests", **given, id=request, expires_at=None)
    work(desk)
    ((applied_at, refused),) = sql(desk, "SELECT applied_at", id=request)
    assert (applied_at is not None, refused) == (True, None)
    assert sql(desk, "FROM jurat_code_lists ORDER") == [("spring", 1, 0, 0, 0)]


def test_a_back_office_with_these_rights_needs_no_others(desk: Desk) -> None:
    if not desk.postgresql:
        pytest.skip("SQLite knows no users")
    with Logins(desk.url) as logins:
        url = logins.url()
        user = make_url(url).username
        assert user
        with plain(desk.url) as owner:
            owner.execute(block(PAGE, "sql", "GRANT EXECUTE").replace("TO backoffice", f"TO {user}").encode())
        names = names_of(url)
        run("add_codes(", names)
        work(desk)
        run("client.request(", names)
        assert names["result"].state == "done"
        put_away(names)
        with plain(url) as office:
            assert office.execute(block(PAGE, "sql", "FROM jurat_code_lists ORDER").encode()).fetchall() == [
                ("spring", 500, 0, 0, 0)
            ]
            for refused in ("SELECT note FROM jurat_requests", "SELECT * FROM jurat_codes", "TABLE jurat_checks"):
                with pytest.raises(InsufficientPrivilege):
                    office.execute(refused.encode())
        with plain(desk.url) as owner:
            owner.execute(f"DROP OWNED BY {user}".encode())


def test_every_block_is_run_by_one_of_these_tests() -> None:
    assert (len(blocks(PAGE, "python")), len(blocks(PAGE, "sql"))) == (2, 5)
