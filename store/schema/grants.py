"""Grants rights on PostgreSQL to seven roles: each may do what it needs and nothing else.

`RIGHTS` and `CALLS` are the only list. Every upgrade sets these rights, docs/reference/roles.md is generated from them,
and a test tries each cell. A table that is not listed fails that test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum


class DatabaseRole(StrEnum):
    """A PostgreSQL role without login; users who log in are granted one."""

    PLATFORM = "jurat_platform"
    ACCOUNTS = "jurat_accounts"
    WORKER = "jurat_worker"
    REVIEWER = "jurat_reviewer"
    ADMIN = "jurat_admin"
    READER = "jurat_reader"
    SEALER = "jurat_sealer"


ABOUT: Mapping[DatabaseRole, str] = {
    DatabaseRole.PLATFORM: "a web platform: confirms answers, polls their verdicts",
    DatabaseRole.ACCOUNTS: "the platform's second login: moves a participant to another id, or erases one",
    DatabaseRole.WORKER: "the workers: look up, write verdicts, keep the tables in order",
    DatabaseRole.REVIEWER: "who decides what no source could, and opens settled checks again",
    DatabaseRole.ADMIN: "who applies configurations and imports zones, codes and address bases",
    DatabaseRole.READER: "who watches: verdicts, sources and figures, and no answers",
    DatabaseRole.SEALER: "who seals the history, and has the key for that",
}

_SEEN = (
    "id, consultation, participant, question, round, priority, answer_key, state, source, due_at, fence, lease_until, "
    "lookups, lost_leases, submitted_at, deadline_at, settled_at, stood_s, leaning"
)
"""All columns of a check except the answer, the candidates and those that only workers use."""

_ERASED = "participant, answer, reply_key, candidates, candidates_until, traceparent, lease_until"
"""Columns of a check that erasing its participant changes as well. The guards allow an answer only to go, and a
participant only to become a pseudonym or the target of a waiting transfer."""

_ADDED_UP = "access, questions, rounds_left, config_version, updated_at, granted_until, changes_at, ended"
_ADDS_UP = f"SELECT, INSERT, UPDATE ({_ADDED_UP})"
_ADDS_UP_AND_RENAMES = f"SELECT, INSERT, UPDATE (participant, {_ADDED_UP})"
_DEALT_WITH = "participant, target, note, note_key, document, applied_at, refused"
_REVIEWS = "SELECT, INSERT, UPDATE (reason, evidence, config_version, opened_at, due_at, decided_at, places)"
_REVIEWED = "check_id, reason, config_version, opened_at, due_at, decided_at"
"""All columns of a review but what tells a home from others: its evidence, and the places that were found."""
_ANSWERS = "answered_revision, answered_at, refused"
"""The result of a publication. Administrators withdraw publications as well."""
_ALLOWED = "per_hour, delay_s, openings_per_hour"
_PAYS = "next_start_at, probe_at, day, used"
"""What a person's lookup costs a source as well."""

_VERDICT = (
    "check_id, revision, outcome, reason, evidence, decided_by, config_version, source, data_date, fence, decided_at, "
    "retain_until"
)
_NOTED = "id, at, actor, action, subject, detail"
"""All columns but `login`, whose default says who wrote the row."""

_READS = dict.fromkeys((DatabaseRole.WORKER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT")
_WATCHED = dict.fromkeys((DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT")
_DATASET = {
    DatabaseRole.WORKER: "SELECT",
    DatabaseRole.REVIEWER: "SELECT",
    DatabaseRole.ADMIN: "SELECT, INSERT, DELETE",
}

RIGHTS: Mapping[str, Mapping[DatabaseRole, str]] = {
    "jurat_checks": {
        DatabaseRole.PLATFORM: (
            "INSERT (id, consultation, participant, question, round, priority, answer, answer_key, reply_key, "
            "traceparent, source, due_at, submitted_at, deadline_at), "
            "SELECT (id, consultation, participant, question, round, state, source, candidates, candidates_until)"
        ),
        DatabaseRole.WORKER: (
            f"SELECT, UPDATE (state, source, due_at, fence, lookups, lost_leases, deadline_at, settled_at, stood_s, "
            f"leaning, {_ERASED}), DELETE"
        ),
        DatabaseRole.REVIEWER: f"SELECT ({_SEEN}, answer), UPDATE (state, fence, answer, settled_at)",
        DatabaseRole.ADMIN: f"SELECT ({_SEEN}), UPDATE (state, due_at, deadline_at, settled_at, stood_s, {_ERASED})",
        DatabaseRole.READER: f"SELECT ({_SEEN})",
        DatabaseRole.SEALER: "SELECT (id, consultation, participant, question, round)",
    },
    "jurat_verdicts": {
        DatabaseRole.PLATFORM: "SELECT (check_id, revision, outcome, reason, decided_at)",
        DatabaseRole.WORKER: f"SELECT, INSERT ({_VERDICT}), UPDATE (retain_until), DELETE",
        DatabaseRole.REVIEWER: f"SELECT, INSERT ({_VERDICT})",
        DatabaseRole.ADMIN: "SELECT",
        DatabaseRole.READER: "SELECT",
        DatabaseRole.SEALER: "SELECT",
    },
    "jurat_attempts": {**_READS, DatabaseRole.WORKER: "SELECT, INSERT, DELETE"},
    "jurat_access": {
        DatabaseRole.PLATFORM: "SELECT",
        DatabaseRole.WORKER: f"{_ADDS_UP_AND_RENAMES}, DELETE",
        DatabaseRole.REVIEWER: _ADDS_UP,
        DatabaseRole.ADMIN: _ADDS_UP_AND_RENAMES,
        DatabaseRole.READER: "SELECT",
    },
    "jurat_questions": {
        **_READS,
        DatabaseRole.PLATFORM: "SELECT",
        DatabaseRole.ACCOUNTS: "SELECT (consultation)",
        DatabaseRole.ADMIN: "SELECT, INSERT, DELETE",
    },
    "jurat_sources": {
        **_READS,
        DatabaseRole.WORKER: (
            "SELECT, UPDATE (paused_until, pause_reason, next_start_at, last_success_at, last_failure_at, "
            "last_failure, waiting, oldest_due_at, poll_ms, figures_at, failures, opened_at, probe_at, day, used, "
            "served, served_s, wait_s, due, lookup_s, most_slots, closed_until, day_used, suspect_since, "
            "suspect_reason, suspect_share, usual_share, drift, shadow)"
        ),
        DatabaseRole.REVIEWER: f"SELECT, UPDATE ({_PAYS})",
        DatabaseRole.ADMIN: "SELECT, INSERT (name), "
        f"UPDATE (paused_until, pause_reason, suspect_since, drift, shadow, {_PAYS})",
    },
    "jurat_outcomes": {
        **_READS,
        DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (results), DELETE",
        DatabaseRole.ADMIN: "SELECT, DELETE",
    },
    "jurat_pauses": {
        **_READS,
        DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (until, reason, by_whom), DELETE",
        DatabaseRole.ADMIN: "SELECT, INSERT, UPDATE (until, reason, by_whom)",
    },
    "jurat_reviews": {
        DatabaseRole.WORKER: f"{_REVIEWS}, DELETE",
        DatabaseRole.REVIEWER: _REVIEWS,
        DatabaseRole.ADMIN: f"SELECT ({_REVIEWED}), UPDATE (decided_at, evidence, places)",
        DatabaseRole.READER: f"SELECT ({_REVIEWED})",
    },
    "jurat_requests": {
        DatabaseRole.PLATFORM: (
            "SELECT (id, kind, consultation, participant, question, asked_at, applied_at, refused, apply_from)"
        ),
        DatabaseRole.ACCOUNTS: "SELECT (id, kind, applied_at, refused, apply_from)",
        DatabaseRole.WORKER: f"SELECT, UPDATE ({_DEALT_WITH}), DELETE",
        DatabaseRole.REVIEWER: (
            "SELECT, INSERT (id, kind, by_whom, consultation, participant, question, check_id, reason, asked_at, "
            "apply_from), UPDATE (note, note_key, applied_at, refused)"
        ),
        DatabaseRole.ADMIN: (
            "SELECT, INSERT (id, kind, by_whom, consultation, participant, target, note, note_key, code_list, "
            f"expires_at, asked_at), UPDATE ({_DEALT_WITH})"
        ),
        DatabaseRole.READER: (
            "SELECT (id, kind, consultation, participant, question, check_id, reason, target, document, by_whom, "
            "asked_at, applied_at, refused, code_list, expires_at, login, apply_from)"
        ),
        DatabaseRole.SEALER: (
            "SELECT (id, kind, consultation, participant, question, check_id, reason, target, by_whom, asked_at, "
            "applied_at, refused, code_list, expires_at, login)"
        ),
    },
    "jurat_inquiries": {
        DatabaseRole.WORKER: "SELECT, UPDATE (begun_at, answer, sealed), DELETE",
        DatabaseRole.ADMIN: (
            "SELECT (id, by_whom, asked_at, begun_at, sealed), "
            "INSERT (id, source, by_whom, reader_key, answer, answer_key, asked_at), UPDATE (sealed)"
        ),
    },
    "jurat_openings": {DatabaseRole.WORKER: "SELECT, UPDATE (opened_at, sealed, refused), DELETE"},
    "jurat_allowances": {**_READS, DatabaseRole.ADMIN: f"SELECT, INSERT (login, {_ALLOWED}), UPDATE ({_ALLOWED})"},
    "jurat_criteria": {**_READS, DatabaseRole.PLATFORM: "SELECT", DatabaseRole.ADMIN: "SELECT, INSERT, DELETE"},
    "jurat_consultations": {
        **_READS,
        DatabaseRole.PLATFORM: "SELECT",
        DatabaseRole.WORKER: f"SELECT, UPDATE ({_ANSWERS})",
        DatabaseRole.ADMIN: "SELECT, UPDATE (document, revision, published_by, published_at, "
        f"{_ANSWERS}, applied_document)",
    },
    "jurat_codes": {
        DatabaseRole.WORKER: "SELECT, INSERT (list, fingerprint, created_at, expires_at), "
        "UPDATE (redeemed_by, redeemed_at)",
        DatabaseRole.ADMIN: "SELECT, INSERT (list, fingerprint, created_at, expires_at), "
        "UPDATE (fingerprint, revoked_at)",
        DatabaseRole.SEALER: "SELECT (list, fingerprint, redeemed_by, redeemed_at)",
    },
    "jurat_claims": {
        DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (participant, holds), DELETE",
        DatabaseRole.REVIEWER: "SELECT, UPDATE (holds)",
        DatabaseRole.ADMIN: (
            "SELECT (consultation, namespace, fingerprint, check_id, holds), UPDATE (participant, fingerprint)"
        ),
        DatabaseRole.SEALER: "SELECT (namespace, fingerprint, check_id)",
    },
    "jurat_zones": {
        **_READS,
        DatabaseRole.ADMIN: (
            "SELECT, INSERT (name, version, title, digest, geometry, imported_by, imported_at, in_force_from, crs, "
            "outline)"
        ),
    },
    "jurat_datasets": {
        **_READS,
        DatabaseRole.ADMIN: (
            "SELECT, INSERT (id, name, version, kind, language, digest, data_date, imported_by, imported_at, layout, "
            "key_id), UPDATE (state, addresses, houses, streets, people, left_out, imported_at)"
        ),
    },
    "jurat_dataset_streets": {
        **_DATASET,
        DatabaseRole.ADMIN: "SELECT, INSERT, UPDATE (west, south, east, north, numbers), DELETE",
    },
    "jurat_roster_entries": {DatabaseRole.WORKER: "SELECT", DatabaseRole.ADMIN: "SELECT, INSERT, DELETE"},
    "jurat_dataset_houses": _DATASET,
    "jurat_dataset_words": _DATASET,
    "jurat_configs": {
        **_READS,
        DatabaseRole.ADMIN: "SELECT, INSERT (version, digest, document, applied_by, applied_at)",
        DatabaseRole.SEALER: "SELECT (version, digest, applied_by, applied_at, login)",
    },
    "jurat_audit": {
        DatabaseRole.WORKER: f"SELECT (at, action), INSERT ({_NOTED})",
        DatabaseRole.REVIEWER: f"INSERT ({_NOTED})",
        DatabaseRole.ADMIN: f"SELECT, INSERT ({_NOTED})",
        DatabaseRole.READER: "SELECT",
        DatabaseRole.SEALER: "SELECT",
    },
    "jurat_history": {**_WATCHED, DatabaseRole.WORKER: "SELECT", DatabaseRole.SEALER: "SELECT, UPDATE (sealed_at)"},
    "jurat_unsealed": {
        **dict.fromkeys(
            (DatabaseRole.ADMIN, DatabaseRole.READER, DatabaseRole.WORKER), "SELECT (queued_at, kind, subject)"
        ),
        DatabaseRole.SEALER: "SELECT, DELETE",
    },
    "jurat_leaves": {**_WATCHED, DatabaseRole.SEALER: "SELECT, INSERT, UPDATE (fingerprint_salt)"},
    "jurat_tree_heads": {**_WATCHED, DatabaseRole.SEALER: "SELECT, INSERT"},
    "jurat_upkeep": {
        DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (ran_at, hold_until)",
        DatabaseRole.ADMIN: "SELECT",
        DatabaseRole.READER: "SELECT",
    },
    "jurat_workers": {
        **_READS,
        DatabaseRole.WORKER: (
            "SELECT, INSERT, UPDATE (seen_at, slots, held, sources, config_version, unseal_keys, ready, stopping), "
            "DELETE"
        ),
    },
    "jurat_seal_keys": {
        **_READS,
        DatabaseRole.PLATFORM: "SELECT",
        DatabaseRole.ADMIN: ("SELECT, INSERT (id, public_key, from_at, until_at, signature), UPDATE (retired_at)"),
    },
    "jurat_missing_keys": {**_READS, DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (seen_at), DELETE"},
    "jurat_contract": dict.fromkeys(DatabaseRole, "SELECT"),
    "jurat_hash_key": {
        **_READS,
        # Who locks a row must have a right to change it: this column, which has one value, is no harm.
        DatabaseRole.WORKER: "SELECT, INSERT, UPDATE (one)",
        DatabaseRole.ADMIN: "SELECT, INSERT, UPDATE (one, key_id, used_since)",
    },
    "jurat_alembic_version": {**_READS, DatabaseRole.SEALER: "SELECT"},
    "jurat_results": dict.fromkeys(
        (DatabaseRole.PLATFORM, DatabaseRole.REVIEWER, DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT"
    ),
    "jurat_review_queue": dict.fromkeys((DatabaseRole.REVIEWER, DatabaseRole.READER), "SELECT"),
    "jurat_zone_outlines": dict.fromkeys(
        (DatabaseRole.PLATFORM, DatabaseRole.REVIEWER, DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT"
    ),
    "jurat_sealed_answers": dict.fromkeys((DatabaseRole.WORKER, DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT"),
    "jurat_code_lists": dict.fromkeys((DatabaseRole.ADMIN, DatabaseRole.READER), "SELECT"),
}
"""What each role may do with each table and view, in the syntax of GRANT; nothing where it is not named."""

OUR_OWN = ("jurat_take_turn", "jurat_add_version", "jurat_add_questions", "jurat_answer_consultations")
"""Functions that only our own programs call, outside the contract: workers and administrators publish with them."""

CALLS: Mapping[str, frozenset[DatabaseRole]] = {
    "jurat_submit": frozenset({DatabaseRole.PLATFORM}),
    "jurat_contest": frozenset({DatabaseRole.PLATFORM}),
    "jurat_try_contest": frozenset({DatabaseRole.PLATFORM}),
    "jurat_decide": frozenset({DatabaseRole.REVIEWER}),
    "jurat_open_review": frozenset({DatabaseRole.REVIEWER}),
    "jurat_open_for_review": frozenset({DatabaseRole.REVIEWER}),
    "jurat_try_open_for_review": frozenset({DatabaseRole.REVIEWER}),
    "jurat_opened": frozenset({DatabaseRole.REVIEWER}),
    "jurat_reopen": frozenset({DatabaseRole.REVIEWER}),
    "jurat_revoke": frozenset({DatabaseRole.REVIEWER}),
    "jurat_restore": frozenset({DatabaseRole.REVIEWER}),
    "jurat_transfer": frozenset({DatabaseRole.ACCOUNTS, DatabaseRole.ADMIN}),
    "jurat_erase": frozenset({DatabaseRole.ACCOUNTS, DatabaseRole.ADMIN}),
    "jurat_try_ask": frozenset({DatabaseRole.ACCOUNTS, DatabaseRole.ADMIN}),
    "jurat_ask": frozenset(),
    "jurat_ask_reviewer": frozenset(),
    "jurat_add_codes": frozenset({DatabaseRole.ADMIN}),
    "jurat_try_add_codes": frozenset({DatabaseRole.ADMIN}),
    "jurat_check_consultation": frozenset({DatabaseRole.PLATFORM}),
    "jurat_publish_consultation": frozenset({DatabaseRole.PLATFORM}),
    "jurat_listen": frozenset({DatabaseRole.ADMIN}),
    "jurat_wanted_slots": frozenset({DatabaseRole.ADMIN, DatabaseRole.READER}),
    **dict.fromkeys(OUR_OWN, frozenset({DatabaseRole.WORKER, DatabaseRole.ADMIN})),
    "jurat_show_submitted": frozenset(),
    "jurat_require_open": frozenset(),
    "jurat_refuse_change": frozenset(),
    "jurat_refuse_renaming": frozenset(),
    "jurat_keep_request": frozenset(),
    "jurat_keep_asked": frozenset(),
    "jurat_count_asked": frozenset(),
    "jurat_fix_times": frozenset(),
    "jurat_tell_results": frozenset(),
    "jurat_refuse_others": frozenset(),
    "jurat_keep_decided": frozenset(),
    "jurat_keep_claim": frozenset(),
    "jurat_keep_code": frozenset(),
    "jurat_keep_participant": frozenset(),
    "jurat_keep_whole": frozenset(),
    "jurat_keep_erasure": frozenset(),
    "jurat_keep_verdict": frozenset(),
    "jurat_keep_trace": frozenset(),
    "jurat_keep_revocation": frozenset(),
    "jurat_keep_claims": frozenset(),
    "jurat_keep_review": frozenset(),
    "jurat_keep_imported": frozenset(),
    "jurat_fix_request_times": frozenset(),
    "jurat_fix_audit_time": frozenset(),
    "jurat_fix_starts": frozenset(),
    "jurat_keep_version": frozenset(),
    "jurat_keep_seal_key": frozenset(),
    "jurat_delay_asked": frozenset(),
    "jurat_queue_verdicts": frozenset(),
    "jurat_queue_row": frozenset(),
    "jurat_queue_retention": frozenset(),
    "jurat_queue_purged": frozenset(),
    "jurat_queue_rehash": frozenset(),
    "jurat_keep_number": frozenset(),
    "jurat_forget_person": frozenset(),
    "jurat_keep_inquiry": frozenset(),
    "jurat_keep_opening": frozenset(),
    "jurat_forget_openings": frozenset(),
}
"""The roles that may call each function. Functions for triggers and for other functions have none."""

OF_BEFORE = ("jurat_erase", "jurat_transfer", "jurat_try_ask")
"""What `DatabaseRole.PLATFORM` may call as well in databases of 0.3.0 and before. An upgrade neither gives nor takes
that: the law demands erasures, so they end only when the owner of the tables revokes it. No migration may drop these
functions, for that would."""

FOR_ALL = (
    "jurat_is_name",
    "jurat_is_erased",
    "jurat_person",
    "jurat_uuid7",
    "jurat_deciding",
    "jurat_stored",
    "jurat_may_ask",
    "jurat_is_owner",
)
"""Functions that read no table of ours, and that others share. Everyone may call them."""

ASKS: Mapping[str, str] = {
    "contest": "jurat_contest",
    "decide": "jurat_decide",
    "open": "jurat_open_review",
    "reopen": "jurat_reopen",
    "revoke": "jurat_revoke",
    "restore": "jurat_restore",
    "transfer": "jurat_transfer",
    "erase": "jurat_erase",
    "codes": "jurat_add_codes",
}
"""The function for each kind of request. Only a role that may call it may store requests of that kind in any way, and
mark them as done. The database checks this right whenever a request is stored."""

ANALYZED = ("jurat_roster_entries", "jurat_dataset_streets", "jurat_dataset_houses", "jurat_dataset_words")
"""The tables that an import analyzes, for which PostgreSQL has a right of its own since version 17."""

_ONE_RIGHT = re.compile(r"([A-Z]+)(?: \(([^)]*)\))?")


def rights_of(role: DatabaseRole, table: str) -> Mapping[str, frozenset[str] | None]:
    """The privileges of a role on a table or view, each with its columns; None means all columns."""
    found = _ONE_RIGHT.findall(RIGHTS[table].get(role, ""))
    return {privilege: frozenset(columns.split(", ")) if columns else None for privilege, columns in found}


def asking_for(kind: str) -> frozenset[DatabaseRole]:
    """The roles that may store requests of a kind."""
    return CALLS[ASKS[kind]]
