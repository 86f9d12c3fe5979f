"""The rules as Prometheus and Alertmanager read them, and what each expression of our own fires for."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs import monitoring
from docs.monitoring import RULES, SOURCE, alerts
from store.monitoring.alarms import SEVERITY, Alarm, AlarmSeverity
from tests.conftest import ROOT, missing
from tests.rigs.prometheus import program, promtool
from tests.rigs.servers import NoServer
from worker.metrics.names import FLEET_METRICS, WORKER_METRICS

ALERTS = alerts()
BY_NAME = {alert.name: alert for alert in ALERTS}
PROMQL = sorted(set(BY_NAME) - set(Alarm))
CASES = Path(__file__).parent / "rules"
UNWRITTEN = {Alarm.NOBODY_WORKS, Alarm.SOURCE_UNSERVED, Alarm.UPKEEP_LATE, Alarm.WORKERS_RESTART}
"""Conditions that hold because workers have not written something."""
TARGET = 0.99
"""Share of the interactive checks of open sources that have their verdict in 5 s."""


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    try:
        program("promtool")
        program("amtool")
    except NoServer as error:
        missing(str(error))


def test_the_examples_are_what_prometheus_and_alertmanager_take() -> None:
    checked = promtool("check", "config", "--lint=all", "--lint-fatal", "monitoring/prometheus.yml", cwd=ROOT)
    assert checked.returncode == 0, checked.stderr
    assert f"SUCCESS: {len(ALERTS) + len(monitoring.recordings())} rules found" in checked.stdout
    taken = subprocess.run(
        [program("amtool"), "check-config", "monitoring/alertmanager.yml"], cwd=ROOT, capture_output=True, check=False
    )
    assert taken.returncode == 0, taken.stderr


def test_shortened_rules_are_rules_too(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(monitoring.shortened_rules(60), "utf-8")
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml", cwd=tmp_path).returncode == 0
    before, after = monitoring.read_rules(), json.loads(monitoring.shortened_rules(60))
    assert windows(before) == {"5m", "15m", "30m", "1h", "6h"}
    assert windows(after) == {"5s", "15s", "30s", "1m", "6m"}
    holds = {rule["alert"]: rule.get("for") for group in after["groups"] for rule in group["rules"] if "alert" in rule}
    assert [holds[name] for name in ("JuratVersionsMixed", "JuratNobodyWorks", "JuratBurnFast")] == ["1m", "12s", None]
    assert json.loads(monitoring.shortened_rules(1)) == before


def windows(rules: Any) -> set[str]:
    """The ranges over which the rules ask."""
    expressions = (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    return {found for each in expressions for found in re.findall(r"\[(.*?)\]", each)}


def test_runbooks_are_named_in_one_place(tmp_path: Path) -> None:
    """By the line of docs/operators/monitor.md."""
    (line,) = re.findall(
        r"`(sed -i [^`]+ rules[.]yml)`", (ROOT / "docs" / "operators" / "monitor.md").read_text("utf-8")
    )
    shutil.copy(RULES, tmp_path)
    subprocess.run(shlex.split(line), cwd=tmp_path, check=True)
    rules = (tmp_path / "rules.yml").read_text("utf-8")
    assert rules.count("runbook_url: https://wiki.example/jurat/Jurat") == len(ALERTS)
    assert "jurat.example" not in rules


def test_there_is_one_alert_for_each_condition_and_five_more() -> None:
    assert len(BY_NAME) == len(ALERTS) == 27
    assert set(BY_NAME) > set(Alarm)
    assert len(PROMQL) == 5


def test_an_alert_calls_as_its_condition_says() -> None:
    assert {alarm: BY_NAME[alarm].severity for alarm in Alarm} == SEVERITY


def test_alerts_of_one_severity_are_together() -> None:
    groups = {group["name"]: group["rules"] for group in monitoring.read_rules()["groups"]}
    for severity in AlarmSeverity:
        assert {rule["labels"]["severity"] for rule in groups[f"jurat-{severity}s"]} == {severity}


@pytest.mark.parametrize("alarm", sorted(set(Alarm) - {Alarm.DATABASE_AWAY}))
def test_an_alert_asks_for_its_condition(alarm: Alarm) -> None:
    """Where workers must have written something, it asks only while they can."""
    asked, _, unless = BY_NAME[alarm].expression.partition(" unless ")
    assert asked == f'max by (source) (jurat_condition{{condition="{alarm}"}}) == 1'
    assert unless == ("on () max(jurat_database_writable) == 0" if alarm in UNWRITTEN else "")


@pytest.mark.parametrize(
    ("name", "times", "window", "short"), [("JuratBurnFast", 14, "1h", "5m"), ("JuratBurnSlow", 3, "6h", "30m")]
)
def test_an_alert_on_the_target_fires_where_the_allowance_burns(name: str, times: int, window: str, short: str) -> None:
    """So many times as many as the target allows are late in both windows, and as many as a night may have."""
    least = f"{1 - times * (1 - TARGET):.2f}"
    assert BY_NAME[name].expression.split(" and ") == [
        f"jurat:verdicts_in_5s:ratio_rate{window} < {least}",
        f"jurat:verdicts_in_5s:ratio_rate{short} < {least}",
        f"jurat:verdicts_over_5s:increase{window} > 10",
    ]
    assert f"More than {times * (1 - TARGET) * 100:.0f} % of the interactive checks" in BY_NAME[name].summary
    page = " ".join((ROOT / "docs" / "operators" / "monitor.md").read_text("utf-8").split())
    assert f"**{TARGET * 100:.0f} % of interactive checks have their verdict within 5 s**" in page
    assert re.search(rf"{name} [^,]*\b{times} times", page)


@pytest.mark.parametrize("name", sorted(monitoring.recordings()))
def test_a_recording_asks_for_the_window_in_its_name(name: str) -> None:
    asked = set(re.findall(r"\[(.*?)\]", monitoring.recordings()[name]))
    assert asked == {re.findall(r"(?:ratio_rate|increase)(\w+)$", name)[0]}


def test_each_summary_is_one_sentence() -> None:
    """What is at stake follows the colon."""
    for alert in ALERTS:
        assert re.fullmatch(r"[A-Z][^:]+(: [^:]+)?\.", alert.summary.replace(SOURCE, "X")), alert.name
        assert alert.summary.count(". ") == 0, alert.name
        assert len(alert.summary) < 170, alert.name


def test_summaries_name_a_source_and_nothing_else() -> None:
    """No label with data of a person could reach whoever is called; and where a source is named, there is one."""
    for alert in ALERTS:
        assert set(re.findall(r"\{\{.*?\}\}", alert.summary + alert.runbook)) <= {SOURCE}, alert.name
        assert SOURCE not in alert.summary or "by (source)" in alert.expression, alert.name


def test_expressions_ask_for_metrics_that_there_are() -> None:
    known = {metric.name for metric in (*WORKER_METRICS, *FLEET_METRICS)}
    for expression in (*(alert.expression for alert in ALERTS), *monitoring.recordings().values()):
        asked = {re.sub("_(bucket|count)$", "", name) for name in re.findall(r"\bjurat_\w+", expression)}
        assert asked <= known, expression


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.iterdir()))
def test_an_expression_fires_as_its_cases_say(name: str, tmp_path: Path) -> None:
    """Cases are promtool's own, but for the texts of the alerts, which are filled in here."""
    case = YAML(typ="safe").load((CASES / f"{name}.yml").read_text("utf-8"))
    tests = [test for group in case["tests"] for test in group["alert_rule_test"] if test["alertname"] == name]
    assert {bool(test["exp_alerts"]) for test in tests} == {True, False}, "fires, and does not"
    for group in case["tests"]:
        for test in group["alert_rule_test"]:
            for expected in test["exp_alerts"]:
                alert = BY_NAME[test["alertname"]]
                summary = alert.summary.replace(SOURCE, expected["exp_labels"].get("source", ""))
                expected["exp_annotations"] = {"summary": summary, "runbook_url": alert.runbook}
    case["rule_files"] = [str(RULES)]
    with (tmp_path / "case.yml").open("w") as file:
        YAML(typ="safe").dump(case, file)
    ended = promtool("test", "rules", "case.yml", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr + ended.stdout


def test_every_expression_of_our_own_has_cases() -> None:
    assert {path.stem for path in CASES.iterdir()} >= set(PROMQL)
