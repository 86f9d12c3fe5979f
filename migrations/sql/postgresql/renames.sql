-- How a participant's id may change, of all but the owner of the tables: by an erasure or a transfer that someone asked
-- for, and as a whole. login_guards.sql has the rest of what binds logins, and the owner's way past it.


-- ----------------------------------------------------------------------------------------------------------- Asked for

-- An erased participant's id goes from the checks first, while the request for it waits. One statement renames all
-- requests, that for the erasure among them: a stable function sees them as they were before.
CREATE FUNCTION jurat_keep_participant()
RETURNS trigger LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR EXISTS (
    SELECT FROM jurat_requests e
    WHERE e.kind = 'erase' AND e.applied_at IS NULL AND e.participant = OLD.participant
      AND (e.apply_from IS NULL OR e.apply_from <= clock_timestamp())
      AND (e.consultation IS NULL OR e.consultation = NEW.consultation)
  ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a participant is erased where someone asked for it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_checks_erased BEFORE UPDATE OF participant ON jurat_checks FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_participant();

CREATE TRIGGER jurat_access_erased BEFORE UPDATE OF participant ON jurat_access FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_participant();

-- A revocation that is renamed would not count any more.
CREATE TRIGGER jurat_requests_erased BEFORE UPDATE OF participant ON jurat_requests FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%' AND OLD.applied_at IS NOT NULL
  AND OLD.kind IN ('reopen', 'revoke', 'restore'))
EXECUTE FUNCTION jurat_keep_participant();


-- ---------------------------------------------------------------------------------------------------------- As a whole
--
-- These look when the transaction ends.

-- Who is erased or transferred leaves nothing behind: a part of the rows alone would give rounds back, or undo a
-- revocation. The request for it must be done by the end of the transaction. An erasure of one consultation gets the
-- name of its rows, and one of all consultations keeps no request for an erasure under the former id. A transfer that
-- is said to be done (the argument is 'done') was none of an erased participant.
CREATE FUNCTION jurat_keep_whole() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (
    EXISTS (
      SELECT FROM jurat_checks c WHERE c.consultation = NEW.consultation AND c.participant = OLD.participant)
    OR EXISTS (
      SELECT FROM jurat_access a WHERE a.consultation = NEW.consultation AND a.participant = OLD.participant)
    OR EXISTS (
      SELECT FROM jurat_requests r WHERE r.consultation = NEW.consultation AND r.participant = OLD.participant
        AND r.kind IN ('reopen', 'revoke', 'restore') AND r.applied_at IS NOT NULL AND r.refused IS NULL)
    OR CASE WHEN TG_ARGV[0] = 'done' THEN NEW.participant LIKE 'erased-%'
    WHEN NEW.participant LIKE 'erased-%' THEN
      NOT EXISTS (
        SELECT FROM jurat_requests e WHERE e.kind = 'erase' AND e.consultation = NEW.consultation
          AND e.participant = NEW.participant AND e.applied_at IS NOT NULL AND e.refused IS NULL)
      AND EXISTS (
        SELECT FROM jurat_requests e WHERE e.kind = 'erase' AND e.participant = OLD.participant
          AND (e.consultation IS NULL OR e.consultation = NEW.consultation))
    ELSE OLD.participant LIKE 'erased-%' OR NOT EXISTS (
      SELECT FROM jurat_requests t WHERE t.kind = 'transfer' AND t.consultation = NEW.consultation
        AND t.participant = OLD.participant AND t.target = NEW.participant
        AND t.applied_at IS NOT NULL AND t.refused IS NULL) END
  ) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a participant is erased or transferred as a whole, and then it is done',
    TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE CONSTRAINT TRIGGER jurat_checks_whole AFTER UPDATE OF participant ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_whole();

CREATE CONSTRAINT TRIGGER jurat_access_whole AFTER UPDATE OF participant ON jurat_access
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_whole();

CREATE CONSTRAINT TRIGGER jurat_requests_whole AFTER UPDATE OF participant ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.kind IN ('reopen', 'revoke', 'restore'))
EXECUTE FUNCTION jurat_keep_whole();

CREATE CONSTRAINT TRIGGER jurat_requests_transferred AFTER UPDATE OF applied_at ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.kind = 'transfer' AND OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND NEW.refused IS NULL)
EXECUTE FUNCTION jurat_keep_whole('done');

-- An erasure takes all answers along that were confirmed before it was asked for, and the name out of all requests that
-- are done, its own last.
CREATE FUNCTION jurat_keep_erasure() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (EXISTS (
    WITH RECURSIVE place (name) AS (
      SELECT coalesce(NEW.consultation, (SELECT min(c.consultation) FROM jurat_checks c))
      UNION ALL
      SELECT (SELECT min(c.consultation) FROM jurat_checks c WHERE c.consultation > p.name) FROM place p
      WHERE p.name IS NOT NULL AND NEW.consultation IS NULL)
    SELECT FROM place p JOIN jurat_checks c ON c.consultation = p.name AND c.participant = OLD.participant
    WHERE c.submitted_at <= NEW.asked_at
  ) OR EXISTS (
    SELECT FROM jurat_requests r WHERE (r.participant = OLD.participant OR r.target = OLD.participant)
      AND r.applied_at IS NOT NULL AND (NEW.consultation IS NULL OR r.consultation = NEW.consultation)
  )) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: an erasure takes all answers along', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE CONSTRAINT TRIGGER jurat_requests_erasing AFTER UPDATE OF participant ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.kind = 'erase')
EXECUTE FUNCTION jurat_keep_erasure();

-- Each check takes its numbers along, which would keep an erased id, and an erased one leaves no note of a contest.
-- Administrators may not read whose a number is, so this runs with the owner's rights.
CREATE FUNCTION jurat_keep_claims()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (
    EXISTS (SELECT FROM jurat_claims k WHERE k.check_id = NEW.id AND k.participant = OLD.participant)
    OR NEW.participant LIKE 'erased-%' AND EXISTS (
      SELECT FROM jurat_requests r WHERE r.check_id = NEW.id AND r.applied_at IS NOT NULL
        AND num_nonnulls(r.note, r.document) > 0)) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: the numbers and notes of a check go along with it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE CONSTRAINT TRIGGER jurat_checks_claims AFTER UPDATE OF participant ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_claims();
