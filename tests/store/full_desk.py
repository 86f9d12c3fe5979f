"""A database of PostgreSQL with tens of thousands of checks, which is filled once for a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.store.desk import DOCUMENT, Desk

PENDING, SETTLED = 20_000, 20_000

CONSULTATIONS = DOCUMENT["consultations"]
TWO: Mapping[str, Any] = {**DOCUMENT, "consultations": {**CONSULTATIONS, "culture": CONSULTATIONS["budget"]}}
"""Its configuration: two consultations that ask the same."""

_COPY = """
    INSERT INTO jurat_checks (id, consultation, participant, question, priority, answer, answer_key, state, source,
                              due_at, submitted_at, deadline_at, settled_at)
    SELECT gen_random_uuid(), '{consultation}', '{prefix}' || n, 'residence', '{priority}',
           CASE WHEN '{state}' = 'pending' THEN answer END, answer_key, '{state}', '{source}',
           NOW(-n / 10.0), NOW(-3600), NOW(3600 + n), CASE WHEN '{state}' = 'settled' THEN NOW END
    FROM jurat_checks, generate_series(1, {count}) AS n WHERE participant = 'p-0'"""


def fill(desk: Desk) -> None:
    """Many waiting and many settled checks, and all that goes with them, in an empty database."""
    desk.submit("p-0")
    half, most = PENDING // 100, PENDING - PENDING // 100
    copies = [
        ("budget", "w-", "interactive", "pending", "towns", most),
        ("culture", "w-", "bulk", "pending", "towns", half),
        ("budget", "s-", "interactive", "settled", "towns", SETTLED // 2),
        ("culture", "s-", "interactive", "settled", "rpps", SETTLED // 2),
    ]
    for copy in copies:
        names = ("consultation", "prefix", "priority", "state", "source", "count")
        desk.sql(_COPY.format(**dict(zip(names, copy, strict=True))))
    desk.sql("ALTER TABLE jurat_claims DISABLE TRIGGER jurat_claims_added")  # which looks for the check of each
    for table, columns, values in (
        (
            "jurat_verdicts",
            "revision, outcome, reason, evidence, decided_by, config_version, source, fence, decided_at, retain_until",
            "n, 'accepted', 'inside_zone', '{}', 'worker', 1, source, 1, NOW, NOW(86400)",
        ),
        (
            "jurat_attempts",
            "fence, source, started_at, duration_ms, result, reason",
            "n, source, NOW, 5, 'answered', 'inside_zone'",
        ),
        (
            "jurat_reviews",
            "reason, evidence, config_version, opened_at, due_at, decided_at",
            "'name_differs', jsonb_build_object('why', repeat(id::text, 12)), 1, NOW(-90), NOW(-80), NOW(-85)",
        ),
        (
            "jurat_claims",
            "consultation, namespace, fingerprint, participant, holds, claimed_at",
            "consultation, 'kind ' || n, '0000000' || n || ':' || md5(id::text), participant, true, NOW",
        ),
    ):
        times = 1 if table == "jurat_reviews" else 4  # so large that reading it whole is never the quickest
        for n in range(1, times + 1):  # each within the time that a statement may take: guards look at each row
            rows = f"SELECT id, {values} FROM jurat_checks, (VALUES ({n})) AS v (n) WHERE state = 'settled'"
            desk.sql(f"INSERT INTO {table} (check_id, {columns}) {rows}")
    desk.sql("ALTER TABLE jurat_claims ENABLE ALWAYS TRIGGER jurat_claims_added")
    desk.sql(
        "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at, applied_at) "
        "SELECT gen_random_uuid(), k.kind, consultation, participant, 'a clerk', NOW(-k.ago), NOW(-k.ago) "
        "FROM jurat_checks, "
        "(VALUES ('revoke', 9), ('restore', 5), ('erase', 3)) AS k (kind, ago) WHERE state = 'settled'"
    )
    desk.sql("UPDATE jurat_access SET changes_at = NOW(86400) WHERE participant LIKE 's-%'")
    desk.sql(
        "INSERT INTO jurat_requests (id, kind, check_id, document, by_whom, asked_at, applied_at) "
        "SELECT gen_random_uuid(), 'contest', id, repeat(id::text, 4), 'a clerk', NOW(-90), NOW(-89) "
        "FROM jurat_checks WHERE state = 'settled'"
    )
    vacuum(desk)


def vacuum(desk: Desk) -> None:
    """What PostgreSQL does by itself once there is enough to do."""
    with desk.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
