"""Each alert is fired by a real fault and ends with it, and nothing else calls anyone: `make alerts`.

Measured seconds go to build/alerts.jsonl. JURAT_TEST_SLACK is how many times as long an alert may take (default 3, for
machines that do other things as well).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.rig.unit import until
from docs.monitoring import alerts, held
from jurat import Priority
from store.monitoring.alarms import Alarm, AlarmSeverity
from tests.conftest import ROOT, missing
from tests.monitoring.faults import FAULTS, QUIET
from tests.monitoring.test_dashboards import expressions
from tests.monitoring.test_runbooks import look
from tests.monitoring.watched_fleet import LIMITS, SHORTENED, UNSERVED, WatchedFleet
from tests.rigs.prometheus import program
from tests.rigs.servers import NoServer

pytestmark = [pytest.mark.alerts, pytest.mark.timeout(300)]

SLACK = float(os.environ.get("JURAT_TEST_SLACK", "3"))
WITHIN = 10.0
"""Seconds, in addition to what an alert must hold for."""
BY_NAME = {alert.name: alert for alert in alerts()}
MEASURED = ROOT / "build" / "alerts.jsonl"


@pytest.fixture(scope="session")
def watched() -> Iterator[WatchedFleet]:
    try:
        program("prometheus")
        program("prometheus-alertmanager")
    except NoServer as error:
        missing(str(error))
    with WatchedFleet() as fleet:
        yield fleet


def measured(**row: Any) -> None:
    MEASURED.parent.mkdir(exist_ok=True)
    with MEASURED.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


@contextmanager
def without_other_pages(fleet: WatchedFleet, *expected: tuple[str, str]) -> Iterator[float]:
    """A block in which nobody is called but for these alerts; gives when it began."""
    fleet.quiet()
    begun = time.monotonic()
    yield begun
    fleet.quiet()
    assert fleet.pages(begun) - set(expected) == set()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_fires_its_alert_alone_until_it_is_mended(watched: WatchedFleet, name: str) -> None:
    fault, alert = FAULTS[name], BY_NAME[name]
    allowed = (held(alert, SHORTENED) + fault.notice + WITHIN) * SLACK
    heard = watched.watch.heard
    with without_other_pages(watched, (name, fault.source)) as begun:
        with fault.put(watched):
            put = time.monotonic()
            notice = heard.waited(name, fires=True, since=begun, seconds=allowed)
            assert notice is not None, f"not within {allowed:g} s: {sorted(watched.watch.prometheus.alerts())}"
            assert (notice.source, notice.severity) == (fault.source, alert.severity)
            assert notice.receiver == f"{alert.severity}s"
            assert notice.runbook == alert.runbook
            assert "{{" not in notice.summary
            commands_say(watched, name, fault.source)
        mended = time.monotonic()
        gone = heard.waited(name, fires=False, since=begun, seconds=60 * SLACK)
        assert gone is not None, "it goes on"
    measured(alert=name, fired_s=round(notice.at - put, 1), resolved_s=round(gone.at - mended, 1), allowed=allowed)


def commands_say(fleet: WatchedFleet, name: str, source: str) -> None:
    """The commands of the runbook run, and the first of them names the condition as its page shows it."""
    page = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text("utf-8")
    for line in look(page):
        words = shlex.split(line.removeprefix("bin/jurat ").replace("SOURCE", source or "quick"))
        on_a_workers_machine = words[0] in {"doctor", "health"} or words[:2] == ["sources", "test"]
        code, said = fleet.jurat(*words, **({} if on_a_workers_machine else {"JURAT_DATABASE_URL": fleet.reader_url}))
        assert code in {0, 1, 3}, line + said
        assert "Traceback" not in said
        measured(alert=name, command=line, code=code, said=said)
        if words == ["now"] and name in set(Alarm):
            assert code == 1
            about = rf" \({source}\)" if source else ""
            assert re.search(rf"^{BY_NAME[name].severity} +{name}{about}: ", said, re.MULTILINE), said


@pytest.mark.parametrize("title", sorted(QUIET))
def test_what_an_operators_day_brings_calls_nobody(watched: WatchedFleet, title: str) -> None:
    with without_other_pages(watched), QUIET[title](watched):
        for _ in range(10):
            watched.submit("quick", 5)
            time.sleep(1)


def test_each_panel_gives_data(watched: WatchedFleet) -> None:
    """While a source is paused, its checks wait, and so does a request."""
    for name in LIMITS:
        if name != UNSERVED:
            watched.submit(name, 3, Priority.INTERACTIVE)
            watched.settled(name)
    left = set(expressions())

    def all_give_data() -> bool:
        for each in list(left):
            asked = each.replace("$__rate_interval", "30s")
            if any(watched.watch.prometheus.query(asked.replace("$source", name)) for name in ("paused", "spent")):
                left.discard(each)
        return not left

    with QUIET["someone paused a source"](watched), FAULTS["JuratRequestsStuck"].put(watched):
        assert until(all_give_data, 20 * SLACK, 1.0), sorted(left)


def test_every_alert_has_a_fault() -> None:
    assert sorted(FAULTS) == sorted(BY_NAME)
    assert len([one for one in BY_NAME.values() if one.severity is AlarmSeverity.PAGE]) == 12
