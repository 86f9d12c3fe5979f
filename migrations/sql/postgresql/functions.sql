-- The functions that platforms, reviewers, administrators and workers call on PostgreSQL.
--
-- In the order in which an answer meets them:
--
--   shared by the others          jurat_is_name, jurat_is_erased, jurat_person, jurat_uuid7, jurat_deciding,
--                                 jurat_stored
--   confirming an answer          jurat_submit
--   waiting for verdicts          jurat_listen
--   contesting and reviewing      jurat_try_contest, jurat_contest, jurat_ask_reviewer, jurat_decide, jurat_open_review
--   requests about participants   jurat_ask, jurat_try_ask, jurat_reopen, jurat_revoke, jurat_restore, jurat_transfer,
--                                 jurat_erase
--   adding codes                  jurat_try_add_codes, jurat_add_codes
--   publishing a consultation     jurat_check_consultation, jurat_publish_consultation
--   putting it in force           jurat_take_turn, jurat_add_version, jurat_add_questions, jurat_answer_consultations
--
-- Most run with the owner's rights (SECURITY DEFINER), because their callers may not write the tables. Each has a
-- search path of its own: the schema of our tables, then pg_temp. If pg_temp were not named, temporary tables, which
-- anyone may make, would come first. FROM CURRENT takes the path of the transaction that runs this file, which
-- migrations/env.py has set.
--
-- No one may call a function unless store/schema/grants.py grants it. Everyone may call the shared ones.
--
-- Errors are SQLSTATEs of ours, JU001 to JU013, see docs/reference/contract.md. A function whose name begins with
-- jurat_try_ does not fail, but returns the error as a row. The Python client calls it, so that its caller's
-- transaction stays usable.


-- ------------------------------------------------------------------------------------------ Shared by what comes below
--
-- These read no table, so anyone may call them. They run with the rights of their callers.

-- Whether a text is a name: 1 to 200 printable characters, as str.isprintable of Python says. Not printable are
-- control, format and private-use characters, and every blank but the common one. `jurat.names.require_printable` is
-- the twin.
CREATE FUNCTION jurat_is_name(name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(length(name) BETWEEN 1 AND 200 AND name !~
    '[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f'
    '\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438'
    '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]', false)
$$;

-- Whether the id is that of an erased participant. `jurat.names.is_erased` is the twin.
CREATE FUNCTION jurat_is_erased(participant text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT lower(left(participant, 7)) = 'erased-'
$$;

-- The form in which the names of persons are compared: normalised, without characters that show nothing
-- (`jurat.names.UNSEEN`), with single blanks, and without case. `jurat.names.person` is the twin, as far as the locale
-- of the database knows letters.
CREATE FUNCTION jurat_person(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT lower(normalize(btrim(regexp_replace(regexp_replace(normalize(name, NFKC),
      '[\U000000ad-\U000000ad\U0000034f-\U0000034f\U0000061c-\U0000061c\U0000115f-\U00001160'
      '\U000017b4-\U000017b5\U0000180b-\U0000180f\U0000200b-\U0000200f\U0000202a-\U0000202e'
      '\U00002060-\U0000206f\U00002800-\U00002800\U00003164-\U00003164\U0000fe00-\U0000fe0f'
      '\U0000feff-\U0000feff\U0000ffa0-\U0000ffa0\U0000fff0-\U0000fff8\U0001bca0-\U0001bca3'
      '\U0001d173-\U0001d17a\U000e0000-\U000e0fff]', '', 'g'),
    '[[:space:]]+', ' ', 'g')), NFKC))
$$;

-- A UUIDv7: the milliseconds of the clock, then chance.
CREATE FUNCTION jurat_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;

-- The reasons by which a person may decide. `store.requests.request_rows.DECIDING` is the twin.
CREATE FUNCTION jurat_deciding() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY['person_accepted', 'activity_not_eligible', 'area_not_eligible', 'birth_date_differs', 'code_expired',
    'code_revoked', 'code_unknown', 'code_used', 'not_a_person', 'not_valid_at_date', 'outside_zone', 'person_refused',
    'profession_not_eligible', 'status_inactive', 'too_young']
$$;

-- Gives the id of a request, or raises why it was not stored. `otherwise` is the hint of all other errors.
CREATE FUNCTION jurat_stored(request_id uuid, code text, problem text, otherwise text)
RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
  IF code IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'jurat: ' || problem, HINT = CASE code
      WHEN 'JU004' THEN 'Make a new id for each request, or leave it out.'
      WHEN 'JU005' THEN 'Fix the call; nothing was asked.'
      ELSE otherwise END;
  END IF;
  RETURN request_id;
END $$;


-- ------------------------------------------------------------------------------------------------ Confirming an answer

-- Confirms one answer, in the caller's transaction and with the caller's own rights. It does for platforms in any
-- language what the Python client does (jurat/submission.py).
--
-- The trigger of jurat_checks decides whether an answer is open (jurat_require_open, guards.sql). So the same rules
-- hold for platforms that send a plain INSERT.
CREATE FUNCTION jurat_submit(
  consultation text, participant text, question text, answer bytea, answer_key text, id uuid DEFAULT NULL,
  priority text DEFAULT 'interactive', reply_key bytea DEFAULT NULL, traceparent text DEFAULT NULL
) RETURNS TABLE (check_id uuid, round int, created boolean) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  wrong text;
  asked record;
  this_id uuid := jurat_submit.id;
  this_round int;
  same int;
  taken boolean;
  standing uuid;
BEGIN
  -- 1. Can the arguments be used?
  wrong := CASE
    WHEN NOT jurat_is_name(jurat_submit.consultation) THEN 'consultation must be 1 to 200 printable characters'
    WHEN NOT jurat_is_name(jurat_submit.participant) THEN 'participant must be 1 to 200 printable characters'
    WHEN jurat_is_erased(jurat_submit.participant)
      THEN 'participant must not begin with erased-, which marks erased participants'
    WHEN NOT jurat_is_name(jurat_submit.question) THEN 'question must be 1 to 200 printable characters'
    WHEN jurat_submit.priority NOT IN ('interactive', 'bulk') THEN 'priority must be interactive or bulk'
    WHEN octet_length(jurat_submit.reply_key) <> 32 THEN 'reply_key must be the 32 bytes of a public key'
    WHEN jurat_submit.traceparent !~ '^[ -~]{0,100}$'
      THEN 'traceparent must be a W3C trace context of at most 100 ASCII characters'
  END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005', MESSAGE = 'jurat: ' || wrong,
      HINT = 'Fix the call; nothing was confirmed.';
  END IF;

  -- 2. Is the question asked?
  SELECT q.source, q.deadline_s INTO asked FROM jurat_questions q
  WHERE q.consultation = jurat_submit.consultation AND q.question = jurat_submit.question;
  IF NOT FOUND THEN
    IF EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_submit.consultation) THEN
      RAISE EXCEPTION USING ERRCODE = 'JU002',
        MESSAGE = format('jurat: consultation "%s" has no question "%s"', left(jurat_submit.consultation, 80),
                         left(jurat_submit.question, 80)),
        HINT = 'It asks: ' || (SELECT string_agg(q.question, ', ' ORDER BY q.position) FROM jurat_questions q
                               WHERE q.consultation = jurat_submit.consultation);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'JU001',
      MESSAGE = format('jurat: no consultation "%s" is configured', left(jurat_submit.consultation, 80)),
      HINT = '`bin/jurat config show` lists them, `bin/jurat config apply` publishes new ones.';
  END IF;

  -- 3. The same id again is the same answer.
  IF this_id IS NOT NULL THEN
    SELECT c.round, (c.consultation, c.participant, c.question)
                    <> (jurat_submit.consultation, jurat_submit.participant, jurat_submit.question)
    INTO same, taken FROM jurat_checks c WHERE c.id = this_id;
    IF NOT taken THEN
      RETURN QUERY SELECT this_id, same, false;
      RETURN;
    END IF;
  END IF;

  -- 4. The answer becomes a check. Where another answer has the id, that is said last, and undoes what is written here.
  IF octet_length(jurat_submit.answer) > 48 IS NOT TRUE OR jurat_submit.answer_key ~ '^[0-9a-f]{16}$' IS NOT TRUE THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005',
      MESSAGE = 'jurat: answer must be sealed, and answer_key the 16 hexadecimal digits of its key',
      HINT = 'Close the JSON with crypto_box_seal of libsodium and the key that `bin/jurat doctor` names.';
  END IF;
  SELECT coalesce(max(c.round), 0) + 1 INTO this_round FROM jurat_checks c
  WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
    AND c.question = jurat_submit.question;
  this_id := coalesce(this_id, jurat_uuid7());
  INSERT INTO jurat_checks (id, consultation, participant, question, round, priority, answer, answer_key, reply_key,
                            traceparent, source, due_at, submitted_at, deadline_at)
  VALUES (CASE WHEN taken THEN jurat_uuid7() ELSE this_id END, jurat_submit.consultation, jurat_submit.participant,
          jurat_submit.question, this_round, coalesce(jurat_submit.priority, 'interactive'), jurat_submit.answer,
          jurat_submit.answer_key, jurat_submit.reply_key, jurat_submit.traceparent, asked.source,
          statement_timestamp(), statement_timestamp(), statement_timestamp() + make_interval(secs => asked.deadline_s))
  ON CONFLICT DO NOTHING;
  IF FOUND AND taken IS NOT TRUE THEN
    RETURN QUERY SELECT this_id, this_round, true;
    RETURN;
  END IF;

  -- 5. Someone else confirmed at the same moment, or the id is taken.
  SELECT c.round INTO same FROM jurat_checks c
  WHERE c.id = this_id AND c.consultation = jurat_submit.consultation
    AND c.participant = jurat_submit.participant AND c.question = jurat_submit.question;
  IF FOUND THEN
    RETURN QUERY SELECT this_id, same, false;
    RETURN;
  END IF;
  SELECT c.id INTO standing FROM jurat_checks c
  WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
    AND c.question = jurat_submit.question AND c.round = this_round AND taken IS NOT TRUE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'JU004',
      MESSAGE = format('jurat: the id %s belongs to the check of another answer', this_id),
      HINT = 'Make a new id for each answer, or leave it out.';
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'JU003',
    MESSAGE = format('jurat: an answer to %s/%s is confirmed already (check %s) and cannot be changed',
                     left(jurat_submit.consultation, 80), left(jurat_submit.question, 80), standing),
    DETAIL = standing::text,
    HINT = 'Show its result instead: jurat_results has it by check_id, and DETAIL is the id.';
END $$;


-- ------------------------------------------------------------------------------------------------ Waiting for verdicts

-- Switches notifications of new verdicts on or off, and returns whether that changed anything. The trigger
-- jurat_verdicts_told (guards.sql) sends them on the channel jurat_results.
CREATE FUNCTION jurat_listen(enabled boolean)
RETURNS boolean LANGUAGE plpgsql STRICT SECURITY DEFINER SET lock_timeout = '3s' SET search_path FROM CURRENT AS $$
BEGIN
  IF enabled = (SELECT t.tgenabled <> 'D' FROM pg_trigger t
                WHERE t.tgrelid = 'jurat_verdicts'::regclass AND t.tgname = 'jurat_verdicts_told') THEN
    RETURN false;
  END IF;
  IF enabled THEN
    ALTER TABLE jurat_verdicts ENABLE TRIGGER jurat_verdicts_told;
  ELSE
    ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_told;
  END IF;
  INSERT INTO jurat_audit (id, at, actor, action, subject, detail)
  VALUES (gen_random_uuid(), statement_timestamp(), session_user, 'listen', 'jurat_results',
          jsonb_build_object('enabled', enabled));
  RETURN true;
END $$;


-- -------------------------------------------------------------------------------------------- Contesting and reviewing
--
-- Each function checks whether the request is possible, and stores it. A worker carries it out within a second.

-- Contests a verdict. The same id again is the same request.
CREATE FUNCTION jurat_try_contest(check_id uuid, note bytea, note_key text, document text, id uuid)
RETURNS TABLE (request_id uuid, code text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_try_contest.id, jurat_uuid7());
  asked record;
  last record;
BEGIN
  problem := CASE
    WHEN jurat_try_contest.check_id IS NULL THEN 'check_id must be the id of a check'
    WHEN octet_length(jurat_try_contest.note) BETWEEN 49 AND 8048 IS NOT TRUE
      OR jurat_try_contest.note_key ~ '^[0-9a-f]{16}$' IS NOT TRUE
      THEN 'note must be sealed, of at most 2,000 characters, and note_key the 16 hexadecimal digits of its key'
    WHEN jurat_try_contest.document IS NOT NULL AND NOT jurat_is_name(jurat_try_contest.document)
      THEN 'document must be 1 to 200 printable characters'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  SELECT q.kind, q.check_id INTO asked FROM jurat_requests q WHERE q.id = this_id;
  IF FOUND THEN
    IF asked.kind = 'contest' AND asked.check_id = jurat_try_contest.check_id THEN
      RETURN QUERY SELECT this_id, NULL, NULL;
    ELSE
      RETURN QUERY SELECT NULL::uuid, 'JU004', 'the id ' || this_id::text || ' belongs to another request';
    END IF;
    RETURN;
  END IF;
  SELECT c.state, jurat_is_erased(c.participant) AS erased, v.outcome, v.decided_by,
         EXISTS (SELECT FROM jurat_requests q WHERE q.check_id = c.id AND q.kind = 'contest' AND q.refused IS NULL)
           AS contested
  INTO last
  FROM jurat_checks c LEFT JOIN LATERAL (
    SELECT w.outcome, w.decided_by FROM jurat_verdicts w WHERE w.check_id = c.id ORDER BY w.revision DESC LIMIT 1
  ) v ON true WHERE c.id = jurat_try_contest.check_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT NULL::uuid, 'JU007', 'there is no check ' || jurat_try_contest.check_id::text;
    RETURN;
  END IF;
  problem := CASE
    WHEN last.contested THEN 'its verdict was contested before; a verdict is contested once'
    WHEN last.state <> 'settled' THEN format('it has no verdict to contest now: it is %s', last.state)
    WHEN last.outcome = 'accepted' THEN 'it was accepted; there is nothing to contest'
    WHEN last.decided_by = 'reviewer' THEN 'it was decided by a person, and that is the last word'
    WHEN last.erased THEN 'its participant was erased'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU008', problem;
    RETURN;
  END IF;
  INSERT INTO jurat_requests (id, kind, check_id, note, note_key, document, by_whom, asked_at)
  VALUES (this_id, 'contest', jurat_try_contest.check_id, jurat_try_contest.note, jurat_try_contest.note_key,
          jurat_try_contest.document, 'participant', statement_timestamp())
  ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = 'contest'
                                 AND q.check_id = jurat_try_contest.check_id) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', 'the id ' || this_id::text || ' belongs to another request';
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$;

-- The same, with an error instead of a row.
CREATE FUNCTION jurat_contest(
  check_id uuid, note bytea, note_key text, document text DEFAULT NULL, id uuid DEFAULT NULL
) RETURNS uuid LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code,
    CASE t.code WHEN 'JU008' THEN format('check %s: ', check_id) ELSE '' END || t.problem,
    CASE t.code WHEN 'JU007' THEN 'Was the transaction that submitted it committed?'
      ELSE 'Show the participant its result, and whom to ask.' END)
  FROM jurat_try_contest(check_id, note, note_key, document, id) t
$$;

-- What the two functions below share: checks what is asked about a check, and stores the request.
CREATE FUNCTION jurat_ask_reviewer(
  kind text, check_id uuid, reason text, by_whom text, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_ask_reviewer.id, jurat_uuid7());
  needed constant text := CASE jurat_ask_reviewer.kind WHEN 'decide' THEN 'review' ELSE 'settled' END;
  state text;
BEGIN
  problem := CASE
    WHEN jurat_ask_reviewer.check_id IS NULL THEN 'check_id must be the id of a check'
    WHEN NOT jurat_is_name(jurat_ask_reviewer.by_whom) OR btrim(jurat_ask_reviewer.by_whom) = ''
      THEN 'by_whom must be 1 to 200 printable characters: who says so'
    WHEN jurat_ask_reviewer.kind = 'decide' AND jurat_ask_reviewer.reason = ANY (jurat_deciding()) IS NOT TRUE
      THEN 'reason is not for a person to say; expected one of ' || array_to_string(jurat_deciding(), ', ')
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM jurat_requests q WHERE q.id = this_id) THEN
    SELECT c.state INTO state FROM jurat_checks c WHERE c.id = jurat_ask_reviewer.check_id;
    IF NOT FOUND THEN
      RETURN QUERY SELECT NULL::uuid, 'JU007', 'there is no check ' || jurat_ask_reviewer.check_id::text;
      RETURN;
    END IF;
    IF state <> needed THEN
      RETURN QUERY SELECT NULL::uuid, 'JU009', format(
        CASE jurat_ask_reviewer.kind WHEN 'decide' THEN 'check %s is not in review: it is %s'
          ELSE 'check %s has no verdict to look at again: it is %s' END, jurat_ask_reviewer.check_id, state);
      RETURN;
    END IF;
    INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at)
    VALUES (this_id, jurat_ask_reviewer.kind, jurat_ask_reviewer.check_id, jurat_ask_reviewer.reason,
            jurat_ask_reviewer.by_whom, statement_timestamp())
    ON CONFLICT DO NOTHING;
  END IF;
  IF NOT EXISTS (
    SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = jurat_ask_reviewer.kind
      AND q.check_id = jurat_ask_reviewer.check_id AND q.reason IS NOT DISTINCT FROM jurat_ask_reviewer.reason
      AND q.by_whom = jurat_ask_reviewer.by_whom) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', format('the id %s belongs to another request', this_id);
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$;

-- Decides a check in review.
CREATE FUNCTION jurat_decide(check_id uuid, reason text, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, 'jurat_review_queue has those that wait for a person.')
  FROM jurat_ask_reviewer('decide', check_id, reason, by_whom, id) t
$$;

-- Puts a settled check in review again.
CREATE FUNCTION jurat_open_review(check_id uuid, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, 'jurat_review_queue has those that wait for a person.')
  FROM jurat_ask_reviewer('open', check_id, NULL, by_whom, id) t
$$;


-- ----------------------------------------------------------------------------------------- Requests about participants

-- What the functions below share: checks the arguments, and stores the request.
CREATE FUNCTION jurat_ask(
  kind text, consultation text, participant text, question text, target text, by_whom text, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_ask.id, jurat_uuid7());
BEGIN
  problem := CASE
    WHEN NOT jurat_is_name(jurat_ask.participant) THEN 'participant must be 1 to 200 printable characters'
    WHEN NOT jurat_is_name(jurat_ask.consultation) AND (jurat_ask.kind <> 'erase' OR jurat_ask.consultation IS NOT NULL)
      THEN 'consultation must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'reopen' AND NOT jurat_is_name(jurat_ask.question)
      THEN 'question must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'transfer' AND NOT jurat_is_name(jurat_ask.target)
      THEN 'target must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'transfer' AND jurat_is_erased(jurat_ask.target)
      THEN 'target must not begin with erased-, which marks erased participants'
    WHEN jurat_ask.kind = 'transfer' AND jurat_ask.target = jurat_ask.participant
      THEN 'target must be another id than participant'
    WHEN NOT jurat_is_name(jurat_ask.by_whom) THEN 'by_whom must be 1 to 200 printable characters'
    -- An erasure is in the name of the user of the database, which a participant may have by chance.
    WHEN jurat_person(jurat_ask.by_whom) IN (jurat_person(jurat_ask.participant), jurat_person(jurat_ask.target))
      AND (jurat_ask.kind <> 'erase' OR jurat_ask.by_whom <> session_user::text)
      THEN 'by_whom must name who asks, and not the participant by the id that may have to be erased'
  END;
  IF problem IS NOT NULL THEN
    code := 'JU005';
  ELSIF jurat_ask.kind <> 'erase'
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation) THEN
    code := 'JU001';
    problem := format('no consultation "%s" is configured', left(jurat_ask.consultation, 80));
  -- An erasure may concern a consultation that is no longer configured. A mistyped name would erase nothing,
  -- and seem done.
  ELSIF jurat_ask.kind = 'erase' AND jurat_ask.consultation IS NOT NULL
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation)
     AND NOT EXISTS (SELECT FROM jurat_checks c WHERE c.consultation = jurat_ask.consultation)
     AND NOT EXISTS (SELECT FROM jurat_access a WHERE a.consultation = jurat_ask.consultation) THEN
    code := 'JU001';
    problem := 'no consultation of that name is known';
  ELSIF jurat_ask.kind = 'reopen'
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation
                       AND q.question = jurat_ask.question) THEN
    code := 'JU002';
    problem := format('consultation "%s" has no question "%s"', left(jurat_ask.consultation, 80),
                      left(jurat_ask.question, 80));
  ELSE
    INSERT INTO jurat_requests (id, kind, consultation, participant, question, target, by_whom, asked_at)
    VALUES (this_id, jurat_ask.kind, jurat_ask.consultation, jurat_ask.participant, jurat_ask.question,
            jurat_ask.target, jurat_ask.by_whom, statement_timestamp())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (
      SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = jurat_ask.kind
        AND q.consultation IS NOT DISTINCT FROM jurat_ask.consultation
        AND q.question IS NOT DISTINCT FROM jurat_ask.question
        AND (q.participant = jurat_ask.participant OR q.participant LIKE 'erased-%')
        AND (q.target IS NOT DISTINCT FROM jurat_ask.target OR q.target LIKE 'erased-%')) THEN
      code := 'JU004';
      problem := 'the id ' || this_id::text || ' belongs to another request';
    END IF;
  END IF;
  request_id := CASE WHEN code IS NULL THEN this_id END;
  RETURN NEXT;
END $$;

-- Transfers and erasures for the Python client. The error of the trigger jurat_requests_counted, for a user who asked
-- for too many, becomes a row as well.
CREATE FUNCTION jurat_try_ask(kind text, consultation text, participant text, target text, by_whom text, id uuid)
RETURNS TABLE (request_id uuid, code text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  said text;
BEGIN
  IF jurat_try_ask.kind IN ('transfer', 'erase') IS NOT TRUE THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', 'kind must be transfer or erase';
    RETURN;
  END IF;
  BEGIN
    RETURN QUERY SELECT * FROM jurat_ask(
      jurat_try_ask.kind, jurat_try_ask.consultation, jurat_try_ask.participant, NULL, jurat_try_ask.target,
      coalesce(jurat_try_ask.by_whom, session_user::text), jurat_try_ask.id);
  EXCEPTION WHEN SQLSTATE 'JU013' THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
    RETURN QUERY SELECT NULL::uuid, 'JU013', substr(said, 8);
  END;
END $$;

-- Allows one more answer to a question.
CREATE FUNCTION jurat_reopen(consultation text, participant text, question text, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, '`bin/jurat config show` lists what is configured.')
  FROM jurat_ask('reopen', consultation, participant, question, NULL, by_whom, id) t
$$;

-- Blocks a participant's access until it is restored.
CREATE FUNCTION jurat_revoke(consultation text, participant text, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, '`bin/jurat config show` lists what is configured.')
  FROM jurat_ask('revoke', consultation, participant, NULL, NULL, by_whom, id) t
$$;

-- Ends a revocation.
CREATE FUNCTION jurat_restore(consultation text, participant text, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, '`bin/jurat config show` lists what is configured.')
  FROM jurat_ask('restore', consultation, participant, NULL, NULL, by_whom, id) t
$$;

-- Moves everything of a participant to another id of theirs.
CREATE FUNCTION jurat_transfer(consultation text, participant text, target text, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, '`bin/jurat config show` lists what is configured.')
  FROM jurat_ask('transfer', consultation, participant, NULL, target, by_whom, id) t
$$;

-- Erases a participant, in one consultation or in all. The request is in the name of the user of the database.
CREATE FUNCTION jurat_erase(participant text, consultation text DEFAULT NULL, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem,
    'The participant comes first: jurat_erase(participant => …, consultation => …).')
  FROM jurat_ask('erase', consultation, participant, NULL, NULL, session_user::text, id) t
$$;


-- -------------------------------------------------------------------------------------------------------- Adding codes

-- Stores a request to add codes to a list. The codes are sealed for the workers, who alone have the keys to hash them.
CREATE FUNCTION jurat_try_add_codes(
  code_list text, codes bytea, codes_key text, by_whom text, expires_at timestamptz, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_try_add_codes.id, jurat_uuid7());
BEGIN
  problem := CASE
    WHEN jurat_try_add_codes.code_list ~ '^[a-z0-9][a-z0-9_-]{0,62}$' IS NOT TRUE
      THEN 'code_list: a name has lower-case letters, digits, ''-'' and ''_'', at most 63, and begins with a letter or '
        'digit'
    WHEN octet_length(jurat_try_add_codes.codes) BETWEEN 49 AND 4194304 IS NOT TRUE
      OR jurat_try_add_codes.codes_key ~ '^[0-9a-f]{16}$' IS NOT TRUE
      THEN 'codes must be sealed, at most 10,000 of them, and codes_key the 16 hexadecimal digits of its key'
    WHEN NOT jurat_is_name(jurat_try_add_codes.by_whom) OR btrim(jurat_try_add_codes.by_whom) = ''
      THEN 'by_whom must be 1 to 200 printable characters: who adds them'
    WHEN jurat_try_add_codes.expires_at <= statement_timestamp() OR jurat_try_add_codes.expires_at >= '9999-01-01Z'
      THEN 'expires_at must be still to come, and before the year 9999'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  INSERT INTO jurat_requests (id, kind, code_list, note, note_key, by_whom, expires_at, asked_at)
  VALUES (this_id, 'codes', jurat_try_add_codes.code_list, jurat_try_add_codes.codes, jurat_try_add_codes.codes_key,
          jurat_try_add_codes.by_whom, jurat_try_add_codes.expires_at, statement_timestamp())
  ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = 'codes'
      AND q.code_list = jurat_try_add_codes.code_list AND q.by_whom = jurat_try_add_codes.by_whom
      AND q.expires_at IS NOT DISTINCT FROM jurat_try_add_codes.expires_at) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', 'the id ' || this_id::text || ' belongs to another request';
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$;

-- The same, with an error instead of a row.
CREATE FUNCTION jurat_add_codes(
  code_list text, codes bytea, codes_key text, by_whom text, expires_at timestamptz DEFAULT NULL, id uuid DEFAULT NULL
) RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT jurat_stored(t.request_id, t.code, t.problem, '')
  FROM jurat_try_add_codes(code_list, codes, codes_key, by_whom, expires_at, id) t
$$;


-- ------------------------------------------------------------------------------------------- Publishing a consultation
--
-- A platform may not write jurat_consultations itself. These functions check only whose the consultation is, and how
-- large. The worker that puts it into the configuration checks what it says.

-- Returns what jurat_publish_consultation would raise; no row if it would publish.
CREATE FUNCTION jurat_check_consultation(name text, document json, published_by text)
RETURNS TABLE (code text, place text, problem text, hint text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_name text := jurat_check_consultation.name;
  size int := octet_length(jurat_check_consultation.document::text);
  known record;
BEGIN
  code := 'JU010';
  place := 'consultations.' || this_name;
  SELECT count(*) FILTER (WHERE c.name <> this_name) AS others,
         coalesce(sum(greatest(octet_length(c.document), octet_length(c.applied_document)))
                  FILTER (WHERE c.name <> this_name), 0) AS bytes_of_others,
         coalesce(bool_or(c.name = this_name AND c.document IS NOT NULL), false) AS published,
         EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = this_name)
           AND bool_or(c.name = this_name AND c.applied_document IS NOT NULL) IS NOT TRUE AS of_administrators
  INTO known FROM jurat_consultations c WHERE coalesce(c.document, c.applied_document) IS NOT NULL;
  IF this_name ~ '^[a-z0-9][a-z0-9_-]{0,62}$' IS NOT TRUE THEN
    place := 'name';
    problem := 'a name has lower-case letters, digits, ''-'' and ''_'', at most 63, and begins with a letter or digit';
  ELSIF NOT jurat_is_name(jurat_check_consultation.published_by) THEN
    place := 'published_by';
    problem := 'must be 1 to 200 printable characters';
  ELSIF size IS NULL THEN
    IF NOT known.published THEN
      code := 'JU012';
      problem := 'the platform has published no such consultation';
    END IF;
  ELSIF size > 262144 THEN
    place := 'document';
    problem := 'is larger than 256 KiB';
    hint := 'shorten its texts';
  ELSIF known.others >= 1000 THEN
    problem := 'the platform has 1,000 consultations already, as many as it may';
    hint := 'withdraw one that is over';
  ELSIF known.bytes_of_others + size > 16777216 THEN
    problem := 'with it, all published consultations would be larger than 16 MiB together';
    hint := 'shorten its texts, or withdraw one that is over';
  ELSIF known.of_administrators THEN
    code := 'JU012';
    problem := 'the administrators'' configuration has this name';
    hint := 'choose another name';
  END IF;
  IF problem IS NOT NULL THEN
    hint := coalesce(hint, '');
    RETURN NEXT;
  END IF;
END $$;

-- Publishes a consultation of a platform, or withdraws it if the document is null, and returns its revision, as the
-- Python client does (jurat/publications.py).
CREATE FUNCTION jurat_publish_consultation(name text, document json, published_by text)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  wrong record;
  made int;
BEGIN
  SELECT c.code, c.place, c.problem, c.hint INTO wrong
  FROM jurat_check_consultation(jurat_publish_consultation.name, jurat_publish_consultation.document,
                                jurat_publish_consultation.published_by) c;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = wrong.code, MESSAGE = format('jurat: %s: %s', wrong.place, wrong.problem),
      HINT = coalesce(nullif(wrong.hint, ''), 'Fix the call; nothing was published.');
  END IF;
  INSERT INTO jurat_consultations AS c (name, document, published_by, published_at)
  VALUES (jurat_publish_consultation.name, jurat_publish_consultation.document::text,
          jurat_publish_consultation.published_by, statement_timestamp())
  ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = c.revision + 1,
    published_by = excluded.published_by, published_at = excluded.published_at
  RETURNING c.revision INTO made;
  RETURN made;
END $$;


-- ------------------------------------------------------------------------------------ Putting it in force, by workers
--
-- Workers put published consultations into the configuration through these functions, and so can change nothing else:
-- the rest of a version is copied from the one before. Only workers and administrators may call them, and they are not
-- part of the contract.

-- Takes the turn to write a configuration, until the end of the transaction. Without `wait` it returns false if the
-- turn is taken. Only users who may call this can lock the row of jurat_contract, because no one may update it.
CREATE FUNCTION jurat_take_turn(wait boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF wait THEN
    PERFORM 1 FROM jurat_contract FOR UPDATE;
  ELSE
    PERFORM 1 FROM jurat_contract FOR UPDATE SKIP LOCKED;
  END IF;
  RETURN FOUND;
END $$;

-- Writes the version of the configuration after `after`, in which `parts` replace the consultations of their names. An
-- older version that a publication made then keeps only its changes, and no longer the whole document.
CREATE FUNCTION jurat_add_version(after int, parts jsonb)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  last record;
  wrong text;
  names text[];
  paths text[];
  added jsonb;
  ordered jsonb;
  made jsonb;
BEGIN
  PERFORM jurat_take_turn(true);
  SELECT c.version, c.document INTO last FROM jurat_configs c ORDER BY c.version DESC LIMIT 1;
  IF NOT FOUND OR last.version IS DISTINCT FROM jurat_add_version.after OR NOT jsonb_exists(last.document, 'consultations')
  THEN
    RAISE EXCEPTION 'jurat: no version can be added: version % is not the newest', jurat_add_version.after
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;

  -- Only consultations that platforms have published and wait for, as they published them.
  wrong := (
    WITH p AS (SELECT * FROM jsonb_to_recordset(parts) AS r (name text, part jsonb, questions jsonb))
    SELECT coalesce((
      SELECT min(coalesce(p.name, '?')) || ' cannot be put in force: no platform waits for it'
      FROM p LEFT JOIN jurat_consultations c ON c.name = p.name
      WHERE c.name IS NULL OR coalesce(c.answered_revision, 0) >= c.revision
    ), (
      SELECT min(p.name) || ' cannot be put in force: it is the administrators'' own'
      FROM p JOIN jurat_consultations c ON c.name = p.name
      WHERE c.applied_document IS NULL AND jsonb_exists(last.document -> 'consultations', p.name)
    ), (
      SELECT min(p.name) || ' cannot be put in force: the platform asked for something else'
      FROM p JOIN jurat_consultations c ON c.name = p.name
      WHERE (jsonb_typeof(p.part) IS NOT DISTINCT FROM 'object') = (c.document IS NULL)
    ), (
      SELECT min(p.name) || ' cannot be put in force: the order of its questions is not theirs'
      FROM p WHERE jsonb_typeof(p.part) = 'object' AND (
        SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_object_keys(p.part -> 'questions') AS o (key)
      ) IS DISTINCT FROM (
        SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_array_elements_text(p.questions) AS o (key))
    ), (
      SELECT min(p.name) || ' cannot be put in force: administrators leave no such criterion open'
      FROM p CROSS JOIN LATERAL jsonb_each(p.part -> 'questions') AS q (name, said)
      LEFT JOIN jurat_criteria k ON k.name = q.said ->> 'criterion'
      WHERE jsonb_typeof(p.part) = 'object' AND (k.name IS NULL OR EXISTS (
        SELECT FROM jsonb_object_keys(coalesce(q.said -> 'with', '{}')) AS o (key)
        WHERE NOT jsonb_exists(k.open, o.key)))
    )));
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'jurat: %', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;

  -- The newest version, with these parts in place of what they replace.
  SELECT array_agg(p.name), array_agg(format('consultations/%s/questions', p.name)),
         coalesce(jsonb_object_agg(p.name, p.part) FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{}'),
         coalesce(jsonb_object_agg(format('consultations/%s/questions', p.name), p.questions)
                  FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{}')
  INTO names, paths, added, ordered
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb);
  IF names IS NULL THEN
    RETURN last.version;
  END IF;
  made := last.document || jsonb_build_object(
    'consultations', ((last.document -> 'consultations') - names) || added,
    'order', (coalesce(last.document -> 'order', '{}') - paths) || ordered);
  INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, change)
  SELECT last.version + 1, encode(sha256(convert_to(made::text, 'UTF8')), 'hex'), made,
         CASE WHEN count(DISTINCT c.published_by) = 1 THEN min(c.published_by) ELSE 'worker' END,
         statement_timestamp(), jsonb_build_object('gone', to_jsonb(names), 'consultations', added, 'order', ordered)
  FROM jurat_consultations c WHERE c.name = ANY (names);
  UPDATE jurat_configs c SET document = '{}', whole = false
  WHERE c.version <= last.version AND c.whole AND c.change IS NOT NULL;
  DELETE FROM jurat_questions q WHERE q.consultation = ANY (names);
  UPDATE jurat_consultations c SET applied_document = c.document WHERE c.name = ANY (names);
  RETURN last.version + 1;
END $$;

-- Writes the questions of the consultations that the newest version brought.
CREATE FUNCTION jurat_add_questions(rows jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  last record;
  word text;
BEGIN
  SELECT c.version, c.change -> 'consultations' AS consultations, c.change -> 'order' AS ordered INTO last
  FROM jurat_configs c ORDER BY c.version DESC LIMIT 1;
  SELECT min(r.consultation) INTO word
  FROM jsonb_to_recordset(rows) AS r (consultation text, question text, deadline_s float8, valid_s float8,
                                      config_version int)
  LEFT JOIN jurat_consultations c ON c.name = r.consultation AND c.applied_document IS NOT NULL
  WHERE c.name IS NULL
     OR NOT coalesce(jsonb_exists(last.consultations -> r.consultation -> 'questions', r.question), false)
     OR r.config_version NOT BETWEEN 1 AND last.version OR r.deadline_s NOT BETWEEN 1 AND 5184000 OR r.valid_s <= 0;
  IF word IS NOT NULL THEN
    RAISE EXCEPTION 'jurat: % cannot be put in force: the newest version brought no such question', word
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  WITH part AS MATERIALIZED (
    SELECT n.name, last.consultations -> n.name AS said,
           last.ordered -> format('consultations/%s/questions', n.name) AS ordered
    FROM (SELECT DISTINCT r.consultation FROM jsonb_to_recordset(rows) AS r (consultation text)) n (name))
  INSERT INTO jurat_questions (consultation, question, position, criterion, source, sources, rounds, valid_s, renew_s,
                               deadline_s, answer_schema, fields, title, config_version, consultation_title, contact,
                               messages)
  SELECT p.name, r.question,
         (SELECT o.nth - 1 FROM jsonb_array_elements_text(p.ordered) WITH ORDINALITY AS o (key, nth)
          WHERE o.key = r.question),
         k.name, k.sources ->> 0, k.sources, (q.said ->> 'rounds')::int, r.valid_s, r.renew_s, r.deadline_s,
         k.answer_schema, k.fields, coalesce(nullif(q.said -> 'title', 'null'), '{}'), r.config_version,
         coalesce(nullif(p.said -> 'title', 'null'), '{}'), coalesce(nullif(p.said -> 'contact', 'null'), '{}'),
         coalesce(p.said -> 'messages', '{}')
  FROM jsonb_to_recordset(rows) AS r (consultation text, question text, deadline_s float8, valid_s float8,
                                      renew_s float8, config_version int)
  JOIN part p ON p.name = r.consultation
  CROSS JOIN LATERAL (SELECT p.said -> 'questions' -> r.question AS said) q
  JOIN jurat_criteria k ON k.name = q.said ->> 'criterion';
END $$;

-- Answers publications: applied or refused. One that changed nothing is answered as well.
CREATE FUNCTION jurat_answer_consultations(rows jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  UPDATE jurat_consultations c SET answered_revision = r.revision, answered_at = statement_timestamp(),
    refused = r.refused,
    applied_document = CASE
      WHEN r.refused IS NOT NULL OR c.applied_document IS NULL THEN c.applied_document
      WHEN c.document IS NOT NULL THEN c.document
      WHEN (SELECT f.document -> 'consultations' ? c.name FROM jurat_configs f ORDER BY f.version DESC LIMIT 1)
        THEN c.applied_document
    END
  FROM jsonb_to_recordset(rows) AS r (name text, revision int, refused text)
  WHERE c.name = r.name AND c.revision = r.revision
$$;
