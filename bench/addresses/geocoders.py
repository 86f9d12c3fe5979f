"""Configures the geocoder that an address bench asks, with the address base that it needs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.base import Source
from bench.rig import ROOT
from config.configuration import Configuration
from config.document import Document
from config.networks import LOOPBACK
from config.settings import Settings
from store.schema import migrations
from tasks.rules.source_limits import Demand
from worker.plan_builder import make_plan
from worker.service import open_service

NAME = "geocoder"
DATASET = "base"
HIDDEN = frozenset({"url", "path"})
"""Options that say where something is on this machine, but nothing about what is asked."""


@dataclass(frozen=True)
class Geocoder:
    """A source as YAML configures it. `dataset` is the address base to import under the name that it uses."""

    options: Mapping[str, Any]
    dataset: Path | None = None

    @property
    def language(self) -> str:
        """The language of its street names."""
        return str(self.options.get("language", "fr"))

    def document(self, questions: Mapping[str, str]) -> dict[str, Any]:
        """A configuration with this one source, and questions, each with its zone."""
        return {
            "environment": "test",
            "sources": {NAME: dict(self.options)},
            "criteria": {"lives-in": {"source": NAME, "open": ["zone"]}},
            "consultations": {
                "bench": {
                    "title": {"en": "Bench"},
                    "questions": {
                        name: {"criterion": "lives-in", "with": {"zone": zone}, "deadline": "1d"}
                        for name, zone in questions.items()
                    },
                }
            },
        }

    def described(self) -> str:
        """The options in one line, with what else the type of source decides by default."""
        model = Configuration.of(Document.model_validate(self.document({"a": "a"}))).sources[NAME]
        given = {name: value for name, value in self.options.items() if name not in HIDDEN}
        switches = {
            name: value
            for name in type(model).model_fields
            if name not in self.options and isinstance(value := getattr(model, name), bool)
        }
        shown = ", ".join(f"{name}: {str(value).lower()}" for name, value in {**given, **switches}.items())
        return f"`{{ {shown} }}`, all else by default"

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Import the dataset that it needs, as an administrator does. `environment` names the database.

        Raises subprocess.CalledProcessError; the command has said why on standard error.
        """
        if self.dataset is not None:
            command = ["datasets", "import-addresses", DATASET, str(self.dataset.resolve())]
            subprocess.run(
                [sys.executable, "-P", "-m", "cli", *command],
                cwd=ROOT,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=sys.stderr,
                check=True,
            )


def geocoder(kind: str, url: str, base: Path) -> Geocoder:
    """The source `kind`: `addok` at `url`, else the addresses in the file `base`."""
    match kind:
        case "addok":
            return Geocoder({"type": "addok", "url": url, "timeout": "30s", "concurrency": 4})
        case "address-file":
            return Geocoder({"type": "address-file", "path": str(base.resolve())})
        case "dataset":
            return Geocoder({"type": "address-file", "dataset": DATASET}, base)
        case _:
            raise ValueError(f"there is no source {kind!r}")


class _Free:
    """Pays for every request of a source that is used alone: no one else asks the geocoder."""

    def pay_for_request(  # there is no limit
        self, demand: Demand, longest: float, *, unless_stopped: bool = False
    ) -> float | None:
        return 0.0


@contextlib.contextmanager
def alone(one: Geocoder) -> Iterator[Source]:
    """The source itself, made as a worker makes it, on an empty SQLite database of its own."""
    with tempfile.TemporaryDirectory(prefix="jurat-bench-") as folder, contextlib.ExitStack() as stack:
        url = f"sqlite:///{folder}/jurat.db"
        service = open_service(Settings.model_validate({"database_url": url, "broker_url": "none"}))
        stack.callback(service.close)
        migrations.upgrade(service.database)
        one.prepare({"JURAT_DATABASE_URL": url})
        configuration = Configuration.of(Document.model_validate(one.document({"a": "a"})))
        free: Any = _Free()
        plan = make_plan(1, configuration, service.queries, service.fingerprints, purse=free, private_networks=LOOPBACK)
        stack.callback(plan.close)
        yield plan.sources[NAME]
