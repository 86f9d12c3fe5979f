"""Prometheus, Alertmanager and the webhook in a row, on a metric of the test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.conftest import missing
from tests.rigs.prometheus import Alertmanager, Notifications, Prometheus, program
from tests.rigs.servers import NoServer, ServerFailed
from tests.rigs.warden import alive

RULES = """
groups:
- name: test
  rules:
  - alert: TooWarm
    expr: degrees > 30
    labels: {severity: page}
    annotations: {summary: It is warm., runbook_url: 'https://jurat.example/TooWarm.md'}
"""
shown = {"degrees": 20}


class Thermometer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f'degrees{{source="roof"}} {shown["degrees"]}\n'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it is called by
        pass


@pytest.fixture
def target() -> Iterator[str]:
    try:
        program("prometheus")
        program("prometheus-alertmanager")
    except NoServer as error:
        missing(str(error))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Thermometer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_an_alert_is_heard_when_it_fires_and_when_it_ends(target: str) -> None:
    with Notifications() as heard:
        receiver = {"name": "test", "webhook_configs": [{"url": heard.url}]}
        route = {"receiver": "test", "group_wait": "0s", "group_interval": "1s"}
        with Alertmanager({"route": route, "receivers": [receiver]}) as manager:
            settings = {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager.port}"]}]}]},
                "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": [target]}]}],
            }
            with Prometheus(settings, RULES) as prometheus:
                begun = time.monotonic()
                assert heard.waited("TooWarm", fires=True, since=begun, seconds=3) is None
                shown["degrees"] = 31
                fired = heard.waited("TooWarm", fires=True, since=begun, seconds=60)
                assert fired is not None
                assert fired[1:5] == ("test", "TooWarm", "roof", "page")
                assert fired[6:] == ("It is warm.", "https://jurat.example/TooWarm.md")
                assert prometheus.alerts() == {("TooWarm", "roof", "firing")}
                assert [value for _, value in prometheus.query("degrees")] == [31]
                with pytest.raises(ValueError, match="parse error"):
                    prometheus.query("degrees >")
                shown["degrees"] = 20
                assert heard.waited("TooWarm", fires=False, since=begun, seconds=60)
                pid = prometheus.pid
                prometheus.kill()
                prometheus.start()
                assert prometheus.query("vector(1)") == [({}, 1)]
            assert not alive(pid)


@pytest.mark.slow
def test_a_wrong_configuration_is_refused_with_its_reason(target: str) -> None:
    with pytest.raises(ServerFailed, match="scrape_configz"), Prometheus({"scrape_configz": []}):
        pass
