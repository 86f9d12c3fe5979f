"""Plain SQL with which a stolen login would write what an honest program never does. All of it is refused by value: the
role has the right to write those columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from store.schema.grants import DatabaseRole
from tests.migrations.attacks import INTO_AUDIT, INTO_CHECKS, INTO_VERDICTS, STRANGER, TIME, check

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
    _verdict(PENDING, "1", retain_until=f"{NOW} + interval '59 minutes'"),
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
    *(
        f"UPDATE jurat_checks SET fence = {fence} WHERE id = '{PENDING}'"
        for fence in ("fence + 2", 9223372036854775807)
    ),
]
_ON_THEIR_WAY = [
    f"UPDATE jurat_checks SET {change} WHERE id = '{PENDING}'" for change in ("fence = fence + 1", "answer = NULL")
]
_LEASED = f"UPDATE jurat_checks SET state = 'leased' WHERE id = '{PENDING}'"
_NEXT = (
    "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) VALUES ({}, '', '{{}}', 'me', now())"
)
_RETIRED = """
    INSERT INTO jurat_seal_keys (id, public_key, from_at, until_at, signature)
    SELECT 'ffffffffffffffff', public_key, from_at, until_at, signature FROM jurat_seal_keys"""
_TIMES = [
    f"UPDATE jurat_checks SET {column} = '{time}' WHERE id = '{PENDING}'"
    for column in ("due_at", "deadline_at")
    for time in ("infinity", "-infinity", "9999-12-31")
]
_ERASES = [
    "UPDATE jurat_checks SET participant = 'erased-' || id",
    f"UPDATE jurat_checks SET participant = 'erased-x' WHERE id = '{SETTLED}'",
]

_HUGE = "jsonb_build_object('x', repeat('x', 1100000))"
_NEVER = ("infinity", "9999-12-31", "1969-12-31")
_REVIEW = f"INSERT INTO jurat_reviews VALUES ('{PENDING}', 'near_border', '{{}}', 1, now(), 'infinity')"
_REVIEWS = [
    _REVIEW,
    f"UPDATE jurat_reviews SET evidence = {_HUGE}",
    *(f"UPDATE jurat_reviews SET due_at = '{time}'" for time in _NEVER),
]
_ACCESS = [
    "INSERT INTO jurat_access SELECT 'budget', 'p-9', 'granted', '{}', '{}', 1, 'infinity'",
    *(f"UPDATE jurat_access SET changes_at = '{time}'" for time in _NEVER),
    f"UPDATE jurat_access SET changes_at = {NOW} - interval '2 minutes'",
    "UPDATE jurat_access SET questions = (SELECT jsonb_object_agg(i, i) FROM generate_series(1, 9999) i)",
]
_PAUSES = [
    "INSERT INTO jurat_pauses VALUES ('towns', now(), 'infinity', 'x')",
    *(f"UPDATE jurat_pauses SET until = '{time}'" for time in _NEVER),
]
_SOURCES = [
    *(f"UPDATE jurat_sources SET next_start_at = '{time}'" for time in _NEVER),
    "UPDATE jurat_sources SET used = -1",
]
_COUNTS = [
    *(
        f"UPDATE jurat_sources SET {column} = -1"
        for column in (
            "waiting",
            "due",
            "poll_ms",
            "failures",
            "served",
            "most_slots",
            "served_s",
            "wait_s",
            "lookup_s",
        )
    ),
    *(f"UPDATE jurat_sources SET {column} = '-0.1'" for column in ("day_used", "suspect_share", "usual_share")),
    *(f"UPDATE jurat_sources SET wait_s = '{value}'" for value in ("NaN", "Infinity")),
    "INSERT INTO jurat_outcomes VALUES ('towns', 3, 'name_differs', -1)",
]
_SUSPECTS = [f"UPDATE jurat_sources SET suspect_since = '{time}'" for time in _NEVER]
_CLAIMS = ["UPDATE jurat_claims SET participant = 'p-2'", "UPDATE jurat_claims SET participant = 'erased-1'"]
_CLAIM = f"INSERT INTO jurat_claims VALUES ('budget', 'n', '12345678:aa', '{PENDING}', 'p-9', false, now())"
_RELEASE = ["UPDATE jurat_claims SET holds = false", f"UPDATE jurat_claims SET holds = NOT holds;\n{_verdict()}"]
_REHASH = [
    f"UPDATE jurat_{table} SET fingerprint = left(fingerprint, 9) || md5('x') WHERE {which}"
    for table, which in (("claims", "true"), ("codes", "redeemed_by IS NOT NULL"))
]
_LARGE = [
    _verdict().replace("'{}'", _HUGE),
    _verdict().replace("a-reason", "x" * 201),
    f"INSERT {INTO_AUDIT} VALUES (gen_random_uuid(), now(), repeat('x', 501), 'a', 'b', '{{}}')",
    f"INSERT {INTO_AUDIT} VALUES (gen_random_uuid(), now(), 'me', 'a', 'b', {_HUGE})",
]
_UNDECIDED = f"UPDATE jurat_checks SET state = 'settled' WHERE id = '{REVIEWED}'"

_LARGE_NUMBER = "jsonb_build_object('x', 1e5000::numeric)"
_DEEP = """('{"x":' || repeat('[', 2000) || repeat(']', 2000) || '}')::jsonb"""
_UNREADABLE = [
    *(
        f"INSERT {INTO_AUDIT} VALUES (gen_random_uuid(), now(), 'me', 'a', 'b', {detail})"
        for detail in (_LARGE_NUMBER, _LARGE_NUMBER.replace("1e", "-1e"), _DEEP, "'[]'", "'5'")
    ),
    *(
        f"UPDATE jurat_access SET {column} = '{value}' WHERE participant = 'p-1'"
        for column, value in (
            *((column, value) for column in ("questions", "rounds_left", "ended") for value in ("[]", "5", "null")),
            ("questions", '{"residence": 5}'),
            *(("rounds_left", f'{{"residence": {value}}}') for value in ('"x"', "-1", "1e5000", "{}")),
            *(("ended", f'{{"residence": {value}}}') for value in ("5", '{"a": "b"}', "[5]")),
        )
    ),
]
_EVIDENCE = [
    *(_verdict().replace("'{}'", evidence) for evidence in (_LARGE_NUMBER, _DEEP)),
    *(f"UPDATE jurat_reviews SET evidence = {evidence}" for evidence in (_LARGE_NUMBER, _DEEP)),
]
_WORKERS = [
    f"UPDATE jurat_workers SET {column} = '{value}'"
    for column in ("sources", "unseal_keys")
    for value in ("5", "{}", "[5]", "[1e5000]", '[["a"]]')
]
_IMPORTED = [
    "INSERT INTO jurat_dataset_streets SELECT 1, 9, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0",
    "UPDATE jurat_dataset_streets SET numbers = 0",
    "INSERT INTO jurat_dataset_houses VALUES (1, 9, 1, '', 1, '', 0, 0)",
    "INSERT INTO jurat_dataset_houses VALUES (7, 9, 1, '', 1, '', 0, 0)",
    "INSERT INTO jurat_dataset_words VALUES (1, 'mine')",
    "INSERT INTO jurat_roster_entries VALUES (1, 9, 'x', '{}')",
    *(
        f"DELETE FROM jurat_{table}"
        for table in ("dataset_streets", "dataset_houses", "dataset_words", "roster_entries")
    ),
    *(
        f"UPDATE jurat_datasets SET {change}"
        for change in ("state = 'staged'", "state = 'removed'", "people = 5", "left_out = 5", "imported_at = now()")
    ),
    # Someone else staged it.
    "INSERT INTO jurat_dataset_streets SELECT 2, 9, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0",
    "INSERT INTO jurat_dataset_houses VALUES (2, 9, 1, '', 1, '', 0, 0)",
    "INSERT INTO jurat_dataset_words VALUES (2, 'mine')",
    "INSERT INTO jurat_roster_entries VALUES (2, 9, 'x', '{}')",
    "UPDATE jurat_datasets SET houses = 5 WHERE id = 2",
    "UPDATE jurat_datasets SET state = 'active' WHERE id = 2",
]

_PUBLISHES = [
    """SELECT jurat_add_version(1, '[{"name": "budget", "part": {"questions": {}}, "questions": []}]')""",
    """SELECT jurat_add_questions('[{"consultation": "budget", "question": "age", "deadline_s": 1}]')""",
]

_RENAMED = [
    f"UPDATE jurat_access SET participant = '{name}' WHERE participant = 'p-1'" for name in ("p-99", "erased-99")
]
_ERASED = "UPDATE jurat_requests SET applied_at = now() WHERE kind = 'erase'"
_NOTES = [
    "UPDATE jurat_requests SET note = NULL WHERE kind = 'contest'",
    "UPDATE jurat_requests SET note_key = NULL WHERE kind = 'contest'",
]

_OPENINGS = [
    f"UPDATE jurat_openings SET {change}"
    for change in (
        "sealed = 'x'",
        "refused = 'no'",
        "opened_at = now()",
        "opened_at = now(), sealed = 'x', refused = 'no'",
        *(f"opened_at = {time}, sealed = 'x'" for time in (TIME, LATER, "'infinity'")),
        "opened_at = now(), refused = repeat('x', 501)",
        "opened_at = now(), sealed = convert_to(repeat('x', 65537), 'UTF8')",
        "opened_at = now(), sealed = 'x';\nUPDATE jurat_openings SET sealed = 'y'",
        "opened_at = now(), sealed = 'x';\nUPDATE jurat_openings SET opened_at = NULL, sealed = NULL",
        "opened_at = now(), refused = 'no';\nUPDATE jurat_openings SET refused = 'perhaps'",
    )
]

_INQUIRIES = [
    f"UPDATE jurat_inquiries SET {change}"
    for change in (
        "sealed = 'x'",
        "answer = 'y'",
        "begun_at = now(), sealed = 'x'",
        "answer = NULL, sealed = 'x'",
        *(f"begun_at = {time}" for time in (TIME, LATER, "'infinity'")),
        "begun_at = now();\nUPDATE jurat_inquiries SET begun_at = NULL",
        "begun_at = now(), answer = NULL, sealed = convert_to(repeat('x', 65537), 'UTF8')",
        "begun_at = now(), answer = NULL, sealed = 'x';\nUPDATE jurat_inquiries SET sealed = 'y'",
        "answer = NULL;\nUPDATE jurat_inquiries SET answer = 'x'",
    )
]
_INQUIRES = [
    "INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)"
    f" VALUES (gen_random_uuid(), {values}, now())"
    for values in (
        "'', 'me', sha256('x'), 'x', '0123456789abcdef'",
        "'towns', repeat('x', 201), sha256('x'), 'x', '0123456789abcdef'",
        "'towns', 'me', 'x', 'x', '0123456789abcdef'",
        "'towns', 'me', sha256('x'), NULL, '0123456789abcdef'",
        "'towns', 'me', sha256('x'), convert_to(repeat('x', 16433), 'UTF8'), '0123456789abcdef'",
        "'towns', 'me', sha256('x'), 'x', 'a key'",
    )
]

_CODE = "INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES ('spring', '12345678:aa', now())"

BY: Mapping[DatabaseRole, list[str]] = {
    DatabaseRole.PLATFORM: [
        f"INSERT {INTO_CHECKS.replace('(id,', '(priority, id,')} VALUES ('first', {check(STRANGER, 'p-9')})",
    ],
    DatabaseRole.WORKER: [
        *_VERDICTS,
        *_RETENTION,
        *_STATES,
        *_FENCES,
        *_TIMES,
        *_ERASES,
        *_REVIEWS,
        *_ACCESS,
        *_PAUSES,
        *_SOURCES,
        *_COUNTS,
        *_SUSPECTS,
        *_CLAIMS,
        _CLAIM,
        *_RELEASE,
        *_LARGE,
        *_UNREADABLE,
        *_EVIDENCE,
        *_WORKERS,
        *_PUBLISHES,
        *_RENAMED,
        *_NOTES,
        *_OPENINGS,
        *_INQUIRIES,
        _ERASED,
        _UNDECIDED,
        f"{_UNDECIDED};\nDELETE FROM jurat_checks WHERE id = '{REVIEWED}'",
        _LEASED,
        f"UPDATE jurat_checks SET state = 'leased', lease_until = 'infinity' WHERE id = '{PENDING}'",
        "DELETE FROM jurat_checks",
        "DELETE FROM jurat_verdicts",
        f"UPDATE jurat_requests SET participant = 'erased-1' WHERE id = '{REVOKED}'",
        f"DELETE FROM jurat_access WHERE participant = 'p-1';\nDELETE FROM jurat_requests WHERE id = '{REVOKED}'",
        "INSERT INTO jurat_upkeep VALUES ('purge', now() + interval '1 hour')",
        "UPDATE jurat_upkeep SET ran_at = 'infinity'",
        "UPDATE jurat_upkeep SET hold_until = now() + interval '1 year'",
        (
            "INSERT INTO jurat_workers SELECT gen_random_uuid(), 'h', 'n', '', '', now(), 'infinity', 1, 0, NULL, NULL,"
            " '[]', '[]', true, false"
        ),
        "UPDATE jurat_workers SET seen_at = now() + interval '1 day'",
        "INSERT INTO jurat_missing_keys VALUES ('bb', now(), 'infinity', 'towns')",
        "UPDATE jurat_missing_keys SET seen_at = 'infinity'",
        "DELETE FROM jurat_attempts",
        f"DELETE FROM jurat_attempts WHERE check_id = '{PENDING}'",
        f"DELETE FROM jurat_reviews WHERE check_id = '{REVIEWED}'",
        "DELETE FROM jurat_reviews",
        "DELETE FROM jurat_claims",
        f"DELETE FROM jurat_requests WHERE id = '{REVOKED}'",
        "DELETE FROM jurat_requests WHERE kind = 'revoke'",
        "DELETE FROM jurat_requests WHERE kind = 'reopen'",
        "DELETE FROM jurat_requests WHERE kind = 'decide'",
        "UPDATE jurat_codes SET redeemed_by = gen_random_uuid() WHERE redeemed_by IS NULL",
        "UPDATE jurat_codes SET redeemed_by = NULL",
        f"UPDATE jurat_codes SET redeemed_by = '{PENDING}' WHERE redeemed_by IS NOT NULL",
        "UPDATE jurat_codes SET redeemed_by = NULL, redeemed_at = NULL",
        "UPDATE jurat_codes SET redeemed_at = 'infinity'",
        f"{_CODE} ON CONFLICT (list, fingerprint) DO UPDATE SET redeemed_by = NULL",
        f"UPDATE jurat_codes SET redeemed_by = '{PENDING}' WHERE revoked_at IS NOT NULL",
    ],
    DatabaseRole.REVIEWER: [
        *_VERDICTS,
        *_STATES,
        *_FENCES,
        *_ON_THEIR_WAY,
        *_REVIEWS,
        *_ACCESS,
        *_SOURCES,
        *_RELEASE,
        *_LARGE,
        *_UNREADABLE,
        *_EVIDENCE,
        *_NOTES,
        "UPDATE jurat_requests SET note = NULL, note_key = NULL WHERE kind = 'codes'",
        _UNDECIDED,
        _LEASED,
    ],
    DatabaseRole.ADMIN: [
        *_STATES,
        *_TIMES,
        *_ERASES,
        *_ACCESS,
        *_PAUSES,
        *_SOURCES,
        *_SUSPECTS,
        *_CLAIMS,
        *_REHASH,
        *_LARGE[2:],
        *_UNREADABLE,
        *_IMPORTED,
        *_RENAMED,
        _ERASED,
        _UNDECIDED,
        _LEASED,
        _RETIRED,
        *_INQUIRES,
        *map(_NEXT.format, (0, 3, 2147483647)),
        *(_NEXT.format(2).replace("'{}'", document) for document in (_LARGE_NUMBER, _DEEP, "'[]'")),
        "UPDATE jurat_reviews SET decided_at = 'infinity'",
        "UPDATE jurat_codes SET revoked_at = now() WHERE redeemed_by IS NOT NULL",
        *(f"UPDATE jurat_codes SET revoked_at = {time} WHERE revoked_at IS NOT NULL" for time in ("NULL", "now()")),
    ],
    DatabaseRole.SEALER: [
        "INSERT INTO jurat_tree_heads VALUES (9223372036854775807, 0, sha256(''), sha512(''), NULL, '')",
        "INSERT INTO jurat_tree_heads VALUES (-1, 0, sha256(''), sha512(''), NULL, '')",
        "INSERT INTO jurat_tree_heads VALUES (1, 0, '', sha512(''), NULL, '')",
    ],
}

_AUDIT = "INSERT INTO jurat_audit (id, at, actor, action, subject, detail, login)"
_REQUEST = "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at, login)"

IN_THE_NAME_OF_OTHERS = [
    *(
        f"UPDATE jurat_{table} SET login = 'alice'"
        for table in ("verdicts", "requests", "openings", "inquiries", "audit", "configs", "zones", "datasets")
    ),
    (
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, login)"
        " VALUES (9, '', '{}', 'me', now(), 'alice')"
    ),
    (
        "INSERT INTO jurat_zones (name, version, title, digest, geometry, imported_by, imported_at, login)"
        " VALUES ('z', 9, '', '', '', 'me', now(), 'alice')"
    ),
    f"{_AUDIT} VALUES (gen_random_uuid(), now(), 'me', 'a', 'b', '{{}}', 'alice')",
    f"{_REQUEST} VALUES (gen_random_uuid(), 'revoke', 'me', 'budget', 'p-1', now(), 'alice')",
    _verdict().replace("retain_until)", "retain_until, login)").replace("NULL)", "NULL, 'alice')"),
]
"""What would name somebody else's login. Each is refused for the lack of a right."""
