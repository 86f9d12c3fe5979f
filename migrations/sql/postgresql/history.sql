-- What has to get into the sealed history waits in jurat_unsealed from the same transaction on, once a history has
-- begun. `bin/jurat history seal` takes it from there. ../sqlite/history.sql is the twin.
--
-- These functions run with the owner's rights: no role may write jurat_unsealed or jurat_leaves by itself.

CREATE FUNCTION jurat_queue_verdicts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    SELECT statement_timestamp(), 'verdict', v.check_id || '/' || v.revision FROM added v;
  END IF;
  RETURN NULL;
END $$;

-- For a row of another table: of a kind, and with its key in a column.
CREATE FUNCTION jurat_queue_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    VALUES (statement_timestamp(), TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[1]);
  END IF;
  RETURN NULL;
END $$;

-- How long a verdict is kept may be set later, once.
CREATE FUNCTION jurat_queue_retention() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    VALUES (statement_timestamp(), 'retention', NEW.check_id || '/' || NEW.revision);
  END IF;
  RETURN NULL;
END $$;

-- A row that goes takes along the salts of its leaves, and its end gets a leaf of its own. Until the sealer has written
-- leaves, it waits.
CREATE FUNCTION jurat_queue_purged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
  subjects text[];
BEGIN
  PERFORM FROM jurat_history FOR SHARE;
  IF FOUND THEN
    IF TG_ARGV[0] = 'verdict' THEN
      subjects := ARRAY(SELECT g.check_id || '/' || g.revision FROM gone g);
    ELSE
      subjects := ARRAY(SELECT g.id::text FROM gone g WHERE g.applied_at IS NOT NULL);
    END IF;
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    SELECT statement_timestamp(), 'purge', s FROM unnest(subjects) s;
    UPDATE jurat_leaves SET salt = NULL, person_salt = NULL, fingerprint_salt = NULL
    WHERE subject = ANY (subjects) AND kind IN (TG_ARGV[0], 'rehash');
  END IF;
  RETURN NULL;
END $$;

-- What a code or number was hashed as before, by which the sealer knows what it goes on from.
CREATE FUNCTION jurat_queue_rehash() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM jurat_history) THEN
    RETURN NULL;
  ELSIF TG_TABLE_NAME = 'jurat_codes' THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject, replaced)
    VALUES (statement_timestamp(), 'rehash', OLD.redeemed_by, OLD.fingerprint) ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO jurat_unsealed (queued_at, kind, subject, replaced)
    SELECT statement_timestamp(), 'rehash', v.check_id || '/' || v.revision, OLD.fingerprint || ' ' || OLD.namespace
    FROM jurat_verdicts v WHERE v.check_id = OLD.check_id ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

-- With the salt of an erased participant's id, anyone who reads leaves could try ids. The sealer locks the history while
-- it reads rows and writes their leaves; an erasure waits for that, so that it misses no leaf.
CREATE FUNCTION jurat_forget_person() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM jurat_history FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF TG_TABLE_NAME = 'jurat_checks' THEN
    UPDATE jurat_leaves SET person_salt = NULL
    WHERE kind = 'verdict' AND subject IN (
      SELECT v.check_id || '/' || v.revision FROM jurat_verdicts v WHERE v.check_id = NEW.id);
  ELSE
    UPDATE jurat_leaves SET person_salt = NULL WHERE kind = 'request' AND subject = NEW.id::text;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER jurat_verdicts_queued AFTER INSERT ON jurat_verdicts REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_verdicts();

CREATE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_purged('verdict');

CREATE TRIGGER jurat_verdicts_limited AFTER UPDATE OF retain_until ON jurat_verdicts FOR EACH ROW
EXECUTE FUNCTION jurat_queue_retention();

CREATE TRIGGER jurat_requests_queued AFTER UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL)
EXECUTE FUNCTION jurat_queue_row('request', 'id');

CREATE TRIGGER jurat_requests_purged AFTER DELETE ON jurat_requests REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_purged('request');

CREATE TRIGGER jurat_codes_queued AFTER UPDATE OF redeemed_by ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_queue_row('redemption', 'redeemed_by');

CREATE TRIGGER jurat_codes_rehashed AFTER UPDATE OF fingerprint ON jurat_codes FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint AND OLD.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_queue_rehash();

CREATE TRIGGER jurat_claims_rehashed AFTER UPDATE OF fingerprint ON jurat_claims FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint)
EXECUTE FUNCTION jurat_queue_rehash();

CREATE TRIGGER jurat_configs_queued AFTER INSERT ON jurat_configs FOR EACH ROW
EXECUTE FUNCTION jurat_queue_row('configuration', 'version');

CREATE TRIGGER jurat_audit_queued AFTER INSERT ON jurat_audit FOR EACH ROW
EXECUTE FUNCTION jurat_queue_row('audit', 'id');

CREATE TRIGGER jurat_checks_forgotten AFTER UPDATE OF participant ON jurat_checks FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_forget_person();

CREATE TRIGGER jurat_requests_forgotten AFTER UPDATE OF participant, target ON jurat_requests FOR EACH ROW
WHEN ((NEW.participant, NEW.target) IS DISTINCT FROM (OLD.participant, OLD.target)
  AND (NEW.participant LIKE 'erased-%' OR NEW.target LIKE 'erased-%'))
EXECUTE FUNCTION jurat_forget_person();

ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_queued;
ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_purged;
ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_limited;
ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_queued;
ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_purged;
ALTER TABLE jurat_codes ENABLE ALWAYS TRIGGER jurat_codes_queued;
ALTER TABLE jurat_codes ENABLE ALWAYS TRIGGER jurat_codes_rehashed;
ALTER TABLE jurat_claims ENABLE ALWAYS TRIGGER jurat_claims_rehashed;
ALTER TABLE jurat_configs ENABLE ALWAYS TRIGGER jurat_configs_queued;
ALTER TABLE jurat_audit ENABLE ALWAYS TRIGGER jurat_audit_queued;
ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_forgotten;
ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_forgotten;
