"""Times what traces cost a worker for each check, sampled or not: `python -m bench.trace_cost`, ten seconds.

Each round gives 500 results, a full write, to `Traces.add`, as the writer does. Only the CPU time of that thread is
counted: another one sends the spans, here to a receiver in this process. Ends with 1 if a check that is not sampled
costs more than `MOST`.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
from uuid import uuid4

import structlog

from adapters.http_client.last_answer import last_answer
from jurat.vocabulary import Outcome, Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, Settle
from tests.rigs.receiver import Receiver
from worker.traces import ENDPOINTS, open_traces

MOST = 2.0
"""Microseconds that a check may cost which is not sampled."""

BATCH = 500
ROUNDS = 20


def result(traceparent: str | None) -> CheckResult:
    """A check that was accepted."""
    held = ClaimedCheck(
        uuid4(), 1, "budget", "p-1", "residence", "towns", b"", None, 0, 0, 60.0, traceparent=traceparent
    )
    attempt = Attempt(Ended.ANSWERED, Reason.RECORD_MATCHES, 0.1, ended_at=time.monotonic(), http_status=200)
    return CheckResult(held, Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES), 1, attempt)


def cost_of_add(traceparent: str | None) -> float:
    """Median microseconds a check for the writer. Each round has a queue of its own, which is empty."""
    batch, taken = [result(traceparent) for _ in range(BATCH)], []
    for _ in range(ROUNDS):
        traces = open_traces("bench", "0", lambda: None)
        if traces is None:
            sys.exit("bench.trace_cost needs the extra `otel`")
        begun = time.thread_time_ns()
        traces.add(batch, [], 0.0, 0.0)
        taken.append(time.thread_time_ns() - begun)
        traces.close()
    return statistics.median(taken) / 1000 / BATCH


def cost_of_status() -> float:
    """The same for what a lookup thread does in any case: it keeps the status of the last answer."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.thread_time_ns()
        for _ in range(BATCH):
            last_answer.status = None  # the runner
            last_answer.status = None  # the client, twice
            last_answer.status = 200
            _ = last_answer.status
        taken.append(time.thread_time_ns() - begun)
    return statistics.median(taken) / 1000 / BATCH


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with Receiver() as receiver:
        os.environ[ENDPOINTS[0]] = receiver.url
        costs = {
            "status kept for each lookup": cost_of_status(),
            "no traceparent": cost_of_add(None),
            "not sampled": cost_of_add(f"00-{'c' * 32}-{'d' * 16}-00"),
            "sampled": cost_of_add(f"00-{'c' * 32}-{'d' * 16}-01"),
        }
        arrived = len(receiver.spans("process"))
    for name, cost in costs.items():
        print(f"{name:30}{cost:8.2f} µs a check")
    print(f"{arrived:,} of {ROUNDS * BATCH:,} sampled checks arrived")
    sys.exit(int(costs["status kept for each lookup"] + costs["not sampled"] > MOST))


if __name__ == "__main__":
    main()
