-- Openings on SQLite: what is refused and erased. ../postgresql/openings.sql is the twin. SQLite has no users, so there
-- are no limits either.

-- Persons are compared as person.sql says.
CREATE TRIGGER jurat_openings_asked BEFORE INSERT ON jurat_openings
BEGIN
  SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_openings o WHERE o.id = NEW.id);
  SELECT RAISE(ABORT, 'jurat: JU005: reader_key must be the 32 bytes of a public key')
    WHERE typeof(NEW.reader_key) IS NOT 'blob' OR length(NEW.reader_key) IS NOT 32;
  SELECT RAISE(ABORT, 'jurat: JU005: by_whom must be 1 to 200 characters: who reads it')
    WHERE typeof(NEW.by_whom) IS NOT 'text' OR length(trim(NEW.by_whom)) = 0
    OR max(length(NEW.by_whom), length(CAST(NEW.by_whom AS BLOB)) / 4) > 200;
  SELECT RAISE(ABORT, 'jurat: the id of an opening is a UUID in its usual 36 lower-case characters')
    WHERE typeof(NEW.id) IS NOT 'text' OR NEW.id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]';
  SELECT RAISE(ABORT, 'jurat: JU009: the check is not in review')
    WHERE NOT EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = NEW.check_id AND c.state = 'review');
  SELECT RAISE(ABORT, 'jurat: JU005: by_whom names who reads it, and not the participant')
    WHERE EXISTS (
      WITH RECURSIVE person (who, rest, done) AS (
        VALUES ('reads', NEW.by_whom, ''),
          ('answered', (SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id), '')
        {person})
      SELECT 1 FROM person a JOIN person b ON lower(trim(a.done)) = lower(trim(b.done))
      WHERE a.who = 'reads' AND b.who = 'answered' AND length(a.rest) = 0 AND length(b.rest) = 0);
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come')
    WHERE NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.asked_at) IS NEW.asked_at
      AND NEW.asked_at LIKE '____-__-__ __:__:__.___'
      AND NEW.asked_at BETWEEN '2000-01-01 00:00:00.000' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0);
  SELECT RAISE(ABORT, 'jurat: what comes of an opening is said once it is asked for')
    WHERE coalesce(NEW.opened_at, NEW.sealed, NEW.refused) IS NOT NULL;
END;

CREATE TRIGGER jurat_openings_changed BEFORE UPDATE ON jurat_openings
WHEN NEW.id IS NOT OLD.id OR NEW.check_id IS NOT OLD.check_id OR NEW.by_whom IS NOT OLD.by_whom
  OR NEW.reader_key IS NOT OLD.reader_key OR NEW.asked_at IS NOT OLD.asked_at OR NEW.login IS NOT OLD.login
  OR (OLD.opened_at IS NOT NULL AND (
    NEW.opened_at IS NOT OLD.opened_at OR NEW.refused IS NOT OLD.refused
    OR (NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed)))
  OR (OLD.opened_at IS NULL AND (
    (NEW.sealed IS NULL) = (NEW.refused IS NULL)
    OR NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.opened_at) IS NEW.opened_at
      AND NEW.opened_at LIKE '____-__-__ __:__:__.___'
      AND NEW.opened_at BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds')
        AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0)))
  OR length(CAST(NEW.sealed AS BLOB)) > 65536 OR length(NEW.refused) > 500
BEGIN
  SELECT RAISE(ABORT, 'jurat: an opening is sealed or refused once, now, and then only erased');
END;

-- When a review ends, or its participant is erased or gets another id, nothing is left to read.
CREATE TRIGGER jurat_checks_left_review AFTER UPDATE OF state, participant ON jurat_checks
WHEN OLD.state = 'review' AND (NEW.state <> 'review' OR NEW.participant <> OLD.participant)
BEGIN
  DELETE FROM jurat_openings WHERE check_id = OLD.id;
END;
