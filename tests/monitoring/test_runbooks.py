"""Every alert has a runbook and a fault that fires it. Runbooks are short, and have the same parts in one order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from worker.metrics.alerts import ALERTS

RUNBOOKS = ROOT / "docs" / "runbooks"
PARTS = ["What participants see", "Look", "Do", "Do not", "How it was tested"]
MOST_WORDS = 170
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


def test_runbooks_are_where_the_alerts_say() -> None:
    for alert in ALERTS:
        assert (RUNBOOKS / Path(alert.runbook).name).exists()
