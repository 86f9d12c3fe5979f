from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.sources import Mood, Sources
from jurat.seal import generate, key_to_text
from tests.adapters.registry import described

ROOT = Path(__file__).resolve().parents[2]
ANSWER = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
LARGE = ("anyascii", "numpy", "rapidfuzz", "rich", "shapely")
WORK = f"""
import json, sys
import cli.commands.worker
from worker.app import app
from adapters.base import Query
from config.configuration import Configuration
from config.document import Document
from config.settings import read_settings
from worker.plan_builder import make_plan
from store.schema.migrations import upgrade
from worker.service import open_service

configuration = Configuration.of(Document.model_validate(json.loads(sys.argv[1])))
service = open_service(read_settings())
upgrade(service.database)
networks = service.settings.private_networks
plan = make_plan(1, configuration, service.queries, service.fingerprints, private_networks=networks)
answer = json.loads(sys.argv[2])
print(*[source.look_up(Query(answer)).reason for source in plan.sources.values()])
print(*[name for name in {LARGE} if name in sys.modules])
"""


def loaded_by(source: dict[str, Any], answer: dict[str, str], folder: Path) -> tuple[str, set[str]]:
    """The reason that a worker of one source gave for one answer, and which of the large libraries it has loaded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
    environment |= {
        "JURAT_DATABASE_URL": f"sqlite:///{folder / 'jurat.db'}",
        "JURAT_BROKER_URL": "none",
        "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
        "JURAT_UNSEAL_KEYS": key_to_text(generate()[0]),
        "JURAT_HASH_KEYS": key_to_text(bytes(32)),
    }
    document = {
        "environment": "test",
        "sources": {"mine": source},
        "criteria": {"known": {"source": "mine"}},
        "consultations": {"vote": {"questions": {"who": {"criterion": "known"}}, "access": {"all_of": ["who"]}}},
    }
    ran = subprocess.run(
        [sys.executable, "-c", WORK, json.dumps(document), json.dumps(answer)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    reason, libraries = ran.stdout.splitlines()[-2:]
    return reason, set(libraries.split())


@pytest.mark.slow
def test_a_worker_loads_no_library_that_its_sources_do_not_need(tmp_path: Path) -> None:
    with Sources() as sources:
        registry = described.at(sources.url(Mood.OK, "registry"))
        assert loaded_by(registry, ANSWER, tmp_path) == ("record_matches", set())


@pytest.mark.slow
def test_a_library_is_loaded_when_an_answer_needs_it(tmp_path: Path) -> None:
    with Sources() as sources:
        registry = described.at(sources.url(Mood.OK, "registry"))
        answer = {**ANSWER, "family_name": "Παπαδόπουλος"}
        assert loaded_by(registry, answer, tmp_path) == ("name_differs", {"anyascii"})


def celery(broker: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Celery's own command without any key."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
    environment |= {"JURAT_DATABASE_URL": f"sqlite:///{folder / 'jurat.db'}", "JURAT_BROKER_URL": broker}
    command = [sys.executable, "-P", "-m", "celery", "-A", "worker.app", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
def test_who_asks_workers_needs_no_key_and_who_is_one_does(tmp_path: Path, valkey_url: str) -> None:
    asked = celery(valkey_url, tmp_path, "inspect", "ping", "--timeout", "1")
    assert "JURAT_UNSEAL_KEYS" not in asked.stdout + asked.stderr
    assert "No nodes replied" in asked.stdout + asked.stderr
    worker = celery(valkey_url, tmp_path, "worker", "--concurrency", "1")
    assert worker.returncode == 2
    assert worker.stderr.strip().splitlines()[-1].startswith("JURAT_UNSEAL_KEYS is not set")
