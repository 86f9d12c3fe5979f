-- What SQLite does and refuses by itself, whoever writes: triggers. ../postgresql/guards.sql is the twin.
--
-- Table by table: checks, verdicts, audit; request_guards.sql has requests. For each table: inserts, updates, deletes.
-- SQLite promises no order for the triggers of one event, but fires them in the order in which they were made. So keep
-- that order within an event.
--
-- SQLite has no SQLSTATE, so the code is in the message: `jurat: JU005: …`.
--
-- A REPLACE deletes without firing delete triggers, so a trigger before the insert looks for the key. Foreign keys are
-- off unless a connection switches them on, so triggers also protect the check of a verdict.


-- -------------------------------------------------------------------------------------------------------------- Checks

-- The same answer again changes nothing, as with ON CONFLICT DO NOTHING.
CREATE TRIGGER jurat_checks_once BEFORE INSERT ON jurat_checks
WHEN EXISTS (
  SELECT 1 FROM jurat_checks c
  WHERE c.id = NEW.id
    OR (c.consultation = NEW.consultation AND c.participant = NEW.participant
        AND c.question = NEW.question AND c.round = NEW.round))
BEGIN
  SELECT RAISE(IGNORE);
END;

-- Refuses a time that no worker can read. PostgreSQL replaces it.
CREATE TRIGGER jurat_checks_timed BEFORE INSERT ON jurat_checks
WHEN EXISTS (
  WITH given (time) AS (VALUES (NEW.submitted_at), (NEW.due_at), (NEW.deadline_at))
  SELECT 1 FROM given WHERE NOT coalesce(
    strftime('%Y-%m-%d %H:%M:%f', time) IS time
    AND time BETWEEN '2000-01-01 00:00:00.000' AND '9000-01-01 00:00:00.000', 0))
BEGIN
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, of the year 2000 or later');
END;

-- Refuses an answer if none is open, by the history and the clock, as jurat_require_open does on PostgreSQL.
--
-- A participant without earlier answers or requests has no history to check. That is the common case, and costs two
-- lookups. The trigger above handles the same answer again, and the workers handle questions that are not configured.
--
-- `b` is one row that sums up the earlier answers. `since` is true for rounds after the accepted one.
CREATE TRIGGER jurat_checks_taken BEFORE INSERT ON jurat_checks
WHEN (NEW.round IS NOT 1
  OR EXISTS (
    SELECT 1 FROM jurat_access a WHERE a.consultation = NEW.consultation AND a.participant = NEW.participant)
  OR EXISTS (
    SELECT 1 FROM jurat_requests s
    WHERE s.consultation = NEW.consultation AND s.participant = NEW.participant
      AND s.kind IN ('reopen', 'revoke', 'restore')))
  AND NOT EXISTS (
    SELECT 1 FROM jurat_checks c
    WHERE c.id = NEW.id
      OR (c.consultation = NEW.consultation AND c.participant = NEW.participant
          AND c.question = NEW.question AND c.round = NEW.round))
BEGIN
  SELECT CASE
    -- The access is revoked.
    WHEN (
      SELECT s.kind FROM jurat_requests s
      WHERE s.consultation = NEW.consultation AND s.participant = NEW.participant
        AND s.applied_at IS NOT NULL AND s.refused IS NULL AND s.kind IN ('revoke', 'restore')
      ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC LIMIT 1) = 'revoke'
      THEN RAISE(ABORT, 'jurat: JU006: this participant''s access was revoked; no answer is taken until it is restored')
    -- All rounds are used up, including those that a person allowed; or an answer is under way, or an accepted one is
    -- in review again.
    WHEN b.round IS NOT NULL AND (
      b.spent >= (
        SELECT count(*) FROM jurat_requests s
        WHERE s.consultation = NEW.consultation AND s.participant = NEW.participant
          AND s.applied_at IS NOT NULL AND s.refused IS NULL AND s.kind = 'reopen' AND s.question = NEW.question
          AND coalesce(s.applied_at >= b.accepted_at, 1)
      ) + CASE
        WHEN b.accepted_at IS NULL
          OR strftime('%Y-%m-%d %H:%M:%f', b.accepted_at, (q.valid_s) || ' seconds')
            <= strftime('%Y-%m-%d %H:%M:%f', 'now')
          THEN q.rounds
        WHEN strftime('%Y-%m-%d %H:%M:%f', b.accepted_at, (q.valid_s - coalesce(q.renew_s, 0)) || ' seconds')
            <= strftime('%Y-%m-%d %H:%M:%f', 'now')
          THEN q.rounds
        ELSE 0 END
      OR coalesce(b.state_since <> 'settled', 0)
      OR (b.state <> 'settled' AND b.accepted_at IS NOT NULL
        AND coalesce(strftime('%Y-%m-%d %H:%M:%f', b.accepted_at, (q.valid_s) || ' seconds')
                       > strftime('%Y-%m-%d %H:%M:%f', 'now'), 1)))
      THEN RAISE(ABORT, 'jurat: JU003: an answer is confirmed already, and cannot be changed; show its result instead')
    -- An accepted question has ended this one. The row of jurat_access counts only while neither time nor a changed
    -- configuration has outdated it.
    WHEN EXISTS (
      SELECT 1 FROM jurat_access a, json_each(a.ended) e
      WHERE a.consultation = NEW.consultation AND a.participant = NEW.participant AND e.key = NEW.question
        AND a.config_version >= q.config_version
        AND (a.changes_at IS NULL OR a.changes_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))
        AND NOT EXISTS (
          SELECT 1 FROM json_each(e.value) n
          WHERE coalesce((SELECT s.value FROM json_each(a.questions) s WHERE s.key = n.value), '') <> 'accepted')
        AND EXISTS (
          SELECT 1 FROM jurat_checks c
          JOIN jurat_verdicts v ON v.check_id = c.id
            AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
          WHERE c.consultation = NEW.consultation AND c.participant = NEW.participant AND v.outcome = 'accepted'
            AND c.question IN (SELECT n.value FROM json_each(e.value) n)))
      THEN RAISE(ABORT, 'jurat: JU003: another answer was accepted in its place, and this question takes no more; show its result')
    WHEN NEW.round IS NOT coalesce(b.round, 0) + 1
      THEN RAISE(ABORT, 'jurat: JU005: round is 1 for the first answer, and then one more than the last')
  END
  FROM jurat_questions q, (
    SELECT max(e.round) AS round,
      max(CASE WHEN e.place = 1 THEN e.state END) AS state,
      max(CASE WHEN e.place = 1 AND e.since THEN e.state END) AS state_since,
      max(CASE WHEN e.accepted THEN e.decided_at END) AS accepted_at,
      count(CASE WHEN e.since AND NOT coalesce(
        e.state = 'settled' AND e.outcome = 'undetermined' AND e.reason IN (
          'source_unavailable', 'source_throttled', 'source_maintenance', 'source_credentials',
          'source_rejected_request', 'source_unreadable', 'source_blocked', 'answer_unreadable', 'worker_lost',
          'configuration_missing', 'deadline_passed', 'number_malformed', 'code_malformed', 'ambiguous_address'
        ), 0) THEN 1 END) AS spent
    FROM (
      SELECT h.*, row_number() OVER (ORDER BY h.round DESC) AS place,
        coalesce(h.round > max(CASE WHEN h.accepted THEN h.round END) OVER (), 1) AS since
      FROM (
        SELECT c.round, c.state, v.outcome, v.reason, v.decided_at, coalesce(v.outcome = 'accepted', 0) AS accepted
        FROM jurat_checks c
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
          AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        WHERE c.consultation = NEW.consultation AND c.participant = NEW.participant
          AND c.question = NEW.question) h) e) b
  WHERE q.consultation = NEW.consultation AND q.question = NEW.question;
END;

-- `jurat.answers.MAX_BYTES` with what sealing adds, and `jurat.names.LONGEST`. SQLite's own `length` of a text ends at
-- a NUL; a character has four bytes at the most.
CREATE TRIGGER jurat_checks_sized_1 BEFORE INSERT ON jurat_checks
WHEN length(CAST(NEW.answer AS BLOB)) > 16432
BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: an answer has at most 16 KiB before it is sealed, and 48 bytes more then');
END;

CREATE TRIGGER jurat_checks_sized_2 BEFORE INSERT ON jurat_checks
WHEN length(CAST(NEW.reply_key AS BLOB)) > 32 OR EXISTS (
  WITH given (text, most) AS (
    VALUES (NEW.consultation, 200), (NEW.participant, 200), (NEW.question, 200), (NEW.source, 200), (NEW.priority, 200),
      (NEW.traceparent, 100), (NEW.answer_key, 16))
  SELECT 1 FROM given WHERE max(length(text), length(CAST(text AS BLOB)) / 4) > most)
BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: a text has at most 200 characters, a traceparent 100, answer_key 16, and reply_key 32 bytes');
END;

-- Shows the answer in jurat_access at once, as pending. An accepted question stays accepted: a renewal takes nothing
-- away.
CREATE TRIGGER jurat_checks_submitted AFTER INSERT ON jurat_checks
BEGIN
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them')
    WHERE NEW.due_at NOT LIKE '____-__-__ __:__:__.___' OR NEW.submitted_at NOT LIKE '____-__-__ __:__:__.___'
       OR NEW.deadline_at NOT LIKE '____-__-__ __:__:__.___';
  SELECT RAISE(ABORT, 'jurat: participant must not begin with erased-, which marks erased participants')
    WHERE lower(substr(NEW.participant, 1, 7)) = 'erased-';
  SELECT RAISE(ABORT, 'jurat: a check id is a UUID in its usual 36 lower-case characters')
    WHERE NEW.id NOT GLOB '????????-????-????-????-????????????' OR NEW.id <> lower(NEW.id);
  INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, config_version, updated_at)
    SELECT NEW.consultation, NEW.participant, 'pending', json_group_object(question, 'open'),
           json_group_object(question, rounds), max(config_version), strftime('%Y-%m-%d %H:%M:%f', 'now')
    FROM jurat_questions q WHERE consultation = NEW.consultation
      AND NOT EXISTS (SELECT 1 FROM jurat_access a
                      WHERE a.consultation = NEW.consultation AND a.participant = NEW.participant)
    GROUP BY consultation;
  UPDATE jurat_access SET
    access = CASE WHEN access IN ('granted', 'blocked')
                    OR json_extract(questions, '$."' || NEW.question || '"') IS 'accepted' THEN access
                  ELSE 'pending' END,
    questions = CASE WHEN json_extract(questions, '$."' || NEW.question || '"') IS 'accepted' THEN questions
                     ELSE json_set(questions, '$."' || NEW.question || '"', 'pending') END,
    rounds_left = json_set(rounds_left, '$."' || NEW.question || '"',
      CASE WHEN json_extract(questions, '$."' || NEW.question || '"') IS 'accepted' THEN 0
           ELSE max(0, coalesce(json_extract(rounds_left, '$."' || NEW.question || '"'), 1) - 1) END),
    updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
  WHERE consultation = NEW.consultation AND participant = NEW.participant;
END;

-- A participant's id can become the id of an erased participant, or the target of a transfer that waits.
CREATE TRIGGER jurat_checks_named BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks
WHEN NEW.id IS NOT OLD.id OR NEW.consultation IS NOT OLD.consultation OR NEW.question IS NOT OLD.question
  OR NEW.round IS NOT OLD.round
  OR (NEW.participant IS NOT OLD.participant AND NOT (NEW.participant LIKE 'erased-%' OR EXISTS (
    SELECT 1 FROM jurat_requests t
    WHERE t.kind = 'transfer' AND t.applied_at IS NULL AND t.consultation = NEW.consultation
      AND t.participant = OLD.participant AND t.target = NEW.participant)))
BEGIN
  SELECT RAISE(ABORT, 'jurat: whose answer to which question a check is cannot be changed');
END;

CREATE TRIGGER jurat_checks_candidates_sized BEFORE UPDATE OF candidates ON jurat_checks
WHEN length(CAST(NEW.candidates AS BLOB)) > 65536
BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: candidates have at most 64 KiB');
END;

-- An answer can only be erased. That happens in the transaction that settles the check. So can the key that candidates
-- are sealed with.
CREATE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer, reply_key ON jurat_checks
WHEN (NEW.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer)
  OR (NEW.reply_key IS NOT NULL AND NEW.reply_key IS NOT OLD.reply_key)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a confirmed answer cannot be changed');
END;

CREATE TRIGGER jurat_checks_kept BEFORE DELETE ON jurat_checks
WHEN OLD.state <> 'settled' OR EXISTS (SELECT 1 FROM jurat_verdicts WHERE check_id = OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a check on its way, or with a verdict, cannot be deleted');
END;


-- ------------------------------------------------------------------------------------------------------------ Verdicts

CREATE TRIGGER jurat_verdicts_added BEFORE INSERT ON jurat_verdicts
BEGIN
  SELECT RAISE(ABORT, 'jurat: a verdict cannot be replaced; add a revision')
    WHERE EXISTS (SELECT 1 FROM jurat_verdicts WHERE check_id = NEW.check_id AND revision = NEW.revision);
  SELECT RAISE(ABORT, 'jurat: a verdict needs its check')
    WHERE NOT EXISTS (SELECT 1 FROM jurat_checks WHERE id = NEW.check_id);
  SELECT RAISE(ABORT, 'jurat: a verdict is accepted, refused or undetermined')
    WHERE NEW.outcome NOT IN ('accepted', 'refused', 'undetermined');
  SELECT RAISE(ABORT, 'jurat: the revision of a verdict is one more than the last')
    WHERE NEW.revision IS NOT 1 + coalesce(
      (SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = NEW.check_id), 0);
END;

-- How long it is kept may be said once, at least a day ahead.
CREATE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts
WHEN (OLD.retain_until IS NULL
  AND NEW.retain_until = strftime('%Y-%m-%d %H:%M:%f', NEW.retain_until)
  AND NEW.retain_until BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '1 day') AND '9000-01-01 00:00:00.000'
  AND (NEW.check_id, NEW.revision, NEW.outcome, NEW.reason, NEW.evidence, NEW.decided_by,
    NEW.config_version, NEW.source, NEW.data_date, NEW.fence, NEW.decided_at, NEW.login)
  IS (OLD.check_id, OLD.revision, OLD.outcome, OLD.reason, OLD.evidence, OLD.decided_by,
    OLD.config_version, OLD.source, OLD.data_date, OLD.fence, OLD.decided_at, OLD.login)) IS NOT TRUE
BEGIN
  SELECT RAISE(ABORT, 'jurat: a verdict cannot be changed; add a revision');
END;

CREATE TRIGGER jurat_verdicts_retained BEFORE DELETE ON jurat_verdicts
WHEN OLD.retain_until IS NULL OR OLD.retain_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
  SELECT RAISE(ABORT, 'jurat: a verdict cannot be deleted before its retain_until');
END;


-- --------------------------------------------------------------------------------------------------------------- Audit

CREATE TRIGGER jurat_audit_added BEFORE INSERT ON jurat_audit
WHEN EXISTS (SELECT 1 FROM jurat_audit WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'jurat: an audit row cannot be replaced');
END;

CREATE TRIGGER jurat_audit_kept BEFORE UPDATE ON jurat_audit
BEGIN
  SELECT RAISE(ABORT, 'jurat: an audit row cannot be changed');
END;

CREATE TRIGGER jurat_audit_retained BEFORE DELETE ON jurat_audit
BEGIN
  SELECT RAISE(ABORT, 'jurat: an audit row cannot be deleted');
END;


-- --------------------------------------------------------------------------------------------------------------- Codes

CREATE TRIGGER jurat_codes_hashed BEFORE UPDATE OF fingerprint ON jurat_codes
WHEN OLD.redeemed_by IS NOT NULL AND NEW.fingerprint <> OLD.fingerprint
  AND substr(NEW.fingerprint, 1, 8) = substr(OLD.fingerprint, 1, 8)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a used code is hashed again with another key');
END;

CREATE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at, revoked_at ON jurat_codes
WHEN (OLD.redeemed_by IS NOT NULL OR OLD.revoked_at IS NOT NULL)
  AND (NEW.redeemed_by IS NOT OLD.redeemed_by OR NEW.redeemed_at IS NOT OLD.redeemed_at
    OR NEW.revoked_at IS NOT OLD.revoked_at)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a code is redeemed or revoked, and that once');
END;


-- ----------------------------------------------------------------------------------------------------------- Seal keys

CREATE TRIGGER jurat_seal_keys_added BEFORE INSERT ON jurat_seal_keys
WHEN EXISTS (SELECT 1 FROM jurat_seal_keys WHERE id = NEW.id OR public_key = NEW.public_key)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key cannot be replaced');
END;

CREATE TRIGGER jurat_seal_keys_kept BEFORE UPDATE ON jurat_seal_keys
WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id OR NEW.public_key <> OLD.public_key
  OR NEW.from_at <> OLD.from_at OR NEW.until_at <> OLD.until_at OR NEW.signature <> OLD.signature
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key stays as it is, and is retired once');
END;

CREATE TRIGGER jurat_seal_keys_not_deleted BEFORE DELETE ON jurat_seal_keys
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key cannot be deleted');
END;
