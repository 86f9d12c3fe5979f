-- What administrators import, what workers note of sources and of each other, and the audit. tables.sql says what holds
-- for all tables.


-- ------------------------------------------------------------------------------------------------------------- Imports

-- Imported zones, all versions. The one whose time came last is in force, or the highest of several.
CREATE TABLE jurat_zones (
  name text NOT NULL,
  version integer NOT NULL,
  title text NOT NULL,
  digest text NOT NULL,
  geometry bytea NOT NULL,
  imported_by text NOT NULL,
  imported_at timestamptz NOT NULL,
  in_force_from timestamptz,
  crs text NOT NULL DEFAULT 'EPSG:4326',
  outline jsonb,
  login text,
  PRIMARY KEY (name, version)
);

-- Imported address bases and rosters, all versions. Rows stay, so that no id comes back. A version is a number
-- in each row of the tables below, and no table of its own: so an import needs no right to make tables, and one row
-- says which version counts. Rows of a version are only added and, once no one reads it any more, deleted.
CREATE TABLE jurat_datasets (
  id integer NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  state text NOT NULL DEFAULT 'staged',
  kind text NOT NULL,
  language text NOT NULL,
  digest text NOT NULL,
  data_date text NOT NULL,
  addresses bigint NOT NULL DEFAULT 0,
  houses bigint NOT NULL DEFAULT 0,
  streets integer NOT NULL DEFAULT 0,
  imported_by text NOT NULL,
  imported_at timestamptz NOT NULL,
  people bigint NOT NULL DEFAULT 0,
  left_out bigint NOT NULL DEFAULT 0,
  layout text,
  key_id text,
  login text,
  PRIMARY KEY (id),
  CONSTRAINT jurat_datasets_versions UNIQUE (name, version)
);

CREATE UNIQUE INDEX jurat_datasets_active ON jurat_datasets (name) WHERE state = 'active';

-- The streets of each version of an address base.
CREATE TABLE jurat_dataset_streets (
  dataset integer NOT NULL,
  street bigint NOT NULL,
  postcode text COLLATE "C" NOT NULL,
  canonical text COLLATE "C" NOT NULL,
  name text NOT NULL,
  city text NOT NULL,
  city_code text COLLATE "C",
  longitude float8 NOT NULL,
  latitude float8 NOT NULL,
  west float8 NOT NULL,
  south float8 NOT NULL,
  east float8 NOT NULL,
  north float8 NOT NULL,
  numbers integer NOT NULL,
  hamlet text,
  PRIMARY KEY (dataset, street)
);

CREATE INDEX jurat_dataset_streets_city ON jurat_dataset_streets (dataset, city_code, canonical);
CREATE INDEX jurat_dataset_streets_name ON jurat_dataset_streets (dataset, canonical);
CREATE INDEX jurat_dataset_streets_postcode ON jurat_dataset_streets (dataset, postcode, canonical);

-- The houses of those streets; one row for each position.
CREATE TABLE jurat_dataset_houses (
  dataset integer NOT NULL,
  street bigint NOT NULL,
  number integer NOT NULL,
  repetition text COLLATE "C" NOT NULL,
  line integer NOT NULL,
  written text NOT NULL,
  longitude float8 NOT NULL,
  latitude float8 NOT NULL,
  accuracy integer,
  PRIMARY KEY (dataset, street, number, repetition, line)
);

-- Every word in the street names of a version: such a word does not count as misspelled.
CREATE TABLE jurat_dataset_words (
  dataset integer NOT NULL,
  word text COLLATE "C" NOT NULL,
  PRIMARY KEY (dataset, word)
);

-- The rows of each version of a roster, by the keyed hash of the number. The primary key follows the file, so that an
-- import appends and a version is deleted in batches; lookups use the index.
CREATE TABLE jurat_roster_entries (
  dataset integer NOT NULL,
  line integer NOT NULL,
  number bytea NOT NULL,
  kept jsonb NOT NULL,
  PRIMARY KEY (dataset, line)
);

CREATE INDEX jurat_roster_entries_number ON jurat_roster_entries (dataset, number);


-- ------------------------------------------------------------------------------------------------- Sources and workers

-- The state of each source. A few rows that change many times a second, each within its page.
CREATE TABLE jurat_sources (
  name text NOT NULL,
  paused_until timestamptz,
  pause_reason text,
  next_start_at timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_failure text,
  waiting integer NOT NULL DEFAULT 0,
  oldest_due_at timestamptz,
  poll_ms integer NOT NULL DEFAULT 500,
  figures_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  opened_at timestamptz,
  probe_at timestamptz,
  day text,
  used integer NOT NULL DEFAULT 0,
  served integer NOT NULL DEFAULT 0,
  served_s float8,
  wait_s float8,
  due integer NOT NULL DEFAULT 0,
  lookup_s float8,
  most_slots integer,
  closed_until timestamptz,
  day_used float8,
  suspect_since timestamptz,
  suspect_reason text,
  suspect_share float8,
  usual_share float8,
  drift text,
  shadow jsonb,
  PRIMARY KEY (name)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- How many results of each source had each reason, by the hour since 1970: counts of no person, for eight days.
CREATE TABLE jurat_outcomes (
  source text NOT NULL,
  hour integer NOT NULL,
  reason text NOT NULL,
  results integer NOT NULL,
  PRIMARY KEY (source, hour, reason)
);

-- The pauses of sources. During a pause, the deadlines of checks that wait there do not run.
CREATE TABLE jurat_pauses (
  source text NOT NULL,
  began_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  reason text NOT NULL,
  by_whom text,
  PRIMARY KEY (source, began_at)
);

-- The workers that run. Each updates its row every 10 s, and deletes it when it ends.
CREATE TABLE jurat_workers (
  id uuid NOT NULL,
  host text NOT NULL,
  name text NOT NULL,
  version text NOT NULL,
  revision text NOT NULL,
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  slots integer NOT NULL,
  held integer NOT NULL,
  sources jsonb,
  config_version integer,
  unseal_keys jsonb NOT NULL,
  hash_keys jsonb NOT NULL,
  ready boolean NOT NULL,
  stopping boolean NOT NULL,
  PRIMARY KEY (id)
);

-- Keys that answers of a source wait for, and that no live worker of that source has. A worker that has the key but
-- does not serve the source opens none of its answers. Meanwhile the deadlines of these answers do not run.
CREATE TABLE jurat_missing_keys (
  answer_key text NOT NULL,
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  source text NOT NULL DEFAULT '',
  PRIMARY KEY (source, answer_key, since)
);

-- The key that new codes and numbers are hashed with, in one row. Who hashes one locks the row against a change: so two
-- workers never store the same number or code under two keys.
CREATE TABLE jurat_hash_key (
  one boolean NOT NULL DEFAULT true CHECK (one),
  key_id text NOT NULL,
  used_since timestamptz NOT NULL,
  PRIMARY KEY (one)
);

-- What people ask workers to look up once, to see what a source answers: a sealed `answer`, and later what came of it,
-- `sealed` for the session that asked. Either is erased when it is of no use any more, and after 15 minutes; the rest of
-- the row stays for an hour, in which it counts against who asked.
CREATE TABLE jurat_inquiries (
  id uuid NOT NULL,
  source text NOT NULL,
  by_whom text NOT NULL,
  reader_key bytea NOT NULL,
  answer bytea,
  answer_key text NOT NULL,
  asked_at timestamptz NOT NULL,
  begun_at timestamptz,
  sealed bytea,
  login text,
  PRIMARY KEY (id)
);

-- When each upkeep job last ran, so that one worker at a time runs it.
CREATE TABLE jurat_upkeep (
  task text NOT NULL,
  ran_at timestamptz NOT NULL,
  hold_until timestamptz,
  PRIMARY KEY (task)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);


-- ---------------------------------------------------------------------------------------------------------------- Keys

-- The keys that platforms seal with, one for each epoch. The operator's own key has signed each row, and platforms pin
-- that one: they take no key that anyone else adds. A row stays after its key was destroyed, and says when that was.
CREATE TABLE jurat_seal_keys (
  id text NOT NULL,
  public_key bytea NOT NULL,
  from_at timestamptz NOT NULL,
  until_at timestamptz NOT NULL,
  signature bytea NOT NULL,
  retired_at timestamptz,
  PRIMARY KEY (id),
  CONSTRAINT jurat_seal_keys_in_time CHECK (
    from_at >= '1970-01-01 00:00:00.000Z' AND from_at < until_at AND until_at < '9000-01-01 00:00:00.000Z')
);


-- ----------------------------------------------------------------------------------------------------------- The audit

-- Who did what with the commands of administrators. Rows are added and never changed.
CREATE TABLE jurat_audit (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL,
  login text,
  PRIMARY KEY (id)
);

-- When operators last noted a backup or checked their copies of the keys, and which workers vanished.
CREATE INDEX jurat_audit_noted ON jurat_audit (action, at)
WHERE action IN ('backup note', 'keys check', 'worker vanished');

-- The newest rows, page by page.
CREATE INDEX jurat_audit_at ON jurat_audit (at, id);

-- ----------------------------------------------------------------------------------------------------- Sealed history

-- That the history has begun: one row, or none. From then on, what is decided and done waits in jurat_unsealed.
CREATE TABLE jurat_history (
  began_at timestamptz NOT NULL,
  began_by text NOT NULL,
  sealed_at timestamptz,
  PRIMARY KEY (began_at)
);

-- Rows of other tables that are not in the history yet. `subject` is their key as text, and `replaced` the keyed hash
-- in the place of which a row has another one now.
CREATE TABLE jurat_unsealed (
  queued_at timestamptz NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  replaced text,
  PRIMARY KEY (queued_at, kind, subject)
);

-- The leaves of the Merkle tree, in order, with salted hashes of a row. Its salts go when the row goes, and
-- `person_salt` also when its participant is erased; `fingerprint_salt` when its code or number is hashed once more.
-- Then the hashes say nothing any more.
CREATE TABLE jurat_leaves (
  number bigint NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  due_at timestamptz,
  salt bytea,
  content bytea,
  person bytea,
  person_salt bytea,
  fingerprint bytea,
  fingerprint_salt bytea,
  PRIMARY KEY (number)
);

CREATE INDEX jurat_leaves_subject ON jurat_leaves (subject, kind);

-- The signed heads of the tree, one for each time that it grew. `frontier` has the roots of its complete subtrees.
CREATE TABLE jurat_tree_heads (
  signed_ms bigint NOT NULL,
  tree_size bigint NOT NULL,
  root_hash bytea NOT NULL,
  signature bytea NOT NULL,
  lost_from bigint,
  frontier bytea NOT NULL,
  PRIMARY KEY (signed_ms)
);

INSERT INTO jurat_contract (version) VALUES (1);
