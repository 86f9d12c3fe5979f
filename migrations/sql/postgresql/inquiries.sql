-- Inquiries on PostgreSQL: what people may have workers look up once, and what becomes of it. functions.sql says what
-- holds for all functions, guards.sql for all triggers.

ALTER TABLE jurat_inquiries ALTER COLUMN login SET DEFAULT session_user;

-- An inquiry is asked for in the present. In an hour a person has 20, and all together 100: it is no way to use a
-- source's requests up. The lock of the login's row is held to the end of the transaction, so that no one exceeds them.
CREATE FUNCTION jurat_keep_inquiry() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  mine bigint;
  every bigint;
BEGIN
  INSERT INTO jurat_allowances AS a (login, per_hour) VALUES (session_user, 100)
  ON CONFLICT (login) DO UPDATE SET per_hour = a.per_hour;
  SELECT count(*) FILTER (WHERE i.by_whom = NEW.by_whom), count(*) INTO mine, every
  FROM jurat_inquiries i WHERE i.asked_at > clock_timestamp() - interval '1 hour';
  IF mine >= 20 OR every >= 100 THEN
    PERFORM jurat_stored(NULL, 'JU013', 'a person may ask sources 20 times an hour, and all together 100 times',
      'Wait for a while.');
  END IF;
  IF NOT jurat_is_owner() THEN
    NEW.asked_at := statement_timestamp();
    NEW.login := session_user;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_inquiries_asked BEFORE INSERT ON jurat_inquiries FOR EACH ROW
EXECUTE FUNCTION jurat_keep_inquiry();

CREATE TRIGGER jurat_inquiries_new BEFORE INSERT ON jurat_inquiries FOR EACH ROW
WHEN (num_nonnulls(NEW.begun_at, NEW.sealed) > 0 OR octet_length(NEW.reader_key) <> 32
  OR (octet_length(NEW.answer) BETWEEN 1 AND 16432) IS NOT TRUE OR NEW.answer_key !~ '^[0-9a-f]{16}$'
  OR NOT jurat_is_name(NEW.by_whom) OR NOT jurat_is_name(NEW.source))
EXECUTE FUNCTION jurat_refuse_others('an inquiry names who asks what, with a public key and a sealed answer');

CREATE TRIGGER jurat_inquiries_changed BEFORE UPDATE ON jurat_inquiries FOR EACH ROW
WHEN ((NEW.id, NEW.source, NEW.by_whom, NEW.reader_key, NEW.answer_key, NEW.asked_at, NEW.login)
    IS DISTINCT FROM (OLD.id, OLD.source, OLD.by_whom, OLD.reader_key, OLD.answer_key, OLD.asked_at, OLD.login)
  OR (NEW.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer)
  OR (NEW.begun_at IS DISTINCT FROM OLD.begun_at AND (OLD.begun_at IS NOT NULL
    OR (NEW.begun_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE))
  OR (NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed
    AND (NEW.answer IS NOT NULL OR OLD.answer IS NULL OR NEW.begun_at IS NULL OR octet_length(NEW.sealed) > 65536)))
EXECUTE FUNCTION jurat_refuse_change('an inquiry is begun once and sealed once, and then only erased');

ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_asked;
ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_new;
ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_changed;
