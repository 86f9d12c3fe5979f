"""What stands behind the browser: a town in a database, the platform's web process, workers beside or inside it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import requests
from ruamel.yaml import YAML
from sqlalchemy import text

from adapters.codes import clean, generate
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from examples.platform import town
from examples.platform.web import store
from examples.sources.server import Sources
from jurat.database import open_engine
from jurat.sealing import generate as generate_keys
from jurat.sealing import key_to_text
from jurat.words import Reason
from tasks.ledger.reviewing import Reviewing
from tests.rigs.logins import Logins
from tests.rigs.servers import Databases, Server
from tests.rigs.workers import Worker
from worker.bootstrap import open_service

ROOT = Path(__file__).resolve().parents[4]
PLATFORM = ROOT / "examples" / "platform"
LETTERS = 200
"""Codes of a letter that tests may use, one for each who gets in."""

MORE: Mapping[str, Any] = {
    "sources": {
        "magic": {"type": "simulated", "timeout": "20s"},
        "away": {"type": "simulated"},  # of its own, for after a few errors nobody asks it for a while
    },
    "criteria": {"says": {"source": "magic"}, "never-says": {"source": "away"}},
    "consultations": {
        "trial": {
            "title": {"en": "A trial", "fr": "Un essai"},
            "contact": {"en": "Write to trial@valmont.example.", "fr": "Écrivez à essai@valmont.example."},
            "questions": {
                "word": {"criterion": "says", "title": {"en": "What is the word?", "fr": "Quel est le mot ?"}}
            },
        },
        "patience": {
            "title": {"en": "Patience", "fr": "Patience"},
            "contact": {"en": "Write to patience@valmont.example.", "fr": "Écrivez à patience@valmont.example."},
            "questions": {
                "word": {"criterion": "never-says", "title": {"en": "What is the word?", "fr": "Quel est le mot ?"}}
            },
        },
        "hill": {
            "title": {"en": "The hill", "fr": "La colline"},
            "contact": {"en": "Write to hill@valmont.example.", "fr": "Écrivez à colline@valmont.example."},
            "questions": {
                "home": {
                    "criterion": "lives-in",
                    "with": {"zone": "hill"},
                    "title": {"en": "Where do you live?", "fr": "Où habitez-vous ?"},
                }
            },
        },
    },
}
"""What tests add to the platform's own configuration: a source that does as it is told, and a place that may be two."""


class Ground:
    """The town in a database: its keys, codes, configuration and people."""

    def __init__(self, database_url: str, broker_url: str, sources: Sources) -> None:
        private, public = generate_keys()
        self.url = database_url
        self.environment = {
            "JURAT_DATABASE_URL": database_url,
            "JURAT_BROKER_URL": broker_url,
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
        }
        named = {name.removeprefix("JURAT_").lower(): value for name, value in self.environment.items()}
        self.service = open_service(Settings.model_validate(named))
        self.engine = open_engine(database_url)
        origin = sources.url().removesuffix("/moods/ok")
        town.seed(self.service, self.engine, origin)
        self._codes = self._letters()
        self._apply(origin)

    def code(self) -> str:
        """The code of a letter that nobody has used."""
        return next(self._codes)

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()
        self.service.close()

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """As the database's owner."""
        with self.engine.begin() as connection:
            ran = connection.execute(text(statement), values)
            return [tuple(row) for row in ran] if ran.returns_rows else []

    def checks(self, participant: str) -> list[tuple[Any, ...]]:
        """Question, state and outcome of all that this person has confirmed."""
        return self.sql(
            "SELECT c.question, c.state, r.outcome FROM jurat_checks c JOIN jurat_results r ON r.check_id = c.id "
            "JOIN platform_accounts a ON a.participant = c.participant WHERE a.name = :name ORDER BY c.submitted_at",
            name=participant,
        )

    def soon(self, participant: str, checks: list[tuple[Any, ...]], seconds: float = 20.0) -> bool:
        """Whether this is what they have confirmed, within so many seconds."""
        end = time.monotonic() + seconds
        while self.checks(participant) != checks and time.monotonic() < end:
            time.sleep(0.05)
        return self.checks(participant) == checks

    def decide(self, participant: str, reason: Reason) -> None:
        """What a reviewer decides on the answer of this person that waits for one."""
        ((check,),) = self.sql(
            "SELECT c.id FROM jurat_checks c JOIN platform_accounts a ON a.participant = c.participant "
            "WHERE a.name = :name AND c.state = 'review'",
            name=participant,
        )
        Reviewing(self.service.database).decide(UUID(str(check)), reason, "rhea")

    def _letters(self) -> Iterator[str]:
        assert self.service.fingerprints is not None
        codes = [generate() for _ in range(LETTERS)]
        stored = [self.service.fingerprints.newest("letters", str(clean(code))) for code in codes]
        self.service.publishing.add_codes("letters", stored, "tests")
        return iter(codes)

    def _apply(self, origin: str) -> None:
        own = (PLATFORM / "jurat.yaml").read_text("utf-8").replace("SOURCES", origin)
        document: dict[str, Any] = YAML(typ="safe").load(own)
        for part, added in MORE.items():
            document[part].update(added)
        document["sources"]["towns"]["path"] = str(ROOT / document["sources"]["towns"]["path"])
        self.service.publishing.apply(Configuration.of(Document.model_validate(document)), "tests")
        with self.engine.begin() as connection:
            for name in MORE["consultations"]:
                shown = MORE["consultations"][name]["title"]
                store.keep_consultation(connection, name, shown, shown, town.CARE)
            soon = {"en": "Not yet", "fr": "Pas encore"}
            store.keep_consultation(connection, "soon", soon, soon, [])  # published, and not in force


class Process(Server):
    """A web process of the platform."""

    name = "web"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text("utf-8", errors="replace")

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.address}/en/", timeout=10).status_code == 200
        return False

    def _environment(self) -> dict[str, str]:
        folders = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder), "LC_ALL": "C.UTF-8"}
        return {**super()._environment(), **folders}


class Web(Process):
    """On a database that is there already; `embedded` with the engine inside."""

    def __init__(self, environment: Mapping[str, str], *, embedded: bool) -> None:
        super().__init__()
        self._settings = {**environment, "VALMONT_SECRET": secrets.token_hex(32)}
        self._options = ["--embedded"] if embedded else []

    def _command(self) -> list[str]:
        serving = [sys.executable, "-P", "-m", "tests.examples.platform.browser.serving"]
        return [*serving, "--port", str(self.port), *self._options]

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), **self._settings}


class Started(Process):
    """What `make platform` starts."""

    def start(self) -> None:
        if not (self.folder / "examples").exists():  # it is started in the folder of the clone
            (self.folder / "examples").symlink_to(ROOT / "examples")
        super().start()

    @property
    def code(self) -> str:
        """The code of a letter that it prints."""
        found = re.search(r"code (\S+)", self.log)
        assert found, self.log
        return found[1]

    def _command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "examples.platform.start", "--port", str(self.port)]


class Fleet:
    """The platform and what it needs, in one of the two ways to run it."""

    def __init__(self, ground: Ground, web: Web, worker: Worker | None) -> None:
        self.ground = ground
        self.web = web
        self.worker = worker
        self._left = contextlib.ExitStack()

    @classmethod
    def embedded(cls, folder: Path, sources: Sources) -> Self:
        """One process on SQLite, as `make platform` has it."""
        ground = Ground(f"sqlite:///{folder / 'valmont.db'}", "none", sources)
        return cls(ground, Web(ground.environment, embedded=True), None)

    @classmethod
    def separate(cls, databases: Databases, broker_url: str, sources: Sources) -> Self:
        """As Compose has it: PostgreSQL, Valkey, workers, and a web process that has no private key."""
        ground = Ground(databases.create(), broker_url, sources)
        logins = Logins(ground.url)
        platform, office = logins.url("jurat_platform"), logins.url("jurat_reviewer")
        for table in store.metadata.tables:
            ground.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO jurat_platform")
        public = {name: ground.environment[name] for name in ("JURAT_BROKER_URL", "JURAT_SEAL_KEY")}
        web = Web({**public, "JURAT_DATABASE_URL": platform, "VALMONT_OFFICE_URL": office}, embedded=False)
        worker = Worker({**ground.environment, "JURAT_DATABASE_URL": logins.url("jurat_worker")}, "--concurrency", "8")
        made = cls(ground, web, worker)
        made._left.enter_context(logins)
        return made

    def __enter__(self) -> Self:
        try:
            if self.worker:
                self._left.enter_context(contextlib.closing(self.worker))
                self.worker.start()
                assert self.worker.says("configuration taken"), self.worker.log
            self._left.enter_context(contextlib.closing(self.web))
            self.web.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.ground.close()
        self.web.close()
        if self.worker:
            self.worker.close()
        self._left.close()
