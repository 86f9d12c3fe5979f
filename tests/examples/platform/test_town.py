"""The invented town: its people, its proposals and its questions, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.examples.stacks.runtimes import EXAMPLES

pytestmark = [pytest.mark.stacks, pytest.mark.usefixtures("libraries")]


def texts(value: Any) -> Iterator[dict[str, str]]:
    """Every text in two languages."""
    if isinstance(value, dict):
        if set(value) == {"en", "fr"}:
            yield value
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def test_it_is_made_once(sqlite_url: str) -> None:
    from sqlalchemy import func, select

    from examples.platform import town
    from examples.platform.web import store
    from jurat.database import open_engine

    engine = open_engine(sqlite_url)
    assert town.seed(engine)
    assert not town.seed(engine)
    with engine.begin() as connection:
        made = [connection.scalar(select(func.count()).select_from(table)) for table in (store.accounts, store.office)]
        assert made == [3, 2]
        assert [each.name for each in store.all_consultations(connection)] == ["care", "budget"]
        assert connection.scalar(select(func.count()).select_from(store.votes)) == 0
        for person in town.PEOPLE:
            in_office = person.role != store.PARTICIPANT
            recipe = store.recipe_of(connection, person.name, in_office=in_office)
            assert recipe is not None
            known = store.derived(town.PASSWORD, recipe)
            found = store.enter(connection, person.name, known, in_office=in_office)
            assert found is not None
            assert found.role == person.role
            assert re.fullmatch("p-[0-9a-f]{32}", found.participant)  # what jurat gets names no one
    engine.dispose()


def test_what_jurat_has_of_it_may_be_seeded_again(sqlite_url: str, tmp_path: Path) -> None:
    from config.settings import Settings
    from examples.platform import seed
    from jurat.seal import key_to_text
    from store.queries import Queries
    from worker.service import open_service

    settings = Settings.model_validate({"database_url": sqlite_url, "hash_keys": [key_to_text(b"h" * 32)]})
    service = open_service(settings)
    codes = [seed.seed(service, "http://127.0.0.1:9", tmp_path) for _ in range(2)]
    assert len({*codes[0], *codes[1]}) == 2 * seed.LETTERS
    assert isinstance(service.queries, Queries)
    with service.database.begin() as connection:
        (versions, zones) = (
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("jurat_configs", "jurat_zones")
        )
        distinct = connection.exec_driver_sql("SELECT count(DISTINCT name) FROM jurat_zones").scalar()
    assert (versions, zones) == (1, distinct)
    service.close()


def test_each_text_stands_in_both_languages() -> None:
    from examples.platform import town

    asked = YAML(typ="safe").load((EXAMPLES / "platform" / "jurat.yaml").read_text("utf-8"))
    found = [*texts(town.BUDGET), *texts(town.CARE), *texts(asked)]
    assert len(found) > 20
    for each in found:
        assert each["en"].strip()
        assert each["fr"].strip()
        assert "'" not in each["fr"]
        assert not re.search(r"[^\u202f][;!?]", each["fr"]), each["fr"]


def test_identities_of_proposals_are_unique() -> None:
    from examples.platform import town

    for proposals in (town.BUDGET, town.CARE):
        names = [each["id"] for each in proposals]
        assert len(names) == len(set(names))
