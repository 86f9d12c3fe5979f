-- The tables of the contract, with their keys and indexes. docs/reference/contract.md says what each column holds. What
-- triggers refuse is in guards.sql and request_guards.sql of each engine.
--
-- This is the text for PostgreSQL. `store.schema.baseline` replaces what SQLite writes otherwise. There, times are UTC
-- in 23 characters, as strftime('%Y-%m-%d %H:%M:%f') writes them, and sort as times do. Ids are UUIDs in their usual 36
-- lower-case characters.
--
-- In the order of life: the questions, the answers and their results, the requests of persons; in service_tables.sql
-- imports, sources, workers and the audit. Keep the order of a table's indexes: among equal plans it decides. With
-- jurat_checks_due first, a claim would take more than twice the steps on SQLite.
--
-- Two settings recur. Tables whose rows change state (fillfactor 85) leave room in each page for the next version of a
-- row, and are vacuumed early: dead rows slow down the search for due checks. Tables of a few rows that change many
-- times a second (fillfactor 20) keep each row within its page.
--
-- Columns that are only searched for, and never sorted for people, are compared byte by byte (COLLATE "C"). A
-- fingerprint begins with the id of its key, so all fingerprints of one key are adjacent.


-- -------------------------------------------------------------------------------------------------------- The contract

-- The version of the contract. A client of another version refuses to work. A schema that no longer has what the
-- workers of an old release need says which is the oldest that may work on it.
CREATE TABLE jurat_contract (
  version integer NOT NULL,
  oldest_worker text NOT NULL DEFAULT '0.2.0',
  PRIMARY KEY (version)
);


-- ------------------------------------------------------------------------------------------------------- The questions

-- Every configuration that was applied. A version that a publication made keeps only the changes (`change`) once there
-- is a newer one, and not the whole document (`whole`).
CREATE TABLE jurat_configs (
  version integer NOT NULL,
  digest text NOT NULL,
  document jsonb NOT NULL,
  applied_by text NOT NULL,
  applied_at timestamptz NOT NULL,
  change jsonb,
  whole boolean NOT NULL DEFAULT true,
  login text,
  PRIMARY KEY (version)
);

-- The access forms of the applied configuration, from which any web tier can build them.
CREATE TABLE jurat_questions (
  consultation text NOT NULL,
  question text NOT NULL,
  position integer NOT NULL,
  criterion text NOT NULL,
  source text NOT NULL,
  sources jsonb NOT NULL,
  rounds integer NOT NULL,
  deadline_s float8 NOT NULL,
  answer_schema jsonb NOT NULL,
  title jsonb NOT NULL,
  consultation_title jsonb NOT NULL,
  contact jsonb NOT NULL,
  config_version integer NOT NULL,
  valid_s float8,
  renew_s float8,
  fields jsonb NOT NULL DEFAULT '[]',
  messages jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (consultation, question)
);

-- The criteria of the applied configuration, from which a platform that publishes consultations may choose.
CREATE TABLE jurat_criteria (
  name text NOT NULL,
  kind text NOT NULL,
  sources jsonb NOT NULL,
  open jsonb NOT NULL,
  answer_schema jsonb NOT NULL,
  fields jsonb NOT NULL,
  config_version integer NOT NULL,
  PRIMARY KEY (name)
);

-- Consultations that a platform published itself. A worker puts each into the configuration, or stores why not.
CREATE TABLE jurat_consultations (
  name text NOT NULL,
  document text, -- text, not JSON: the order of the questions is that of the form
  revision integer NOT NULL DEFAULT 1,
  published_by text NOT NULL,
  published_at timestamptz NOT NULL,
  answered_revision integer,
  answered_at timestamptz,
  refused text,
  applied_document text,
  PRIMARY KEY (name)
);


-- ------------------------------------------------------------------------------------------ Answers and their verdicts

-- One confirmed answer on its way to a verdict: the queue itself. The platform inserts a row; only workers change it.
CREATE TABLE jurat_checks (
  id uuid NOT NULL,
  consultation text NOT NULL,
  participant text NOT NULL,
  question text NOT NULL,
  round smallint NOT NULL DEFAULT 1,
  priority text NOT NULL DEFAULT 'interactive',
  answer bytea,
  answer_key text,
  reply_key bytea,
  state text NOT NULL DEFAULT 'pending',
  source text NOT NULL,
  due_at timestamptz NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  lookups integer NOT NULL DEFAULT 0,
  lost_leases integer NOT NULL DEFAULT 0,
  candidates bytea,
  candidates_until timestamptz,
  submitted_at timestamptz NOT NULL,
  deadline_at timestamptz NOT NULL,
  settled_at timestamptz,
  traceparent text,
  stood_s float8 NOT NULL DEFAULT 0,
  leaning text,
  PRIMARY KEY (id),
  CONSTRAINT jurat_checks_confirmed_once UNIQUE (consultation, participant, question, round)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);

-- Deadlines that have passed.
CREATE INDEX jurat_checks_deadline ON jurat_checks (source, deadline_at) WHERE state = 'pending';
-- What a worker claims next of a source.
CREATE INDEX jurat_checks_due ON jurat_checks (source, priority, consultation, due_at)
WHERE state = 'pending' AND lost_leases <> 2;
-- Checks during which two workers were lost are claimed one at a time.
CREATE INDEX jurat_checks_last_chance ON jurat_checks (source) WHERE state = 'pending' AND lost_leases = 2;
-- Leases that ran out.
CREATE INDEX jurat_checks_leased ON jurat_checks (lease_until, source) WHERE state = 'leased';
-- Candidates whose time is over.
CREATE INDEX jurat_checks_candidates ON jurat_checks (candidates_until) WHERE candidates_until IS NOT NULL;
-- The keys that answers are sealed for. Each is found by one step from the one before, however many answers it has.
CREATE INDEX jurat_checks_keys ON jurat_checks (answer_key, source, state) WHERE answer IS NOT NULL;

-- The verdicts. Rows are added and never changed, but that `retain_until` may be set once; the highest revision of a
-- check counts. `login` here and below is the user of PostgreSQL who wrote the row; null on SQLite.
CREATE TABLE jurat_verdicts (
  check_id uuid NOT NULL,
  revision integer NOT NULL,
  outcome text NOT NULL,
  reason text NOT NULL,
  evidence jsonb NOT NULL,
  decided_by text NOT NULL,
  config_version integer NOT NULL,
  source text NOT NULL,
  data_date text,
  fence bigint NOT NULL,
  decided_at timestamptz NOT NULL,
  retain_until timestamptz,
  login text,
  -- What platforms poll is read from this index alone.
  PRIMARY KEY (check_id, revision) INCLUDE (outcome, reason, decided_at),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id)
);

-- Verdicts that may be deleted.
CREATE INDEX jurat_verdicts_retained ON jurat_verdicts (retain_until) WHERE retain_until IS NOT NULL;
-- Verdicts that no one has said yet how long to keep, or that are kept forever.
CREATE INDEX jurat_verdicts_unlimited ON jurat_verdicts (check_id, revision) WHERE retain_until IS NULL;

-- The lookups, one row each.
CREATE TABLE jurat_attempts (
  check_id uuid NOT NULL,
  fence bigint NOT NULL,
  source text NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms float8 NOT NULL,
  result text NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (check_id, fence),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
);

-- Checks that a reviewer decides. `places` are those that a source found for an address, sealed as the answer is.
CREATE TABLE jurat_reviews (
  check_id uuid NOT NULL,
  reason text NOT NULL,
  evidence jsonb NOT NULL,
  config_version integer NOT NULL,
  opened_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  decided_at timestamptz,
  places bytea,
  PRIMARY KEY (check_id),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
);

-- Reviews that no one decided in time.
CREATE INDEX jurat_reviews_due ON jurat_reviews (due_at) WHERE decided_at IS NULL;
-- Reviews that ended and still have their evidence, as workers of before 0.4 leave it.
CREATE INDEX jurat_reviews_ended ON jurat_reviews (check_id) WHERE decided_at IS NOT NULL AND evidence <> '{}';

-- What the verdicts of one participant add up to. The first submit makes the row; without checks there is none.
CREATE TABLE jurat_access (
  consultation text NOT NULL,
  participant text NOT NULL,
  access text NOT NULL,
  questions jsonb NOT NULL,
  rounds_left jsonb NOT NULL,
  config_version integer NOT NULL,
  updated_at timestamptz NOT NULL,
  granted_until timestamptz,
  changes_at timestamptz,
  ended jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (consultation, participant)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);

-- Rows that are older than the last change of their consultation.
CREATE INDEX jurat_access_added_up ON jurat_access (consultation, config_version);
-- Rows whose result time alone changes.
CREATE INDEX jurat_access_changes ON jurat_access (changes_at) WHERE changes_at IS NOT NULL;

-- Whose number it is: one number belongs to one participant of a consultation. Each check that was accepted by a
-- number, or was too late with it, has a row. At most one of them holds the number.
CREATE TABLE jurat_claims (
  consultation text NOT NULL,
  namespace text NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  check_id uuid NOT NULL,
  participant text NOT NULL,
  holds boolean NOT NULL,
  claimed_at timestamptz NOT NULL,
  PRIMARY KEY (consultation, namespace, fingerprint, check_id),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
);

CREATE INDEX jurat_claims_check ON jurat_claims (check_id);
-- The hash comes first and begins with the id of its key, so the keys in use are found without reading all rows.
CREATE UNIQUE INDEX jurat_claims_one_holder ON jurat_claims (fingerprint, namespace, consultation) WHERE holds;

-- Access codes, only as keyed hashes.
CREATE TABLE jurat_codes (
  list text NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  redeemed_by uuid,
  redeemed_at timestamptz,
  PRIMARY KEY (list, fingerprint)
);


-- ------------------------------------------------------------------------------------------------- Requests of persons

-- What persons ask for. A request is a row that a worker applies once. So a platform or a back office in any language
-- asks with one INSERT, and one piece of code carries it out.
CREATE TABLE jurat_requests (
  id uuid NOT NULL,
  kind text NOT NULL,
  consultation text,
  participant text,
  question text,
  check_id uuid,
  reason text,
  target text,
  note bytea,
  note_key text,
  document text,
  by_whom text NOT NULL,
  asked_at timestamptz NOT NULL,
  applied_at timestamptz,
  refused text,
  code_list text,
  expires_at timestamptz,
  login text,
  apply_from timestamptz,
  PRIMARY KEY (id)
);

-- Requests that wait.
CREATE INDEX jurat_requests_waiting ON jurat_requests (asked_at) WHERE applied_at IS NULL;
-- Requests that count for a participant's access.
CREATE INDEX jurat_requests_standing ON jurat_requests (consultation, participant)
WHERE kind IN ('reopen', 'revoke', 'restore');
CREATE INDEX jurat_requests_check ON jurat_requests (check_id) WHERE check_id IS NOT NULL;
-- For erasures, which look for all requests about a participant.
CREATE INDEX jurat_requests_participant ON jurat_requests (participant) WHERE participant IS NOT NULL;
CREATE INDEX jurat_requests_target ON jurat_requests (target) WHERE target IS NOT NULL;
-- Waiting requests that no erasure or transfer may delay.
CREATE INDEX jurat_requests_soon ON jurat_requests (asked_at)
WHERE applied_at IS NULL AND kind NOT IN ('erase', 'transfer');

-- Answers that reviewers ask to read while a check is in review. A worker opens each and seals it for `reader_key`,
-- whose private half is in the memory of one session. The row goes after 15 minutes, or when the check leaves review.
CREATE TABLE jurat_openings (
  id uuid NOT NULL,
  check_id uuid NOT NULL,
  by_whom text NOT NULL,
  reader_key bytea NOT NULL,
  asked_at timestamptz NOT NULL,
  opened_at timestamptz,
  sealed bytea,
  refused text,
  login text,
  PRIMARY KEY (id),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
);

CREATE INDEX jurat_openings_check ON jurat_openings (check_id);

-- How many transfers and erasures a user of the database may ask for in an hour, for how many seconds they can be
-- withdrawn, and how many answers it may open in an hour. A row comes with the first request.
CREATE TABLE jurat_allowances (
  login text NOT NULL,
  per_hour integer NOT NULL,
  began_at timestamptz,
  used integer NOT NULL DEFAULT 0,
  reached_at timestamptz,
  delay_s float8 NOT NULL DEFAULT 0,
  openings_per_hour integer NOT NULL DEFAULT 200,
  openings_began_at timestamptz,
  openings integer NOT NULL DEFAULT 0,
  PRIMARY KEY (login)
);
