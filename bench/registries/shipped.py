"""Prepares the registries that come with jurat, each with a question that it accepts, to be asked anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.base import Finding, Query, SourceError
from adapters.http_client.reply import Reply
from adapters.http_client.transport import Sender
from adapters.registry.adapter import RegistryAdapter
from adapters.registry_tests.description_tests import TrialResult, run_trials
from adapters.registry_tests.offline_run import OfflineRun
from config.hours import parse_zone
from config.networks import LOOPBACK
from config.presets import FOLDER, expand, names_by_type
from config.registry import RegistrySource
from config.registry.implied import fill_in
from config.registry.model.trials import Trial
from config.registry.trial_files import TrialFiles
from jurat.vocabulary import Outcome

NAMES = tuple(names_by_type()["registry"])

_SECRET = re.compile(r"\{secrets\.([a-z0-9_]+)")


@dataclass(frozen=True)
class Shipped:
    """A preset as an administrator would use it, with made-up secrets."""

    name: str
    source: RegistrySource
    files: TrialFiles

    @classmethod
    def of(cls, name: str, **over: Any) -> Shipped:
        """The preset `name`, with the options `over` in addition."""
        needed = _SECRET.findall((FOLDER / f"{name}.yaml").read_text("utf-8"))
        secrets = {secret: {"env": "MADE_UP"} for secret in needed}
        options = {"type": "registry", "preset": name, **({"secrets": secrets} if secrets else {}), **over}
        sources, complaints = expand({name: options})
        if complaints:
            raise ValueError(f"{name}: {complaints[0].message}")
        source = RegistrySource.model_validate(fill_in(sources[name]).source)
        files = TrialFiles(name, [trial.name for trial in source.tests], {}, Path.cwd())
        return cls(name, source, files)

    @property
    def title(self) -> str:
        """The title in English."""
        return (self.source.title or {}).get("en", self.name)

    def accepted(self) -> TrialResult:
        """The first of its tests that is accepted, with what the registry answers there."""
        for tried in run_trials(OfflineRun(self.source), self.files.read):
            if tried.passed and tried.trial.outcome is Outcome.ACCEPTED:
                return tried
        raise LookupError(f"{self.name}: no test is accepted")

    def elsewhere(self, url: Callable[[str], str]) -> RegistrySource:
        """The same, asking this machine: `url` gives an address for each step, below which its own path follows."""
        described = json.loads(self.source.model_dump_json(by_alias=True, exclude_none=True))
        described["hosts"] = ["127.0.0.1"]
        for step in described["steps"]:
            request = step["request"]
            request["url"] = url(step["name"]).rstrip("/") + urlsplit(request["url"]).path
        return RegistrySource.model_validate(described)


def asked(
    source: RegistrySource, trial: Trial, *, timeout: float, transport: Sender | None = None
) -> tuple[RegistryAdapter, Query]:
    """An adapter for `source` on the trial's day, and the trial's question."""
    zone = parse_zone(source.record.timezone)
    noon = datetime.combine(trial.today, time(12), zone) if trial.today else datetime.now(UTC)
    adapter = RegistryAdapter(
        source,
        secret=lambda _: "made-up",
        loopback_http=True,
        private_networks=LOOPBACK,
        transport=transport,
        clock=lambda: noon,
    )
    return adapter, Query(trial.input, requirement=trial.require, timeout=timeout)


def verdict(adapter: RegistryAdapter, query: Query) -> str:
    """What a lookup comes to, as tests write it: `accepted`, `undetermined/source_unavailable`."""
    try:
        found = adapter.look_up(query)
    except SourceError as error:
        return f"{Outcome.UNDETERMINED}/{error.reason}"
    if not isinstance(found, Finding):
        raise TypeError("a registry finds no places")
    return str(found.outcome) if found.outcome is Outcome.ACCEPTED else f"{found.outcome}/{found.reason}"


class FromMemory:
    """Answers each lookup with the same replies, in the order of its steps. One thread at a time."""

    def __init__(self, replies: Mapping[str, Reply]) -> None:
        self._replies = tuple(replies.values())
        self._next = 0

    def send(self, *_: Any, **__: Any) -> Reply:
        reply = self._replies[self._next % len(self._replies)]
        self._next += 1
        return reply

    def close(self) -> None:
        """Nothing to give back."""
