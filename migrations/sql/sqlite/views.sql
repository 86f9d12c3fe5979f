-- The views of the contract on SQLite, with the same columns as in ../postgresql/views.sql. ../views.sql has the rest.


-- ------------------------------------------------------------------------------------------------------------- Results

-- What platforms poll. A pending or leased check has no verdict yet. SQLite has no LATERAL, so the number of the newest
-- revision is looked up first.
--
-- next_poll_ms is when to ask again. Workers count waiting checks every 5 s. Half a minute after the last count they
-- are taken to be away, and polls become rarer, down to one in 5 s within two minutes.
--
-- source_away is true while nobody looks up: the source fails or rests, or the workers are away.
--
-- zone is the one that holds the address, where the question asks which.
CREATE VIEW jurat_results AS
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE
         CASE WHEN s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')
              THEN min(5000, max(coalesce(s.poll_ms, 500),
                                 CAST(50 * 86400 * (julianday('now') - julianday(s.figures_at)) AS int)))
              ELSE coalesce(s.poll_ms, 500) END
       END AS next_poll_ms,
       CASE c.state WHEN 'review' THEN
         (SELECT w.due_at FROM jurat_reviews w WHERE w.check_id = c.id AND w.decided_at IS NULL)
       END AS review_due_at,
       coalesce(c.state IN ('pending', 'leased') AND (
         s.opened_at IS NOT NULL OR s.failures > 1 OR s.paused_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
         OR s.closed_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
         OR s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')), 0) AS source_away,
       CASE WHEN v.outcome = 'accepted' THEN
         (SELECT w.evidence ->> 'named_zone' FROM jurat_verdicts w
          WHERE w.check_id = c.id AND w.revision = v.revision)
       END AS zone
FROM jurat_checks c
LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
     AND c.state IN ('settled', 'review')
LEFT JOIN jurat_sources s ON s.name = c.source;


-- ------------------------------------------------------------------------------------------------------------- Reviews

-- The queue of reviews as a back office lists it.
--
-- `words` has the last decision of each person since the review was opened. Persons are compared as person.sql
-- says. Which decisions count is for store.requests.decisions to say.
--
-- `needed` is false if an accepted question has ended this one, see jurat_access.ended. That counts only while all
-- questions that it names are accepted.
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
         AND 1 = (
           WITH RECURSIVE person (who, rest, done) AS (
             VALUES ('later', l.by_whom, ''), ('this', q.by_whom, '')
             {person})
           SELECT count(DISTINCT lower(trim(done))) FROM person WHERE length(rest) = 0))) AS words,
  NOT coalesce((
    SELECT min(json_extract(a.questions, '$."' || b.value || '"') IS 'accepted')
    FROM jurat_access a, json_each(a.ended) e, json_each(e.value) b
    WHERE a.consultation = c.consultation AND a.participant = c.participant AND e.key = c.question), 0) AS needed
FROM jurat_reviews v JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
WHERE v.decided_at IS NULL;
