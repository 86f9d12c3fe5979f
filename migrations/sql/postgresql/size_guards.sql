-- What a user may write only as our own programs do, continued: times, sizes and shapes. login_guards.sql says what
-- holds for all of these.


-- ----------------------------------------------------------------------------------------------------- Times and sizes
--
-- A time that no program can read would stop all who read it, and a present that is ahead the work of all others.

CREATE TRIGGER jurat_access_in_time BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN (greatest(NEW.updated_at, NEW.granted_until, NEW.changes_at) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.updated_at, NEW.granted_until, NEW.changes_at) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000');

CREATE TRIGGER jurat_reviews_in_time BEFORE INSERT OR UPDATE ON jurat_reviews FOR EACH ROW
WHEN (greatest(NEW.opened_at, NEW.due_at, NEW.decided_at) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.opened_at, NEW.due_at, NEW.decided_at) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000');

CREATE TRIGGER jurat_pauses_in_time BEFORE INSERT OR UPDATE ON jurat_pauses FOR EACH ROW
WHEN (greatest(NEW.began_at, NEW.until) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.began_at, NEW.until) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000');

CREATE TRIGGER jurat_sources_in_time BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000');

-- Access that is added up changes later, or never. With a time of before, no one could tell what was right then.
CREATE TRIGGER jurat_access_changing BEFORE INSERT OR UPDATE OF changes_at ON jurat_access FOR EACH ROW
WHEN (NEW.changes_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_refuse_others('time changes access in the future');

-- PostgreSQL has NaN above all numbers.
CREATE TRIGGER jurat_sources_counted BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (least(NEW.waiting, NEW.due, NEW.poll_ms, NEW.failures, NEW.used, NEW.served, NEW.most_slots, NEW.served_s,
    NEW.wait_s, NEW.lookup_s, NEW.day_used, NEW.suspect_share, NEW.usual_share) < 0
  OR greatest(NEW.served_s, NEW.wait_s, NEW.lookup_s, NEW.day_used, NEW.suspect_share, NEW.usual_share) > 1e15)
EXECUTE FUNCTION jurat_refuse_others('figures of a source are numbers from 0 on');

CREATE TRIGGER jurat_outcomes_counted BEFORE INSERT OR UPDATE ON jurat_outcomes FOR EACH ROW
WHEN (NEW.results < 0)
EXECUTE FUNCTION jurat_refuse_others('figures of a source are numbers from 0 on');

-- A source gets its next lookup within a day, no matter who says otherwise.
CREATE FUNCTION jurat_fix_starts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.next_start_at := least(NEW.next_start_at, statement_timestamp() + interval '1 day');
  NEW.probe_at := least(NEW.probe_at, statement_timestamp() + interval '1 day');
  RETURN NEW;
END $$;

CREATE TRIGGER jurat_sources_started BEFORE UPDATE OF next_start_at, probe_at ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.next_start_at, NEW.probe_at) > statement_timestamp() + interval '1 day')
EXECUTE FUNCTION jurat_fix_starts();

CREATE TRIGGER jurat_upkeep_in_time BEFORE INSERT OR UPDATE ON jurat_upkeep FOR EACH ROW
WHEN (NEW.ran_at > statement_timestamp() + interval '1 minute' OR NEW.ran_at < '1970-01-01 00:00:00.000Z'
  OR NEW.hold_until > statement_timestamp() + interval '1 hour')
EXECUTE FUNCTION jurat_refuse_others('upkeep ran in the past, and is held for an hour at most');

CREATE TRIGGER jurat_workers_in_time BEFORE INSERT OR UPDATE OF seen_at ON jurat_workers FOR EACH ROW
WHEN (NEW.seen_at > statement_timestamp() + interval '1 minute'
  OR least(NEW.seen_at, NEW.started_at) < '1970-01-01 00:00:00.000Z'
  OR NEW.started_at > '9000-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a worker was seen in the past');

CREATE TRIGGER jurat_missing_keys_in_time BEFORE INSERT OR UPDATE OF since, seen_at ON jurat_missing_keys
FOR EACH ROW
WHEN (NEW.seen_at > statement_timestamp() + interval '1 minute'
  OR least(NEW.seen_at, NEW.since) < '1970-01-01 00:00:00.000Z'
  OR NEW.since > '9000-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a key was missing in the past');

CREATE TRIGGER jurat_tree_heads_sized BEFORE INSERT ON jurat_tree_heads FOR EACH ROW
WHEN (NEW.signed_ms NOT BETWEEN 0 AND 221845392000000 OR least(NEW.tree_size, NEW.lost_from) < 0
  OR octet_length(NEW.root_hash) <> 32 OR octet_length(NEW.signature) <> 64 OR octet_length(NEW.frontier) > 2048)
EXECUTE FUNCTION jurat_refuse_others('a head has a time, a size, a hash and a signature');

-- Python reads no JSON of a thousand levels and no number of 4,300 digits: one such row would stop the history, and
-- `bin/jurat db verify`.

CREATE TRIGGER jurat_verdicts_sized BEFORE INSERT ON jurat_verdicts FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576
  OR NEW.evidence @? '$.**{32}' OR NEW.evidence @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR greatest(length(NEW.reason), length(NEW.decided_by), length(NEW.source), length(NEW.data_date)) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence is readable and has at most 1 MiB, and each text 200 characters');

CREATE TRIGGER jurat_reviews_sized BEFORE INSERT OR UPDATE OF reason, evidence ON jurat_reviews FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576
  OR NEW.evidence @? '$.**{32}' OR NEW.evidence @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR length(NEW.reason) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence is readable and has at most 1 MiB, and a reason 200 characters');

CREATE TRIGGER jurat_reviews_places_sized BEFORE INSERT OR UPDATE OF places ON jurat_reviews FOR EACH ROW
WHEN (octet_length(NEW.places) > 16384)
EXECUTE FUNCTION jurat_refuse_others('the places of a review have at most 16 KiB');

CREATE TRIGGER jurat_access_sized BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN (greatest(pg_column_size(NEW.questions), pg_column_size(NEW.rounds_left), pg_column_size(NEW.ended)) > 65536
  OR length(NEW.access) > 200)
EXECUTE FUNCTION jurat_refuse_others('what the answers add up to has at most 64 KiB');

-- The change of a publication was read before, and the document may be large.
CREATE TRIGGER jurat_configs_sized BEFORE INSERT ON jurat_configs FOR EACH ROW
WHEN (NEW.change IS NULL AND (jsonb_typeof(NEW.document) <> 'object'
  OR NEW.document @? '$.**{200}' OR NEW.document @? '$.**{0 to 199} ? (@ > 1e300 || @ < -1e300)'))
EXECUTE FUNCTION jurat_refuse_others('a document is a readable object');

-- One row of another shape would stop jurat_review_queue and `bin/jurat db verify`.
CREATE TRIGGER jurat_access_shaped BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN ((jsonb_typeof(NEW.questions), jsonb_typeof(NEW.rounds_left), jsonb_typeof(NEW.ended))
    <> ('object', 'object', 'object')
  OR NEW.questions @? 'strict $.* ? (@.type() != "string")'
  OR NEW.rounds_left @? 'strict $.* ? (@.type() != "number" || @ < 0 || @ > 32767)'
  OR NEW.ended @? 'strict $.* ? (@.type() != "array")' OR NEW.ended @? 'strict $.*[*] ? (@.type() != "string")')
EXECUTE FUNCTION jurat_refuse_others('questions have a state, a number of rounds, and a list of what ended them');

-- A list of texts each, or null.
CREATE TRIGGER jurat_workers_shaped BEFORE INSERT OR UPDATE OF sources, unseal_keys, hash_keys
ON jurat_workers FOR EACH ROW
WHEN (jsonb_build_array(NEW.sources, NEW.unseal_keys, NEW.hash_keys)
    @? 'strict $[*] ? (@.type() != "array" && @.type() != "null")'
  OR jsonb_build_array(NEW.sources, NEW.unseal_keys, NEW.hash_keys)
    @? 'strict $[*] ? (@.type() == "array")[*] ? (@.type() != "string")')
EXECUTE FUNCTION jurat_refuse_others('sources and keys are lists of texts');

CREATE TRIGGER jurat_audit_sized BEFORE INSERT ON jurat_audit FOR EACH ROW
WHEN (octet_length(NEW.detail::text) > 65536 OR jsonb_typeof(NEW.detail) <> 'object'
  OR NEW.detail @? '$.**{32}' OR NEW.detail @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR greatest(length(NEW.actor), length(NEW.action), length(NEW.subject)) > 500)
EXECUTE FUNCTION jurat_refuse_others('detail is a readable object of at most 64 KiB, and each text of 500 letters');


-- ------------------------------------------------------------------------------------------------------- Firing always
--
-- All but jurat_checks_submitted, which answers for the row that stands, and jurat_verdicts_told, which is off.
DO $$
DECLARE
  guard record;
BEGIN
  FOR guard IN
    SELECT t.tgrelid::regclass AS place, t.tgname FROM pg_trigger t
    WHERE t.tgrelid IN ('jurat_checks'::regclass, 'jurat_verdicts'::regclass, 'jurat_requests'::regclass,
        'jurat_audit'::regclass, 'jurat_attempts'::regclass, 'jurat_reviews'::regclass, 'jurat_claims'::regclass,
        'jurat_codes'::regclass, 'jurat_seal_keys'::regclass, 'jurat_access'::regclass, 'jurat_pauses'::regclass,
        'jurat_sources'::regclass, 'jurat_outcomes'::regclass, 'jurat_upkeep'::regclass, 'jurat_workers'::regclass,
        'jurat_missing_keys'::regclass, 'jurat_tree_heads'::regclass, 'jurat_configs'::regclass,
        'jurat_datasets'::regclass, 'jurat_dataset_streets'::regclass, 'jurat_dataset_houses'::regclass,
        'jurat_dataset_words'::regclass, 'jurat_roster_entries'::regclass)
      AND NOT t.tgisinternal
      AND t.tgname NOT IN ('jurat_checks_submitted', 'jurat_verdicts_told')
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.place, guard.tgname);
  END LOOP;
END $$;
