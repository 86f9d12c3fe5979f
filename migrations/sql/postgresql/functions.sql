-- What platforms call on PostgreSQL to confirm answers and to wait for verdicts, and the functions that others share.
--
-- request_functions.sql has the requests of participants, reviewers and administrators, publication_functions.sql the
-- consultations that platforms publish. What follows holds for all three:
--
--   shared by the others          jurat_is_name, jurat_is_erased, jurat_person, jurat_uuid7, jurat_deciding,
--                                 jurat_stored
--   confirming an answer          jurat_submit
--   waiting for verdicts          jurat_listen
--   scaling the fleet             jurat_wanted_slots
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


-- ----------------------------------------------------------------------------------------------- Shared by the others
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


-- -------------------------------------------------------------------------------------------------- Scaling the fleet

-- How many lookups at once could be used now, over all sources: what more workers would speed up. A source that is
-- paused or closed can use none, a broken one a single lookup, any other as many as are due, within its limits.
-- What is due was counted by workers in the last 30 s, or is counted here, up to 1,000.
-- `tasks.rules.wanted_slots` is the twin.
CREATE FUNCTION jurat_wanted_slots() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
  SELECT coalesce(sum(CASE
    WHEN s.paused_until > statement_timestamp() OR s.closed_until > statement_timestamp() THEN 0
    WHEN s.opened_at IS NOT NULL THEN least(1, w.checks)
    ELSE least(w.checks, s.most_slots) END), 0)
  FROM jurat_sources s
  LEFT JOIN (SELECT c.source, count(*) AS held FROM jurat_checks c WHERE c.state = 'leased' GROUP BY c.source) l
    ON l.source = s.name
  CROSS JOIN LATERAL (
    SELECT coalesce(l.held, 0) + CASE WHEN s.figures_at > statement_timestamp() - interval '30 s'
      THEN least(s.due, 1000)
      ELSE least(1000, (
        SELECT count(*) FILTER (WHERE d.due_at <= statement_timestamp()) FROM (
          SELECT c.due_at FROM jurat_checks c
          WHERE c.state = 'pending' AND c.lost_leases <> 2 AND c.source = s.name
          ORDER BY c.priority, c.consultation, c.due_at LIMIT 10000) d) + (
        SELECT count(*) FROM (
          SELECT 1 FROM jurat_checks c
          WHERE c.state = 'pending' AND c.lost_leases = 2 AND c.source = s.name
            AND c.due_at <= statement_timestamp() LIMIT 1000) d)) END AS checks) w
$$;
