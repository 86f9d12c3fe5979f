"""The same in one process, with SQLite: what is in its file afterwards, and what objects say of themselves."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.canaries.echo import EchoSource, Mood
from bench.canaries.life import CONSULTATION, answers, registry
from bench.canaries.markers import Marked
from bench.rig.unit import waited
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import Client, Submission
from jurat.database import open_engine
from jurat.seal import key_to_text
from store.configurations.publisher import ConfigPublisher
from store.schema import migrations
from worker.embedded import embedded
from worker.service import open_service

_OURS: Final = ("adapters", "cli", "config", "jurat", "store", "tasks", "worker")


def collected(marked: Marked, folder: Path) -> Iterator[tuple[str, bytes]]:
    """One participant answers, everything is settled, and the participant is erased."""
    said: set[str] = set()
    os.environ["JURAT_SOURCE_HEADER"] = marked.source_header
    try:
        with EchoSource(marked.person, lambda mood: said.update(_reprs())) as source:
            _live(marked, folder / "canaries.db", source.url(Mood.WELL))
    finally:
        del os.environ["JURAT_SOURCE_HEADER"]
    yield from (("sqlite", file.read_bytes()) for file in sorted(folder.glob("canaries.db*")))
    yield from (("reprs", each.encode(errors="replace")) for each in said)


def _live(marked: Marked, file: Path, source: str) -> None:
    url = f"sqlite:///{file}"
    keys = {"unseal_keys": key_to_text(marked.unseal_key), "hash_keys": key_to_text(marked.hash_key)}
    settings = Settings.model_validate(
        {"database_url": url, "broker_url": "none", "private_networks": "127.0.0.1", **keys}
    )
    service = open_service(settings)
    migrations.upgrade(service.database)
    ConfigPublisher(service.database).apply(Configuration.of(Document.model_validate(_document(source))), marked.staff)
    service.close()
    engine, client = open_engine(url), Client(url, None, key_to_text(marked.seal_key))
    given = answers(marked, "")[Mood.WELL]
    with engine.begin() as connection:
        (check,) = client.submit_many(connection, [Submission(CONSULTATION, marked.erased, Mood.WELL, given)])
    plain = sqlite3.connect(file)
    marked.sealed += [row[0] for row in plain.execute("SELECT answer FROM jurat_checks")]
    plain.close()
    with embedded(settings):
        if client.wait(check.id, timeout=60).outcome != "accepted":
            raise RuntimeError("the answer was to be accepted: there was nothing to be seen")
        with engine.begin() as connection:
            erased = client.erase(connection, participant=marked.erased)
        waited(lambda: client.request(erased).state != "waiting", 60, "nobody is erased")
    client.close()
    engine.dispose()


def _document(source: str) -> dict[str, Any]:
    auth = {"type": "header", "name": "X-Key", "value": "{secrets.header}"}
    return {
        "environment": "test",
        "sources": {Mood.WELL: {**registry(source, auth), "timeout": "30s"}},
        "criteria": {Mood.WELL: {"source": Mood.WELL}},
        "consultations": {CONSULTATION: {"retain": "90d", "questions": {Mood.WELL: {"criterion": Mood.WELL}}}},
    }


def _reprs() -> set[str]:
    """What each living object of our code says of itself."""
    said = set()
    for each in gc.get_objects():
        if str(type(each).__module__).partition(".")[0] in _OURS:
            try:
                said.add(repr(each))
            except Exception as error:  # noqa: BLE001 - a repr that fails may quote as well
                said.add(repr(error))
    return said
