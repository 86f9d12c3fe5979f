"""The README: its table is what the demonstration says, and its blocks work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from sqlalchemy import create_engine

from jurat import Outcome, Reason
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal

PAGE = ROOT / "README.md"

_LINE = re.compile(r"^(.+?) +(accepted|refused|undetermined|review) +(\w*?) *\d+ [\d.]+ s$", re.MULTILINE)

CONFIGURATION = """\
sources:
  town: { type: address-file, path: examples/town/addresses.csv }
criteria:
  lives-in: { source: town, open: [zone] }
consultations:
  budget:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town } }
"""
FOR_THIS_TEST = {
    "postgresql://jurat@localhost/platform": "sqlite:///jurat.db",
    "redis://localhost:6379/0": "none",
    "bin/jurat worker ": "bin/jurat worker > worker.log 2>&1 & : ",
}


@pytest.mark.slow
def test_the_demonstration_says_what_the_table_shows() -> None:
    ran = subprocess.run([ROOT / "bin" / "jurat", "demo", "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    made = {(check["question"], check["outcome"], check["reason"] or "") for check in said["checks"]}
    (shown,) = re.findall(r"^\$ make demo\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = _LINE.findall(shown)
    assert len(lines) == shown.count(" s\n") >= 15
    assert set(lines) <= made
    access = re.findall(r"^(\w+)'s access to \S+: (\w+)$", shown, re.MULTILINE)
    assert dict(access) == said["access"]
    assert f"{len(said['checks'])} of {len(said['checks'])} as expected" in shown


def test_an_administrator_and_a_platform_get_a_verdict_with_what_it_says(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "examples" / "town" / "zones.geojson", terminal.folder)
    (terminal.folder / "jurat.yaml").write_text(CONFIGURATION, "utf-8")
    script = block(PAGE, "sh")
    for theirs, ours in FOR_THIS_TEST.items():
        assert theirs in script
        script = script.replace(theirs, ours)
    for command in script.splitlines():
        code, said = terminal.run(command)
        assert code == 0, said
    _, seal_key = terminal.run("printenv JURAT_SEAL_KEY")
    url = f"sqlite:///{terminal.folder / 'jurat.db'}"
    given: dict[str, Any] = {
        "engine": create_engine(url),
        "database_url": url,
        "broker_url": None,
        "seal_key": seal_key.strip(),
    }
    exec(compile(block(PAGE, "python"), "README.md", "exec"), given)
    assert capsys.readouterr().out.splitlines()[-1] in ("pending", "granted")
    result = given["client"].wait(given["check"].id, timeout=100)
    assert (result.outcome, result.reason) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert given["client"].access("budget", "p-42").state == "granted"
    given["client"].close()
    given["engine"].dispose()
