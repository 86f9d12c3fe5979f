-- The consultations that platforms publish, on PostgreSQL. functions.sql says what holds for all.
--
--   publishing a consultation     jurat_check_consultation, jurat_publish_consultation
--   putting it in force           jurat_take_turn, jurat_add_version, jurat_add_questions, jurat_answer_consultations


-- ------------------------------------------------------------------------------------------- Publishing a consultation
--
-- A platform may not write jurat_consultations itself. These functions check only whose the consultation is, and how
-- large. The worker that puts it into the configuration checks what it says.

-- Returns what jurat_publish_consultation would raise; no row if it would publish.
CREATE FUNCTION jurat_check_consultation(name text, document json, published_by text)
RETURNS TABLE (code text, place text, problem text, hint text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_name text := jurat_check_consultation.name;
  size int := octet_length(jurat_check_consultation.document::text);
  known record;
BEGIN
  code := 'JU010';
  place := 'consultations.' || this_name;
  SELECT count(*) FILTER (WHERE c.name <> this_name) AS others,
         coalesce(sum(greatest(octet_length(c.document), octet_length(c.applied_document)))
                  FILTER (WHERE c.name <> this_name), 0) AS bytes_of_others,
         coalesce(bool_or(c.name = this_name AND c.document IS NOT NULL), false) AS published,
         EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = this_name)
           AND bool_or(c.name = this_name AND c.applied_document IS NOT NULL) IS NOT TRUE AS of_administrators
  INTO known FROM jurat_consultations c WHERE coalesce(c.document, c.applied_document) IS NOT NULL;
  IF this_name ~ '^[a-z0-9][a-z0-9_-]{0,62}$' IS NOT TRUE THEN
    place := 'name';
    problem := 'a name has lower-case letters, digits, ''-'' and ''_'', at most 63, and begins with a letter or digit';
  ELSIF NOT jurat_is_name(jurat_check_consultation.published_by) THEN
    place := 'published_by';
    problem := 'must be 1 to 200 printable characters';
  ELSIF size IS NULL THEN
    IF NOT known.published THEN
      code := 'JU012';
      problem := 'the platform has published no such consultation';
    END IF;
  ELSIF size > 262144 THEN
    place := 'document';
    problem := 'is larger than 256 KiB';
    hint := 'shorten its texts';
  ELSIF known.others >= 1000 THEN
    problem := 'the platform has 1,000 consultations already, as many as it may';
    hint := 'withdraw one that is over';
  ELSIF known.bytes_of_others + size > 16777216 THEN
    problem := 'with it, all published consultations would be larger than 16 MiB together';
    hint := 'shorten its texts, or withdraw one that is over';
  ELSIF known.of_administrators THEN
    code := 'JU012';
    problem := 'the administrators'' configuration has this name';
    hint := 'choose another name';
  END IF;
  IF problem IS NOT NULL THEN
    hint := coalesce(hint, '');
    RETURN NEXT;
  END IF;
END $$;

-- Publishes a consultation of a platform, or withdraws it if the document is null, and returns its revision, as the
-- Python client does (jurat/publications.py).
CREATE FUNCTION jurat_publish_consultation(name text, document json, published_by text)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  wrong record;
  made int;
BEGIN
  SELECT c.code, c.place, c.problem, c.hint INTO wrong
  FROM jurat_check_consultation(jurat_publish_consultation.name, jurat_publish_consultation.document,
                                jurat_publish_consultation.published_by) c;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = wrong.code, MESSAGE = format('jurat: %s: %s', wrong.place, wrong.problem),
      HINT = coalesce(nullif(wrong.hint, ''), 'Fix the call; nothing was published.');
  END IF;
  INSERT INTO jurat_consultations AS c (name, document, published_by, published_at)
  VALUES (jurat_publish_consultation.name, jurat_publish_consultation.document::text,
          jurat_publish_consultation.published_by, statement_timestamp())
  ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = c.revision + 1,
    published_by = excluded.published_by, published_at = excluded.published_at
  RETURNING c.revision INTO made;
  RETURN made;
END $$;


-- ------------------------------------------------------------------------------------ Putting it in force, by workers
--
-- Workers put published consultations into the configuration through these functions, and so can change nothing else:
-- the rest of a version is copied from the one before. Only workers and administrators may call them, and they are not
-- part of the contract.

-- Takes the turn to write a configuration, until the end of the transaction. Without `wait` it returns false if the
-- turn is taken. Only users who may call this can lock the row of jurat_contract, because no one may update it.
CREATE FUNCTION jurat_take_turn(wait boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF wait THEN
    PERFORM 1 FROM jurat_contract FOR UPDATE;
  ELSE
    PERFORM 1 FROM jurat_contract FOR UPDATE SKIP LOCKED;
  END IF;
  RETURN FOUND;
END $$;

-- Writes the version of the configuration after `after`, in which `parts` replace the consultations of their names. An
-- older version that a publication made then keeps only its changes, and no longer the whole document.
CREATE FUNCTION jurat_add_version(after int, parts jsonb)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  last record;
  wrong text;
  names text[];
  paths text[];
  added jsonb;
  ordered jsonb;
  made jsonb;
BEGIN
  PERFORM jurat_take_turn(true);
  SELECT c.version, c.document INTO last FROM jurat_configs c ORDER BY c.version DESC LIMIT 1;
  IF NOT FOUND OR last.version IS DISTINCT FROM jurat_add_version.after
     OR NOT jsonb_exists(last.document, 'consultations')
  THEN
    RAISE EXCEPTION 'jurat: no version can be added: version % is not the newest', jurat_add_version.after
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;

  -- Only consultations that platforms have published and wait for, as they published them.
  wrong := (
    WITH p AS (SELECT * FROM jsonb_to_recordset(parts) AS r (name text, part jsonb, questions jsonb))
    SELECT coalesce((
      SELECT min(coalesce(p.name, '?')) || ' cannot be put in force: no platform waits for it'
      FROM p LEFT JOIN jurat_consultations c ON c.name = p.name
      WHERE c.name IS NULL OR coalesce(c.answered_revision, 0) >= c.revision
    ), (
      SELECT min(p.name) || ' cannot be put in force: it is the administrators'' own'
      FROM p JOIN jurat_consultations c ON c.name = p.name
      WHERE c.applied_document IS NULL AND jsonb_exists(last.document -> 'consultations', p.name)
    ), (
      SELECT min(p.name) || ' cannot be put in force: the platform asked for something else'
      FROM p JOIN jurat_consultations c ON c.name = p.name
      WHERE (jsonb_typeof(p.part) IS NOT DISTINCT FROM 'object') = (c.document IS NULL)
    ), (
      SELECT min(p.name) || ' cannot be put in force: the order of its questions is not theirs'
      FROM p WHERE jsonb_typeof(p.part) = 'object' AND (
        SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_object_keys(p.part -> 'questions') AS o (key)
      ) IS DISTINCT FROM (
        SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_array_elements_text(p.questions) AS o (key))
    ), (
      SELECT min(p.name) || ' cannot be put in force: administrators leave no such criterion open'
      FROM p CROSS JOIN LATERAL jsonb_each(p.part -> 'questions') AS q (name, said)
      LEFT JOIN jurat_criteria k ON k.name = q.said ->> 'criterion'
      WHERE jsonb_typeof(p.part) = 'object' AND (k.name IS NULL OR EXISTS (
        SELECT FROM jsonb_object_keys(coalesce(q.said -> 'with', '{}')) AS o (key)
        WHERE NOT jsonb_exists(k.open, o.key)))
    )));
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'jurat: %', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;

  -- The newest version, with these parts in place of what they replace.
  SELECT array_agg(p.name), array_agg(format('consultations/%s/questions', p.name)),
         coalesce(jsonb_object_agg(p.name, p.part) FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{}'),
         coalesce(jsonb_object_agg(format('consultations/%s/questions', p.name), p.questions)
                  FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{}')
  INTO names, paths, added, ordered
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb);
  IF names IS NULL THEN
    RETURN last.version;
  END IF;
  made := last.document || jsonb_build_object(
    'consultations', ((last.document -> 'consultations') - names) || added,
    'order', (coalesce(last.document -> 'order', '{}') - paths) || ordered);
  INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, change)
  SELECT last.version + 1, encode(sha256(convert_to(made::text, 'UTF8')), 'hex'), made,
         CASE WHEN count(DISTINCT c.published_by) = 1 THEN min(c.published_by) ELSE 'worker' END,
         statement_timestamp(), jsonb_build_object('gone', to_jsonb(names), 'consultations', added, 'order', ordered)
  FROM jurat_consultations c WHERE c.name = ANY (names);
  UPDATE jurat_configs c SET document = '{}', whole = false
  WHERE c.version <= last.version AND c.whole AND c.change IS NOT NULL;
  DELETE FROM jurat_questions q WHERE q.consultation = ANY (names);
  UPDATE jurat_consultations c SET applied_document = c.document WHERE c.name = ANY (names);
  RETURN last.version + 1;
END $$;

-- Writes the questions of the consultations that the newest version brought.
CREATE FUNCTION jurat_add_questions(rows jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  last record;
  word text;
BEGIN
  SELECT c.version, c.change -> 'consultations' AS consultations, c.change -> 'order' AS ordered INTO last
  FROM jurat_configs c ORDER BY c.version DESC LIMIT 1;
  SELECT min(r.consultation) INTO word
  FROM jsonb_to_recordset(rows) AS r (consultation text, question text, deadline_s float8, valid_s float8,
                                      config_version int)
  LEFT JOIN jurat_consultations c ON c.name = r.consultation AND c.applied_document IS NOT NULL
  WHERE c.name IS NULL
     OR NOT coalesce(jsonb_exists(last.consultations -> r.consultation -> 'questions', r.question), false)
     OR r.config_version NOT BETWEEN 1 AND last.version OR r.deadline_s NOT BETWEEN 1 AND 5184000 OR r.valid_s <= 0;
  IF word IS NOT NULL THEN
    RAISE EXCEPTION 'jurat: % cannot be put in force: the newest version brought no such question', word
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  WITH part AS MATERIALIZED (
    SELECT n.name, last.consultations -> n.name AS said,
           last.ordered -> format('consultations/%s/questions', n.name) AS ordered
    FROM (SELECT DISTINCT r.consultation FROM jsonb_to_recordset(rows) AS r (consultation text)) n (name))
  INSERT INTO jurat_questions (consultation, question, position, criterion, source, sources, rounds, valid_s, renew_s,
                               deadline_s, answer_schema, fields, title, config_version, consultation_title, contact,
                               messages)
  SELECT p.name, r.question,
         (SELECT o.nth - 1 FROM jsonb_array_elements_text(p.ordered) WITH ORDINALITY AS o (key, nth)
          WHERE o.key = r.question),
         k.name, k.sources ->> 0, k.sources, (q.said ->> 'rounds')::int, r.valid_s, r.renew_s, r.deadline_s,
         k.answer_schema, k.fields, coalesce(nullif(q.said -> 'title', 'null'), '{}'), r.config_version,
         coalesce(nullif(p.said -> 'title', 'null'), '{}'), coalesce(nullif(p.said -> 'contact', 'null'), '{}'),
         coalesce(p.said -> 'messages', '{}')
  FROM jsonb_to_recordset(rows) AS r (consultation text, question text, deadline_s float8, valid_s float8,
                                      renew_s float8, config_version int)
  JOIN part p ON p.name = r.consultation
  CROSS JOIN LATERAL (SELECT p.said -> 'questions' -> r.question AS said) q
  JOIN jurat_criteria k ON k.name = q.said ->> 'criterion';
END $$;

-- Answers publications: applied or refused. One that changed nothing is answered as well.
CREATE FUNCTION jurat_answer_consultations(rows jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  UPDATE jurat_consultations c SET answered_revision = r.revision, answered_at = statement_timestamp(),
    refused = r.refused,
    applied_document = CASE
      WHEN r.refused IS NOT NULL OR c.applied_document IS NULL THEN c.applied_document
      WHEN c.document IS NOT NULL THEN c.document
      WHEN (SELECT f.document -> 'consultations' ? c.name FROM jurat_configs f ORDER BY f.version DESC LIMIT 1)
        THEN c.applied_document
    END
  FROM jsonb_to_recordset(rows) AS r (name text, revision int, refused text)
  WHERE c.name = r.name AND c.revision = r.revision
$$;
