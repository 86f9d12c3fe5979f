-- What PostgreSQL refuses of the requests of persons, whoever writes. guards.sql says what holds for all triggers.


-- ------------------------------------------------------------------------------------------------------------ Requests

-- Whether this user may ask for requests of a kind: that is, may call the function that asks for it. Only the owner may
-- store any other kind. The functions run with the owner's rights, after the grants have checked their
-- callers. `store.schema.grants.ASKS` is the twin.
CREATE FUNCTION jurat_may_ask(kind text) RETURNS boolean LANGUAGE sql STABLE RETURN CASE kind
  WHEN 'contest' THEN has_function_privilege('jurat_contest(uuid, bytea, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'decide' THEN has_function_privilege('jurat_decide(uuid, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'open' THEN has_function_privilege('jurat_open_review(uuid, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'reopen' THEN has_function_privilege('jurat_reopen(text, text, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'revoke' THEN has_function_privilege('jurat_revoke(text, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'restore' THEN has_function_privilege('jurat_restore(text, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'transfer' THEN has_function_privilege('jurat_transfer(text, text, text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'erase' THEN has_function_privilege('jurat_erase(text, text, uuid)'::regprocedure, 'EXECUTE')
  WHEN 'codes' THEN has_function_privilege(
    'jurat_add_codes(text, bytea, text, text, timestamptz, uuid)'::regprocedure, 'EXECUTE')
  ELSE has_table_privilege('jurat_requests'::regclass, 'TRUNCATE')
END;

CREATE TRIGGER jurat_requests_allowed BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (jurat_may_ask(NEW.kind) IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_change(
  'this user may not ask for this kind of request; grant the user a role that may', 'insufficient_privilege');

-- Checks a new request, and keeps a stored one as it is: only the participant's id and the outcome may change.
--
-- A request holds only what its kind needs, and never the participant's id as the name of the person who asks: an
-- erasure would not look for an id there.
CREATE FUNCTION jurat_keep_request()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  whose text;
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- Columns that its kind does not need.
    IF (NEW.kind IN ('contest', 'decide', 'open') AND (NEW.consultation IS NOT NULL OR NEW.participant IS NOT NULL))
      OR (NEW.kind IN ('reopen', 'revoke', 'restore', 'transfer', 'erase') AND NEW.check_id IS NOT NULL)
      OR (NEW.kind IN ('contest', 'decide', 'open', 'reopen', 'revoke', 'restore', 'transfer', 'erase') AND (
        (NEW.kind <> 'reopen' AND NEW.question IS NOT NULL)
        OR (NEW.kind <> 'transfer' AND NEW.target IS NOT NULL)
        OR (NEW.kind <> 'decide' AND NEW.reason IS NOT NULL)
        OR (NEW.kind <> 'contest'
            AND (NEW.note IS NOT NULL OR NEW.note_key IS NOT NULL OR NEW.document IS NOT NULL)))) THEN
      RAISE EXCEPTION 'jurat: % on % is refused: a request holds what its kind has a use for, and nothing else',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    ELSIF NEW.kind = 'decide' AND NEW.reason <> ALL (jurat_deciding()) THEN
      RAISE EXCEPTION 'jurat: % on % is refused: consultation, question and reason of a request must be known here',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Whatever reads a table has an IF of its own: that takes longest, and few rows need all of it.
    IF NEW.kind IN ('reopen', 'revoke', 'restore', 'transfer', 'erase') AND NEW.consultation IS NOT NULL THEN
      IF NOT EXISTS (SELECT 1 FROM jurat_questions k WHERE k.consultation = NEW.consultation) THEN
        IF NOT EXISTS (SELECT 1 FROM jurat_checks k WHERE k.consultation = NEW.consultation)
          AND NOT EXISTS (SELECT 1 FROM jurat_access k WHERE k.consultation = NEW.consultation) THEN
          RAISE EXCEPTION 'jurat: % on % is refused: consultation, question and reason of a request must be known here',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END IF;
      END IF;
    END IF;
    IF NEW.kind = 'reopen' AND NEW.question IS NOT NULL THEN
      IF NOT EXISTS (
        SELECT 1 FROM jurat_questions k WHERE k.consultation = NEW.consultation AND k.question = NEW.question) THEN
        RAISE EXCEPTION 'jurat: % on % is refused: consultation, question and reason of a request must be known here',
          TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
      END IF;
    END IF;
    -- The user of the database, whose name no one chose for this, is not refused. Names are compared outside queries:
    -- in a query they would be constants, for which PostgreSQL plans jurat_person again for each row.
    IF NEW.check_id IS NOT NULL AND NEW.by_whom <> 'participant' THEN
      SELECT k.participant INTO whose FROM jurat_checks k WHERE k.id = NEW.check_id;
    END IF;
    IF (NEW.by_whom NOT IN ('participant', session_user::text)
        AND jurat_person(NEW.by_whom) IN (jurat_person(NEW.participant), jurat_person(NEW.target)))
      OR (NEW.by_whom <> 'participant' AND jurat_person(NEW.by_whom) = jurat_person(whose)) THEN
      RAISE EXCEPTION
        'jurat: % on % is refused: by_whom names who asks, and not the participant by the id that may have to be '
        'erased',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- A time that no worker can read, or in the future, would keep all other requests waiting.
    IF (NEW.asked_at BETWEEN '2000-01-01 00:00:00.000Z' AND clock_timestamp()) IS NOT TRUE THEN
      NEW.asked_at := statement_timestamp();
    END IF;
  ELSIF NEW.id IS DISTINCT FROM OLD.id OR NEW.kind IS DISTINCT FROM OLD.kind
    OR NEW.consultation IS DISTINCT FROM OLD.consultation OR NEW.question IS DISTINCT FROM OLD.question
    OR NEW.check_id IS DISTINCT FROM OLD.check_id OR NEW.reason IS DISTINCT FROM OLD.reason
    OR NEW.by_whom IS DISTINCT FROM OLD.by_whom OR NEW.asked_at IS DISTINCT FROM OLD.asked_at
    -- These can be erased,
    OR (NEW.note IS NOT NULL AND NEW.note IS DISTINCT FROM OLD.note)
    OR (NEW.note_key IS NOT NULL AND NEW.note_key IS DISTINCT FROM OLD.note_key)
    OR (NEW.document IS NOT NULL AND NEW.document IS DISTINCT FROM OLD.document)
    -- the outcome is written once,
    OR (OLD.applied_at IS NOT NULL AND NEW.applied_at IS DISTINCT FROM OLD.applied_at)
    OR (OLD.applied_at IS NOT NULL AND NEW.refused IS DISTINCT FROM OLD.refused)
    OR (NEW.applied_at IS NULL AND NEW.refused IS NOT NULL)
    -- and an id becomes that of an erased participant, or the target of a waiting transfer.
    OR (NEW.participant IS DISTINCT FROM OLD.participant
      AND (OLD.participant IS NULL OR NEW.participant IS NULL OR NEW.participant NOT LIKE 'erased-%')
      AND NOT EXISTS (SELECT 1 FROM jurat_requests t WHERE t.kind = 'transfer' AND t.applied_at IS NULL
        AND t.consultation = NEW.consultation AND t.participant = OLD.participant AND t.target = NEW.participant))
    OR (NEW.target IS DISTINCT FROM OLD.target
      AND (OLD.target IS NULL OR NEW.target IS NULL OR NEW.target NOT LIKE 'erased-%')
      AND NOT EXISTS (SELECT 1 FROM jurat_requests t WHERE t.kind = 'transfer' AND t.applied_at IS NULL
        AND t.consultation = NEW.consultation AND t.participant = OLD.target AND t.target = NEW.target)) THEN
    RAISE EXCEPTION
      'jurat: % on % is refused: of a request that is stored only the participant''s id and what came of it may change',
      TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.applied_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND clock_timestamp() THEN
    -- A revocation or its end comes after the last one of that participant, even if the clock was set back since.
    IF (NEW.applied_at BETWEEN '2000-01-01 00:00:00.000Z' AND (
      SELECT max(l.applied_at) + interval '1 ms' FROM jurat_requests l
      WHERE NEW.kind IN ('revoke', 'restore') AND l.kind IN ('revoke', 'restore')
        AND l.consultation = NEW.consultation AND l.participant = NEW.participant
        AND l.applied_at IS NOT NULL AND l.refused IS NULL AND l.id <> NEW.id)) IS NOT TRUE THEN
      NEW.applied_at := statement_timestamp();
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_requests_changed BEFORE INSERT OR UPDATE ON jurat_requests FOR EACH ROW
EXECUTE FUNCTION jurat_keep_request();

-- A contest without its note would be refused. A worker erases codes before it says that they are added.
CREATE TRIGGER jurat_requests_noted BEFORE UPDATE OF note, note_key, document ON jurat_requests FOR EACH ROW
WHEN (NEW.applied_at IS NULL
  AND (NEW.note, NEW.note_key, NEW.document) IS DISTINCT FROM (OLD.note, OLD.note_key, OLD.document)
  AND NOT (OLD.kind = 'codes' AND (
    has_table_privilege('jurat_requests'::regclass, 'DELETE') OR jurat_may_ask(OLD.kind) IS TRUE)))
EXECUTE FUNCTION jurat_refuse_change('what a request says is erased once it is dealt with');

-- Notes of 2,000 characters, and codes, with what sealing adds.
CREATE TRIGGER jurat_requests_sized_1 BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (octet_length(NEW.note) > CASE NEW.kind WHEN 'codes' THEN 4194304 ELSE 8048 END)
EXECUTE FUNCTION jurat_refuse_change(
  'a note has at most 2,000 characters before it is sealed, and codes have 4 MiB', 'JU005');

CREATE TRIGGER jurat_requests_sized_2 BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (length(NEW.kind) > 200 OR length(NEW.consultation) > 200 OR length(NEW.participant) > 200
  OR length(NEW.question) > 200 OR length(NEW.reason) > 200 OR length(NEW.target) > 200
  OR length(NEW.note_key) > 200 OR length(NEW.document) > 200 OR length(NEW.by_whom) > 200
  OR length(NEW.code_list) > 200)
EXECUTE FUNCTION jurat_refuse_change('each text of a request has at most 200 characters', 'JU005');

-- Limits how many transfers and erasures a user of the database can ask for in an hour, so that a stolen password of
-- the web tier does not erase a consultation within a minute. It counts platforms, which ask through a function. It
-- does not count administrators or the owner, who may store such a request themselves.
--
-- The first request makes the user's row. Its lock is held to the end of the transaction, so that no one exceeds the
-- limit. The clock is read after that lock: a statement that waited for it may have begun before the hour did. The time
-- of the last allowed request is kept for `bin/jurat doctor`, because a refused request leaves nothing behind.
CREATE FUNCTION jurat_count_asked()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  mine record;
BEGIN
  INSERT INTO jurat_allowances AS a (login, per_hour, began_at, used, reached_at)
  VALUES (session_user, 100, clock_timestamp(), 1, NULL)
  ON CONFLICT (login) DO UPDATE SET
    used = CASE WHEN a.began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()
                THEN a.used ELSE 0 END + 1,
    began_at = CASE WHEN a.began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()
                    THEN a.began_at ELSE clock_timestamp() END
  RETURNING a.used, a.per_hour, a.began_at INTO mine;
  IF mine.used > mine.per_hour THEN
    RAISE EXCEPTION USING ERRCODE = 'JU013',
      MESSAGE = format('jurat: this user of the database may ask for %s transfers and erasures an hour, and for no '
                       'more before %s UTC', mine.per_hour,
                       to_char((mine.began_at + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      HINT = 'Ask again then. An administrator may ask for them by `bin/jurat erase`, or raise per_hour in '
             'jurat_allowances.';
  END IF;
  IF mine.used = mine.per_hour THEN
    UPDATE jurat_allowances a SET reached_at = clock_timestamp() WHERE a.login = session_user;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER jurat_requests_counted AFTER INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.kind IN ('transfer', 'erase')
  AND NOT has_column_privilege(session_user, 'jurat_requests'::regclass, 'target', 'INSERT'))
EXECUTE FUNCTION jurat_count_asked();

-- Has them wait for as long as an administrator said, so that they can be withdrawn.
CREATE FUNCTION jurat_delay_asked()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  NEW.apply_from := statement_timestamp() + make_interval(secs => (
    SELECT a.delay_s FROM jurat_allowances a WHERE a.login = session_user AND a.delay_s > 0));
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_requests_delayed BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.kind IN ('erase', 'transfer')
  AND NOT has_column_privilege(session_user, 'jurat_requests'::regclass, 'target', 'INSERT'))
EXECUTE FUNCTION jurat_delay_asked();

-- Nothing waits for long by the will of who asks. Transfers and erasures wait as an administrator said.
CREATE TRIGGER jurat_requests_later BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.apply_from IS NOT NULL AND NEW.kind NOT IN ('erase', 'transfer')
  AND NOT (NEW.kind = 'decide' AND NEW.apply_from <= statement_timestamp() + interval '2 minutes'))
EXECUTE FUNCTION jurat_refuse_change('only a decision waits to be taken back, for two minutes at most');

CREATE TRIGGER jurat_requests_list BEFORE UPDATE ON jurat_requests FOR EACH ROW
WHEN (NEW.code_list IS DISTINCT FROM OLD.code_list OR NEW.expires_at IS DISTINCT FROM OLD.expires_at)
EXECUTE FUNCTION jurat_refuse_change(
  'of a request that is stored only the participant''s id and what came of it may change');

-- Users who may not ask for a kind of request may not mark one as done or refused either, nor rename its participant.
-- Erasures are the exception: one refuses the participant's waiting requests, and renames everything, the request last.
CREATE FUNCTION jurat_keep_asked()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  said text := CASE WHEN OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL THEN
    CASE WHEN NEW.refused IS NULL
      THEN 'only a worker, and who may ask for this kind of request, may say that it is done'
      ELSE 'it is refused by a worker, by who may ask for this kind of request, or where its participant is erased'
    END END;
BEGIN
  IF said IS NOT NULL AND NOT (NEW.refused IS NOT NULL AND ((NEW.participant LIKE 'erased-%') IS TRUE OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant LIKE 'erased-%'))) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, said USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NEW.participant IS DISTINCT FROM OLD.participant AND EXISTS (
    SELECT FROM jurat_access a WHERE a.consultation = OLD.consultation AND a.participant = OLD.participant) THEN
    RAISE EXCEPTION
      'jurat: % on % is refused: the participant''s id changes where all that they have is erased or transferred',
      TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

-- Only workers may delete requests, so that right identifies them. A decision that can still be taken back is for the
-- login that asked for it.
CREATE TRIGGER jurat_requests_done BEFORE UPDATE ON jurat_requests FOR EACH ROW
WHEN (NOT has_table_privilege('jurat_requests'::regclass, 'DELETE') AND (jurat_may_ask(OLD.kind) IS NOT TRUE
  OR (OLD.kind = 'decide' AND OLD.apply_from IS NOT NULL AND OLD.login IS DISTINCT FROM session_user)))
EXECUTE FUNCTION jurat_keep_asked();

CREATE TRIGGER jurat_requests_kept BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.applied_at IS NULL)
EXECUTE FUNCTION jurat_refuse_change('a request that waits cannot be deleted');

CREATE TRIGGER jurat_requests_not_emptied BEFORE TRUNCATE ON jurat_requests
EXECUTE FUNCTION jurat_refuse_change('a request that waits cannot be deleted');
