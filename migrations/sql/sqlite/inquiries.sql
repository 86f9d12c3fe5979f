-- Inquiries on SQLite: what people may have workers look up once, and what becomes of it. ../postgresql/inquiries.sql is
-- the twin.

CREATE TRIGGER jurat_inquiries_asked BEFORE INSERT ON jurat_inquiries
BEGIN
  SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_inquiries i WHERE i.id = NEW.id);
  SELECT RAISE(ABORT, 'jurat: JU013: a person may ask sources 20 times an hour, and all together 100 times')
    FROM (
      SELECT count(*) AS every, sum(i.by_whom = NEW.by_whom) AS mine FROM jurat_inquiries i
      WHERE i.asked_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-3600 seconds'))
    WHERE mine >= 20 OR every >= 100;
  SELECT RAISE(ABORT, 'jurat: the id of an inquiry is a UUID in its usual 36 lower-case characters')
    WHERE typeof(NEW.id) IS NOT 'text' OR NEW.id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]';
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come')
    WHERE NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.asked_at) IS NEW.asked_at
      AND NEW.asked_at LIKE '____-__-__ __:__:__.___'
      AND NEW.asked_at BETWEEN '2000-01-01 00:00:00.000' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0);
  SELECT RAISE(ABORT, 'jurat: an inquiry names who asks what, with a public key and a sealed answer')
    WHERE coalesce(NEW.begun_at, NEW.sealed) IS NOT NULL
    OR typeof(NEW.reader_key) IS NOT 'blob' OR length(NEW.reader_key) IS NOT 32
    OR typeof(NEW.answer) IS NOT 'blob' OR length(NEW.answer) NOT BETWEEN 1 AND 16432
    OR typeof(NEW.answer_key) IS NOT 'text' OR length(NEW.answer_key) <> 16 OR NEW.answer_key GLOB '*[^0-9a-f]*'
    OR typeof(NEW.by_whom) IS NOT 'text' OR length(NEW.by_whom) NOT BETWEEN 1 AND 200
    OR typeof(NEW.source) IS NOT 'text' OR length(NEW.source) NOT BETWEEN 1 AND 200;
END;

CREATE TRIGGER jurat_inquiries_changed BEFORE UPDATE ON jurat_inquiries
WHEN NEW.id IS NOT OLD.id OR NEW.source IS NOT OLD.source OR NEW.by_whom IS NOT OLD.by_whom
  OR NEW.reader_key IS NOT OLD.reader_key OR NEW.answer_key IS NOT OLD.answer_key OR NEW.asked_at IS NOT OLD.asked_at
  OR NEW.login IS NOT OLD.login
  OR (NEW.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer)
  OR (NEW.begun_at IS NOT OLD.begun_at AND (OLD.begun_at IS NOT NULL OR NOT coalesce(
    strftime('%Y-%m-%d %H:%M:%f', NEW.begun_at) IS NEW.begun_at
    AND NEW.begun_at LIKE '____-__-__ __:__:__.___'
    AND NEW.begun_at BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds')
      AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0)))
  OR (NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed AND (NEW.answer IS NOT NULL OR OLD.answer IS NULL
    OR NEW.begun_at IS NULL OR length(CAST(NEW.sealed AS BLOB)) > 65536))
BEGIN
  SELECT RAISE(ABORT, 'jurat: an inquiry is begun once and sealed once, and then only erased');
END;
