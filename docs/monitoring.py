"""Writes the files of monitoring/ that are made: rules from the alerts of worker/metrics/alerts.py, and dashboards; and
the same rules for Prometheus' operator on Kubernetes.
"""
# ruff: noqa: INP001 - a script next to the pages that it fills, not a package

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from textwrap import fill, indent
from typing import Final

from docs.dashboards import DASHBOARDS
from docs.grafana import dashboard_text
from docs.markdown import table
from docs.texts import DOCS
from store.monitoring.alarms import Severity
from worker.metrics import alerts
from worker.metrics.alerts import ALERTS, RECORDINGS, SOURCE, Alert, Recording

MONITORING: Final = DOCS.parent / "monitoring"
RULES: Final = MONITORING / "rules.yml"
DASHBOARD_FILES: Final = MONITORING / "dashboards"
RULE_OBJECT: Final = DOCS.parent / "deploy" / "kubernetes" / "components" / "monitoring" / "rules.yaml"

LEAST_WINDOW: Final = 5.0
"""Seconds; a window must hold several samples, which come each second where times are shortened."""
LEAST_HOLD: Final = 12.0
"""Seconds; workers report each 10 s, so that what ends by itself may look wrong for as long."""

_HEAD: Final = """\
# What must hold, and who is called when it does not. `python -m docs.generate` writes it from worker/metrics/alerts.py.
# Runbooks are looked for under {}; set your own place there.
"""
_OBJECT: Final = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: jurat
spec:
"""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


def rules_text(shortened: float = 1.0) -> str:
    """The rules as Prometheus reads them, with `for` and all windows so many times shorter, but not below `LEAST_…`."""
    return f"{_HEAD.format(alerts.RUNBOOKS)}\n{_groups(shortened)}"


def rule_object_text() -> str:
    """The rules as an object for Prometheus' operator: kustomize reads no file outside its folder."""
    return f"{_HEAD.format(alerts.RUNBOOKS)}{_OBJECT}{indent(_groups(), '  ')}"


def _groups(shortened: float = 1.0) -> str:
    lines = ["groups:", "- name: jurat-slo", "  rules:"]
    for rule in RECORDINGS:
        lines += _recording(rule, shortened)
    for severity in Severity:
        lines += [f"- name: jurat-{severity}s", "  rules:"]
        for alert in ALERTS:
            if alert.severity is severity:
                lines += _alert(alert, shortened)
    return "\n".join(lines) + "\n"


def alerts_table() -> Iterator[str]:
    """Every alert, pages first, with a link to its runbook."""
    rows = (
        (f"[{one.name}](../runbooks/{one.name}.md)", one.severity, _minutes(one.hold), one.summary.replace(SOURCE, "X"))
        for one in ALERTS
    )
    return table(("alert", "severity", "for", "what is at stake"), rows)


def _recording(rule: Recording, shortened: float) -> Iterator[str]:
    yield f"  - record: {rule.name}"
    yield from _block("expr", _shorter(rule.expression, shortened))


def _alert(alert: Alert, shortened: float) -> Iterator[str]:
    yield f"  - alert: {alert.name}"
    yield from _block("expr", _shorter(alert.expression, shortened))
    if alert.hold:
        yield f"    for: {_seconds(held(alert, shortened))}"
    yield f"    labels: {{severity: {alert.severity}}}"
    yield "    annotations:"
    yield from _block("summary", alert.summary, "  ")
    yield f"      runbook_url: {alert.runbook}"


def held(alert: Alert, shortened: float) -> float:
    """Seconds for which an alert must hold where times are so many times shorter."""
    return min(alert.hold, max(LEAST_HOLD, alert.hold / shortened))


def _block(key: str, words: str, more: str = "") -> Iterator[str]:
    """A text of one paragraph, wrapped and without a line break at its end."""
    indent = f"      {more}"
    yield f"    {more}{key}: >-"
    yield fill(words, 118, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
               break_on_hyphens=False)  # fmt: skip


def _shorter(expression: str, shortened: float) -> str:
    def window(found: re.Match[str]) -> str:
        seconds = int(found[1]) * _UNITS[found[2]]
        return found[0] if shortened == 1 else f"[{_seconds(max(LEAST_WINDOW, seconds / shortened))}]"

    return re.sub(r"\[(\d+)([smh])\]", window, expression)


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
    RULES: rules_text,
    RULE_OBJECT: rule_object_text,
    **{DASHBOARD_FILES / f"{each.name}.json": partial(dashboard_text, each) for each in DASHBOARDS},
}
"""What is written as a whole."""
