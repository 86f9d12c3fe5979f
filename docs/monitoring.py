"""Reads the alerts of `monitoring/rules.yml`, and makes what follows from them: the list of docs/reference/alerts.md,
the same rules for Prometheus' operator on Kubernetes, and with shorter times those of `make alerts`. Writes the
dashboards of monitoring/ as well.
"""
# ruff: noqa: INP001 - a script next to the pages that it fills, not a package

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from ruamel.yaml import YAML

from docs.dashboards import DASHBOARDS
from docs.grafana import dashboard_text
from docs.markdown import table
from docs.texts import DOCS
from store.monitoring.alarms import AlarmSeverity

MONITORING: Final = DOCS.parent / "monitoring"
RULES: Final = MONITORING / "rules.yml"
DASHBOARD_FILES: Final = MONITORING / "dashboards"
RULE_OBJECT: Final = DOCS.parent / "deploy" / "kubernetes" / "components" / "monitoring" / "rules.yaml"

SOURCE: Final = "{{ $labels.source }}"
"""The source of a finding, in a summary."""

LEAST_WINDOW: Final = 5.0
"""Seconds; a window must hold several samples, which come each second where times are shortened."""
LEAST_HOLD: Final = 12.0
"""Seconds; workers report each 10 s, so that what ends by itself may look wrong for as long."""

_OBJECT: Final = """\
# monitoring/rules.yml as an object for Prometheus' operator; `python -m docs.generate` writes it.
# Runbooks: set your own place in each `runbook_url`, as docs/operators/monitor.md says.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: jurat
spec:
"""
_WINDOW: Final = re.compile(r"(?<=\[)\w+(?=\])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires when `expression` has held for `hold` seconds. `summary` says what is at stake."""

    name: str
    severity: AlarmSeverity
    hold: int
    summary: str
    expression: str
    runbook: str
    """URL of what to do about it."""


def alerts() -> list[Alert]:
    """Every alert, in the order of the file."""
    return [
        Alert(
            rule["alert"],
            AlarmSeverity(rule["labels"]["severity"]),
            _parsed(rule.get("for", "0s")),
            rule["annotations"]["summary"],
            rule["expr"],
            rule["annotations"]["runbook_url"],
        )
        for rule in _rules(read_rules())
        if "alert" in rule
    ]


def recordings() -> Mapping[str, str]:
    """The expression behind each metric that Prometheus keeps for us."""
    return {rule["record"]: rule["expr"] for rule in _rules(read_rules()) if "record" in rule}


def read_rules() -> dict[str, Any]:
    """The file as Prometheus reads it."""
    read: dict[str, Any] = YAML(typ="safe").load(RULES.read_text("utf-8"))
    return read


def shortened_rules(times: float) -> str:
    """The rules with `for` and all windows so many times shorter, but not below `LEAST_…`; JSON, which is YAML too."""

    def window(found: re.Match[str]) -> str:
        return _seconds(_shorter(_parsed(found[0]), times, LEAST_WINDOW))

    made = read_rules()
    for rule in _rules(made):
        rule["expr"] = _WINDOW.sub(window, rule["expr"])
        if "for" in rule:
            rule["for"] = _seconds(_shorter(_parsed(rule["for"]), times, LEAST_HOLD))
    return json.dumps(made, indent=1)


def held(alert: Alert, shortened: float) -> float:
    """Seconds for which an alert must hold where times are so many times shorter."""
    return _shorter(alert.hold, shortened, LEAST_HOLD)


def rule_object_text() -> str:
    """The rules as an object for Prometheus' operator: kustomize reads no file outside its folder."""
    _, groups, rest = RULES.read_text("utf-8").partition("groups:\n")
    return _OBJECT + indent(groups + rest, "  ")


def alerts_table() -> Iterator[str]:
    """Every alert with a link to its runbook."""
    rows = (
        (f"[{one.name}](../runbooks/{one.name}.md)", one.severity, _minutes(one.hold), one.summary.replace(SOURCE, "X"))
        for one in alerts()
    )
    return table(("alert", "severity", "for", "what is at stake"), rows)


def _rules(read: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for group in read["groups"]:
        yield from group["rules"]


def _shorter(seconds: float, times: float, least: float) -> float:
    return min(seconds, max(least, seconds / times))


def _parsed(duration: str) -> int:
    """Seconds of a duration in one unit, such as `90s` or `1h`; raises KeyError or ValueError for any other."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _seconds(seconds: float) -> str:
    """A duration as Prometheus writes it."""
    if seconds != int(seconds):
        return f"{round(seconds * 1000)}ms"
    for unit in ("h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds) // _UNITS[unit]}{unit}"
    return f"{int(seconds)}s"


def _minutes(seconds: int) -> str:
    return _seconds(seconds) if seconds else "at once"


FILES: Final[Mapping[Path, Callable[[], str]]] = {
    RULE_OBJECT: rule_object_text,
    **{DASHBOARD_FILES / f"{each.name}.json": partial(dashboard_text, each) for each in DASHBOARDS},
}
"""What is written as a whole."""
