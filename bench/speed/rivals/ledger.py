"""The tables of the arms that are not jurat, and the job that each of them does with a check."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TABLES = """
    CREATE TABLE bench_checks (
      id uuid PRIMARY KEY,
      participant text NOT NULL,
      answer jsonb NOT NULL,
      state text NOT NULL DEFAULT 'pending',
      submitted_at timestamptz NOT NULL DEFAULT statement_timestamp(),
      settled_at timestamptz);
    CREATE TABLE bench_verdicts (
      check_id uuid PRIMARY KEY REFERENCES bench_checks,
      outcome text NOT NULL,
      reason text NOT NULL,
      evidence jsonb NOT NULL,
      decided_at timestamptz NOT NULL DEFAULT statement_timestamp())"""

SUBMIT = "INSERT INTO bench_checks (id, participant, answer) VALUES (%s, %s, %s)"
READ = "SELECT answer FROM bench_checks WHERE id = %s"
ADD_VERDICT = "INSERT INTO bench_verdicts (check_id, outcome, reason, evidence) VALUES (%s, %s, %s, %s)"
SETTLE = "UPDATE bench_checks SET state = 'settled', settled_at = statement_timestamp() WHERE id = %s"

VERDICTS = """
    SELECT substr(c.participant, 3), v.outcome, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8
    FROM bench_verdicts v JOIN bench_checks c ON c.id = v.check_id"""
"""The index of the submit, the outcome, and when that was committed, of every verdict."""

TASK = "bench.check"
"""Name of the task, whose one argument is a check's id."""

LATE = "BENCH_ACKS_LATE"
"""The variable that is 1 where Celery acknowledges after the job."""

OWN_CLIENT = "BENCH_OWN_CLIENT"
"""The variable that is 1 where the source is asked by jurat's transport, instead of a `requests.Session`."""

TIMEOUT = 10.0
"""Seconds that the source may take."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an arm's workers find everything: from the environment, which `Place.environment` makes."""

    database_url: str
    broker_url: str
    source_url: str
    slots: int

    def environment(self) -> dict[str, str]:
        """The variables that `place` reads."""
        return {
            "BENCH_DATABASE_URL": self.database_url,
            "BENCH_BROKER_URL": self.broker_url,
            "BENCH_SOURCE_URL": self.source_url,
            "BENCH_SLOTS": str(self.slots),
        }


def place() -> Place:
    """Where everything is, in a worker's process."""
    had = os.environ.get
    return Place(
        had("BENCH_DATABASE_URL", ""),
        had("BENCH_BROKER_URL", "redis://127.0.0.1:6379/0"),
        had("BENCH_SOURCE_URL", ""),
        int(had("BENCH_SLOTS", "1")),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the source's answer says about the participant's."""

    outcome: str
    reason: str
    evidence: dict[str, Any]


def judge(answer: Mapping[str, Any], status: int, found: Mapping[str, Any]) -> Verdict:
    """The same that jurat's description of the registry says, in plain Python."""
    evidence = {"http_status": status, "records": found["count"]}
    if found["count"] == 0:
        return Verdict("refused", "record_not_found", evidence)
    record = found["professionals"][0]
    names = {(name["family"].casefold(), name["given"].casefold()) for name in record["names"]}
    if record["number"] != answer["number"]:
        return Verdict("refused", "number_differs", evidence)
    if (answer["family_name"].strip().casefold(), answer["given_name"].strip().casefold()) not in names:
        return Verdict("refused", "name_differs", evidence)
    if record["status"] != "active":
        return Verdict("refused", "status_inactive", evidence)
    return Verdict("accepted", "record_matches", evidence)
