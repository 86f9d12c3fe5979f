from __future__ import annotations

import pytest

from bench import trace_cost
from tests.rigs import loggers
from worker.traces import ENDPOINTS


def test_it_prints_what_a_check_costs_and_that_the_sampled_ones_arrived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trace_cost, "BATCH", 5)
    monkeypatch.setattr(trace_cost, "ROUNDS", 2)
    monkeypatch.setenv(ENDPOINTS[0], "")
    for most, code in ((1e6, 0), (0.0, 1)):
        monkeypatch.setattr(trace_cost, "MOST", most)
        with pytest.raises(SystemExit) as ended:
            trace_cost.main()
        assert ended.value.code == code
        said = capsys.readouterr().out
        assert "not sampled" in said
        assert "10 of 10 sampled checks arrived" in said
    loggers.forget()
