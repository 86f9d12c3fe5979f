-- The requests of participants, reviewers and administrators, on PostgreSQL. functions.sql says what holds for all.
--
--   contesting and reviewing      jurat_try_contest, jurat_contest, jurat_ask_reviewer, jurat_decide, jurat_open_review
--   requests about participants   jurat_ask, jurat_try_ask, jurat_reopen, jurat_revoke, jurat_restore, jurat_transfer,
--                                 jurat_erase
--   adding codes                  jurat_try_add_codes, jurat_add_codes


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
