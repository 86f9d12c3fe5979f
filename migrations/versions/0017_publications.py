"""Publishing a consultation by one call: `jurat_publish_consultation` does what the Python client does.

PostgreSQL alone; on SQLite there is nothing to do. The functions run with the owner's rights, for a platform may write
no row of `jurat_consultations` by itself and see neither zones nor codes: they have a search path of their own, with
temporary tables last. What they take is looked at again, and whole, by the worker that puts it into the configuration.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# As in 0009: control, format and private-use characters and every blank but the common one.
UNPRINTABLE = (
    r"[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]"
)

# What a consultation and a question may say; sorted: `jurat.publications` then.
OPTIONS = "{access,contact,four_eyes,messages,questions,retain,review_due,title}"
QUESTION_OPTIONS = "{criterion,deadline,on_undetermined,renew,rounds,title,valid_for,with}"

MOST_PUBLISHED = 1_000
MIB_TOGETHER = 16

# What begins as the word does comes first.
THERE_IS = """
CREATE FUNCTION jurat_there_is(word text, known text[]) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'there is ' || coalesce(string_agg(k.name, ', ' ORDER BY k.place) FILTER (WHERE k.place <= 12), 'none')
         || CASE WHEN count(*) > 12 THEN format(' and %s more', count(*) - 12) ELSE '' END
  FROM (SELECT u.name, row_number() OVER (ORDER BY left(u.name, 3) <> left(word, 3), u.name COLLATE "C") AS place
        FROM unnest(known) AS u (name)) k
$$
"""


def _shown(text: str) -> str:
    return f"left(regexp_replace({text}, bad, '?', 'g'), 80)"


def _unknown_option(found: str, options: str, place: str) -> str:
    return f"""
    SELECT min(o.key COLLATE "C") INTO word FROM jsonb_object_keys({found}) AS o (key)
    WHERE o.key <> ALL ({options}::text[]);
    IF word IS NOT NULL THEN
      place := {place} || '.' || {_shown("word")};
      problem := 'unknown option';
      hint := jurat_there_is(word, {options}::text[]);
      EXIT looking;
    END IF;"""


CHECK = f"""
CREATE FUNCTION jurat_check_consultation(name text, document json, published_by text)
RETURNS TABLE (code text, place text, problem text, hint text) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  bad constant text := '{UNPRINTABLE}';
  well_named constant text := '^[a-z0-9][a-z0-9_-]{{0,62}}$';
  badly_named constant text :=
    'a name has lower-case letters, digits, ''-'' and ''_'', at most 63, and begins with a letter or digit';
  a_map constant text := 'must be a map (key: value)';
  this_name text := jurat_check_consultation.name;
  given json := jurat_check_consultation.document;
  giver text := jurat_check_consultation.published_by;
  here text := 'consultations.' || jurat_check_consultation.name;
  there text;
  whole jsonb;
  each record;
  question jsonb;
  criterion text;
  filled jsonb;
  left_open text[];
  known text[];
  word text;
BEGIN
  code := 'JU010';
  hint := '';
  <<looking>>
  BEGIN
    IF this_name ~ well_named IS NOT TRUE THEN
      place := 'name';
      problem := badly_named;
      EXIT looking;
    END IF;
    IF giver IS NULL OR length(giver) NOT BETWEEN 1 AND 200 OR giver ~ bad THEN
      place := 'published_by';
      problem := 'must be 1 to 200 printable characters';
      EXIT looking;
    END IF;
    IF given IS NULL THEN
      SELECT array_agg(c.name) INTO known FROM jurat_consultations c WHERE c.document IS NOT NULL;
      IF this_name = ANY (known) IS NOT TRUE THEN
        code := 'JU012';
        place := here;
        problem := 'the platform has published no such consultation';
        hint := jurat_there_is(this_name, known);
      END IF;
      EXIT looking;
    END IF;
    place := 'document';
    IF octet_length(given::text) > {256 << 10} THEN
      problem := 'is larger than 256 KiB';
      hint := 'shorten its texts';
      EXIT looking;
    END IF;
    SELECT count(*) AS many,
           coalesce(sum(greatest(octet_length(c.document), octet_length(c.applied_document))), 0) AS bytes
    INTO each FROM jurat_consultations c
    WHERE c.name <> this_name AND coalesce(c.document, c.applied_document) IS NOT NULL;
    IF each.many >= {MOST_PUBLISHED} THEN
      place := here;
      problem := 'the platform has {MOST_PUBLISHED:,} consultations already, as many as it may';
      hint := 'withdraw one that is over';
      EXIT looking;
    END IF;
    IF each.bytes + octet_length(given::text) > {MIB_TOGETHER << 20} THEN
      place := here;
      problem := 'with it, all published consultations would be larger than {MIB_TOGETHER} MiB together';
      hint := 'shorten its texts, or withdraw one that is over';
      EXIT looking;
    END IF;
    BEGIN
      whole := given::jsonb;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
      problem := 'a text in it holds a NUL or half a character';
      hint := 'remove it';
      EXIT looking;
    END;

    code := 'JU011';
    place := here;
    IF jsonb_typeof(whole) <> 'object' THEN
      problem := a_map;
      EXIT looking;
    END IF;
    IF EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = this_name) AND NOT EXISTS (
         SELECT FROM jurat_consultations c WHERE c.name = this_name AND c.applied_document IS NOT NULL) THEN
      code := 'JU012';
      problem := 'the administrators'' configuration has this name';
      hint := 'choose another name';
      EXIT looking;
    END IF;
    {_unknown_option("whole", f"'{OPTIONS}'", "here")}
    IF NOT jsonb_exists(whole, 'questions') THEN
      problem := '''questions'' is missing';
      EXIT looking;
    END IF;
    place := here || '.questions';
    IF jsonb_typeof(whole -> 'questions') <> 'object' THEN
      problem := a_map;
      EXIT looking;
    END IF;
    SELECT count(*) AS many INTO each FROM jsonb_object_keys(whole -> 'questions');
    IF each.many NOT BETWEEN 1 AND 50 THEN
      problem := CASE each.many WHEN 0 THEN 'is empty' ELSE 'has more than 50 entries' END;
      EXIT looking;
    END IF;

    FOR each IN
      SELECT o.key, min(o.nth) FROM json_object_keys(given -> 'questions') WITH ORDINALITY AS o (key, nth)
      GROUP BY o.key ORDER BY 2
    LOOP
      there := here || '.questions.' || {_shown("each.key")};
      place := there;
      question := whole -> 'questions' -> each.key;
      IF each.key !~ well_named THEN
        problem := badly_named;
        EXIT looking;
      END IF;
      IF jsonb_typeof(question) <> 'object' THEN
        problem := a_map;
        EXIT looking;
      END IF;
      {_unknown_option("question", f"'{QUESTION_OPTIONS}'", "there")}
      IF NOT jsonb_exists(question, 'criterion') THEN
        problem := '''criterion'' is missing';
        EXIT looking;
      END IF;
      place := there || '.criterion';
      IF jsonb_typeof(question -> 'criterion') <> 'string' THEN
        problem := 'must be text';
        EXIT looking;
      END IF;
      criterion := question ->> 'criterion';
      SELECT ARRAY(SELECT o.parameter FROM jsonb_array_elements_text(c.open) AS o (parameter)
                   ORDER BY o.parameter COLLATE "C")
      INTO left_open FROM jurat_criteria c WHERE c.name = criterion;
      IF NOT FOUND THEN
        problem := format('there is no criterion ''%s''', {_shown("criterion")});
        hint := jurat_there_is(criterion, ARRAY(SELECT c.name FROM jurat_criteria c));
        EXIT looking;
      END IF;
      filled := coalesce(question -> 'with', '{{}}');
      place := there || '.with';
      IF jsonb_typeof(filled) <> 'object' THEN
        problem := a_map;
        EXIT looking;
      END IF;
      SELECT min(o.key COLLATE "C") INTO word FROM jsonb_object_keys(filled) AS o (key) WHERE o.key <> ALL (left_open);
      IF word IS NOT NULL THEN
        place := place || '.' || {_shown("word")};
        problem := format('criterion ''%s'' does not leave it open', criterion);
        hint := 'it leaves open: ' || coalesce(nullif(array_to_string(left_open, ', '), ''), 'nothing');
        EXIT looking;
      END IF;
      FOREACH word IN ARRAY left_open LOOP
        IF NOT jsonb_exists(filled, word) THEN
          place := there;
          problem := format('criterion ''%s'' leaves %s open, and this question does not fill it', criterion, word);
          hint := format('add with: {{ %s: NAME }}', word);
          EXIT looking;
        END IF;
      END LOOP;
      FOREACH word IN ARRAY left_open LOOP
        place := there || '.with.' || word;
        IF jsonb_typeof(filled -> word) <> 'string' THEN
          problem := 'must be text';
          EXIT looking;
        END IF;
        IF word = 'zone' AND NOT EXISTS (
             SELECT FROM jurat_zones z WHERE z.name = filled ->> 'zone'
               AND coalesce(z.in_force_from, z.imported_at) <= statement_timestamp()) THEN
          problem := format('there is no zone ''%s''', {_shown("filled ->> 'zone'")});
          hint := jurat_there_is(filled ->> 'zone', ARRAY(
            SELECT DISTINCT z.name FROM jurat_zones z
            WHERE coalesce(z.in_force_from, z.imported_at) <= statement_timestamp()));
          EXIT looking;
        END IF;
        IF word = 'list' AND NOT EXISTS (SELECT FROM jurat_codes k WHERE k.list = filled ->> 'list') THEN
          problem := format('there is no list of codes ''%s''', {_shown("filled ->> 'list'")});
          hint := jurat_there_is(filled ->> 'list', ARRAY(
            WITH RECURSIVE found (list) AS (
              SELECT min(k.list) FROM jurat_codes k
              UNION ALL SELECT (SELECT min(k.list) FROM jurat_codes k WHERE k.list > f.list) FROM found f
              WHERE f.list IS NOT NULL)
            SELECT f.list FROM found f WHERE f.list IS NOT NULL));
          EXIT looking;
        END IF;
      END LOOP;
    END LOOP;

    SELECT min((r.part #>> '{{}}') COLLATE "C") INTO word
    FROM jsonb_path_query(whole -> 'access', 'strict $.**') AS r (part)
    WHERE jsonb_typeof(r.part) = 'string' AND NOT jsonb_exists(whole -> 'questions', r.part #>> '{{}}');
    IF word IS NOT NULL THEN
      place := here || '.access';
      problem := format('there is no question ''%s'' here', {_shown("word")});
      hint := jurat_there_is(word, ARRAY(SELECT jsonb_object_keys(whole -> 'questions')));
    END IF;
  END looking;
  IF problem IS NOT NULL THEN
    RETURN NEXT;
  END IF;
END $$
"""

PUBLISH = """
CREATE FUNCTION jurat_publish_consultation(name text, document json, published_by text)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
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
      HINT = coalesce(nullif(wrong.hint, ''), 'Mend the call; nothing was published.');
  END IF;
  INSERT INTO jurat_consultations AS c (name, document, published_by, published_at)
  VALUES (jurat_publish_consultation.name, jurat_publish_consultation.document::text,
          jurat_publish_consultation.published_by, statement_timestamp())
  ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = c.revision + 1,
    published_by = excluded.published_by, published_at = excluded.published_at
  RETURNING c.revision INTO made;
  RETURN made;
END $$
"""

OURS = ("jurat_there_is", "jurat_check_consultation", "jurat_publish_consultation")

# Temporary tables, which anybody may make, come first unless they are named.
PINNED = f"""
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{"', '".join(OURS)}'] LOOP
    EXECUTE format('ALTER FUNCTION %I SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for statement in (THERE_IS, CHECK, PUBLISH, PINNED):
        op.execute(statement)
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for name in reversed(OURS):
        op.execute(f"DROP FUNCTION {name}")
