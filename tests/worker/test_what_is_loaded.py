"""What a worker process loads: nothing of the commands, of what only tests a description or imports a file, nor what
costs memory and is used for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import examples.sources
from jurat.seal import key_to_text
from tests.rigs.workers import Worker
from tests.store.desk import DOCUMENT, PRIVATE_KEY, Desk
from tests.worker.engine.works import soon

EXAMPLES = Path(examples.sources.__file__).parent
NEVER = re.compile(r"(cli|adapters\.registry_tests|adapters\.zone_import|sqlalchemy\.orm)(\..+)?")


class Typed(Worker):
    """The same worker, started by `bin/jurat worker`."""

    def _command(self) -> list[str]:
        celery = super()._command()
        return [celery[0], "-m", "cli", *celery[celery.index("worker") :]]


@pytest.fixture
def desk(sqlite_url: str) -> Any:
    sources: Mapping[str, Any] = {
        **DOCUMENT["sources"],
        "streets": {"type": "addok", "url": "http://127.0.0.1:9/search"},
        "registry": YAML(typ="safe").load(EXAMPLES / "registry.yaml"),
    }
    made = Desk(sqlite_url, {**DOCUMENT, "sources": sources})
    yield made
    made.close()


def loaded(desk: Desk, kind: type[Worker]) -> set[str]:
    """The modules of `NEVER` that a worker has imported once it has done a check."""
    environment = {
        "JURAT_DATABASE_URL": desk.url,
        "JURAT_BROKER_URL": "none",
        "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
        "JURAT_HASH_KEYS": key_to_text(bytes(32)),
        "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    desk.submit()
    with kind(environment) as worker:
        assert soon(lambda: desk.one("SELECT count(*) FROM jurat_verdicts") == 1)
        log = worker.log
    modules = {found[1] for found in re.finditer(r"^import time: .*\| +([\w.]+)$", log, re.MULTILINE)}
    assert {"adapters.registry.adapter", "adapters.address.geocoders.addok", "worker.engine.writer"} <= modules
    return {name for name in modules if NEVER.fullmatch(name)}


def test_celerys_worker_loads_no_command_no_test_and_no_import(desk: Desk) -> None:
    assert loaded(desk, Worker) == set()


@pytest.mark.slow
def test_the_worker_command_loads_itself_alone(desk: Desk) -> None:
    entry = {"cli", "cli.__main__", "cli.main", "cli.command", "cli.output", "cli.commands", "cli.commands.worker"}
    assert loaded(desk, Typed) <= entry
