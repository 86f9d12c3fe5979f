-- The tables of the contract on SQLite, with their keys and indexes: those of ../postgresql/tables.sql.
--
-- What differs: times are UTC in 23 characters, as strftime('%Y-%m-%d %H:%M:%f') writes them, and sort as times do. Ids
-- are UUIDs in their usual 36 lower-case characters. Triggers hold both, see guards.sql.
--
-- Keep the order of a table's indexes: among equal plans it decides. With jurat_checks_due first, a claim would take
-- more than twice the steps.
--
-- Most tables have no rowid, because INSERT OR REPLACE could take over the rowid of a row that must stay.


-- -------------------------------------------------------------------------------------------------------- The contract

-- The version of the contract. A client of another version refuses to work.
CREATE TABLE jurat_contract (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);


-- ------------------------------------------------------------------------------------------------------- The questions

-- Every configuration that was applied. A version that a publication made keeps only the changes (`change`) once there
-- is a newer one, and not the whole document (`whole`).
CREATE TABLE jurat_configs (
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  document JSON NOT NULL,
  applied_by TEXT NOT NULL,
  applied_at CHAR(23) NOT NULL,
  change JSON,
  whole BOOLEAN NOT NULL DEFAULT true,
  PRIMARY KEY (version)
);

-- The access forms of the applied configuration, from which any web tier can build them.
CREATE TABLE jurat_questions (
  consultation TEXT NOT NULL,
  question TEXT NOT NULL,
  position INTEGER NOT NULL,
  criterion TEXT NOT NULL,
  source TEXT NOT NULL,
  sources JSON NOT NULL,
  rounds INTEGER NOT NULL,
  deadline_s FLOAT NOT NULL,
  answer_schema JSON NOT NULL,
  title JSON NOT NULL,
  consultation_title JSON NOT NULL,
  contact JSON NOT NULL,
  config_version INTEGER NOT NULL,
  valid_s FLOAT,
  renew_s FLOAT,
  fields JSON NOT NULL DEFAULT '[]',
  messages JSON NOT NULL DEFAULT '{}',
  PRIMARY KEY (consultation, question)
) WITHOUT ROWID;

-- The criteria of the applied configuration, from which a platform that publishes consultations may choose.
CREATE TABLE jurat_criteria (
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  sources JSON NOT NULL,
  open JSON NOT NULL,
  answer_schema JSON NOT NULL,
  fields JSON NOT NULL,
  config_version INTEGER NOT NULL,
  PRIMARY KEY (name)
) WITHOUT ROWID;

-- Consultations that a platform published itself. A worker puts each into the configuration, or stores why not.
CREATE TABLE jurat_consultations (
  name TEXT NOT NULL,
  document TEXT, -- text, not JSON: the order of the questions is that of the form
  revision INTEGER NOT NULL DEFAULT 1,
  published_by TEXT NOT NULL,
  published_at CHAR(23) NOT NULL,
  answered_revision INTEGER,
  answered_at CHAR(23),
  refused TEXT,
  applied_document TEXT,
  PRIMARY KEY (name)
) WITHOUT ROWID;


-- ------------------------------------------------------------------------------------------ Answers and their verdicts

-- One confirmed answer on its way to a verdict: the queue itself. The platform inserts a row; only workers change it.
CREATE TABLE jurat_checks (
  id CHAR(36) NOT NULL,
  consultation TEXT NOT NULL,
  participant TEXT NOT NULL,
  question TEXT NOT NULL,
  round SMALLINT NOT NULL DEFAULT 1,
  priority TEXT NOT NULL DEFAULT 'interactive',
  answer BLOB,
  answer_key TEXT,
  reply_key BLOB,
  state TEXT NOT NULL DEFAULT 'pending',
  source TEXT NOT NULL,
  due_at CHAR(23) NOT NULL,
  fence BIGINT NOT NULL DEFAULT 0,
  lease_until CHAR(23),
  lookups INTEGER NOT NULL DEFAULT 0,
  lost_leases INTEGER NOT NULL DEFAULT 0,
  candidates BLOB,
  candidates_until CHAR(23),
  submitted_at CHAR(23) NOT NULL,
  deadline_at CHAR(23) NOT NULL,
  settled_at CHAR(23),
  traceparent TEXT,
  stood_s FLOAT NOT NULL DEFAULT 0,
  leaning TEXT,
  PRIMARY KEY (id),
  CONSTRAINT jurat_checks_confirmed_once UNIQUE (consultation, participant, question, round)
);

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

-- The verdicts. Rows are added and never changed; the highest revision of a check counts.
CREATE TABLE jurat_verdicts (
  check_id CHAR(36) NOT NULL,
  revision INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  evidence JSON NOT NULL,
  decided_by TEXT NOT NULL,
  config_version INTEGER NOT NULL,
  source TEXT NOT NULL,
  data_date TEXT,
  fence BIGINT NOT NULL,
  decided_at CHAR(23) NOT NULL,
  retain_until CHAR(23),
  PRIMARY KEY (check_id, revision),
  FOREIGN KEY(check_id) REFERENCES jurat_checks (id)
) WITHOUT ROWID;

-- Verdicts that may be deleted.
CREATE INDEX jurat_verdicts_retained ON jurat_verdicts (retain_until) WHERE retain_until IS NOT NULL;

-- The lookups, one row each.
CREATE TABLE jurat_attempts (
  check_id CHAR(36) NOT NULL,
  fence BIGINT NOT NULL,
  source TEXT NOT NULL,
  started_at CHAR(23) NOT NULL,
  duration_ms FLOAT NOT NULL,
  result TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (check_id, fence),
  FOREIGN KEY(check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- Checks that a reviewer decides.
CREATE TABLE jurat_reviews (
  check_id CHAR(36) NOT NULL,
  reason TEXT NOT NULL,
  evidence JSON NOT NULL,
  config_version INTEGER NOT NULL,
  opened_at CHAR(23) NOT NULL,
  due_at CHAR(23) NOT NULL,
  decided_at CHAR(23),
  PRIMARY KEY (check_id),
  FOREIGN KEY(check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- Reviews that no one decided in time.
CREATE INDEX jurat_reviews_due ON jurat_reviews (due_at) WHERE decided_at IS NULL;

-- What the verdicts of one participant add up to. The first submit makes the row; without checks there is none.
CREATE TABLE jurat_access (
  consultation TEXT NOT NULL,
  participant TEXT NOT NULL,
  access TEXT NOT NULL,
  questions JSON NOT NULL,
  rounds_left JSON NOT NULL,
  config_version INTEGER NOT NULL,
  updated_at CHAR(23) NOT NULL,
  granted_until CHAR(23),
  changes_at CHAR(23),
  ended JSON NOT NULL DEFAULT '{}',
  PRIMARY KEY (consultation, participant)
) WITHOUT ROWID;

-- Rows that are older than the last change of their consultation.
CREATE INDEX jurat_access_added_up ON jurat_access (consultation, config_version);
-- Rows whose result time alone changes.
CREATE INDEX jurat_access_changes ON jurat_access (changes_at) WHERE changes_at IS NOT NULL;

-- Whose number it is: one number belongs to one participant of a consultation. Each check that was accepted by a
-- number, or was too late with it, has a row. At most one of them holds the number.
CREATE TABLE jurat_claims (
  consultation TEXT NOT NULL,
  namespace TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  check_id CHAR(36) NOT NULL,
  participant TEXT NOT NULL,
  holds BOOLEAN NOT NULL,
  claimed_at CHAR(23) NOT NULL,
  PRIMARY KEY (consultation, namespace, fingerprint, check_id),
  FOREIGN KEY(check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX jurat_claims_check ON jurat_claims (check_id);
-- The hash comes first and begins with the id of its key, so the keys in use are found without reading all rows.
CREATE UNIQUE INDEX jurat_claims_one_holder ON jurat_claims (fingerprint, namespace, consultation) WHERE holds;

-- Access codes, only as keyed hashes.
CREATE TABLE jurat_codes (
  list TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  created_at CHAR(23) NOT NULL,
  expires_at CHAR(23),
  revoked_at CHAR(23),
  redeemed_by CHAR(36),
  redeemed_at CHAR(23),
  PRIMARY KEY (list, fingerprint)
) WITHOUT ROWID;


-- ------------------------------------------------------------------------------------------------- Requests of persons

-- What persons ask for. A request is a row that a worker applies once. So a platform or a back office in any language
-- asks with one INSERT, and one piece of code carries it out.
CREATE TABLE jurat_requests (
  id CHAR(36) NOT NULL,
  kind TEXT NOT NULL,
  consultation TEXT,
  participant TEXT,
  question TEXT,
  check_id CHAR(36),
  reason TEXT,
  target TEXT,
  note BLOB,
  note_key TEXT,
  document TEXT,
  by_whom TEXT NOT NULL,
  asked_at CHAR(23) NOT NULL,
  applied_at CHAR(23),
  refused TEXT,
  code_list TEXT,
  expires_at CHAR(23),
  PRIMARY KEY (id)
) WITHOUT ROWID;

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

-- How many transfers and erasures a user of the database may ask for in an hour. A row comes with the first request.
CREATE TABLE jurat_allowances (
  login TEXT NOT NULL,
  per_hour INTEGER NOT NULL,
  began_at CHAR(23),
  used INTEGER NOT NULL DEFAULT 0,
  reached_at CHAR(23),
  PRIMARY KEY (login)
) WITHOUT ROWID;


-- ------------------------------------------------------------------------------------------------------------- Imports

-- Imported zones, all versions. The one whose time came last is in force, or the highest of several.
CREATE TABLE jurat_zones (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  digest TEXT NOT NULL,
  geometry BLOB NOT NULL,
  imported_by TEXT NOT NULL,
  imported_at CHAR(23) NOT NULL,
  in_force_from CHAR(23),
  crs TEXT NOT NULL DEFAULT 'EPSG:4326',
  outline JSON,
  PRIMARY KEY (name, version)
) WITHOUT ROWID;

-- Imported address bases and rosters, all versions. Rows stay, so that no id comes back. A version is a number
-- in each row of the tables below, and no table of its own: so an import needs no right to make tables, and one row
-- says which version counts. Rows of a version are only added and, once no one reads it any more, deleted.
CREATE TABLE jurat_datasets (
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'staged',
  kind TEXT NOT NULL,
  language TEXT NOT NULL,
  digest TEXT NOT NULL,
  data_date TEXT NOT NULL,
  addresses BIGINT NOT NULL DEFAULT 0,
  houses BIGINT NOT NULL DEFAULT 0,
  streets INTEGER NOT NULL DEFAULT 0,
  imported_by TEXT NOT NULL,
  imported_at CHAR(23) NOT NULL,
  people BIGINT NOT NULL DEFAULT 0,
  left_out BIGINT NOT NULL DEFAULT 0,
  layout TEXT,
  key_id TEXT,
  PRIMARY KEY (id),
  CONSTRAINT jurat_datasets_versions UNIQUE (name, version)
);

CREATE UNIQUE INDEX jurat_datasets_active ON jurat_datasets (name) WHERE state = 'active';

-- The streets of each version of an address base.
CREATE TABLE jurat_dataset_streets (
  dataset INTEGER NOT NULL,
  street BIGINT NOT NULL,
  postcode TEXT NOT NULL,
  canonical TEXT NOT NULL,
  name TEXT NOT NULL,
  city TEXT NOT NULL,
  city_code TEXT,
  longitude FLOAT NOT NULL,
  latitude FLOAT NOT NULL,
  west FLOAT NOT NULL,
  south FLOAT NOT NULL,
  east FLOAT NOT NULL,
  north FLOAT NOT NULL,
  numbers INTEGER NOT NULL,
  PRIMARY KEY (dataset, street)
) WITHOUT ROWID;

CREATE INDEX jurat_dataset_streets_city ON jurat_dataset_streets (dataset, city_code, canonical);
CREATE INDEX jurat_dataset_streets_name ON jurat_dataset_streets (dataset, canonical);
CREATE INDEX jurat_dataset_streets_postcode ON jurat_dataset_streets (dataset, postcode, canonical);

-- The houses of those streets; one row for each position.
CREATE TABLE jurat_dataset_houses (
  dataset INTEGER NOT NULL,
  street BIGINT NOT NULL,
  number INTEGER NOT NULL,
  repetition TEXT NOT NULL,
  line INTEGER NOT NULL,
  written TEXT NOT NULL,
  longitude FLOAT NOT NULL,
  latitude FLOAT NOT NULL,
  PRIMARY KEY (dataset, street, number, repetition, line)
) WITHOUT ROWID;

-- Every word in the street names of a version: such a word does not count as misspelled.
CREATE TABLE jurat_dataset_words (
  dataset INTEGER NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (dataset, word)
) WITHOUT ROWID;

-- The rows of each version of a roster, by the keyed hash of the number. The primary key follows the file, so that an
-- import appends and a version is deleted in batches; lookups use the index.
CREATE TABLE jurat_roster_entries (
  dataset INTEGER NOT NULL,
  line INTEGER NOT NULL,
  number BLOB NOT NULL,
  kept JSON NOT NULL,
  PRIMARY KEY (dataset, line)
) WITHOUT ROWID;

CREATE INDEX jurat_roster_entries_number ON jurat_roster_entries (dataset, number);


-- ------------------------------------------------------------------------------------------------- Sources and workers

-- The state of each source. A few rows that change many times a second, each within its page.
CREATE TABLE jurat_sources (
  name TEXT NOT NULL,
  paused_until CHAR(23),
  pause_reason TEXT,
  next_start_at CHAR(23),
  last_success_at CHAR(23),
  last_failure_at CHAR(23),
  last_failure TEXT,
  waiting INTEGER NOT NULL DEFAULT 0,
  oldest_due_at CHAR(23),
  poll_ms INTEGER NOT NULL DEFAULT 500,
  figures_at CHAR(23),
  failures INTEGER NOT NULL DEFAULT 0,
  opened_at CHAR(23),
  probe_at CHAR(23),
  day TEXT,
  used INTEGER NOT NULL DEFAULT 0,
  served INTEGER NOT NULL DEFAULT 0,
  served_s FLOAT,
  wait_s FLOAT,
  PRIMARY KEY (name)
) WITHOUT ROWID;

-- The pauses of sources. During a pause, the deadlines of checks that wait there do not run.
CREATE TABLE jurat_pauses (
  source TEXT NOT NULL,
  began_at CHAR(23) NOT NULL,
  until CHAR(23) NOT NULL,
  reason TEXT NOT NULL,
  by_whom TEXT,
  PRIMARY KEY (source, began_at)
) WITHOUT ROWID;

-- The workers that run. Each updates its row every 10 s, and deletes it when it ends.
CREATE TABLE jurat_workers (
  id CHAR(36) NOT NULL,
  host TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  revision TEXT NOT NULL,
  started_at CHAR(23) NOT NULL,
  seen_at CHAR(23) NOT NULL,
  slots INTEGER NOT NULL,
  held INTEGER NOT NULL,
  sources JSON,
  config_version INTEGER,
  unseal_keys JSON NOT NULL,
  hash_keys JSON NOT NULL,
  ready BOOLEAN NOT NULL,
  stopping BOOLEAN NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;

-- Keys that answers of a source wait for, and that no live worker of that source has. A worker that has the key but
-- does not serve the source opens none of its answers. Meanwhile the deadlines of these answers do not run.
CREATE TABLE jurat_missing_keys (
  answer_key TEXT NOT NULL,
  since CHAR(23) NOT NULL,
  seen_at CHAR(23) NOT NULL,
  source TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (source, answer_key, since)
) WITHOUT ROWID;

-- When each upkeep job last ran, so that one worker at a time runs it.
CREATE TABLE jurat_upkeep (
  task TEXT NOT NULL,
  ran_at CHAR(23) NOT NULL,
  hold_until CHAR(23),
  PRIMARY KEY (task)
) WITHOUT ROWID;


-- ----------------------------------------------------------------------------------------------------------- The audit

-- Who did what with the commands of administrators. Rows are added and never changed.
CREATE TABLE jurat_audit (
  id CHAR(36) NOT NULL,
  at CHAR(23) NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail JSON NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;

INSERT INTO jurat_contract (version) VALUES (1);
