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
from store.monitoring.alarms import Alarm
from tests.conftest import ROOT, missing
from tests.rigs.prometheus import program, promtool
from tests.rigs.servers import NoServer
from worker.metrics.names import FLEET_METRICS, WORKER_METRICS

ALERTS = alerts()
BY_NAME = {alert.name: alert for alert in ALERTS}
PROMQL = sorted(set(BY_NAME) - set(Alarm))
CASES = Path(__file__).parent / "rules"


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    try:
        program("promtool")
        program("amtool")
    except NoServer as error:
        missing(str(error))


def test_what_is_made_is_up_to_date() -> None:
    assert {file.name: file.read_text("utf-8") == made() for file, made in monitoring.FILES.items()} == {
        file.name: True for file in monitoring.FILES
    }, "out of date: python -m docs.generate"


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
    assert len(BY_NAME) == len(ALERTS) == 25
    assert set(BY_NAME) > set(Alarm)
    assert len(PROMQL) == 5


def test_each_summary_is_one_sentence() -> None:
    """What is at stake follows the colon."""
    for alert in ALERTS:
        assert re.fullmatch(r"[A-Z][^:]+(: [^:]+)?\.", alert.summary.replace(SOURCE, "X")), alert.name
        assert alert.summary.count(". ") == 0, alert.name
        assert len(alert.summary) < 170, alert.name


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
