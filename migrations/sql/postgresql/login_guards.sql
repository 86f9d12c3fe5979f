-- What a user may write only as our own programs do, though it has the right to write there. Rights say which columns;
-- these say which values. What they cannot compare, such as access with all verdicts, `bin/jurat db verify` does.
-- guards.sql says what holds for all triggers.
--
-- The owner of the tables is let through, who fills and mends them; no trigger would stop an owner anyway. Each WHEN is
-- false for what our programs write, and costs next to nothing: what reads a table is in the functions.


-- ----------------------------------------------------------------------------------------------------------- The owner

-- Whether who logged in owns our tables. Functions that run with the owner's rights do not make their caller one.
-- It takes longer than a row that is looked up by its key, so what every check needs asks for it last.
CREATE FUNCTION jurat_is_owner() RETURNS boolean LANGUAGE sql STABLE
RETURN pg_has_role(
  session_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = 'jurat_checks'::regclass), 'USAGE');

-- As jurat_refuse_change, but lets the owner through.
CREATE FUNCTION jurat_refuse_others() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation';
END $$;


-- ----------------------------------------------------------------------------------------------------------- Who wrote

-- The login that wrote a row. No role has the right to write this column, so the default holds.
ALTER TABLE jurat_verdicts ALTER COLUMN login SET DEFAULT session_user;
ALTER TABLE jurat_requests ALTER COLUMN login SET DEFAULT session_user;
ALTER TABLE jurat_audit ALTER COLUMN login SET DEFAULT session_user;
ALTER TABLE jurat_configs ALTER COLUMN login SET DEFAULT session_user;
ALTER TABLE jurat_zones ALTER COLUMN login SET DEFAULT session_user;
ALTER TABLE jurat_datasets ALTER COLUMN login SET DEFAULT session_user;


-- -------------------------------------------------------------------------------------------------------------- Checks

-- The changes of state that docs/contributors/state-machine.md lists.
CREATE TRIGGER jurat_checks_moved BEFORE UPDATE OF state ON jurat_checks FOR EACH ROW
WHEN (NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
  ('pending', 'leased'), ('leased', 'pending'), ('leased', 'settled'), ('leased', 'review'), ('review', 'settled'),
  ('review', 'pending'), ('settled', 'review')))
EXECUTE FUNCTION jurat_refuse_others('a check does not go from this state to that one');

CREATE TRIGGER jurat_checks_fenced BEFORE UPDATE OF fence ON jurat_checks FOR EACH ROW
WHEN (NEW.fence NOT IN (OLD.fence, OLD.fence + 1))
EXECUTE FUNCTION jurat_refuse_others('a fence never falls, and rises by one');

-- Who decides reviews has no right to lease, and may not touch what workers hold or wait for: a fence that rises would
-- have an honest verdict refused.
CREATE TRIGGER jurat_checks_on_their_way BEFORE UPDATE ON jurat_checks FOR EACH ROW
WHEN (OLD.state IN ('pending', 'leased')
  AND NOT has_column_privilege('jurat_checks'::regclass, 'lease_until', 'UPDATE'))
EXECUTE FUNCTION jurat_refuse_others('a check on its way is left to workers');

-- What is due at the end of time would be looked up by no one. An erasure sets deadlines to 1970.
CREATE TRIGGER jurat_checks_in_time BEFORE UPDATE OF due_at, deadline_at ON jurat_checks FOR EACH ROW
WHEN (NOT (NEW.due_at BETWEEN '1970-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'
  AND NEW.deadline_at BETWEEN '1970-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'))
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000');

-- Each priority is a queue, which every claim looks at.
CREATE TRIGGER jurat_checks_wanted BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (NEW.priority NOT IN ('interactive', 'bulk'))
EXECUTE FUNCTION jurat_refuse_others('a priority is interactive or bulk');

-- Workers renew their leases every few seconds. A check that is leased without an end would wait for good.
CREATE TRIGGER jurat_checks_lent BEFORE UPDATE OF state, lease_until ON jurat_checks FOR EACH ROW
WHEN (NEW.lease_until > statement_timestamp() + interval '1 hour'
  OR NEW.state = 'leased' AND NEW.lease_until IS NULL)
EXECUTE FUNCTION jurat_refuse_others('a lease ends within the hour');

-- Who is erased leaves no answer, and is given no candidates later. Their reviews have ended before.
CREATE TRIGGER jurat_checks_emptied BEFORE UPDATE OF participant, candidates ON jurat_checks FOR EACH ROW
WHEN (NEW.participant LIKE 'erased-%' AND (
  num_nonnulls(NEW.answer, NEW.reply_key, NEW.candidates, NEW.traceparent) > 0
  OR NEW.state = 'review' AND NEW.participant <> OLD.participant))
EXECUTE FUNCTION jurat_refuse_others('an erasure leaves no answer, no candidates and no open review');

-- A settled check can be deleted, so it gets its verdict by the end of the transaction: that says how long both stay.
CREATE FUNCTION jurat_keep_decided() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_verdicts v WHERE v.check_id = NEW.id) OR jurat_is_owner() THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a check is settled with a verdict', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE CONSTRAINT TRIGGER jurat_checks_decided AFTER UPDATE OF state ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state = 'settled' AND OLD.state <> 'settled')
EXECUTE FUNCTION jurat_keep_decided();


-- ------------------------------------------------------------------------------------------------------------ Verdicts

-- A verdict is the next one of its check, of the present, and stays for an hour at least, as `retain` of a consultation
-- does.
CREATE FUNCTION jurat_keep_verdict() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF NEW.outcome NOT IN ('accepted', 'refused', 'undetermined') THEN
    RAISE EXCEPTION 'jurat: % on % is refused: a verdict is accepted, refused or undetermined', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  ELSIF NEW.revision <> 1 + coalesce(
    (SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = NEW.check_id), 0) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: the revision of a verdict is one more than the last', TG_OP,
      TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF (NEW.decided_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE THEN
    NEW.decided_at := statement_timestamp();
  END IF;
  IF NEW.retain_until < NEW.decided_at + interval '1 hour' THEN
    RAISE EXCEPTION 'jurat: % on % is refused: a verdict stays for an hour at least', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_verdicts_added BEFORE INSERT ON jurat_verdicts FOR EACH ROW
WHEN (NEW.revision <> 1 OR NEW.outcome NOT IN ('accepted', 'refused', 'undetermined')
  OR (NEW.decided_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
  OR NEW.retain_until < NEW.decided_at + interval '1 hour')
EXECUTE FUNCTION jurat_keep_verdict();

-- What belongs to a check goes after its verdicts: they say whether it is time.
CREATE FUNCTION jurat_keep_trace() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT EXISTS (SELECT FROM jurat_checks c WHERE c.id = OLD.check_id AND (
    c.state <> 'settled' OR EXISTS (SELECT FROM jurat_verdicts v WHERE v.check_id = OLD.check_id))) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: it goes with the verdicts of its check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_attempts_kept BEFORE DELETE ON jurat_attempts
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace();

CREATE TRIGGER jurat_reviews_kept BEFORE DELETE ON jurat_reviews
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace();

-- A review is opened in the present, for an hour at least, as `review_due` says. While it is open, nothing brings its
-- end nearer. It ends once, in the present.
CREATE FUNCTION jurat_keep_review() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF TG_OP = 'INSERT' OR (OLD.decided_at IS NOT NULL AND NEW.decided_at IS NULL) THEN
    NEW.opened_at := statement_timestamp();
    NEW.due_at := greatest(NEW.due_at, NEW.opened_at + interval '1 hour');
  ELSE
    NEW.opened_at := OLD.opened_at;
    NEW.due_at := greatest(NEW.due_at, OLD.due_at);
  END IF;
  IF NEW.decided_at IS NOT NULL THEN
    NEW.decided_at := coalesce(OLD.decided_at, statement_timestamp());
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_reviews_timed BEFORE INSERT OR UPDATE OF opened_at, due_at, decided_at ON jurat_reviews
FOR EACH ROW EXECUTE FUNCTION jurat_keep_review();

CREATE TRIGGER jurat_claims_kept BEFORE DELETE ON jurat_claims
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace();

-- A number goes to another participant after its check.
CREATE FUNCTION jurat_keep_claim() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant = NEW.participant)
    OR jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a number belongs to the participant of its check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_claims_added BEFORE INSERT ON jurat_claims
FOR EACH ROW EXECUTE FUNCTION jurat_keep_claim();

CREATE TRIGGER jurat_claims_renamed BEFORE UPDATE OF participant ON jurat_claims FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_claim();

-- A number comes free with a verdict that no longer accepts, or when the verdicts are deleted.
CREATE FUNCTION jurat_keep_number() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR 'accepted' IS DISTINCT FROM (
    SELECT v.outcome FROM jurat_verdicts v WHERE v.check_id = NEW.check_id ORDER BY v.revision DESC LIMIT 1) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: who is accepted by a number holds it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE CONSTRAINT TRIGGER jurat_claims_released AFTER UPDATE OF holds ON jurat_claims
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.holds AND NOT NEW.holds)
EXECUTE FUNCTION jurat_keep_number();

-- Another hash of the same key would be another number. The sealed history tells one that `keys rehash` did not make.
CREATE TRIGGER jurat_claims_hashed BEFORE UPDATE OF fingerprint ON jurat_claims FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint AND left(NEW.fingerprint, 8) = left(OLD.fingerprint, 8))
EXECUTE FUNCTION jurat_refuse_others('a number is hashed again with another key');


-- --------------------------------------------------------------------------------------------------------------- Codes

CREATE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at, revoked_at ON jurat_codes FOR EACH ROW
WHEN ((OLD.redeemed_by IS NOT NULL OR OLD.revoked_at IS NOT NULL)
  AND (NEW.redeemed_by, NEW.redeemed_at, NEW.revoked_at)
    IS DISTINCT FROM (OLD.redeemed_by, OLD.redeemed_at, OLD.revoked_at))
EXECUTE FUNCTION jurat_refuse_others('a code is redeemed or revoked, and that once');

-- Then `bin/jurat db verify` can compare it with the check's verdict.
CREATE FUNCTION jurat_keep_code() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR EXISTS (SELECT FROM jurat_checks c WHERE c.id = NEW.redeemed_by) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a code is redeemed by a check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_codes_used BEFORE UPDATE OF redeemed_by ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_keep_code();

-- With another hash, the same code could be added and used once more.
CREATE TRIGGER jurat_codes_hashed BEFORE UPDATE OF fingerprint ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NOT NULL AND NEW.fingerprint <> OLD.fingerprint
  AND left(NEW.fingerprint, 8) = left(OLD.fingerprint, 8))
EXECUTE FUNCTION jurat_refuse_others('a used code is hashed again with another key');


-- ------------------------------------------------------------------------------------------------------------ Requests

-- A further round, a revocation, or its end, stays while the participant is known. A revocation in force stays even
-- then, and the end of one as long as that is there: in silence, for workers of 0.3.0 delete both at once.
CREATE FUNCTION jurat_keep_revocation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN OLD;
  ELSIF EXISTS (
    SELECT FROM jurat_access a WHERE a.consultation = OLD.consultation AND a.participant = OLD.participant
  ) OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.consultation = OLD.consultation AND c.participant = OLD.participant) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: it stays while the participant is known', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  ELSIF OLD.kind <> 'reopen' AND (OLD.kind = 'revoke') <> EXISTS (
    SELECT FROM jurat_requests r WHERE r.consultation = OLD.consultation AND r.participant = OLD.participant
      AND r.kind IN ('revoke', 'restore') AND r.kind <> OLD.kind AND r.applied_at IS NOT NULL AND r.refused IS NULL
      AND (OLD.kind = 'revoke') = ((r.applied_at, r.asked_at, r.id) > (OLD.applied_at, OLD.asked_at, OLD.id)))
  THEN
    RETURN NULL;
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER jurat_requests_revoked BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.kind IN ('reopen', 'revoke', 'restore') AND OLD.refused IS NULL AND OLD.participant NOT LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_revocation();

CREATE TRIGGER jurat_requests_traced BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.check_id IS NOT NULL)
EXECUTE FUNCTION jurat_keep_trace();

-- What counts by its time is asked for and done in the present: with a time of before, a revocation had ended already,
-- and an erasure had nothing to take along.
CREATE FUNCTION jurat_fix_request_times() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF TG_OP = 'INSERT' THEN
    NEW.asked_at := statement_timestamp();
  ELSE
    NEW.applied_at := statement_timestamp();
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_requests_asked_now BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.asked_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_fix_request_times();

CREATE TRIGGER jurat_requests_applied_now BEFORE UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (OLD.applied_at IS NULL AND NEW.applied_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_fix_request_times();

CREATE TRIGGER jurat_requests_erasure_done BEFORE UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (NEW.kind = 'erase' AND OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND NEW.refused IS NULL
  AND (NEW.participant LIKE 'erased-%') IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_others('an erasure is done once its participant has no name');


-- --------------------------------------------------------------------------------------------------------------- Audit

CREATE FUNCTION jurat_fix_audit_time() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT jurat_is_owner() THEN
    NEW.at := statement_timestamp();
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_audit_timed BEFORE INSERT ON jurat_audit FOR EACH ROW
WHEN ((NEW.at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE)
EXECUTE FUNCTION jurat_fix_audit_time();


-- ------------------------------------------------------------------------------------------ Configurations, seal keys

-- After the highest number there would be no next configuration.
CREATE FUNCTION jurat_keep_version() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.version = 1 + coalesce((SELECT max(c.version) FROM jurat_configs c), 0) OR jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: the version of a configuration is one more than the last', TG_OP,
    TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_configs_added BEFORE INSERT ON jurat_configs
FOR EACH ROW EXECUTE FUNCTION jurat_keep_version();

-- A key that was retired does not come back under another id.
CREATE FUNCTION jurat_keep_seal_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT EXISTS (SELECT FROM jurat_seal_keys k WHERE k.public_key = NEW.public_key) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a seal key is added once', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_seal_keys_added BEFORE INSERT ON jurat_seal_keys
FOR EACH ROW EXECUTE FUNCTION jurat_keep_seal_key();
