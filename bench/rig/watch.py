"""Watches a fleet as operators do: an exporter, Prometheus and Alertmanager, set up by the files of `monitoring/`.

    with Watch(reader_url, targets, shortened=60) as watch:
        watch.heard.waited("JuratNobodyWorks", fires=True, since=begun, seconds=100)

The files are taken as they are shipped, but for addresses and times: metrics are scraped and rules evaluated each
second, and whatever must hold for a while is so many times shorter.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

from ruamel.yaml import YAML

from bench.rig import ROOT
from docs.monitoring import MONITORING, shortened_rules
from tests.rigs.prometheus import Alertmanager, Notifications, Prometheus
from tests.rigs.servers import Server


class Exporter(Server):
    """`jurat exporter` on loopback, with the rights of the user in `database_url` and no keys."""

    name = "exporter"

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self._database_url = database_url

    @property
    def target(self) -> str:
        """Its address, as Prometheus is told it."""
        return f"127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "cli", "exporter"]

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "PYTHONPATH": str(ROOT),
            "JURAT_DATABASE_URL": self._database_url,
            "JURAT_LISTEN": self.target,
        }

    def _answers(self) -> bool:
        return answers(f"http://{self.target}/livez")


def answers(url: str) -> bool:
    """Whether it answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Watch:
    """Runs until the `with` block ends. `workers` are the addresses of their metrics, `shortened` is by how much."""

    def __init__(self, reader_url: str, workers: Sequence[str], *, shortened: float = 1.0) -> None:
        self._stack = ExitStack()
        self._workers = list(workers)
        self._shortened = shortened
        self._reader_url = reader_url
        self.exporter: Exporter
        self.heard: Notifications
        self.alertmanager: Alertmanager
        self.prometheus: Prometheus

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.exporter = stack.enter_context(Exporter(self._reader_url))
            self.heard = stack.enter_context(Notifications())
            self.alertmanager = stack.enter_context(Alertmanager(self._routes()))
            self.prometheus = stack.enter_context(Prometheus(self._scrapes(), shortened_rules(self._shortened)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _routes(self) -> Mapping[str, Any]:
        settings = _example("alertmanager.yml")
        for route in (settings["route"], *settings["route"]["routes"]):
            route |= {"group_wait": "0s", "group_interval": "1s"}
        for receiver in settings["receivers"]:
            receiver["webhook_configs"] = [{"url": f"{self.heard.url}{receiver['name']}"}]
        return settings

    def _scrapes(self) -> Mapping[str, Any]:
        settings = _example("prometheus.yml")
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        targets = {"jurat-workers": self._workers, "jurat-exporter": [self.exporter.target]}
        for job in settings["scrape_configs"]:
            job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        manager = {"targets": [f"127.0.0.1:{self.alertmanager.port}"]}
        settings["alerting"] = {"alertmanagers": [{"static_configs": [manager]}]}
        return settings


def _example(name: str) -> dict[str, Any]:
    read = YAML(typ="safe").load((MONITORING / name).read_text("utf-8"))
    plain: dict[str, Any] = json.loads(json.dumps(read))
    return plain
