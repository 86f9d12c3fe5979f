from __future__ import annotations

from pathlib import Path

import pytest

from bench.polls.__main__ import main
from bench.polls.durations import sampling, statements
from bench.polls.participants import POLL
from bench.rig import ROOT
from bench.rig.report import append, read
from tests.docs.pages import block

LOG = """\
poller 11 LOG:  duration: 0.100 ms  parse <unnamed>: SELECT state
poller 12 LOG:  duration: 0.300 ms  parse <unnamed>: SELECT state
poller 11 LOG:  duration: 0.200 ms  bind <unnamed>: SELECT state
postgres 13 LOG:  duration: 9.000 ms  parse <unnamed>: SELECT state
poller 12 LOG:  duration: 0.010 ms  bind <unnamed>: SELECT state
poller 12 LOG:  duration: 1.000 ms  execute <unnamed>: SELECT state
\t  FROM jurat_results
poller 11 LOG:  duration: 0.050 ms  execute <unnamed>: SELECT state
postgres 13 LOG:  duration: 9.000 ms  execute <unnamed>: SELECT state
poller 11 LOG:  duration: 0.100 ms  parse <unnamed>: SELECT state
poller 11 LOG:  duration: 0.100 ms  parse <unnamed>: SELECT state
poller 11 LOG:  duration: 4.000 ms  bind <unnamed>: SELECT state
poller 11 LOG:  duration: 0.900 ms  execute <unnamed>: SELECT state
poller 11 LOG:  duration: 0.700 ms  execute <unnamed>: SELECT state
poller 14 LOG:  disconnection
"""


def test_the_parts_of_a_statement_are_put_together_by_their_process() -> None:
    assert list(statements(LOG.splitlines(), "poller")) == pytest.approx([1.31, 0.35, 5.0])


def test_no_value_of_a_poll_comes_into_the_log() -> None:
    assert sampling(0.2)["log_parameter_max_length"] == "0"


def test_what_is_measured_is_the_poll_of_the_page() -> None:
    shown = block(ROOT / "docs" / "platforms" / "connect-a-platform.md", "sql", "jurat_results WHERE check_id")
    assert shown.replace(":id", "%s").split() == POLL.split()


def test_a_table_is_shown_again_and_what_was_missed_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    assert main(["--table", "--file", str(file)]) == 2
    figure = {"name": "a poll, p99", "value": 7.5, "least": None, "most": 5.0, "unit": "ms", "kept": False}
    append(file, {"scenario": "polling", "figures": [figure]})
    assert main(["--table", "--file", str(file)]) == 1
    output = capsys.readouterr()
    assert "| 7.50 ms | ≤ 5 ms **MISSED** |" in output.out
    assert "MISSED polling: a poll, p99" in output.err


@pytest.mark.parametrize("words", ["--seconds 0", "--connections 0", "--participants 3"])
def test_what_cannot_be_measured_is_refused(words: str) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words.split())
    assert raised.value.code == 2


@pytest.mark.bench
def test_a_small_crowd_polls_and_is_reported_its_verdicts(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    small = ("--participants", "20", "--seconds", "3", "--connections", "2")
    assert main([*small, "--file", str(file)]) in (0, 1)
    (row,) = read(file)
    figures = {figure["name"]: figure["value"] for figure in row["figures"]}
    assert row["command"] == "make bench-polling PARTICIPANTS=20 SECONDS=3"
    assert figures["participants who polled"] >= 20
    assert figures["verdicts that they got"] >= 1
    assert figures["polls whose time PostgreSQL logged"] >= 1
    assert figures["a poll in the database, p50"] < figures["a poll as the web tier sees it, p50"]
    assert figures["tables that a poll reads from end to end"] == 0
