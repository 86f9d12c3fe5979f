"""Real Prometheus and Alertmanager servers, and a webhook that hears what Alertmanager sends.

    with Notifications() as heard, Alertmanager(settings, heard.url) as manager, Prometheus(settings, rules) as watch:
        watch.query("jurat_slots")
        heard.firing("JuratNobodyWorks", seconds=70)

Both come from this machine, for no wheel brings them (Debian: `apt-get install prometheus prometheus-alertmanager`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tests.rigs.servers import NoServer, Server

PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
"""Each program and Debian's package with it."""


def program(name: str) -> str:
    """Where a program of `PACKAGES` is. Raises NoServer."""
    found = shutil.which(name)
    if found is None:
        raise NoServer(f"{name} is not installed (Debian: apt-get install {PACKAGES[name]})")
    return found


def promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """How `promtool ARGUMENTS` ends. Raises NoServer."""
    return subprocess.run(
        [program("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


class Watching(Server):
    """A server with a configuration, written as JSON, which is YAML too, and an HTTP interface on loopback."""

    def __init__(self, settings: Mapping[str, Any], rules: str = "") -> None:
        self._binary = program(self.name)
        super().__init__()
        self._settings = self.folder / "settings.yml"
        (self.folder / "rules.yml").write_text(rules, encoding="utf-8")
        self._settings.write_text(json.dumps(settings), encoding="utf-8")

    @property
    def url(self) -> str:
        """Where its HTTP interface is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON that a path of its interface answers. Raises OSError."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}{path}{query}", timeout=30) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


class Prometheus(Watching):
    """A Prometheus server with `settings` as prometheus.yml and `rules` as the rules.yml next to it."""

    name = "prometheus"

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """What an expression gives now: labels and value of each series. Raises OSError, ValueError if it is wrong."""
        try:
            answer = self.get("/api/v1/query", query=expression)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{expression}: {error.read().decode(errors='replace')}") from None
        result = answer["data"]["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def alerts(self) -> set[tuple[str, str, str]]:
        """Name, source and state (`pending`, `firing`) of each alert that is not quiet."""
        found = self.get("/api/v1/alerts")["data"]["alerts"]
        return {(one["labels"]["alertname"], one["labels"].get("source", ""), one["state"]) for one in found}

    def _command(self) -> list[str]:
        return [
            *(self._binary, "--config.file", str(self._settings), "--storage.tsdb.path", str(self.folder / "data")),
            *("--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"),
        ]


class Alertmanager(Watching):
    """An Alertmanager of its own, without a cluster, with `settings` as alertmanager.yml."""

    name = "prometheus-alertmanager"

    def _command(self) -> list[str]:
        return [
            *(self._binary, "--config.file", str(self._settings), "--storage.path", str(self.folder / "data")),
            *("--web.listen-address", f"127.0.0.1:{self.port}", "--cluster.listen-address=", "--log.level", "warn"),
        ]


class Notice(NamedTuple):
    """What somebody is told of an alert, and when (monotonic clock): whether it fires or ended, with its texts."""

    at: float
    receiver: str
    name: str
    source: str
    severity: str
    fires: bool
    summary: str
    runbook: str


class Notifications:
    """A webhook on loopback that keeps what Alertmanager sends, as a person on call would get it."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="notifications", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where Alertmanager sends them; any path will do."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def heard(self) -> list[Notice]:
        """All notices so far, in order."""
        with self._news:
            return list(self._notices)

    def waited(self, name: str, *, fires: bool, since: float, seconds: float) -> Notice | None:
        """The first notice after `since` (monotonic) that an alert fires, or is resolved; None after so many seconds.

        An alert may come again, so the last notice of it must say so.
        """
        end = time.monotonic() + seconds
        with self._news:
            while True:
                own = [one for one in self._notices if one.name == name and one.at >= since]
                if own and own[-1].fires == fires:
                    return next(one for one in own if one.fires == fires)
                if (left := end - time.monotonic()) <= 0 or not self._news.wait(left):
                    return None

    def _keep(self, message: Mapping[str, Any]) -> None:
        with self._news:
            for alert in message["alerts"]:
                labels, texts = alert["labels"], alert["annotations"]
                self._notices.append(
                    Notice(
                        time.monotonic(),
                        message["receiver"],
                        labels["alertname"],
                        labels.get("source", ""),
                        labels.get("severity", ""),
                        alert["status"] == "firing",
                        texts.get("summary", ""),
                        texts.get("runbook_url", ""),
                    )
                )
            self._news.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it is called by
                pass

        return Handler
