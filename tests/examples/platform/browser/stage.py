"""What is behind the browser: `make platform` as it is, and the same in several processes, as Compose has it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from ruamel.yaml import YAML
from sqlalchemy import make_url, text

from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from examples.platform import seed, town
from examples.platform.prepare import prepare
from examples.platform.web import store
from examples.sources.server import Sources
from jurat.database import open_engine
from jurat.seal import generate, key_to_text
from jurat.vocabulary import Reason
from store.configurations.publisher import ConfigPublisher
from store.queue.sources import Sources as SourceRows
from tests.examples.platform.processes import Alone, Started, Web
from tests.examples.stacks.runtimes import ROOT
from tests.rigs.servers import PostgreSQL
from tests.rigs.workers import Worker
from tests.store.reviews import ReviewDecisions
from worker.service import open_service

TAKEN = "taken"
"""A consultation of the configuration that the platform knows nothing of."""

MORE: Mapping[str, Any] = {
    "sources": {
        "magic": {"type": "simulated", "timeout": "20s"},
        "away": {"type": "simulated"},  # of its own, because after a few errors it is not asked for a while
        "shut": {"type": "simulated"},  # a person has paused it
        "busy": {"type": "simulated"},  # it has asked to be left alone for a while
    },
    "criteria": {
        "says": {"source": "magic"},
        "never-says": {"source": "away"},
        "is-shut": {"source": "shut"},
        "is-busy": {"source": "busy"},
    },
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
        "guild": {
            "title": {"en": "The guild", "fr": "La guilde"},
            "contact": {"en": "Write to guild@valmont.example.", "fr": "Écrivez à guilde@valmont.example."},
            "four_eyes": True,
            "questions": {
                "craft": {
                    "criterion": "shows-proof",
                    "title": {"en": "What is your craft?", "fr": "Quel est votre métier ?"},
                }
            },
        },
        TAKEN: {"questions": {"word": {"criterion": "says"}}},
    },
}
"""What tests add to the platform's own configuration: a source that does what the answer says, a place that may be
two, and a consultation about which two persons decide."""


class Ground:
    """The town in its database, as its owner sees it. `folder` has its configuration, to which `MORE` is added."""

    def __init__(self, service: Mapping[str, str], folder: Path) -> None:
        named = {name.removeprefix("JURAT_").lower(): value for name, value in service.items()}
        self.environment = service
        self.service = open_service(Settings.model_validate(named))
        self.engine = open_engine(service["JURAT_DATABASE_URL"])
        self.worker: Worker | None = None
        self._codes = self._letters()
        self._document: dict[str, Any] = YAML(typ="safe").load((folder / "jurat.yaml").read_text("utf-8"))
        self._add()

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()
        self.service.close()

    def code(self) -> str:
        """The code of a letter that was not used."""
        return next(self._codes)

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

    def participant(self, name: str) -> str:
        """The id that the platform gave this person."""
        ((participant,),) = self.sql("SELECT participant FROM platform_accounts WHERE name = :name", name=name)
        return str(participant)

    def review_of(self, participant: str) -> UUID:
        """The answer of this person that waits for a reviewer."""
        ((check,),) = self.sql(
            "SELECT c.id FROM jurat_checks c JOIN platform_accounts a ON a.participant = c.participant "
            "WHERE a.name = :name AND c.state = 'review'",
            name=participant,
        )
        return UUID(str(check))

    def decide(self, participant: str, reason: Reason) -> None:
        """What a reviewer decides about it."""
        ReviewDecisions(self.service.database).decide(self.review_of(participant), reason, town.RHEA.name)

    def pause(self, source: str, reason: str, by: str | None = None) -> None:
        """Nobody asks this source for an hour: it wishes so, or a person does."""
        SourceRows(self.service.database).pause(source, 3600, reason, by)

    def take(self, name: str) -> None:
        """The administrators' configuration gets a consultation of this name."""
        self._document["consultations"][name] = MORE["consultations"][TAKEN]
        self._apply()

    def drop(self, name: str) -> None:
        """The administrators' configuration has no consultation of this name any more."""
        del self._document["consultations"][name]
        self._apply()

    def vote(self, consultation: str, *proposals: str) -> None:
        """Someone has voted, while that was open."""
        with self.engine.begin() as connection:
            store.keep_vote(connection, consultation, "p-someone", set(proposals))

    def freeze(self) -> None:
        """From now on no worker does anything, and what is asked for waits."""
        assert self.worker is not None
        self.worker.pause()

    def thaw(self) -> None:
        """Let the worker go on."""
        if self.worker is not None:
            self.worker.resume()

    def _apply(self) -> None:
        ConfigPublisher(self.service.database).apply(Configuration.of(Document.model_validate(self._document)), "tests")

    def _letters(self) -> Iterator[str]:
        while True:
            yield from seed.letters(self.service)

    def _add(self) -> None:
        for part, added in MORE.items():
            self._document[part].update(added)
        self._apply()
        with self.engine.begin() as connection:
            for name, each in MORE["consultations"].items():
                if name == TAKEN:
                    continue
                store.keep_consultation(connection, name, each["title"], each["title"], town.CARE)
            soon = {"en": "Not yet", "fr": "Pas encore"}
            store.keep_consultation(connection, "soon", soon, soon, [])  # nothing of it is in force


class WebTier(Alone):
    """`serve.py` with what the wheel has: of this checkout it sees `jurat` and the examples, and no more."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(Path(sys.executable), settings)
        (self.folder / "clone" / "jurat").symlink_to(ROOT / "jurat")


class Fleet:
    """The platform and what it needs, in one of the two ways to run it."""

    def __init__(self) -> None:
        self.left = contextlib.ExitStack()
        self.web: Web
        self.ground: Ground
        self.worker: Worker | None = None
        self.database: PostgreSQL | None = None
        self._welcome = 0

    @classmethod
    def embedded(cls, folder: Path, *options: str) -> Self:
        """What `make platform` starts: one process on SQLite."""
        with cls().failing_cleanly() as fleet:
            fleet.web = fleet.left.enter_context(contextlib.closing(Started("--keep", str(folder), *options)))
            fleet.web.start()
            fleet._welcome = len(fleet.web.log)  # it names people to try, and what to type
            words = shlex.split((folder / "settings.env").read_text("utf-8"))
            kept = dict(word.split("=", 1) for word in words)
            service = {name: value for name, value in kept.items() if name.startswith("JURAT_")}
            fleet.ground = fleet.left.enter_context(contextlib.closing(Ground(service, folder)))
            fleet.knows_trial()
        return fleet

    @classmethod
    def separate(cls, folder: Path, broker_url: str, sources: Sources) -> Self:
        """As Compose has it: PostgreSQL, Valkey, a worker, and a web process that has no private key."""
        with cls().failing_cleanly() as fleet:
            fleet.database = fleet.left.enter_context(PostgreSQL())
            owner = fleet.database.databases.create()
            private, public = generate()
            service = {
                "JURAT_DATABASE_URL": owner,
                "JURAT_BROKER_URL": broker_url,
                "JURAT_SEAL_KEY": key_to_text(public),
                "JURAT_UNSEAL_KEYS": key_to_text(private),
                "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
            }
            named = {name.removeprefix("JURAT_").lower(): value for name, value in service.items()}
            with contextlib.closing(open_service(Settings.model_validate(named))) as opened:
                seed.seed(opened, sources.url().removesuffix("/moods/ok"), folder)
            users = {"web": "web-password", "office": "office-password"}
            prepare(owner, users, town.PASSWORD)
            fleet.ground = fleet.left.enter_context(contextlib.closing(Ground(service, folder)))
            web, office = (
                make_url(owner).set(username=name, password=password).render_as_string(hide_password=False)
                for name, password in users.items()
            )
            fleet.worker = fleet.left.enter_context(contextlib.closing(Worker(service, "--concurrency", "8")))
            fleet.worker.start()
            fleet.ground.worker = fleet.worker
            given = {"DATABASE_URL": web, "OFFICE_DATABASE_URL": office, "PLATFORM_SECRET": "s" * 40}
            shared = {name: service[name] for name in ("JURAT_BROKER_URL", "JURAT_SEAL_KEY")}
            fleet.web = fleet.left.enter_context(contextlib.closing(WebTier({**given, **shared})))
            fleet.web.start()
            fleet.knows_trial()
        return fleet

    @property
    def log(self) -> str:
        """What its processes have written since they said that they are there."""
        return self.web.log[self._welcome :] + (self.worker.log if self.worker else "")

    def knows_trial(self) -> None:
        """Wait until what was added to the configuration is in force."""
        end = time.monotonic() + 30
        while not self.ground.sql("SELECT 1 FROM jurat_questions WHERE consultation = 'trial'"):
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    @contextlib.contextmanager
    def failing_cleanly(self) -> Iterator[Self]:
        """Leave no process behind where one of them does not start."""
        try:
            yield self
        except BaseException:
            self.left.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.left.close()
