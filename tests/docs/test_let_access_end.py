"""How to let access end: its configuration is taken, and what it shows of a platform is what a platform sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.lint import lint
from tests.docs.pages import ROOT, block
from tests.store.desk import REFUSED, Desk
from tests.store.passing import let_pass

PAGE = ROOT / "docs" / "platforms" / "let-access-end.md"
WHO = {"consultation": "budget", "participant": "p-42"}


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    desk = Desk(sqlite_url, YAML(typ="safe").load(block(PAGE, "yaml", "consultations:")))
    yield desk
    desk.close()


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(PAGE, "yaml", "consultations:"), "utf-8")
    assert lint([file]).problems == ()


def shown(desk: Desk) -> dict[str, Any]:
    """What the page's own lines give."""
    names: dict[str, Any] = {"client": desk.client}
    lines = block(PAGE, "python", "granted_until").splitlines()
    exec(lines[0], names)
    found = {line.partition(" ")[0]: eval(line.partition("#")[0], names) for line in lines[1:]}
    return {**found, "may_take_part": desk.one(block(PAGE, "sql", "may_take_part"), **WHO)}


def test_an_access_is_granted_renewed_and_ends_as_the_page_says(desk: Desk) -> None:
    for question in ("residence", "code"):
        desk.settle(desk.held("p-42", question))
    found = shown(desk)
    assert found["access.renewable"] == []
    assert found["may_take_part"]
    let_pass(desk, 306)
    desk.upkeep.add_up_access()
    assert shown(desk)["access.renewable"] == ["residence"]
    desk.settle(desk.held("p-42"), REFUSED)
    assert shown(desk)["access.renewable"] == ["residence"], "of two rounds one is left"
    until = shown(desk)["access.granted_until"]
    assert until is not None
    let_pass(desk, 60)
    assert desk.access("p-42") == "granted", "no worker has come"
    assert not shown(desk)["may_take_part"]
    desk.upkeep.add_up_access()
    assert desk.access("p-42") == "incomplete"
    desk.settle(desk.held("p-42"))
    assert desk.access("p-42") == "granted"
