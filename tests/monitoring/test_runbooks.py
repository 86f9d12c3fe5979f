"""Every alert has a runbook and a fault that fires it. Runbooks are short, and have the same parts in one order."""

from __future__ import annotations

import re

import pytest

from docs.monitoring import alerts
from tests.conftest import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
PLACE = "https://jurat.example/runbooks/"
"""What an operator replaces by a place of their own."""
PARTS = ["What participants see", "Look", "Do", "Do not", "How it was tested"]
MOST_WORDS = 170
ALERTS = alerts()
NAMES = sorted(alert.name for alert in ALERTS)


def test_each_alert_has_a_runbook() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("Jurat*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_is_short_and_complete(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == PARTS
    words = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE).split()
    assert len(words) <= MOST_WORDS
    assert len(look(text)) == 3
    assert look(text)[0] == "bin/jurat now"
    assert re.search(r"^```text\n.+?^```$", text, re.DOTALL | re.MULTILINE)


def look(text: str) -> list[str]:
    """The commands under *Look*."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(block).splitlines()


def test_each_alert_names_its_own_runbook() -> None:
    assert {alert.name: alert.runbook for alert in ALERTS} == {name: f"{PLACE}{name}.md" for name in NAMES}
