"""Writes a dashboard of docs/dashboards.py as Grafana reads it: panels on a grid of 24 columns, without a plugin.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from docs.dashboards import PAUSES, Dashboard, Panel, Row, View

_SCHEMA: Final = 39
"""Of Grafana 10 and 11; newer ones bring it up to date when they read it."""
_COLUMNS, _HEIGHT, _A_ROW = 24, 8, 3
_DATA: Final = {"type": "prometheus", "uid": "${datasource}"}
_STACKED: Final = {"custom": {"fillOpacity": 40, "stacking": {"mode": "normal"}}}


def dashboard_text(dashboard: Dashboard) -> str:
    """The file."""
    return json.dumps(_document(dashboard), indent=1, ensure_ascii=False) + "\n"


def _document(dashboard: Dashboard) -> Mapping[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["jurat"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": list(_variables(dashboard))},
        "annotations": {
            "list": [
                {
                    "name": "pauses",
                    "datasource": _DATA,
                    "enable": True,
                    "iconColor": "orange",
                    "expr": PAUSES.expression,
                    "titleFormat": PAUSES.legend,
                }
            ]
        },
        "panels": list(_panels(dashboard)),
    }


def _variables(dashboard: Dashboard) -> Iterator[Mapping[str, Any]]:
    yield {"name": "datasource", "label": "data source", "type": "datasource", "query": "prometheus"}
    if dashboard.by_source:
        yield {
            "name": "source",
            "type": "query",
            "datasource": _DATA,
            "query": {"query": "label_values(jurat_source_state, source)", "refId": "source"},
            "refresh": 2,
            "sort": 1,
        }


def _panels(dashboard: Dashboard) -> Iterator[Mapping[str, Any]]:
    number = top = 0
    for row in dashboard.rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.question,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
        }
        top += 1
        for panel, place in _placed(row, top):
            number += 1
            yield {"id": number, "gridPos": place, **_panel(panel)}
            top = max(top, place["y"] + _HEIGHT)


def _placed(row: Row, top: int) -> Iterator[tuple[Panel, dict[str, int]]]:
    """Each panel and its place; those of a line share its width."""
    for begin in range(0, len(row.panels), _A_ROW):
        line = row.panels[begin : begin + _A_ROW]
        width = _COLUMNS // len(line)
        for column, panel in enumerate(line):
            yield panel, {"x": column * width, "y": top + begin // _A_ROW * _HEIGHT, "w": width, "h": _HEIGHT}


def _panel(panel: Panel) -> Mapping[str, Any]:
    as_table = panel.view in {View.TABLE, View.HEAT}
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": _DATA,
            "expr": query.expression,
            "legendFormat": query.legend,
            "format": {View.TABLE: "table", View.HEAT: "heatmap"}[panel.view] if as_table else "time_series",
            "instant": panel.view is View.TABLE,
        }
        for number, query in enumerate(panel.queries)
    ]
    stacked = panel.view is View.STACK
    defaults = {"unit": str(panel.unit), "min": 0, **(_STACKED if stacked else {})}
    return {
        "type": str(View.LINES if stacked else panel.view),
        "title": panel.title,
        "datasource": _DATA,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"calculate": False, "yAxis": {"unit": str(panel.unit)}} if panel.view is View.HEAT else {},
    }
