-- The views of the contract on SQLite, with the columns that ../postgresql/views.sql has.


-- ------------------------------------------------------------------------------------------------------------- Results

-- What platforms poll. A check that is pending or leased has no verdict yet. SQLite knows no LATERAL, and looks up the
-- number of the newest revision first.
--
-- next_poll_ms is when to ask again. Workers count what waits each 5 s. Half a minute after the last count they are
-- away, and polls grow rarer, to one in 5 s within two minutes.
CREATE VIEW jurat_results AS
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE
         CASE WHEN s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')
              THEN min(5000, max(coalesce(s.poll_ms, 500),
                                 CAST(50 * 86400 * (julianday('now') - julianday(s.figures_at)) AS int)))
              ELSE coalesce(s.poll_ms, 500) END
       END AS next_poll_ms
FROM jurat_checks c
LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
     AND c.state IN ('settled', 'review')
LEFT JOIN jurat_sources s ON s.name = c.source;


-- ------------------------------------------------------------------------------------------------------------- Reviews

-- The queue of reviews as a back office lists it.
--
-- `words` has of each person the last decision since the review was opened. Persons are compared as in
-- jurat_requests_added (guards.sql); what counts, store.requests.decisions says.
--
-- `needed` is false where an accepted question has ended this one, see jurat_access.ended. That is believed only while
-- all that it names is accepted.
CREATE VIEW jurat_review_queue AS
SELECT v.check_id, c.consultation, c.question, v.reason, v.evidence, v.opened_at, v.due_at,
  EXISTS (SELECT 1 FROM jurat_requests q
          WHERE q.check_id = v.check_id AND q.kind = 'contest' AND q.applied_at IS NOT NULL AND q.refused IS NULL)
    AS contested,
  (SELECT q.document FROM jurat_requests q
   WHERE q.check_id = v.check_id AND q.kind = 'contest' AND q.applied_at IS NOT NULL AND q.refused IS NULL
   ORDER BY q.applied_at DESC LIMIT 1) AS document,
  (SELECT json_group_array(json_object('by_whom', q.by_whom, 'reason', q.reason, 'at', q.applied_at))
   FROM jurat_requests q
   WHERE q.check_id = v.check_id AND q.kind = 'decide' AND q.refused IS NULL AND q.applied_at >= v.opened_at
     AND NOT EXISTS (
       SELECT 1 FROM jurat_requests l
       WHERE l.check_id = q.check_id AND l.kind = 'decide' AND l.refused IS NULL AND l.applied_at > q.applied_at
         AND (
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT n.i + 1 FROM n WHERE n.i < length(l.by_whom))
           SELECT lower(trim(coalesce(group_concat(substr(l.by_whom, n.i, 1), ''), ''))) FROM n
           WHERE NOT (
             unicode(substr(l.by_whom, n.i, 1)) BETWEEN 173 AND 173
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 847 AND 847
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 1564 AND 1564
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 4447 AND 4448
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 6068 AND 6069
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 6155 AND 6159
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 8203 AND 8207
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 8234 AND 8238
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 8288 AND 8303
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 10240 AND 10240
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 12644 AND 12644
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 65024 AND 65039
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 65279 AND 65279
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 65440 AND 65440
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 65520 AND 65528
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 113824 AND 113827
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 119155 AND 119162
             OR unicode(substr(l.by_whom, n.i, 1)) BETWEEN 917504 AND 921599
             OR (substr(l.by_whom, n.i, 1) = ' ' AND substr(l.by_whom, n.i - 1, 1) = ' '))) = (
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT n.i + 1 FROM n WHERE n.i < length(q.by_whom))
           SELECT lower(trim(coalesce(group_concat(substr(q.by_whom, n.i, 1), ''), ''))) FROM n
           WHERE NOT (
             unicode(substr(q.by_whom, n.i, 1)) BETWEEN 173 AND 173
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 847 AND 847
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 1564 AND 1564
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 4447 AND 4448
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 6068 AND 6069
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 6155 AND 6159
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 8203 AND 8207
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 8234 AND 8238
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 8288 AND 8303
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 10240 AND 10240
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 12644 AND 12644
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 65024 AND 65039
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 65279 AND 65279
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 65440 AND 65440
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 65520 AND 65528
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 113824 AND 113827
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 119155 AND 119162
             OR unicode(substr(q.by_whom, n.i, 1)) BETWEEN 917504 AND 921599
             OR (substr(q.by_whom, n.i, 1) = ' ' AND substr(q.by_whom, n.i - 1, 1) = ' '))))) AS words,
  NOT coalesce((
    SELECT min(json_extract(a.questions, '$."' || b.value || '"') IS 'accepted')
    FROM jurat_access a, json_each(a.ended) e, json_each(e.value) b
    WHERE a.consultation = c.consultation AND a.participant = c.participant AND e.key = c.question), 0) AS needed
FROM jurat_reviews v JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
WHERE v.decided_at IS NULL;


-- ----------------------------------------------------------------------------------------------------- Zones and codes

-- Of each zone the version in force: whose time came last, the highest of several.
CREATE VIEW jurat_zone_outlines AS
SELECT z.name, z.title, z.version, z.outline FROM jurat_zones z
WHERE z.in_force_from <= strftime('%Y-%m-%d %H:%M:%f', 'now') AND NOT EXISTS (
  SELECT 1 FROM jurat_zones l
  WHERE l.name = z.name AND l.in_force_from <= strftime('%Y-%m-%d %H:%M:%f', 'now')
    AND (l.in_force_from > z.in_force_from OR (l.in_force_from = z.in_force_from AND l.version > z.version)));

-- How many codes each list has, and what became of them.
CREATE VIEW jurat_code_lists AS
SELECT list, count(*) AS codes,
       count(CASE WHEN redeemed_by IS NOT NULL THEN 1 END) AS redeemed,
       count(CASE WHEN revoked_at IS NOT NULL THEN 1 END) AS revoked,
       count(CASE WHEN expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 1 END) AS expired
FROM jurat_codes GROUP BY list;
