"""The dashboards: what they ask can be asked, of metrics that there are, and no metric is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import monitoring
from docs.dashboards import DASHBOARDS, PAUSES, Dashboard
from tests.conftest import missing
from tests.rigs.prometheus import promtool
from tests.rigs.servers import NoServer
from worker.metrics.names import FLEET_METRICS, WORKER_METRICS, Kind

WITH_GRAFANA = {"timeseries", "stat", "state-timeline", "heatmap", "table", "row"}


def expressions() -> Iterator[str]:
    yield PAUSES.expression
    for dashboard in DASHBOARDS:
        for row in dashboard.rows:
            for panel in row.panels:
                yield from (query.expression for query in panel.queries)


def read(dashboard: Dashboard) -> Any:
    return json.loads((monitoring.DASHBOARD_FILES / f"{dashboard.name}.json").read_text("utf-8"))


def test_each_expression_can_be_asked(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "1m").replace("$source", "ban")}
        for number, each in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    try:
        checked = promtool("check", "rules", "rules.yml", cwd=tmp_path)
    except NoServer as error:
        missing(str(error))
    assert checked.returncode == 0, checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout


def test_each_metric_is_on_a_panel_or_in_an_alert_or_a_detail() -> None:
    metrics = (*WORKER_METRICS, *FLEET_METRICS)
    endings = {metric.name: "(_bucket|_count|_sum)" if metric.kind is Kind.HISTOGRAM else "" for metric in metrics}
    rules = (*(alert.expression for alert in monitoring.alerts()), *monitoring.recordings().values())
    asked = "\n".join([*expressions(), *rules])
    shown = {name: bool(re.search(rf"\b{name}{ending}(?!\w)", asked)) for name, ending in endings.items()}
    assert {metric.name for metric in metrics if shown[metric.name] == metric.detail} == set()
    names = {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(r"\bjurat_\w+", asked)}
    assert names <= set(endings), "asks for what nobody shows"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_a_dashboard_needs_no_plugin_and_one_data_source(dashboard: Dashboard) -> None:
    made = read(dashboard)
    assert made["uid"] == dashboard.uid
    assert {panel["type"] for panel in made["panels"]} <= WITH_GRAFANA
    variables = [each["name"] for each in made["templating"]["list"]]
    assert variables == (["datasource", "source"] if dashboard.by_source else ["datasource"])
    parts = [
        *made["panels"],
        *made["annotations"]["list"],
        *(one for p in made["panels"] for one in p.get("targets", ())),
    ]
    assert {part["datasource"]["uid"] for part in parts if part.get("type") != "row"} == {"${datasource}"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_rows_ask_and_panels_lie_side_by_side(dashboard: Dashboard) -> None:
    made = read(dashboard)
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & own, panel["title"]
        assert max(x for x, _ in own) < 24
        taken |= own
        assert panel["title"].endswith("?") == (panel["type"] == "row")


def test_two_exporters_count_once() -> None:
    """A sum over a figure of the exporter is one over what is the larger of two, by its labels."""
    fleet = "|".join(metric.name for metric in FLEET_METRICS)
    for expression in expressions():
        assert not re.search(rf"sum( by \([^)]*\))? ?\(({fleet})\b", expression), expression
