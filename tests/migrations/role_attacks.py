"""Plain SQL by which each role would get at more than its own. All of it is refused for the lack of a right."""

from __future__ import annotations

from collections.abc import Mapping

from store.schema.grants import DatabaseRole
from tests.migrations.attacks import CHECK, INTO_AUDIT, INTO_CHECKS, INTO_VERDICTS, STRANGER, check, entry, verdict

_CONTEST = f"('{STRANGER}', 'contest', '{CHECK}', 'x', 'participant', now())"
_WITH_STATE = INTO_CHECKS.replace("(id,", "(state, id,")

ANYBODY = [
    "TRUNCATE jurat_checks CASCADE",
    "TRUNCATE jurat_access",
    "BEGIN;\nLOCK TABLE jurat_configs IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE jurat_mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE public.mine AS ENUM ('a')",
    "CREATE SCHEMA mine",
    "ALTER TABLE jurat_checks ADD COLUMN mine text",
    "ALTER TABLE jurat_verdicts DISABLE TRIGGER ALL",
    "ALTER TABLE jurat_checks OWNER TO CURRENT_USER",
    "DROP TABLE jurat_checks CASCADE",
    "DROP TRIGGER jurat_verdicts_kept ON jurat_verdicts",
    "DROP FUNCTION jurat_submit",
    "CREATE INDEX ON jurat_checks (answer)",
    "CREATE RULE mine AS ON INSERT TO jurat_checks DO INSTEAD NOTHING",
    "CREATE POLICY mine ON jurat_checks",
    "COMMENT ON TABLE jurat_checks IS 'mine'",
    "CREATE TEMP TABLE mine (id uuid REFERENCES pg_temp.jurat_checks)",
    (
        "CREATE TEMP TABLE theirs (consultation text, participant text, question text);\n"
        "CREATE TRIGGER mine AFTER INSERT ON theirs FOR EACH ROW EXECUTE FUNCTION jurat_show_submitted()"
    ),
    ("CREATE OR REPLACE FUNCTION jurat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    "ALTER FUNCTION jurat_show_submitted SECURITY INVOKER",
    "SET session_replication_role = replica",
    "GRANT jurat_worker, jurat_admin, jurat_reviewer, jurat_platform TO CURRENT_USER",
    "SET ROLE postgres",
    "UPDATE jurat_alembic_version SET version_num = '0001'",
    "UPDATE jurat_contract SET version = 2",
    "SELECT version FROM jurat_contract FOR UPDATE",
    "SELECT version FROM jurat_contract FOR KEY SHARE",
    "BEGIN;\nLOCK TABLE jurat_contract IN SHARE MODE",
    "UPDATE jurat_verdicts SET outcome = 'accepted'",
    "UPDATE jurat_audit SET actor = 'nobody'",
    "DELETE FROM jurat_audit",
    "UPDATE jurat_leaves SET salt = NULL",
    "DELETE FROM jurat_leaves",
    "UPDATE jurat_tree_heads SET tree_size = 0",
    "DELETE FROM jurat_tree_heads",
    "INSERT INTO jurat_unsealed (queued_at, kind, subject) VALUES (now(), 'purge', 'x')",
    "INSERT INTO jurat_history (began_at, began_by) VALUES (now(), 'me')",
    "DELETE FROM jurat_history",
    "COPY jurat_checks TO PROGRAM 'true'",
    "COPY jurat_checks FROM '/dev/null'",
    "SELECT pg_read_file('/etc/hostname')",
]
"""For every role."""

_CONFIRMS = [
    f"INSERT {INTO_CHECKS} VALUES ({check(STRANGER, 'p-99')})",
    f"INSERT {INTO_CHECKS} SELECT {check(STRANGER, 'p-99')} WHERE false",
    "COPY jurat_checks FROM STDIN",
    "SELECT jurat_submit('budget', 'p-99', 'residence', 'x', 'x')",
]
_LAYS_IN = [
    "SELECT jurat_take_turn(false)",
    "SELECT jurat_add_version(1, '[]')",
    "SELECT jurat_add_questions('[]')",
    "SELECT jurat_answer_consultations('[]')",
    "UPDATE jurat_consultations SET refused = NULL",
    "SELECT name FROM jurat_consultations FOR UPDATE",
]
"""What a worker may: it puts into the configuration what a platform has published."""

_ASKS_TO_PUBLISH = [
    "SELECT jurat_publish_consultation('mine', '{}', 'me')",
    "SELECT jurat_check_consultation('mine', '{}', 'me')",
]
_CONFIGURES = [
    "INSERT INTO jurat_configs SELECT 99, '', '{}', '', now()",
    "INSERT INTO jurat_configs SELECT version + 1, digest, document, applied_by, applied_at FROM jurat_configs",
    "UPDATE jurat_configs SET whole = false",
    "DELETE FROM jurat_questions",
    "INSERT INTO jurat_questions SELECT * FROM jurat_questions",
    "UPDATE jurat_consultations SET applied_document = '{}'",
    "UPDATE jurat_questions SET rounds = 99",
    "UPDATE jurat_configs SET document = '{}'",
    "DELETE FROM jurat_configs",
    "INSERT INTO jurat_criteria SELECT 'mine', '', '[]', '[]', '{}', '[]', 1",
    "UPDATE jurat_criteria SET open = '[\"zone\"]'",
    "DELETE FROM jurat_criteria",
    "INSERT INTO jurat_consultations (name, document, published_by, published_at) VALUES ('mine', '{}', 'me', now())",
    "UPDATE jurat_consultations SET document = '{}'",
    "UPDATE jurat_consultations SET revision = 1",
    "DELETE FROM jurat_consultations",
    "INSERT INTO jurat_zones (name, version) VALUES ('old-town', 99)",
    "UPDATE jurat_zones SET outline = '[]'",
    "INSERT INTO jurat_sources (name) VALUES ('mine')",
    "INSERT INTO jurat_datasets (id) VALUES (99)",
    "DELETE FROM jurat_dataset_houses",
    "SELECT jurat_listen(true)",
]
_MINTS = ["INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES ('spring', 'x', now())"]
"""What a worker may: it alone has the keys of the codes that a back office asks to have added."""

_ASKS_FOR_CODES = [
    "SELECT jurat_add_codes('spring', 'x', 'x', 'me')",
    "SELECT jurat_try_add_codes('spring', 'x', 'x', 'me', NULL, NULL)",
    (
        "INSERT INTO jurat_requests (id, kind, code_list, note, note_key, by_whom, asked_at)"
        f" VALUES ('{STRANGER}', 'codes', 'spring', 'x', 'x', 'me', now())"
    ),
]
_DECIDES = [
    f"INSERT {INTO_VERDICTS} VALUES ({verdict(revision='2')})",
    f"INSERT {INTO_VERDICTS} SELECT {verdict(revision='2')} WHERE false",
    "COPY jurat_verdicts FROM STDIN",
]
_CLAIMS = ["SELECT fingerprint FROM jurat_claims", "SELECT participant FROM jurat_claims"]
_SECRETS = [
    "SELECT * FROM jurat_codes",
    "SELECT count(*) FROM jurat_claims k JOIN jurat_codes USING (fingerprint)",
]
_ANSWERS = [
    "SELECT answer FROM jurat_checks",
    "SELECT * FROM jurat_checks",
    "SELECT c FROM jurat_checks c",
    "SELECT to_jsonb(c) ->> 'answer' FROM jurat_checks c",
    "SELECT count(answer) FROM jurat_checks",
    "SELECT id FROM jurat_checks WHERE answer > 'a'",
    "SELECT id FROM jurat_checks ORDER BY answer",
    "COPY jurat_checks TO STDOUT",
    "COPY jurat_checks (id, answer) TO STDOUT",
    "COPY (SELECT answer FROM jurat_checks) TO STDOUT",
    "SELECT row_to_json(c) FROM jurat_checks c",
    "CREATE TEMP TABLE mine AS SELECT answer FROM jurat_checks",
    "CREATE TEMP TABLE mine AS TABLE jurat_checks",
]
_MOVES = [
    "UPDATE jurat_checks SET state = 'settled'",
    "UPDATE jurat_checks SET fence = fence + 1",
    "UPDATE jurat_checks SET answer = NULL",
    "UPDATE jurat_checks SET settled_at = now()",
    "SELECT id FROM jurat_checks FOR UPDATE",
    "SELECT id FROM jurat_checks FOR KEY SHARE",
    "DELETE FROM jurat_checks",
    "BEGIN;\nLOCK TABLE jurat_checks IN EXCLUSIVE MODE",
    ("MERGE INTO jurat_checks c USING (VALUES (1)) AS one ON true WHEN MATCHED THEN UPDATE SET state = 'settled'"),
]
_NOTES = [
    "SELECT note FROM jurat_requests",
    "SELECT * FROM jurat_requests",
    "SELECT q FROM jurat_requests q",
    "SELECT id FROM jurat_requests WHERE note > 'a'",
    "COPY jurat_requests (id, note) TO STDOUT",
    "UPDATE jurat_requests SET note = NULL",
]
_REVIEWS = [
    f"SELECT jurat_decide('{CHECK}', 'person_accepted', 'me')",
    f"SELECT jurat_open_review('{CHECK}', 'me')",
    f"SELECT jurat_open_for_review('{CHECK}', sha256('x'), 'me')",
    f"SELECT jurat_try_open_for_review('{CHECK}', sha256('x'), 'me', NULL)",
    f"SELECT * FROM jurat_opened('{STRANGER}')",
]
_ASKS_BY_ITSELF = (
    "INSERT INTO jurat_openings (id, check_id, by_whom, reader_key, asked_at)"
    f" VALUES ('{STRANGER}', '{CHECK}', 'me', sha256('x'), now())"
)
_OPENINGS = [
    _ASKS_BY_ITSELF,
    "SELECT * FROM jurat_openings",
    "SELECT sealed FROM jurat_openings",
    "SELECT id FROM jurat_openings",
    "UPDATE jurat_openings SET sealed = NULL",
    "UPDATE jurat_openings SET login = current_user",
    "DELETE FROM jurat_openings",
]
_INQUIRES = (
    "INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)"
    f" VALUES ('{STRANGER}', 'towns', 'me', sha256('x'), 'x', '0123456789abcdef', now())"
)
_FORGES_INQUIRIES = [
    f"UPDATE jurat_inquiries SET {change}" for change in ("reader_key = sha256('mine')", "by_whom = 'a'", "login = 'a'")
]
_TAKES_INQUIRIES = [
    *_FORGES_INQUIRIES,
    *(f"UPDATE jurat_inquiries SET {change}" for change in ("answer = NULL", "begun_at = now()")),
    *("SELECT answer FROM jurat_inquiries", "DELETE FROM jurat_inquiries"),
]
_INQUIRIES = [_INQUIRES, *_TAKES_INQUIRIES, "SELECT sealed FROM jurat_inquiries"]
_CONTESTS = [
    f"SELECT jurat_contest('{CHECK}', 'x', 'x')",
    f"SELECT jurat_try_contest('{CHECK}', 'x', 'x', NULL, NULL)",
    f"INSERT INTO jurat_requests (id, kind, check_id, note, by_whom, asked_at) VALUES {_CONTEST}",
]
_ERASES = [
    "UPDATE jurat_checks SET participant = 'erased-1'",
    "UPDATE jurat_checks SET reply_key = NULL",
    "UPDATE jurat_access SET participant = 'erased-1'",
    "UPDATE jurat_claims SET participant = 'erased-1'",
    "UPDATE jurat_requests SET participant = 'erased-1'",
    "DELETE FROM jurat_access",
    "SELECT jurat_ask('erase', NULL, 'p-42', NULL, NULL, 'me', NULL)",
]
_ASKS_FOR_ACCOUNTS = [
    "SELECT jurat_transfer('budget', 'p-42', 'p-99', 'me')",
    "SELECT jurat_erase('p-42')",
    "SELECT jurat_try_ask('erase', NULL, 'p-42', NULL, 'me', NULL)",
]
_ASKS_FOR_REVIEWERS = [
    "SELECT jurat_reopen('budget', 'p-42', 'residence', 'me')",
    "SELECT jurat_revoke('budget', 'p-42', 'me')",
    "SELECT jurat_restore('budget', 'p-42', 'me')",
]
_ASKED = "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at) VALUES "
_ASKS_AS_A_REVIEWER = [
    *(
        f"{_ASKED} (gen_random_uuid(), '{kind}', 'me', 'budget', 'p-42', now())"
        for kind in ("reopen", "revoke", "restore", "contest", "decide", "open")
    ),
    (
        "INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at)"
        f" VALUES ('{STRANGER}', 'decide', '{CHECK}', 'person_accepted', 'alice', now())"
    ),
    "INSERT INTO jurat_requests (id, kind, by_whom, asked_at, applied_at) SELECT NULL, 'erase', 'me', now(), now()",
]
_SEALS = [
    "INSERT INTO jurat_leaves (number, kind, subject) VALUES (0, 'audit', 'x')",
    "INSERT INTO jurat_tree_heads (signed_ms, tree_size, root_hash, signature, frontier) VALUES (0, 0, '', '', '')",
    "DELETE FROM jurat_unsealed",
    "SELECT replaced FROM jurat_unsealed",
    "UPDATE jurat_leaves SET fingerprint_salt = NULL",
    "UPDATE jurat_history SET sealed_at = now()",
]
_ADDS_UP = [
    "UPDATE jurat_access SET access = 'granted'",
    "INSERT INTO jurat_access SELECT 'budget', 'p-99', 'granted', '{}', '{}', 1, now()",
]

_OF_OTHERS = [
    *_CONFIRMS,
    *_CONFIGURES,
    *_LAYS_IN,
    *_ASKS_TO_PUBLISH,
    *_DECIDES,
    *_CLAIMS,
    *_SECRETS,
    *_MINTS,
    *_ASKS_FOR_CODES,
    *_ANSWERS,
    *_MOVES,
    *_ADDS_UP,
    *_NOTES,
    *_CONTESTS,
    *_REVIEWS,
    *_OPENINGS,
    *_INQUIRIES,
    *_ERASES,
    *_ASKS_FOR_REVIEWERS,
    f"INSERT {INTO_AUDIT} VALUES ({entry(STRANGER)})",
]
"""For roles with one thing to do."""

BY: Mapping[DatabaseRole, list[str]] = {
    DatabaseRole.PLATFORM: [
        *_SEALS,
        *_DECIDES,
        *_CLAIMS,
        *_SECRETS,
        *_MINTS,
        *_ASKS_FOR_CODES,
        "SELECT * FROM jurat_code_lists",
        *_ANSWERS,
        *_MOVES,
        *_ADDS_UP,
        *_CONFIGURES,
        *_NOTES,
        *_REVIEWS,
        *_OPENINGS,
        *_INQUIRIES,
        *_ERASES,
        *_ASKS_FOR_ACCOUNTS,
        *_ASKS_FOR_REVIEWERS,
        f"INSERT INTO jurat_requests (id, kind, by_whom, asked_at) VALUES ('{STRANGER}', 'decide', 'me', now())",
        f"INSERT INTO jurat_requests (id, kind, check_id, note, by_whom, asked_at) VALUES {_CONTEST}",
        "SELECT * FROM jurat_review_queue",
        "SELECT by_whom FROM jurat_requests",
        *_LAYS_IN,
        f"INSERT {_WITH_STATE} VALUES ('settled', {check(STRANGER, 'p-99')})",
        f"INSERT {INTO_CHECKS.replace('(id,', '(fence, id,')} VALUES (9, {check(STRANGER, 'p-99')})",
        f"INSERT {INTO_CHECKS.replace('(id,', '(settled_at, id,')} VALUES (now(), {check(STRANGER, 'p-99')})",
        f"INSERT {INTO_CHECKS.replace('(id,', '(candidates, id,')} VALUES ('x', {check(STRANGER, 'p-99')})",
        f"INSERT {INTO_CHECKS.replace('(id,', '(leaning, id,')} VALUES ('inside', {check(STRANGER, 'p-99')})",
        f"INSERT {INTO_CHECKS} VALUES ({check(STRANGER, 'p-99')}) RETURNING answer",
        f"INSERT {INTO_CHECKS} VALUES ({check(STRANGER, 'p-99')}) RETURNING *",
        (
            f"INSERT {INTO_CHECKS} SELECT '{STRANGER}', 'budget', 'p-99', question, source, answer, now(), now(), now()"
            " FROM jurat_checks"
        ),
        (
            f"INSERT {INTO_CHECKS} VALUES ({check(CHECK, 'p-42')})"
            " ON CONFLICT (id) DO UPDATE SET answer = excluded.answer RETURNING answer"
        ),
        "COPY jurat_checks (id, state) FROM STDIN",
        "SELECT evidence FROM jurat_verdicts",
        "SELECT * FROM jurat_reviews",
        "SELECT * FROM jurat_audit",
        "SELECT * FROM jurat_configs",
        "SELECT * FROM jurat_datasets",
        "SELECT * FROM jurat_dataset_streets",
        "SELECT * FROM jurat_dataset_houses",
        "SELECT * FROM jurat_sources",
        "SELECT * FROM jurat_zones",
        "SELECT * FROM jurat_attempts",
        f"INSERT {INTO_AUDIT} VALUES ({entry(STRANGER)})",
        "SET ROLE jurat_worker",
    ],
    DatabaseRole.WORKER: [
        *_SEALS,
        *_CONFIRMS,
        *_CONFIGURES,
        *_ASKS_FOR_CODES,
        "INSERT INTO jurat_codes (list, fingerprint, created_at, redeemed_by) SELECT 'spring', 'x', now(), NULL",
        "SELECT * FROM jurat_code_lists",
        *_CONTESTS,
        *_REVIEWS,
        _ASKS_BY_ITSELF,
        "UPDATE jurat_openings SET reader_key = sha256('mine')",
        "UPDATE jurat_openings SET login = current_user",
        _INQUIRES,
        *_FORGES_INQUIRIES,
        *_ASKS_FOR_ACCOUNTS,
        *_ASKS_FOR_REVIEWERS,
        "SELECT jurat_ask('erase', NULL, 'p-42', NULL, NULL, 'me', NULL)",
        "UPDATE jurat_requests SET reason = 'person_accepted'",
        *_ASKS_TO_PUBLISH,
        f"INSERT {INTO_CHECKS} SELECT {check(STRANGER, 'p-99')} FROM jurat_checks ON CONFLICT DO NOTHING",
        "UPDATE jurat_checks SET question = 'profession'",
        "UPDATE jurat_checks SET submitted_at = now()",
        "UPDATE jurat_codes SET fingerprint = 'mine'",
        "SELECT * FROM jurat_audit",
        "SET ROLE jurat_reviewer",
    ],
    DatabaseRole.REVIEWER: [
        *_SEALS,
        *_CONFIRMS,
        *_CONFIGURES,
        *_LAYS_IN,
        *_ASKS_TO_PUBLISH,
        *_SECRETS,
        *_MINTS,
        *_ASKS_FOR_CODES,
        "SELECT * FROM jurat_code_lists",
        *_CONTESTS,
        *_OPENINGS,
        *_INQUIRIES,
        *_ERASES,
        *_ASKS_FOR_ACCOUNTS,
        "INSERT INTO jurat_requests (id, kind, target, by_whom, asked_at) SELECT NULL, 'transfer', 'p', 'me', now()",
        "UPDATE jurat_requests SET by_whom = 'another'",
        "DELETE FROM jurat_requests",
        "UPDATE jurat_checks SET source = 'mine'",
        "UPDATE jurat_checks SET deadline_at = now()",
        "DELETE FROM jurat_checks",
        "DELETE FROM jurat_verdicts",
        "SELECT candidates FROM jurat_checks",
        "SET ROLE jurat_worker",
    ],
    DatabaseRole.ADMIN: [
        *_SEALS,
        *_ASKS_AS_A_REVIEWER,
        *_CONFIRMS,
        *_ASKS_TO_PUBLISH,
        *_DECIDES,
        *_ANSWERS,
        *_REVIEWS,
        *_OPENINGS,
        *_TAKES_INQUIRIES,
        *_ASKS_FOR_REVIEWERS,
        "DELETE FROM jurat_verdicts",
        "DELETE FROM jurat_access",
        "SELECT participant FROM jurat_claims",
        "UPDATE jurat_checks SET fence = fence + 1",
        "DELETE FROM jurat_checks",
        "SELECT * FROM jurat_claims",
        "DELETE FROM jurat_codes",
        "UPDATE jurat_codes SET redeemed_by = NULL",
        "UPDATE jurat_zones SET geometry = ''",
        "UPDATE jurat_configs SET document = '{}'",
        "SET ROLE jurat_reviewer",
    ],
    DatabaseRole.READER: [
        *_SEALS,
        *_CONFIRMS,
        *_CONFIGURES,
        *_LAYS_IN,
        *_ASKS_TO_PUBLISH,
        *_DECIDES,
        *_CLAIMS,
        *_SECRETS,
        *_MINTS,
        *_ASKS_FOR_CODES,
        *_ANSWERS,
        *_MOVES,
        *_ADDS_UP,
        *_NOTES,
        *_CONTESTS,
        *_REVIEWS,
        *_OPENINGS,
        *_INQUIRIES,
        *_ERASES,
        *_ASKS_FOR_ACCOUNTS,
        *_ASKS_FOR_REVIEWERS,
        "SELECT * FROM jurat_dataset_streets",
        "SELECT candidates FROM jurat_checks",
        f"INSERT {INTO_AUDIT} VALUES ({entry(STRANGER)})",
        "SET ROLE jurat_admin",
    ],
    DatabaseRole.ACCOUNTS: [
        *_OF_OTHERS,
        *_SEALS,
        *(
            f"INSERT INTO jurat_requests (id, kind, by_whom, asked_at) VALUES ('{STRANGER}', '{kind}', 'me', now())"
            for kind in ("transfer", "erase", "decide", "contest")
        ),
        "SELECT participant FROM jurat_requests",
        "SELECT title FROM jurat_questions",
        "SELECT * FROM jurat_access",
        "SELECT * FROM jurat_results",
        "SELECT id FROM jurat_checks",
        "SELECT * FROM jurat_allowances",
        "SET ROLE jurat_platform",
    ],
    DatabaseRole.SEALER: [
        *(attack for attack in _OF_OTHERS if "fingerprint" not in attack),  # it seals these hashes, without the keys
        *_ASKS_FOR_ACCOUNTS,
        "SELECT document FROM jurat_configs",
        "SELECT document FROM jurat_requests",
        "SELECT participant FROM jurat_claims",
        "SET ROLE jurat_worker",
    ],
}
