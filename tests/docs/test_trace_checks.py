"""How to trace checks: the commands of the page with a real worker and a receiver, and what the page says of spans."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import create_engine

from jurat import Client, span_names
from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal
from tests.rigs.receiver import Receiver
from worker import spans, traces

PAGE = ROOT / "docs" / "operators" / "trace-checks.md"
QUICKSTART = ROOT / "docs" / "platforms" / "quickstart.md"


@pytest.mark.slow
def test_a_worker_that_is_started_so_traces_what_a_platform_samples(terminal: Terminal) -> None:
    set_up = blocks(QUICKSTART, "sh")[1]
    assert "config apply" in set_up.text
    terminal.run_block(set_up, {})
    (start,) = blocks(PAGE, "sh")
    with Receiver() as receiver:
        terminal.run_block(start, {"http://127.0.0.1:4318": receiver.url})
        url = f"sqlite:///{terminal.folder / 'jurat.db'}"
        client, engine = Client(url, seal_key=terminal.run("echo $JURAT_SEAL_KEY")[1].strip()), create_engine(url)
        code = (terminal.folder / "codes.txt").read_text("utf-8").split()[0]
        asked: dict[str, Any] = {
            "consultation": "budget",
            "participant": "p-1",
            "question": "code",
            "answer": {"code": code},
        }
        with engine.begin() as connection:
            check = client.submit(connection, **asked, traceparent=f"00-{'c' * 32}-{'d' * 16}-01")
        assert client.wait(check.id, timeout=100).outcome == "accepted"
        assert receiver.has("process spring"), (terminal.folder / "worker.log").read_text("utf-8")
        assert terminal.run("kill %1; wait")[0] in (0, 143)
        client.close()
        engine.dispose()


def test_the_page_says_what_the_code_does() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    assert re.findall(r"\| `(\w+)(?: SOURCE)?` \|", text) == [
        span_names.SEND,
        span_names.PROCESS,
        span_names.LOOKUP,
        span_names.SETTLE,
    ]
    assert f"beyond {spans.QUEUE:,} waiting spans" in text
    assert f"waits {traces.CLOSE_TIMEOUT:.0f} s" in text
    assert traces.ENDPOINTS[0] in text
