-- Openings on PostgreSQL: a reviewer reads an answer in review without a key of the workers. functions.sql says what
-- holds for all functions, guards.sql for all triggers.
--
--   asking and reading            jurat_open_for_review, jurat_try_open_for_review, jurat_opened
--   what is refused and erased    jurat_keep_opening, jurat_forget_openings


-- -------------------------------------------------------------------------------------------------- Asking and reading

-- Asks a worker to open the answer and the note of a check in review, for the holder of `reader_key`'s private half.
-- The same id again is the same request. The trigger below says what cannot be asked for.
CREATE FUNCTION jurat_open_for_review(check_id uuid, reader_key bytea, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_open_for_review.id, jurat_uuid7());
BEGIN
  IF NOT EXISTS (SELECT FROM jurat_openings o WHERE o.id = this_id) THEN
    INSERT INTO jurat_openings (id, check_id, by_whom, reader_key, asked_at)
    VALUES (this_id, jurat_open_for_review.check_id, jurat_open_for_review.by_whom, jurat_open_for_review.reader_key,
            statement_timestamp())
    ON CONFLICT DO NOTHING;
  END IF;
  IF NOT EXISTS (
    SELECT FROM jurat_openings o WHERE o.id = this_id AND o.login = session_user
      AND o.check_id = jurat_open_for_review.check_id AND o.by_whom = jurat_open_for_review.by_whom
      AND o.reader_key = jurat_open_for_review.reader_key) THEN
    PERFORM jurat_stored(NULL, 'JU004', format('the id %s belongs to another request', this_id), NULL);
  END IF;
  RETURN this_id;
END $$;

-- The same, with a row instead of an error.
CREATE FUNCTION jurat_try_open_for_review(check_id uuid, reader_key bytea, by_whom text, id uuid)
RETURNS TABLE (opening_id uuid, code text, problem text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  opening_id := jurat_open_for_review(
    jurat_try_open_for_review.check_id, reader_key, by_whom, jurat_try_open_for_review.id);
  RETURN NEXT;
EXCEPTION
  WHEN SQLSTATE 'JU004' OR SQLSTATE 'JU005' OR SQLSTATE 'JU007' OR SQLSTATE 'JU009' OR SQLSTATE 'JU013' THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
    problem := substr(problem, 8);
    RETURN NEXT;
END $$;

-- What came of it, for the login that asked alone, and for 15 minutes: no row afterwards.
CREATE FUNCTION jurat_opened(id uuid) RETURNS TABLE (opened_at timestamptz, sealed bytea, refused text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT o.opened_at, o.sealed, o.refused FROM jurat_openings o
  WHERE o.id = jurat_opened.id AND o.login = session_user
    AND o.asked_at > statement_timestamp() - interval '15 minutes'
$$;


-- ------------------------------------------------------------------------------------------ What is refused and erased

ALTER TABLE jurat_openings ALTER COLUMN login SET DEFAULT session_user;

-- An opening is asked for in the present, about a check in review, by someone else than its participant. A login may
-- have five of a check at a time, and so many in an hour as its row in jurat_allowances says: the lock of that row is
-- held to the end of the transaction, so that no one exceeds either. The owner of the tables is not counted.
CREATE FUNCTION jurat_keep_opening()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  about record;
  mine record;
  first timestamptz;
BEGIN
  SELECT c.state, c.participant INTO about FROM jurat_checks c WHERE c.id = NEW.check_id;
  IF NEW.check_id IS NULL THEN
    PERFORM jurat_stored(NULL, 'JU005', 'check_id must be the id of a check', NULL);
  ELSIF octet_length(NEW.reader_key) = 32 IS NOT TRUE THEN
    PERFORM jurat_stored(NULL, 'JU005', 'reader_key must be the 32 bytes of a public key', NULL);
  ELSIF NOT jurat_is_name(NEW.by_whom) OR btrim(NEW.by_whom) = '' THEN
    PERFORM jurat_stored(NULL, 'JU005', 'by_whom must be 1 to 200 printable characters: who reads it', NULL);
  ELSIF about IS NULL THEN
    PERFORM jurat_stored(NULL, 'JU007', format('there is no check %s', NEW.check_id),
      'jurat_review_queue has those that wait for a person.');
  ELSIF about.state <> 'review' THEN
    PERFORM jurat_stored(NULL, 'JU009', format('check %s is not in review: it is %s', NEW.check_id, about.state),
      'jurat_review_queue has those that wait for a person.');
  ELSIF jurat_person(NEW.by_whom) = jurat_person(about.participant) THEN
    PERFORM jurat_stored(NULL, 'JU005', 'by_whom names who reads it, and not the participant', NULL);
  ELSIF jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  INSERT INTO jurat_allowances AS a (login, per_hour, openings_began_at, openings)
  VALUES (session_user, 100, clock_timestamp(), 1)
  ON CONFLICT (login) DO UPDATE SET (openings, openings_began_at) = (
    SELECT CASE WHEN this_hour THEN a.openings ELSE 0 END + 1,
           CASE WHEN this_hour THEN a.openings_began_at ELSE clock_timestamp() END
    FROM (SELECT (a.openings_began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) IS TRUE
          AS this_hour) h)
  RETURNING a.openings, a.openings_per_hour, a.openings_began_at INTO mine;
  IF mine.openings > mine.openings_per_hour THEN
    PERFORM jurat_stored(NULL, 'JU013', format(
      'this user of the database may open %s answers an hour, and no more before %s UTC', mine.openings_per_hour,
      to_char((mine.openings_began_at + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      'An administrator may raise openings_per_hour in jurat_allowances.');
  END IF;
  SELECT min(o.asked_at) INTO first FROM jurat_openings o
  WHERE o.check_id = NEW.check_id AND o.login = session_user AND o.refused IS NULL
    AND o.asked_at > clock_timestamp() - interval '15 minutes'
  HAVING count(*) >= 5;
  IF FOUND THEN
    PERFORM jurat_stored(NULL, 'JU013', format(
      'this user of the database has this answer open 5 times, and opens it no more before %s UTC',
      to_char((first + interval '15 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      'Read it with the key of one of those.');
  END IF;
  NEW.asked_at := statement_timestamp();
  NEW.login := session_user;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_openings_asked BEFORE INSERT ON jurat_openings FOR EACH ROW
EXECUTE FUNCTION jurat_keep_opening();

CREATE TRIGGER jurat_openings_new BEFORE INSERT ON jurat_openings FOR EACH ROW
WHEN (num_nonnulls(NEW.opened_at, NEW.sealed, NEW.refused) > 0)
EXECUTE FUNCTION jurat_refuse_change('what comes of an opening is said once it is asked for');

CREATE TRIGGER jurat_openings_changed BEFORE UPDATE ON jurat_openings FOR EACH ROW
WHEN ((NEW.id, NEW.check_id, NEW.by_whom, NEW.reader_key, NEW.asked_at, NEW.login)
    IS DISTINCT FROM (OLD.id, OLD.check_id, OLD.by_whom, OLD.reader_key, OLD.asked_at, OLD.login)
  OR (OLD.opened_at IS NOT NULL AND (
    (NEW.opened_at, NEW.refused) IS DISTINCT FROM (OLD.opened_at, OLD.refused)
    OR (NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed)))
  OR (OLD.opened_at IS NULL AND (
    (NEW.opened_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
    OR num_nonnulls(NEW.sealed, NEW.refused) <> 1))
  OR octet_length(NEW.sealed) > 65536 OR length(NEW.refused) > 500)
EXECUTE FUNCTION jurat_refuse_change('an opening is sealed or refused once, now, and then only erased');

-- When a review ends, or its participant is erased or gets another id, nothing is left to read.
CREATE FUNCTION jurat_forget_openings()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM jurat_openings o WHERE o.check_id = OLD.id;
  RETURN NULL;
END $$;

CREATE TRIGGER jurat_checks_left_review AFTER UPDATE OF state, participant ON jurat_checks FOR EACH ROW
WHEN (OLD.state = 'review' AND (NEW.state <> 'review' OR NEW.participant <> OLD.participant))
EXECUTE FUNCTION jurat_forget_openings();

ALTER TABLE jurat_openings ENABLE ALWAYS TRIGGER jurat_openings_asked;
ALTER TABLE jurat_openings ENABLE ALWAYS TRIGGER jurat_openings_new;
ALTER TABLE jurat_openings ENABLE ALWAYS TRIGGER jurat_openings_changed;
ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_left_review;
