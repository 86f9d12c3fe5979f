"""Publishing consultations: the blocks of the page run, on both engines where both are spoken of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from config.lint import lint
from jurat.database import open_engine
from store.configurations.publisher import ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.upkeep.upkeep import Upkeep
from tests.docs.pages import ROOT, block, blocks

PAGE = ROOT / "docs" / "platforms" / "publish-consultations.md"
CALL, INSERT = "jurat_publish_consultation(", "INSERT INTO jurat_consultations"


@dataclass
class Platform:
    """A database with the page's configuration; `names` are those that its blocks expect."""

    engine: Engine
    names: dict[str, Any]

    @property
    def postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def run(self, holding: str) -> None:
        exec(compile(block(PAGE, "python", holding), PAGE.name, "exec"), self.names)

    def sql(self, holding: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(block(PAGE, "sql", holding)), values)
            return list(result.mappings()) if result.returns_rows else []

    def work(self) -> None:
        with capture_logs():
            Upkeep(self.engine).apply_publications()


@pytest.fixture
def platform(database_url: str, tmp_path: Path) -> Iterator[Platform]:
    (tmp_path / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    report = lint([tmp_path / "jurat.yaml"])
    assert report.configuration is not None, str(report)
    engine = open_engine(database_url)
    publisher = ConfigPublisher(engine)
    publisher.apply(report.configuration, "an administrator")
    import_zones(engine, [NewZone("old-town", "Old Town", "a", b"\0")], "an administrator")
    made = Platform(engine, {"database_url": database_url, "engine": engine})
    yield made
    if "client" in made.names:
        made.names["client"].close()
    engine.dispose()


def test_what_there_is_to_choose_from(platform: Platform) -> None:
    rows = platform.sql("FROM jurat_criteria")
    assert [row["name"] for row in rows] == ["has-code", "is-member", "lives-in"]


def test_python_publishes_and_sees_what_came_of_it(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.run("publish_consultation(")
    assert platform.names["revision"] == 1
    platform.run("client.publication(")
    platform.work()
    platform.run("client.publication(")
    assert capsys.readouterr().out == "waiting 1 None\npublished 1 None\n"
    (row,) = platform.sql("AS in_force", name="summer")
    assert (row["answered_revision"], row["refused"], bool(row["in_force"])) == (1, None, True)


def test_what_is_wrong_is_printed(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    code = block(PAGE, "python", "publish_consultation(").replace('"zone": "old-town"', '"zone": "oldtown"')
    exec(compile(code, PAGE.name, "exec"), platform.names)
    platform.work()
    platform.run("client.publication(")
    place = "consultations.summer.questions.residence.with.zone"
    assert capsys.readouterr().out.startswith(f"refused 1 {place}: zone 'oldtown' is not imported")


def test_a_name_that_cannot_be_used_is_printed(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    code = block(PAGE, "python", "publish_consultation(").replace('"summer"', '"Summer"')
    exec(compile(code, PAGE.name, "exec"), platform.names)
    assert capsys.readouterr().out.startswith("name a name has lower-case letters")


def test_sql_does_the_same(platform: Platform) -> None:
    platform.run("publish_consultation(")
    given = {"name": "autumn", "document": json.dumps(platform.names["document"]), "published_by": "Iris Morel"}
    for _ in range(2):
        platform.sql(CALL if platform.postgresql else INSERT, **given)
    platform.work()
    (row,) = platform.sql("AS in_force", name="autumn")
    assert (row["revision"], row["answered_revision"], row["refused"], bool(row["in_force"])) == (2, 2, None, True)


def test_the_page_has_each_state_and_no_block_is_left_out() -> None:
    from jurat import PublicationState

    states = re.findall(r"^- `(\w+)` \(", PAGE.read_text("utf-8"), re.MULTILINE)
    assert states == list(PublicationState)
    assert (len(blocks(PAGE, "python")), len(blocks(PAGE, "sql")), len(blocks(PAGE, "yaml"))) == (2, 4, 1)
