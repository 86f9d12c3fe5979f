"""Plain SQL of the worst that a stolen login may still write, beside forgeries.py, which has what is refused by value.

Each statement passes, and is either found by `bin/jurat db verify`, or SQL says what is true after it: why it does no
harm that stays unseen. docs/meanings.yaml has the reason for each right in words. The rows are those of `filled`.
"""

from __future__ import annotations

from collections.abc import Mapping

from store.schema.grants import DatabaseRole
from tests.migrations.attacks import AUDIT, INTO_AUDIT, INTO_CHECKS, STRANGER, check

Attempts = Mapping[str, str]
"""What `db verify` says, or what is true afterwards, by the statement. `:login` is who ran it."""

_UNHEARD = "access is shown as granted, and the verdicts add up to"
_DONE = "a request is said to be done, and the audit knows of none"
_GONE = "it is decided, and its participant has no access row"
_NO_RIGHT = "it holds a number, and was not accepted"
_REHASHED = "the hash of its code or number was changed, and no rehash is known"
_CLOSED = "it is in review, and no review is open"
_YEARS = "it waits for years"
_NO_LOOKUP = "a worker decided it, and no lookup says so"
_ONCE = "a worker decided it after its first verdict"
_UNASKED = "a person decided it, and no request says so"
_OPEN = "it is not in review, and a review is open"
_NOT_ASKED = "its questions are not as configured"
_SWALLOWED = "a review was asked for, and none was opened"
_SHORT = "its review is due sooner than configured"
_EARLY = "its review ended before its time, and no person decided it"

_OF = "(SELECT id FROM jurat_checks WHERE participant = '{}')"
_GRANT = "UPDATE jurat_access SET access = 'granted' WHERE participant = 'p-2'"
_GRANT_ANEW = "INSERT INTO jurat_access SELECT 'budget', 'p-99', 'granted', '{}', '{}', 9, now()"
_LATE = "UPDATE jurat_checks SET due_at = '8999-01-01' WHERE participant = 'p-3'"
_REVIEW_LATE = "UPDATE jurat_reviews SET due_at = '8999-01-01'"
_REVIEW_ENDED = "UPDATE jurat_reviews SET decided_at = now()"
_SETTLED_AGAIN = "UPDATE jurat_checks SET state = 'settled', settled_at = now() WHERE participant = 'p-7'"
_LOOKED_AT_AGAIN = (
    "UPDATE jurat_checks SET state = 'pending', due_at = now(), deadline_at = now() WHERE participant = 'p-4'"
)
_REVIEWS_ENDED = {
    f"{_REVIEW_ENDED};\n{_SETTLED_AGAIN}": _EARLY,
    f"{_REVIEW_ENDED.replace('now()', 'due_at')};\n{_SETTLED_AGAIN}": _EARLY,
    f"{_REVIEW_ENDED};\n{_LOOKED_AT_AGAIN}": _EARLY,
    _SETTLED_AGAIN: _OPEN,
}
"""The second review seems to end when it should; it is found until then."""
_REVIEW_ANEW = (
    f"INSERT INTO jurat_reviews SELECT {_OF.format('p-3')}, 'near_border', '{{}}', 1, now(), now() + interval '1 year'"
)
_HOLD = f"INSERT INTO jurat_claims VALUES ('budget', 'n', 'y', {_OF.format('p-3')}, 'p-3', true, now())"
_REOPENED = "UPDATE jurat_reviews SET decided_at = NULL, due_at = now()"
_SWALLOW = (
    f"INSERT {INTO_AUDIT} SELECT gen_random_uuid(), now(), 'a clerk', kind, check_id::text, '{{}}' FROM jurat_requests"
    " WHERE kind = 'contest';\nUPDATE jurat_requests SET applied_at = now() WHERE kind = 'contest'"
    " AND applied_at IS NULL"
)
_NEVER_DECIDED = "a person's decision is said to be done, and no verdict says so"
_NO_SECOND = "its decision waits for a second person, and needs none"
_SAID = (
    f"INSERT {INTO_AUDIT} SELECT gen_random_uuid(), now(), by_whom, '{{}}', check_id::text,"
    " jsonb_build_object('reason', reason) FROM jurat_requests WHERE kind = 'decide';\n"
    "UPDATE jurat_requests SET applied_at = now() WHERE kind = 'decide' AND applied_at IS NULL"
)
_ENDS = "UPDATE jurat_access SET ended = '{\"residence\": [\"code\"]}' WHERE participant = 'p-2'"
_ENDED = "not as decided is shown: what accepted answers ended"
_VERDICT = (
    "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,"
    f" fence, decided_at) SELECT check_id, 2, '{{}}', '{{}}', evidence, '{{}}', config_version, source, {{}}, now()"
    f" FROM jurat_verdicts WHERE check_id = {_OF.format('p-2')}"
)
_REFUSED_ANEW = _VERDICT.format("refused", "outside_zone", "worker", 99)
_ACCEPTED_ANEW = _VERDICT.format("accepted", "inside_zone", "worker", "fence")
_LOST_ANEW = _VERDICT.format("undetermined", "deadline_passed", "worker", 99)
_ACCEPTED_BY_A_PERSON = _VERDICT.format("accepted", "person_accepted", "reviewer", 99)
_AUDITED = (
    f"INSERT {INTO_AUDIT} SELECT gen_random_uuid(), now(), 'a clerk', 'review decide', id::text, '{{}}'"
    " FROM jurat_checks WHERE participant = 'p-2'"
)

_HASH = "sha256('')"

WAITING = _OF.format("p-3")
INVENTED = (
    f"BEGIN;\nINSERT INTO jurat_attempts VALUES ({WAITING}, 1, 'towns', now(), 99, 'answered', 'inside_zone');\n"
    "UPDATE jurat_checks SET state = 'leased', fence = 1, lease_until = now() + interval '1 minute'"
    f" WHERE id = {WAITING};\nUPDATE jurat_checks SET state = 'settled', settled_at = now(), answer = NULL,"
    f" reply_key = NULL, lease_until = NULL WHERE id = {WAITING};\nINSERT INTO jurat_verdicts (check_id, revision,"
    " outcome, reason, evidence, decided_by, config_version, source, fence, decided_at) SELECT id, 1, 'accepted',"
    f" 'inside_zone', '{{}}', 'worker', 1, source, 1, now() FROM jurat_checks WHERE id = {WAITING};\nCOMMIT"
)
"""What a worker may store of a lookup that never took place."""

FOUND: Mapping[DatabaseRole, Attempts] = {
    DatabaseRole.WORKER: {
        _LATE: _YEARS,
        _REFUSED_ANEW: _NO_LOOKUP,
        _ACCEPTED_ANEW: _NO_LOOKUP,
        _LOST_ANEW: _ONCE,
        f"{_ACCEPTED_BY_A_PERSON};\n{_AUDITED}": _UNASKED,
        _SETTLED_AGAIN: _OPEN,
        _REVIEW_ANEW: _OPEN,
        _ENDS: _ENDED,
        _GRANT: _UNHEARD,
        _GRANT_ANEW: _UNHEARD,
        "DELETE FROM jurat_access WHERE participant = 'p-1'": _GONE,
        _REVIEW_LATE: _YEARS,
        _REVIEW_ENDED: _CLOSED,
        "UPDATE jurat_requests SET applied_at = now() WHERE kind = 'revoke'": _DONE,
        f"UPDATE jurat_codes SET redeemed_by = {_OF.format('p-2')} WHERE redeemed_by IS NULL": (
            "it used a code, and was not accepted by one"
        ),
        _HOLD: _NO_RIGHT,
        _SWALLOW: _SWALLOWED,
        _SAID.format("review decide"): _NEVER_DECIDED,
        _SAID.format("review word"): _NO_SECOND,
        f"{_REVIEW_ENDED};\n{_REOPENED}": _SHORT,
    },
    DatabaseRole.REVIEWER: {
        _ACCEPTED_BY_A_PERSON: _UNASKED,
        _SETTLED_AGAIN: _OPEN,
        _REVIEW_ANEW: _OPEN,
        _ENDS: _ENDED,
        _GRANT: _UNHEARD,
        _GRANT_ANEW: _UNHEARD,
        _REVIEW_LATE: _YEARS,
        _REVIEW_ENDED: _CLOSED,
        "UPDATE jurat_requests SET applied_at = now() WHERE kind = 'revoke'": _DONE,
    },
    DatabaseRole.ADMIN: {
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at)"
        " VALUES (2, '', '{}', 'me', now())": "its document does not have its digest",
        _LATE: _YEARS,
        _GRANT: _UNHEARD,
        _GRANT_ANEW: _UNHEARD,
        _REVIEW_ENDED: _CLOSED,
        **_REVIEWS_ENDED,
        _ENDS: _ENDED,
        "INSERT INTO jurat_questions SELECT 'mine', question, position, criterion, source, sources, rounds, deadline_s,"
        " answer_schema, title, consultation_title, contact, config_version FROM jurat_questions": _NOT_ASKED,
        f"DELETE FROM jurat_questions;\n{_GRANT}": _NOT_ASKED,
    },
    DatabaseRole.SEALER: {
        "DELETE FROM jurat_unsealed": "it is not in the history",
        "INSERT INTO jurat_leaves (number, kind, subject) VALUES (7, 'audit', 'x')": "leaf 0 is missing",
        f"INSERT INTO jurat_tree_heads VALUES (1, 9, {_HASH}, {_HASH} || {_HASH}, NULL, '')": (
            "the leaves end before the head"
        ),
    },
}

SEALED: Mapping[DatabaseRole, Attempts] = {
    DatabaseRole.ADMIN: {
        "UPDATE jurat_claims SET fingerprint = '87654321:' || md5('x')": _REHASHED,
        "UPDATE jurat_codes SET fingerprint = '87654321:' || md5('x') WHERE redeemed_by IS NOT NULL": _REHASHED,
    },
    DatabaseRole.SEALER: {
        "UPDATE jurat_leaves SET fingerprint_salt = NULL WHERE kind = 'redemption'": _REHASHED,
    },
}
"""What is found where the history is sealed."""

_AS = " AND login = :login"
_WAITS = "SELECT state = 'pending' FROM jurat_checks WHERE participant = 'p-3'"
_QUEUED = "SELECT state = 'review' FROM jurat_checks WHERE participant = 'p-4'"
_ASKED = (
    "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at)"
    f" VALUES ('{STRANGER}', '{{}}', 'me', 'budget', 'p-1', now())"
)
_KNOWN = f"SELECT EXISTS (SELECT FROM jurat_requests WHERE id = '{STRANGER}'{_AS})"
_SIGNED = f"SELECT EXISTS (SELECT FROM jurat_audit WHERE actor = 'the mayor'{_AS})"
_SIGNS = f"INSERT {INTO_AUDIT} VALUES (gen_random_uuid(), now(), 'the mayor', 'opened', 'check', '{{}}')"
_PAUSED = "SELECT count(*) = 2 FROM jurat_pauses WHERE source = 'towns'"
_PAUSES = "INSERT INTO jurat_pauses VALUES ('towns', now(), now() + interval '1 year', 'x', 'the mayor')"
_PAYS = "UPDATE jurat_sources SET next_start_at = '8999-01-01', probe_at = '8999-01-01', used = 99999"
_STARTS = "SELECT bool_and(greatest(next_start_at, probe_at) < now() + interval '25 hours') FROM jurat_sources"

_SEALED = "decode(repeat('00', 60), 'hex')"
_KEY = "'0123456789abcdef'"
_ASKED_BY = "SELECT bool_or(login = :login) FROM jurat_requests"
_OPENED_BY = "SELECT bool_or(login = :login AND sealed IS NULL) FROM jurat_openings"
_ASKS = dict.fromkeys(
    (
        "SELECT jurat_transfer('budget', 'p-1', 'p-97', 'me')",
        "SELECT jurat_erase('p-1')",
        "SELECT jurat_try_ask('erase', NULL, 'p-1', NULL, 'me', NULL)",
    ),
    _ASKED_BY,
)
_PUBLISHES = {
    "SELECT jurat_take_turn(false)": _WAITS,
    "SELECT jurat_add_version(1, '[]')": "SELECT max(version) = 1 FROM jurat_configs",
    "SELECT jurat_add_questions('[]')": _WAITS,
    """SELECT jurat_answer_consultations('[{"name": "c", "revision": 1, "refused": "no"}]')""": (
        "SELECT applied_document IS NULL FROM jurat_consultations"
    ),
}

_HASHES = {
    "INSERT INTO jurat_hash_key (key_id, used_since) VALUES ('ffffffff', now()) ON CONFLICT DO NOTHING": (
        "SELECT key_id <> 'ffffffff' FROM jurat_hash_key"
    ),
    "UPDATE jurat_hash_key SET one = true": "SELECT count(*) = 1 FROM jurat_hash_key",
}
_SEAL_KEY = (
    "INSERT INTO jurat_seal_keys (id, public_key, from_at, until_at, signature)"
    f" VALUES ('{{}}', {_SEALED}, now(), now() + interval '1 day', {_SEALED})"
)

SHOWN: Mapping[DatabaseRole, Attempts] = {
    DatabaseRole.PLATFORM: {
        f"INSERT {INTO_CHECKS} VALUES ({check(AUDIT, 'p-99').replace('towns', 'nothing')})": (
            "SELECT access = 'pending' FROM jurat_access WHERE participant = 'p-99'"
        ),
        f"SELECT jurat_submit('budget', 'p-98', 'residence', {_SEALED}, {_KEY})": (
            "SELECT access = 'pending' FROM jurat_access WHERE participant = 'p-98'"
        ),
        f"SELECT jurat_contest({_OF.format('p-2')}, {_SEALED}, {_KEY})": _ASKED_BY,
        f"SELECT jurat_try_contest({_OF.format('p-2')}, {_SEALED}, {_KEY}, NULL, NULL)": _ASKED_BY,
        "SELECT jurat_publish_consultation('mine', '{}', 'me')": (
            "SELECT applied_document IS NULL FROM jurat_consultations WHERE name = 'mine'"
        ),
    },
    DatabaseRole.ACCOUNTS: _ASKS,
    DatabaseRole.WORKER: {
        **_HASHES,
        "UPDATE jurat_verdicts SET retain_until = now() + interval '2 days'": (
            "SELECT bool_and(retain_until > now() + interval '1 day') FROM jurat_verdicts"
        ),
        "UPDATE jurat_checks SET answer = NULL WHERE participant = 'p-3'": _WAITS,
        f"INSERT INTO jurat_attempts VALUES ({_OF.format('p-3')}, 9, 'towns', now(), 1, 'answered', '')": _WAITS,
        "UPDATE jurat_sources SET paused_until = now() + interval '1 year'": (
            "SELECT bool_and(paused_until > now()) FROM jurat_sources"
        ),
        _PAUSES: _PAUSED,
        "UPDATE jurat_pauses SET until = now() + interval '1 year'": _WAITS,
        "DELETE FROM jurat_pauses": _WAITS,
        "INSERT INTO jurat_outcomes VALUES ('towns', 2, 'name_differs', 9)": _WAITS,
        "UPDATE jurat_outcomes SET results = 9": _WAITS,
        "DELETE FROM jurat_outcomes": _WAITS,
        "UPDATE jurat_consultations SET refused = 'no', answered_revision = revision": (
            "SELECT document = '{}' FROM jurat_consultations"
        ),
        "INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES ('spring', 'x', now())": (
            "SELECT codes = 3 FROM jurat_code_lists WHERE list = 'spring'"
        ),
        _SIGNS: _SIGNED,
        "INSERT INTO jurat_upkeep VALUES ('nothing', now())": _WAITS,
        "UPDATE jurat_upkeep SET ran_at = now(), hold_until = now() + interval '59 minutes'": _WAITS,
        (
            "INSERT INTO jurat_workers SELECT gen_random_uuid(), 'h', 'n', 'v', 'r', now(), now(), 1, 0, NULL, NULL,"
            " '[]', '[]', true, false"
        ): "SELECT count(*) = 2 FROM jurat_workers",
        "UPDATE jurat_workers SET ready = false": "SELECT bool_and(NOT ready) FROM jurat_workers",
        "DELETE FROM jurat_workers": _WAITS,
        "INSERT INTO jurat_missing_keys VALUES ('bb', now(), now(), 'towns')": _WAITS,
        "UPDATE jurat_missing_keys SET seen_at = now()": _WAITS,
        "DELETE FROM jurat_missing_keys": _WAITS,
        "UPDATE jurat_openings SET opened_at = now(), refused = 'no'": _QUEUED,
        "DELETE FROM jurat_openings": _QUEUED,
        "UPDATE jurat_inquiries SET begun_at = now(), answer = NULL, sealed = 'x'": _WAITS,
        "DELETE FROM jurat_inquiries": _WAITS,
        **_PUBLISHES,
    },
    DatabaseRole.REVIEWER: {
        "UPDATE jurat_checks SET answer = NULL WHERE participant = 'p-4'": _QUEUED,
        _PAYS: _STARTS,
        _ASKED.format("revoke"): _KNOWN,
        f"SELECT jurat_decide({_OF.format('p-4')}, 'person_accepted', 'me')": _ASKED_BY,
        f"SELECT jurat_open_review({_OF.format('p-2')}, 'me')": _ASKED_BY,
        f"SELECT jurat_open_for_review({_OF.format('p-4')}, {_HASH}, 'me')": _OPENED_BY,
        f"SELECT jurat_try_open_for_review({_OF.format('p-4')}, {_HASH}, 'me', NULL)": _OPENED_BY,
        "SELECT jurat_reopen('budget', 'p-2', 'residence', 'me')": _ASKED_BY,
        "SELECT jurat_revoke('budget', 'p-1', 'me')": _ASKED_BY,
        "SELECT jurat_restore('budget', 'p-1', 'me')": _ASKED_BY,
        _SIGNS: _SIGNED,
    },
    DatabaseRole.ADMIN: {
        **_HASHES,
        "UPDATE jurat_hash_key SET key_id = 'ffffffff'": _WAITS,
        _SEAL_KEY.format("x"): f"SELECT signature = {_SEALED} FROM jurat_seal_keys",
        f"{_SEAL_KEY.format('y').replace('00', '01', 1)};\nUPDATE jurat_seal_keys SET retired_at = now()": (
            "SELECT count(*) = 2 FROM jurat_seal_keys"
        ),
        "UPDATE jurat_codes SET fingerprint = 'y' WHERE redeemed_by IS NULL": (
            "SELECT count(*) = 1 FROM jurat_codes WHERE redeemed_by IS NOT NULL"
        ),
        "UPDATE jurat_codes SET revoked_at = now() WHERE redeemed_by IS NULL": (
            "SELECT revoked = 1 FROM jurat_code_lists WHERE list = 'spring'"
        ),
        **_ASKS,
        **_PUBLISHES,
        f"SELECT jurat_add_codes('spring', {_SEALED}, {_KEY}, 'me')": _ASKED_BY,
        f"SELECT jurat_try_add_codes('spring', {_SEALED}, {_KEY}, 'me', NULL, NULL)": _ASKED_BY,
        "SELECT jurat_listen(false)": _WAITS,
        "INSERT INTO jurat_sources (name) VALUES ('mine')": _WAITS,
        "UPDATE jurat_sources SET suspect_since = NULL;\nDELETE FROM jurat_outcomes": _WAITS,
        _PAYS: _STARTS,
        _PAUSES: _PAUSED,
        "UPDATE jurat_pauses SET until = now() + interval '1 year'": _WAITS,
        _ASKED.format("erase"): _KNOWN,
        "INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)"
        f" VALUES ('{STRANGER}', 'towns', 'the mayor', {_HASH}, {_SEALED}, {_KEY}, now() - interval '1 year')": (
            f"SELECT asked_at > now() - interval '1 minute'{_AS} FROM jurat_inquiries"
        ),
        "UPDATE jurat_inquiries SET sealed = NULL": _WAITS,
        "INSERT INTO jurat_allowances (login, per_hour) VALUES ('web', 1000000)": _WAITS,
        "UPDATE jurat_allowances SET per_hour = 1000000, openings_per_hour = 1000000": _WAITS,
        "INSERT INTO jurat_criteria SELECT 'mine', '', '[]', '[]', '{}', '[]', 1": _WAITS,
        "DELETE FROM jurat_criteria": _WAITS,
        "UPDATE jurat_consultations SET document = NULL, revision = 9, published_by = 'x'": _WAITS,
        "INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES ('spring', 'x', now())": (
            "SELECT codes = 3 FROM jurat_code_lists WHERE list = 'spring'"
        ),
        "UPDATE jurat_claims SET participant = 'p-5'": _WAITS,
        "INSERT INTO jurat_zones (name, version, title, digest, geometry, imported_by, imported_at)"
        " VALUES ('z', 9, '', '', '', 'the mayor', now())": (
            f"SELECT EXISTS (SELECT FROM jurat_zones WHERE imported_by = 'the mayor'{_AS})"
        ),
        "INSERT INTO jurat_datasets (id, name, version, kind, language, digest, data_date, imported_by, imported_at)"
        " VALUES (9, 'd', 9, '', '', '', '', 'the mayor', now())": (
            f"SELECT EXISTS (SELECT FROM jurat_datasets WHERE imported_by = 'the mayor'{_AS})"
        ),
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at)"
        " VALUES (2, '', '{}', 'the mayor', now())": (
            f"SELECT EXISTS (SELECT FROM jurat_configs WHERE applied_by = 'the mayor'{_AS})"
        ),
        _SIGNS: _SIGNED,
    },
    DatabaseRole.SEALER: {"UPDATE jurat_history SET sealed_at = now()": _WAITS},
}
