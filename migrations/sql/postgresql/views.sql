-- The views of the contract on PostgreSQL: what platforms poll, and what reviewers work on. ../sqlite/views.sql has the
-- same views with the same columns, and ../views.sql those that have one text.


-- ------------------------------------------------------------------------------------------------------------- Results

-- What platforms poll. A pending or leased check has no verdict yet, so none is looked up. The newest verdict is read
-- from the primary key of jurat_verdicts alone.
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
         CASE WHEN s.figures_at < statement_timestamp() - interval '30 s'
              THEN least(5000, greatest(coalesce(s.poll_ms, 500),
                                        50 * extract(epoch FROM statement_timestamp() - s.figures_at)::int))
              ELSE coalesce(s.poll_ms, 500) END
       END AS next_poll_ms,
       CASE c.state WHEN 'review' THEN
         (SELECT w.due_at FROM jurat_reviews w WHERE w.check_id = c.id AND w.decided_at IS NULL)
       END AS review_due_at,
       coalesce(c.state IN ('pending', 'leased') AND (
         s.opened_at IS NOT NULL OR s.failures > 1 OR s.paused_until > statement_timestamp()
         OR s.closed_until > statement_timestamp()
         OR s.figures_at < statement_timestamp() - interval '30 s'), false) AS source_away,
       CASE WHEN v.outcome = 'accepted' THEN
         (SELECT w.evidence ->> 'named_zone' FROM jurat_verdicts w
          WHERE w.check_id = c.id AND w.revision = v.revision)
       END AS zone
FROM jurat_checks c
LEFT JOIN LATERAL (
  SELECT w.outcome, w.reason, w.revision, w.decided_at FROM jurat_verdicts w
  WHERE w.check_id = c.id AND c.state IN ('settled', 'review')
  ORDER BY w.revision DESC LIMIT 1) v ON true
LEFT JOIN jurat_sources s ON s.name = c.source;


-- ------------------------------------------------------------------------------------------------------------- Reviews

-- The queue of reviews as a back office lists it.
--
-- `words` has the last decision of each person since the review was opened. Which of them count is for
-- store.requests.decisions to say.
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
  coalesce((
    SELECT jsonb_agg(jsonb_build_object('by_whom', q.by_whom, 'reason', q.reason, 'at', q.applied_at)
                     ORDER BY q.applied_at)
    FROM jurat_requests q
    WHERE q.check_id = v.check_id AND q.kind = 'decide' AND q.refused IS NULL AND q.applied_at >= v.opened_at
      AND NOT EXISTS (
        SELECT 1 FROM jurat_requests l
        WHERE l.check_id = q.check_id AND l.kind = 'decide' AND l.refused IS NULL AND l.applied_at > q.applied_at
          AND jurat_person(l.by_whom) = jurat_person(q.by_whom))), '[]') AS words,
  NOT coalesce((
    SELECT bool_and(coalesce(a.questions ->> b.name, '') = 'accepted')
    FROM jurat_access a CROSS JOIN LATERAL jsonb_array_elements_text(a.ended -> c.question) AS b (name)
    WHERE a.consultation = c.consultation AND a.participant = c.participant), false) AS needed
FROM jurat_reviews v JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
WHERE v.decided_at IS NULL;
