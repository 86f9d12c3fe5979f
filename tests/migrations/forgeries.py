"""Plain SQL with which a stolen login would write what an honest program never does. All of it is refused by value: the
role has the right to write those columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from store.schema.grants import Role
from tests.migrations.attacks import INTO_VERDICTS, TIME

SETTLED, PENDING, REVIEWED = (f"0192a000-0000-7000-8000-00000000001{n}" for n in range(1, 4))
REVOKED = "0192a000-0000-7000-8000-000000000021"

NOW, LATER = "statement_timestamp()", "statement_timestamp() + interval '2 hours'"


def _verdict(
    check: str = SETTLED, revision: str = "2", outcome: str = "accepted", at: str = NOW, retain_until: str = "NULL"
) -> str:
    values = f"'{check}', {revision}, '{outcome}', 'a-reason', '{{}}', 'me', 1, 'towns', 9, {at}, {retain_until}"
    return f"INSERT {INTO_VERDICTS} VALUES ({values})"


_VERDICTS = [
    _verdict(outcome="hacked"),
    _verdict(PENDING, "1", outcome="hacked"),
    *(_verdict(revision=revision) for revision in ("-1", "0", "3", "2147483647")),
    _verdict(PENDING, "2"),
    _verdict(retain_until=TIME),
    _verdict(retain_until=f"{NOW} + interval '59 minutes'"),
    _verdict(at=f"{NOW} - interval '1 year'", retain_until=f"{NOW} - interval '1 day'"),
    f"{_verdict()}, ('{PENDING}', 9, 'accepted', 'a-reason', '{{}}', 'me', 1, 'towns', 9, {NOW}, NULL)",
]
_RETENTION = [
    *(
        f"UPDATE jurat_verdicts SET retain_until = {time} WHERE check_id = '{SETTLED}'"
        for time in (
            "NULL",
            NOW,
            LATER,
            f"{NOW} - interval '1 day'",
            f"{NOW} + interval '23 hours'",
            "'infinity'",
            "'9999-12-31'",
        )
    ),
]
_STATES = [
    *(
        f"UPDATE jurat_checks SET state = '{to}' WHERE id = '{check}'"
        for check, to in (
            (PENDING, "nonsense"),
            (PENDING, "settled"),
            (PENDING, "review"),
            (SETTLED, "pending"),
            (SETTLED, "leased"),
            (REVIEWED, "leased"),
            (REVIEWED, ""),
        )
    ),
]
_FENCES = [
    "UPDATE jurat_checks SET fence = -5",
    f"UPDATE jurat_checks SET fence = fence - 1 WHERE id = '{PENDING}'",
]
_TIMES = [
    f"UPDATE jurat_checks SET {column} = '{time}' WHERE id = '{PENDING}'"
    for column in ("due_at", "deadline_at")
    for time in ("infinity", "-infinity", "9999-12-31")
]
_ERASES = [
    "UPDATE jurat_checks SET participant = 'erased-' || id",
    f"UPDATE jurat_checks SET participant = 'erased-x' WHERE id = '{SETTLED}'",
]

_CODE = "INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES ('spring', '12345678:aa', now())"

BY: Mapping[Role, list[str]] = {
    Role.WORKER: [
        *_VERDICTS,
        *_RETENTION,
        *_STATES,
        *_FENCES,
        *_TIMES,
        *_ERASES,
        "DELETE FROM jurat_attempts",
        f"DELETE FROM jurat_attempts WHERE check_id = '{PENDING}'",
        f"DELETE FROM jurat_reviews WHERE check_id = '{REVIEWED}'",
        "DELETE FROM jurat_reviews",
        "DELETE FROM jurat_claims",
        f"DELETE FROM jurat_requests WHERE id = '{REVOKED}'",
        "DELETE FROM jurat_requests WHERE kind = 'revoke'",
        "UPDATE jurat_codes SET redeemed_by = NULL",
        f"UPDATE jurat_codes SET redeemed_by = '{PENDING}' WHERE redeemed_by IS NOT NULL",
        "UPDATE jurat_codes SET redeemed_by = NULL, redeemed_at = NULL",
        "UPDATE jurat_codes SET redeemed_at = 'infinity'",
        f"{_CODE} ON CONFLICT (list, fingerprint) DO UPDATE SET redeemed_by = NULL",
    ],
    Role.REVIEWER: [*_VERDICTS, *_STATES, *_FENCES],
    Role.ADMIN: [*_STATES, *_TIMES, *_ERASES],
}

_AUDIT = "INSERT INTO jurat_audit (id, at, actor, action, subject, detail, login)"
_REQUEST = "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at, login)"

IN_THE_NAME_OF_OTHERS = [
    *(f"UPDATE {table} SET login = 'alice'" for table in ("jurat_verdicts", "jurat_requests", "jurat_audit")),
    f"{_AUDIT} VALUES (gen_random_uuid(), now(), 'me', 'a', 'b', '{{}}', 'alice')",
    f"{_REQUEST} VALUES (gen_random_uuid(), 'revoke', 'me', 'budget', 'p-1', now(), 'alice')",
    _verdict().replace("retain_until)", "retain_until, login)").replace("NULL)", "NULL, 'alice')"),
]
"""What would name somebody else's login. Each is refused for the lack of a right."""
