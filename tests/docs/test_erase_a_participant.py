"""Erase a participant: the page's commands work as shown, and its Python and SQL do what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import text

from config.lint import lint
from jurat.ids import uuid7
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal
from tests.store.desk import Desk

PAGE = ROOT / "docs" / "platforms" / "erase-a-participant.md"
CONFIGURATION: Mapping[str, Any] = YAML(typ="safe").load(block(PAGE, "yaml"))


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = Desk(database_url, CONFIGURATION)
    yield desk
    desk.close()


def sql(desk: Desk, holding: str, **values: Any) -> list[Any]:
    """Run one of the page's SQL blocks."""
    with desk.engine.begin() as connection:
        result = connection.execute(text(block(PAGE, "sql", holding)), values)
        return list(result) if result.returns_rows else []


def participants(desk: Desk) -> list[str]:
    return [row[0] for row in desk.sql("SELECT participant FROM jurat_checks ORDER BY participant")]


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    (tmp_path / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    assert lint([tmp_path / "jurat.yaml"]).problems == ()


@pytest.mark.slow
def test_an_administrator_does_as_shown(terminal: Terminal, clone: Path) -> None:
    (clone / "try-persons.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    terminal.follow(PAGE)


def test_a_platform_asks_in_python(desk: Desk) -> None:
    desk.submit("p-1")
    desk.submit("p-2")
    names: dict[str, Any] = {"engine": desk.engine, "client": desk.client}
    exec(compile(block(PAGE, "python"), PAGE.name, "exec"), names)
    assert [desk.client.request(names[name]).state for name in ("moved", "erased")] == ["waiting", "waiting"]
    assert desk.upkeep.do_requests() == 2
    assert [desk.client.request(names[name]).state for name in ("moved", "erased")] == ["done", "done"]
    erased, moved = participants(desk)
    assert (erased.startswith("erased-"), moved) == (True, "p-10")


def test_a_platform_asks_by_sql(desk: Desk) -> None:
    desk.submit("p-1")
    given = {"consultation": "budget", "participant": "p-1", "target": "p-10", "by_whom": "the account page"}
    if desk.postgresql:
        ((asked,),) = sql(desk, "jurat_transfer(", **given)
    else:
        asked = str(uuid7())
        sql(desk, "'transfer'", id=asked, **given)
    assert sql(desk, "SELECT applied_at, refused", id=asked) == [(None, None)]
    assert desk.upkeep.do_requests() == 1
    ((applied_at, refused),) = sql(desk, "SELECT applied_at, refused", id=asked)
    assert (applied_at is None, refused, participants(desk)) == (False, None, ["p-10"])
    if desk.postgresql:
        sql(desk, "jurat_revoke(", consultation="budget", participant="p-10", by_whom="clerk-7")
        sql(desk, "jurat_erase(", participant="p-10")
    else:
        sql(desk, "'erase'", id=str(uuid7()), consultation=None, participant="p-10", by_whom="the account page")
    assert desk.upkeep.do_requests() == (2 if desk.postgresql else 1)
    assert participants(desk)[0].startswith("erased-")
