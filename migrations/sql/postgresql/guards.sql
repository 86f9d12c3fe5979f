-- What PostgreSQL does and refuses by itself, whoever writes: triggers, and the functions that they run.
--
-- Table by table: checks, verdicts, audit; request_guards.sql has requests, and login_guards.sql what binds all but the
-- owner. Triggers of one event fire in the order of their names.
--
-- `session_replication_role = replica` switches ordinary triggers off. So every trigger that refuses something is set
-- to fire always, at the end of size_guards.sql. The owner of the tables can still drop them all, so no part of a
-- platform should log in as the owner: docs/operators/separate-roles.md.
--
-- Triggers guard sizes, and not CHECK constraints, because PostgreSQL quotes the whole row when a CHECK fails. A size
-- guard checks what is inserted, and never existing rows: workers must be able to get rid of those.
--
-- Functions that name no table, or that only another function calls, need no search path of their own. Triggers run
-- them for every user, and no one may call them; but the WHEN of a trigger calls jurat_may_ask with the rights of the
-- user who writes, so that is everyone's (store/schema/grants.py).


-- ------------------------------------------------------------------------------------------------------------ Refusing

-- Refuses a statement. The trigger's first argument is the reason, its second the SQLSTATE.
CREATE FUNCTION jurat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = coalesce(TG_ARGV[1], 'integrity_constraint_violation');
END $$;


-- -------------------------------------------------------------------------------------------------------------- Checks

-- Replaces a time that no worker can read with the present, and a deadline with the question's. SQLite refuses such a
-- time. All but the owner submit in the present: an erasure takes along what was submitted before it.
CREATE FUNCTION jurat_fix_times() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.submitted_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' OR NOT (jurat_is_owner()
    OR NEW.submitted_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) THEN
    NEW.submitted_at := statement_timestamp();
  END IF;
  IF NEW.due_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' THEN
    NEW.due_at := statement_timestamp();
  END IF;
  IF NEW.deadline_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' THEN
    NEW.deadline_at := statement_timestamp() + make_interval(secs => coalesce((
      SELECT q.deadline_s FROM jurat_questions q
      WHERE q.consultation = NEW.consultation AND q.question = NEW.question), 3600));
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_checks_timed BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (NOT (NEW.submitted_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()
  AND NEW.due_at BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'
  AND NEW.deadline_at BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'))
EXECUTE FUNCTION jurat_fix_times();

-- `jurat.answers.MAX_BYTES` with what sealing adds, and `jurat.names.LONGEST`.
CREATE TRIGGER jurat_checks_sized_1 BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (octet_length(NEW.answer) > 16432)
EXECUTE FUNCTION jurat_refuse_change(
  'an answer has at most 16 KiB before it is sealed, and 48 bytes more then', 'JU005');

CREATE TRIGGER jurat_checks_sized_2 BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (length(NEW.consultation) > 200 OR length(NEW.participant) > 200 OR length(NEW.question) > 200
  OR length(NEW.source) > 200 OR length(NEW.priority) > 200 OR length(NEW.traceparent) > 100
  OR length(NEW.answer_key) > 16 OR octet_length(NEW.reply_key) > 32)
EXECUTE FUNCTION jurat_refuse_change(
  'a text has at most 200 characters, a traceparent 100, answer_key 16, and reply_key 32 bytes', 'JU005');

CREATE TRIGGER jurat_checks_candidates_sized BEFORE UPDATE OF candidates ON jurat_checks FOR EACH ROW
WHEN (octet_length(NEW.candidates) > 65536)
EXECUTE FUNCTION jurat_refuse_change('candidates have at most 64 KiB', 'JU005');

-- Raises an error if no answer is open, by the history and the clock: for jurat_submit, and for platforms that send the
-- documented INSERT. `jurat.access.question_status` and jurat_checks_taken of SQLite are the twins.
--
-- Only rounds after the last accepted one count, even while that one is in review again. While an accepted answer
-- holds, more are taken in the time before its end, and if a person allows it. A technical failure costs no round.
-- jurat_show_submitted handles questions that are not configured.
CREATE FUNCTION jurat_require_open(confirmed jurat_checks) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  asked record;
  before record;
  stood record;
  more int;
  revoked boolean;
  until timestamptz;
  allowed int;
  standing uuid;
  place text := format('%s/%s', left(confirmed.consultation, 80), left(confirmed.question, 80));
BEGIN
  SELECT q.rounds, q.valid_s, coalesce(q.renew_s, 0) AS renew_s, q.config_version INTO asked FROM jurat_questions q
  WHERE q.consultation = confirmed.consultation AND q.question = confirmed.question;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT max(e.round) AS round,
         (array_agg(e.id ORDER BY e.round DESC))[1] AS id,
         (array_agg(e.state ORDER BY e.round DESC))[1] AS state,
         (array_agg(e.state ORDER BY e.round DESC)
            FILTER (WHERE (e.round > e.last_accepted) IS NOT FALSE))[1] AS state_since,
         max(e.decided_at) FILTER (WHERE e.accepted) AS accepted_at,
         count(*) FILTER (
           WHERE (e.round > e.last_accepted) IS NOT FALSE
             AND (e.state = 'settled' AND e.outcome = 'undetermined' AND e.reason IN (
               'source_unavailable', 'source_throttled', 'source_maintenance', 'source_credentials',
               'source_rejected_request', 'source_unreadable', 'source_blocked', 'answer_unreadable', 'worker_lost',
               'configuration_missing', 'deadline_passed', 'number_malformed', 'code_malformed', 'ambiguous_address'
             )) IS NOT TRUE) AS spent
  INTO before
  FROM (SELECT h.*, max(h.round) FILTER (WHERE h.accepted) OVER () AS last_accepted
        FROM (SELECT c.id, c.round, c.state, v.outcome, v.reason, v.decided_at, v.outcome = 'accepted' AS accepted
              FROM jurat_checks c
              LEFT JOIN LATERAL (SELECT w.outcome, w.reason, w.decided_at FROM jurat_verdicts w
                                 WHERE w.check_id = c.id ORDER BY w.revision DESC LIMIT 1) v ON true
              WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
                AND c.question = confirmed.question AND c.id <> confirmed.id) h) e;
  SELECT count(*) FILTER (WHERE s.kind = 'reopen' AND s.question = confirmed.question
                            AND (s.applied_at >= before.accepted_at) IS NOT FALSE),
         coalesce((array_agg(s.kind ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC)
                   FILTER (WHERE s.kind <> 'reopen'))[1] = 'revoke', false)
  INTO more, revoked
  FROM jurat_requests s
  WHERE s.consultation = confirmed.consultation AND s.participant = confirmed.participant
    AND s.kind IN ('reopen', 'revoke', 'restore') AND s.applied_at IS NOT NULL AND s.refused IS NULL;
  IF revoked THEN
    RAISE EXCEPTION USING ERRCODE = 'JU006',
      MESSAGE = format('jurat: this participant''s access to "%s" was revoked', left(confirmed.consultation, 80)),
      HINT = 'No answer is taken until it is restored; show them whom to ask: contact in jurat_questions.';
  END IF;
  until := before.accepted_at + make_interval(secs => asked.valid_s);
  allowed := more + CASE
    WHEN before.accepted_at IS NULL OR until <= statement_timestamp() THEN asked.rounds
    WHEN until - make_interval(secs => asked.renew_s) <= statement_timestamp() THEN asked.rounds
    ELSE 0
  END;
  IF before.id IS NOT NULL AND (
    before.spent >= allowed OR before.state_since <> 'settled'
    OR (before.state <> 'settled' AND before.accepted_at IS NOT NULL AND (until > statement_timestamp()) IS NOT FALSE)
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'JU003',
      MESSAGE = format('jurat: an answer to %s is confirmed already (check %s) and cannot be changed', place,
                       before.id),
      DETAIL = before.id::text,
      HINT = 'Show its result instead: jurat_results has it by check_id, and DETAIL is the id.';
  END IF;
  -- An accepted question may have ended this one. The row counts only while neither time nor a changed configuration
  -- has outdated it. EXECUTE makes a new plan: one from a time when the table was empty would read all of it.
  IF EXISTS (SELECT FROM jurat_checks c
             WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
               AND c.state NOT IN ('pending', 'leased')) THEN
    EXECUTE 'SELECT a.ended -> $3 AS ended, a.questions FROM jurat_access a
             WHERE a.consultation = $1 AND a.participant = $2 AND a.config_version >= $4
               AND (a.changes_at IS NULL OR a.changes_at > statement_timestamp())'
    INTO stood USING confirmed.consultation, confirmed.participant, confirmed.question, asked.config_version;
    IF stood.ended IS NOT NULL AND NOT EXISTS (
      SELECT FROM jsonb_array_elements_text(stood.ended) AS b (name)
      WHERE stood.questions ->> b.name IS DISTINCT FROM 'accepted'
    ) THEN
      SELECT c.id INTO standing
      FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id
        AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
      WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
        AND stood.ended ? c.question AND v.outcome = 'accepted'
      ORDER BY v.decided_at DESC, c.id DESC LIMIT 1;
      IF FOUND THEN
        standing := coalesce(before.id, standing);
        RAISE EXCEPTION USING ERRCODE = 'JU003',
          MESSAGE = format('jurat: %s takes no more answers: %s was accepted in its place (check %s)', place,
                           (SELECT string_agg(b.name, ', ') FROM jsonb_array_elements_text(stood.ended) AS b (name)),
                           standing),
          DETAIL = standing::text,
          HINT = 'Show that result instead: jurat_access has it, and jurat_results the check in DETAIL.';
      END IF;
    END IF;
  END IF;
  IF confirmed.round <> coalesce(before.round, 0) + 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005',
      MESSAGE = format('jurat: round must be %s here, one more than the last', coalesce(before.round, 0) + 1),
      HINT = 'Fix the call; nothing was confirmed.';
  END IF;
END $$;

-- Shows a new answer in jurat_access at once, as pending. It runs with the owner's rights, so that a platform needs no
-- right to write there. An accepted question stays accepted: a renewal takes nothing away.
--
-- A participant without earlier answers or requests has no history to check. That is the common case, and costs two
-- lookups.
--
-- An answer to a question that is not configured is refused, as by jurat_submit: each would get a row and a turn of its
-- own. Workers end those that the owner writes.
CREATE FUNCTION jurat_show_submitted()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_erased(NEW.participant) THEN
    RAISE EXCEPTION 'jurat: participant must not begin with erased-, which marks erased participants'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.round <> 1 OR EXISTS (
    SELECT FROM jurat_checks c
    WHERE c.consultation = NEW.consultation AND c.participant = NEW.participant AND c.id <> NEW.id
  ) OR EXISTS (
    SELECT FROM jurat_requests s
    WHERE s.consultation = NEW.consultation AND s.participant = NEW.participant
      AND s.kind IN ('reopen', 'revoke', 'restore')
  ) THEN
    PERFORM jurat_require_open(NEW);
  END IF;
  INSERT INTO jurat_access AS a (consultation, participant, access, questions, rounds_left, config_version,
                                 updated_at)
  SELECT NEW.consultation, NEW.participant, 'pending',
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN 'pending' ELSE 'open' END),
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN rounds - 1 ELSE rounds END),
         max(config_version), statement_timestamp()
  FROM jurat_questions WHERE consultation = NEW.consultation HAVING bool_or(question = NEW.question)
  ON CONFLICT (consultation, participant) DO UPDATE SET
    access = CASE WHEN a.access IN ('granted', 'blocked') OR a.questions ->> NEW.question = 'accepted' THEN a.access
                  ELSE 'pending' END,
    questions = CASE WHEN a.questions ->> NEW.question = 'accepted' THEN a.questions
                     ELSE jsonb_set(a.questions, ARRAY[NEW.question], '"pending"') END,
    rounds_left = jsonb_set(a.rounds_left, ARRAY[NEW.question], to_jsonb(
      CASE WHEN a.questions ->> NEW.question = 'accepted' THEN 0
           ELSE greatest(0, coalesce((a.rounds_left ->> NEW.question)::int, 1) - 1) END)),
    updated_at = statement_timestamp();
  IF NOT FOUND AND NOT jurat_is_owner() THEN
    RAISE EXCEPTION USING
      ERRCODE = CASE WHEN EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = NEW.consultation)
        THEN 'JU002' ELSE 'JU001' END,
      MESSAGE = format('jurat: no question %s/%s is configured', left(NEW.consultation, 80), left(NEW.question, 80)),
      HINT = 'jurat_questions lists what is asked; `bin/jurat config apply` publishes more.';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER jurat_checks_submitted AFTER INSERT ON jurat_checks
FOR EACH ROW EXECUTE FUNCTION jurat_show_submitted();

-- An answer can only be erased. That happens in the transaction that settles the check. So can the key that candidates
-- are sealed with.
CREATE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer, reply_key ON jurat_checks FOR EACH ROW
WHEN ((NEW.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer)
  OR (NEW.reply_key IS NOT NULL AND NEW.reply_key IS DISTINCT FROM OLD.reply_key))
EXECUTE FUNCTION jurat_refuse_change('a confirmed answer cannot be changed');

CREATE TRIGGER jurat_checks_named BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks
FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.consultation <> OLD.consultation OR NEW.question <> OLD.question
  OR NEW.round <> OLD.round)
EXECUTE FUNCTION jurat_refuse_change('whose answer to which question a check is cannot be changed');

-- A participant's id can become that of an erased participant, or the target of a waiting transfer. The function has a
-- search path of its own, so that a temporary table proves no transfer.
CREATE FUNCTION jurat_refuse_renaming() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM jurat_requests t
             WHERE t.kind = 'transfer' AND t.applied_at IS NULL AND t.consultation = NEW.consultation
               AND t.participant = OLD.participant AND t.target = NEW.participant
               AND (t.apply_from IS NULL OR t.apply_from <= clock_timestamp())) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME,
    'whose answer to which question a check is cannot be changed'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_checks_renamed BEFORE UPDATE OF participant ON jurat_checks FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant NOT LIKE 'erased-%')
EXECUTE FUNCTION jurat_refuse_renaming();

CREATE TRIGGER jurat_checks_kept BEFORE DELETE ON jurat_checks FOR EACH ROW
WHEN (OLD.state <> 'settled')
EXECUTE FUNCTION jurat_refuse_change('a check on its way cannot be deleted');


-- ------------------------------------------------------------------------------------------------------------ Verdicts

-- How long it is kept may be said once, at least a day ahead. Text has the digits that a comparison of JSON ignores.
CREATE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts FOR EACH ROW
WHEN ((OLD.retain_until IS NULL
  AND NEW.retain_until BETWEEN statement_timestamp() + interval '1 day' AND '9000-01-01 00:00:00.000Z'
  AND (to_jsonb(NEW) - 'retain_until')::text = (to_jsonb(OLD) - 'retain_until')::text) IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_change('a verdict cannot be changed; add a revision');

CREATE TRIGGER jurat_verdicts_retained BEFORE DELETE ON jurat_verdicts FOR EACH ROW
WHEN (OLD.retain_until IS NULL OR OLD.retain_until > statement_timestamp())
EXECUTE FUNCTION jurat_refuse_change('a verdict cannot be deleted before its retain_until');

CREATE TRIGGER jurat_verdicts_not_emptied BEFORE TRUNCATE ON jurat_verdicts
EXECUTE FUNCTION jurat_refuse_change('verdicts cannot be deleted');

-- Tells listeners that there are new verdicts, but not which: they read jurat_results. It is off until jurat_listen
-- switches it on.
CREATE FUNCTION jurat_tell_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('jurat_results', '');
  RETURN NULL;
END $$;

CREATE TRIGGER jurat_verdicts_told AFTER INSERT ON jurat_verdicts
FOR EACH STATEMENT EXECUTE FUNCTION jurat_tell_results();

ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_told;


-- --------------------------------------------------------------------------------------------------------------- Audit

CREATE TRIGGER jurat_audit_kept BEFORE UPDATE OR DELETE ON jurat_audit
FOR EACH ROW EXECUTE FUNCTION jurat_refuse_change('an audit row stays as it is');

CREATE TRIGGER jurat_audit_not_emptied BEFORE TRUNCATE ON jurat_audit
EXECUTE FUNCTION jurat_refuse_change('audit rows cannot be deleted');


-- ----------------------------------------------------------------------------------------------------------- Seal keys

CREATE TRIGGER jurat_seal_keys_kept BEFORE UPDATE ON jurat_seal_keys FOR EACH ROW
WHEN (OLD.retired_at IS NOT NULL
  OR (NEW.retired_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
  OR (NEW.id, NEW.public_key, NEW.from_at, NEW.until_at, NEW.signature)
    IS DISTINCT FROM (OLD.id, OLD.public_key, OLD.from_at, OLD.until_at, OLD.signature))
EXECUTE FUNCTION jurat_refuse_change('a seal key stays as it is, and is retired once, now');

CREATE TRIGGER jurat_seal_keys_not_deleted BEFORE DELETE OR TRUNCATE ON jurat_seal_keys
EXECUTE FUNCTION jurat_refuse_change('a seal key cannot be deleted');
