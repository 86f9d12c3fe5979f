-- The views of the contract that have one text: what a web tier draws and counts, and what operators watch. They are
-- written for PostgreSQL; store.schema.baseline replaces its clock by SQLite's.


-- ----------------------------------------------------------------------------------------------------- Zones and codes

-- The version of each zone in force: the one whose time came last, or the highest of several.
CREATE VIEW jurat_zone_outlines AS
SELECT z.name, z.title, z.version, z.outline FROM jurat_zones z
WHERE z.in_force_from <= statement_timestamp() AND NOT EXISTS (
  SELECT 1 FROM jurat_zones l
  WHERE l.name = z.name AND l.in_force_from <= statement_timestamp()
    AND (l.in_force_from > z.in_force_from OR (l.in_force_from = z.in_force_from AND l.version > z.version)));

-- How many codes each list has, and how many are redeemed, revoked or expired.
CREATE VIEW jurat_code_lists AS
SELECT list, count(*) AS codes,
       count(CASE WHEN redeemed_by IS NOT NULL THEN 1 END) AS redeemed,
       count(CASE WHEN revoked_at IS NOT NULL THEN 1 END) AS revoked,
       count(CASE WHEN expires_at <= statement_timestamp() THEN 1 END) AS expired
FROM jurat_codes GROUP BY list;

-- The keys that stored answers are sealed for, without the answers: whoever watches or tends keys may read no answer.
CREATE VIEW jurat_sealed_answers AS
SELECT answer_key, source, state FROM jurat_checks WHERE answer IS NOT NULL;
