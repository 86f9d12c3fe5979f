-- What has to get into the sealed history waits in jurat_unsealed from the same transaction on, once a history has
-- begun. ../postgresql/history.sql is the twin.

CREATE TRIGGER jurat_verdicts_queued AFTER INSERT ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'verdict', NEW.check_id || '/' || NEW.revision);
END;

CREATE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.check_id || '/' || OLD.revision);
  UPDATE jurat_leaves SET salt = NULL, person_salt = NULL, fingerprint_salt = NULL
  WHERE subject = OLD.check_id || '/' || OLD.revision AND kind IN ('verdict', 'rehash');
END;

CREATE TRIGGER jurat_verdicts_limited AFTER UPDATE OF retain_until ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'retention', NEW.check_id || '/' || NEW.revision);
END;

CREATE TRIGGER jurat_requests_queued AFTER UPDATE OF applied_at ON jurat_requests
WHEN OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'request', NEW.id);
END;

CREATE TRIGGER jurat_requests_purged AFTER DELETE ON jurat_requests
WHEN OLD.applied_at IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.id);
  UPDATE jurat_leaves SET salt = NULL, person_salt = NULL WHERE subject = OLD.id AND kind = 'request';
END;

CREATE TRIGGER jurat_codes_queued AFTER UPDATE OF redeemed_by ON jurat_codes
WHEN OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'redemption', NEW.redeemed_by);
END;

CREATE TRIGGER jurat_codes_rehashed AFTER UPDATE OF fingerprint ON jurat_codes
WHEN NEW.fingerprint <> OLD.fingerprint AND OLD.redeemed_by IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT OR IGNORE INTO jurat_unsealed (queued_at, kind, subject, replaced)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'rehash', OLD.redeemed_by, OLD.fingerprint);
END;

CREATE TRIGGER jurat_claims_rehashed AFTER UPDATE OF fingerprint ON jurat_claims
WHEN NEW.fingerprint <> OLD.fingerprint AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT OR IGNORE INTO jurat_unsealed (queued_at, kind, subject, replaced)
  SELECT strftime('%Y-%m-%d %H:%M:%f', 'now'), 'rehash', v.check_id || '/' || v.revision,
    OLD.fingerprint || ' ' || OLD.namespace
  FROM jurat_verdicts v WHERE v.check_id = OLD.check_id;
END;

CREATE TRIGGER jurat_configs_queued AFTER INSERT ON jurat_configs
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'configuration', NEW.version);
END;

CREATE TRIGGER jurat_audit_queued AFTER INSERT ON jurat_audit
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'audit', NEW.id);
END;

CREATE TRIGGER jurat_checks_forgotten AFTER UPDATE OF participant ON jurat_checks
WHEN NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%' AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  UPDATE jurat_leaves SET person_salt = NULL
  WHERE kind = 'verdict' AND subject IN (
    SELECT v.check_id || '/' || v.revision FROM jurat_verdicts v WHERE v.check_id = NEW.id);
END;

CREATE TRIGGER jurat_requests_forgotten AFTER UPDATE OF participant, target ON jurat_requests
WHEN (NEW.participant IS NOT OLD.participant OR NEW.target IS NOT OLD.target)
  AND (NEW.participant LIKE 'erased-%' OR NEW.target LIKE 'erased-%') AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  UPDATE jurat_leaves SET person_salt = NULL WHERE kind = 'request' AND subject = NEW.id;
END;
