-- What SQLite refuses of the requests of persons, whoever writes. guards.sql says what holds for all triggers.
-- ../postgresql/request_guards.sql is the twin.


-- ------------------------------------------------------------------------------------------------------------ Requests
--
-- SQLite has no users, so there is no guard of who may ask for what.

CREATE TRIGGER jurat_requests_codes BEFORE INSERT ON jurat_requests
WHEN NEW.expires_at IS NOT NULL
  AND NOT coalesce(
    strftime('%Y-%m-%d %H:%M:%f', NEW.expires_at) IS NEW.expires_at
    AND NEW.expires_at LIKE '____-__-__ __:__:__.___', 0)
BEGIN
  SELECT RAISE(ABORT, 'jurat: expires_at is UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes it');
END;

-- A request holds only what its kind needs, and never the participant's id as the name of the person who asks: an
-- erasure would not look for an id there. The names 'participant' and 'platform', which no one chose, are not refused.
--
-- Persons are compared as person.sql says.
CREATE TRIGGER jurat_requests_added BEFORE INSERT ON jurat_requests
BEGIN
  SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_requests r WHERE r.id = NEW.id);
  SELECT RAISE(ABORT, 'jurat: by_whom names who asks, and not the participant by the id that may have to be erased')
    WHERE EXISTS (
      WITH RECURSIVE person (who, rest, done) AS (
        VALUES ('asks', NEW.by_whom, ''), ('named', NEW.participant, ''), ('named', NEW.target, ''),
          ('answered', (SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id), '')
        {person})
      SELECT 1 FROM person a JOIN person b ON lower(trim(a.done)) = lower(trim(b.done))
      WHERE a.who = 'asks' AND length(a.rest) = 0 AND length(b.rest) = 0 AND NEW.by_whom <> 'participant' AND (
        b.who = 'answered' OR (b.who = 'named' AND NEW.by_whom <> 'platform')));
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come')
    WHERE NEW.asked_at IS NULL OR EXISTS (
      WITH given (time) AS (VALUES (NEW.asked_at), (NEW.applied_at))
      SELECT 1 FROM given WHERE time IS NOT NULL AND NOT coalesce(
        strftime('%Y-%m-%d %H:%M:%f', time) IS time
        AND time LIKE '____-__-__ __:__:__.___'
        AND time BETWEEN '2000-01-01 00:00:00.000' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0));
  SELECT RAISE(ABORT, 'jurat: a request holds what its kind has a use for, and nothing else')
    WHERE (NEW.kind IN ('contest', 'decide', 'open') AND (NEW.consultation IS NOT NULL OR NEW.participant IS NOT NULL))
    OR (NEW.kind IN ('reopen', 'revoke', 'restore', 'transfer', 'erase') AND NEW.check_id IS NOT NULL)
    OR (NEW.kind IN ('contest', 'decide', 'open', 'reopen', 'revoke', 'restore', 'transfer', 'erase') AND (
      (NEW.kind <> 'reopen' AND NEW.question IS NOT NULL)
      OR (NEW.kind <> 'transfer' AND NEW.target IS NOT NULL)
      OR (NEW.kind <> 'decide' AND NEW.reason IS NOT NULL)
      OR (NEW.kind <> 'contest'
          AND (NEW.note IS NOT NULL OR NEW.note_key IS NOT NULL OR NEW.document IS NOT NULL))));
  SELECT RAISE(ABORT, 'jurat: consultation, question and reason of a request must be known here')
    WHERE (NEW.kind IN ('reopen', 'revoke', 'restore', 'transfer', 'erase') AND NEW.consultation IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM jurat_questions k WHERE k.consultation = NEW.consultation)
      AND NOT EXISTS (SELECT 1 FROM jurat_checks k WHERE k.consultation = NEW.consultation)
      AND NOT EXISTS (SELECT 1 FROM jurat_access k WHERE k.consultation = NEW.consultation))
    OR (NEW.kind = 'reopen' AND NEW.question IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM jurat_questions k WHERE k.consultation = NEW.consultation AND k.question = NEW.question))
    OR (NEW.kind = 'decide' AND NEW.reason NOT IN (
      'person_accepted', 'activity_not_eligible', 'area_not_eligible', 'birth_date_differs', 'code_expired',
      'code_revoked', 'code_unknown', 'code_used', 'not_a_person', 'not_valid_at_date', 'outside_zone',
      'person_refused', 'profession_not_eligible', 'status_inactive', 'too_young'));
  SELECT RAISE(ABORT, 'jurat: check_id is the id of a check, note bytes, and all else of a request text')
    WHERE EXISTS (
      WITH given (text) AS (
        VALUES (NEW.id), (NEW.kind), (NEW.consultation), (NEW.participant), (NEW.question), (NEW.check_id),
          (NEW.reason), (NEW.target), (NEW.note_key), (NEW.document), (NEW.by_whom))
      SELECT 1 FROM given WHERE typeof(text) NOT IN ('text', 'null'))
    OR typeof(NEW.note) NOT IN ('blob', 'null')
    OR NEW.check_id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]';
  SELECT RAISE(ABORT, 'jurat: the id of a request is a UUID in its usual 36 lower-case characters')
    WHERE NEW.id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
    OR NEW.id <> lower(NEW.id);
END;

-- Notes of 2,000 characters, and codes, with what sealing adds.
CREATE TRIGGER jurat_requests_sized_1 BEFORE INSERT ON jurat_requests
WHEN length(CAST(NEW.note AS BLOB)) > CASE NEW.kind WHEN 'codes' THEN 4194304 ELSE 8048 END
BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: a note has at most 2,000 characters before it is sealed, and codes have 4 MiB');
END;

CREATE TRIGGER jurat_requests_sized_2 BEFORE INSERT ON jurat_requests
WHEN EXISTS (
  WITH given (text) AS (
    VALUES (NEW.kind), (NEW.consultation), (NEW.participant), (NEW.question), (NEW.reason), (NEW.target),
      (NEW.note_key), (NEW.document), (NEW.by_whom), (NEW.code_list))
  SELECT 1 FROM given WHERE max(length(text), length(CAST(text AS BLOB)) / 4) > 200)
BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: each text of a request has at most 200 characters');
END;

-- Of a stored request only the participant's id and what came of it may change.
CREATE TRIGGER jurat_requests_changed BEFORE UPDATE ON jurat_requests
WHEN NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.consultation IS NOT OLD.consultation
  OR NEW.question IS NOT OLD.question OR NEW.check_id IS NOT OLD.check_id OR NEW.reason IS NOT OLD.reason
  OR NEW.by_whom IS NOT OLD.by_whom OR NEW.asked_at IS NOT OLD.asked_at OR NEW.code_list IS NOT OLD.code_list
  OR NEW.expires_at IS NOT OLD.expires_at
  -- these can be erased,
  OR (NEW.note IS NOT NULL AND NEW.note IS NOT OLD.note)
  OR (NEW.note_key IS NOT NULL AND NEW.note_key IS NOT OLD.note_key)
  OR (NEW.document IS NOT NULL AND NEW.document IS NOT OLD.document)
  -- the outcome is written once,
  OR (OLD.applied_at IS NOT NULL AND NEW.applied_at IS NOT OLD.applied_at)
  OR (OLD.applied_at IS NOT NULL AND NEW.refused IS NOT OLD.refused)
  OR (NEW.applied_at IS NULL AND NEW.refused IS NOT NULL)
  -- and an id becomes that of an erased participant, or the target of a transfer that waits.
  OR (NEW.participant IS NOT OLD.participant
    AND (OLD.participant IS NULL OR NEW.participant IS NULL OR NEW.participant NOT LIKE 'erased-%')
    AND NOT EXISTS (
      SELECT 1 FROM jurat_requests t
      WHERE t.kind = 'transfer' AND t.applied_at IS NULL AND t.consultation = NEW.consultation
        AND t.participant = OLD.participant AND t.target = NEW.participant))
  OR (NEW.target IS NOT OLD.target
    AND (OLD.target IS NULL OR NEW.target IS NULL OR NEW.target NOT LIKE 'erased-%')
    AND NOT EXISTS (
      SELECT 1 FROM jurat_requests t
      WHERE t.kind = 'transfer' AND t.applied_at IS NULL AND t.consultation = NEW.consultation
        AND t.participant = OLD.target AND t.target = NEW.target))
BEGIN
  SELECT RAISE(ABORT, 'jurat: of a request that is stored only the participant''s id and what came of it may change');
END;

-- A revocation or its end comes after the last one of that participant, even if the clock was set back since.
CREATE TRIGGER jurat_requests_dealt_with BEFORE UPDATE ON jurat_requests
WHEN NEW.applied_at IS NOT NULL AND NOT coalesce(
    strftime('%Y-%m-%d %H:%M:%f', NEW.applied_at) IS NEW.applied_at
    AND NEW.applied_at LIKE '____-__-__ __:__:__.___'
    AND NEW.applied_at BETWEEN '2000-01-01 00:00:00.000'
      AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0)
  AND (NEW.applied_at IS (
    SELECT strftime('%Y-%m-%d %H:%M:%f', max(l.applied_at), '+0.001 seconds') FROM jurat_requests l
    WHERE NEW.kind IN ('revoke', 'restore') AND l.kind IN ('revoke', 'restore')
      AND l.consultation = NEW.consultation AND l.participant = NEW.participant
      AND l.applied_at IS NOT NULL AND l.refused IS NULL AND l.id <> NEW.id)) IS NOT TRUE
BEGIN
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come');
END;

-- A contest without its note would be refused. A worker erases codes before it says that they are added.
CREATE TRIGGER jurat_requests_noted BEFORE UPDATE OF note, note_key, document ON jurat_requests
WHEN NEW.applied_at IS NULL AND OLD.kind <> 'codes'
  AND (NEW.note IS NOT OLD.note OR NEW.note_key IS NOT OLD.note_key OR NEW.document IS NOT OLD.document)
BEGIN
  SELECT RAISE(ABORT, 'jurat: what a request says is erased once it is dealt with');
END;

CREATE TRIGGER jurat_requests_kept BEFORE DELETE ON jurat_requests
WHEN OLD.applied_at IS NULL
BEGIN
  SELECT RAISE(ABORT, 'jurat: a request that waits cannot be deleted');
END;
