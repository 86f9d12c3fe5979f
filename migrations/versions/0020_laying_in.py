"""Workers lay published consultations into the configuration by functions, and so can change nothing else of it.

On PostgreSQL the functions run with the owner's rights and have a search path of their own, with temporary tables last.
All that a version has besides the consultations is copied from the one before. On both engines a version that is no
longer the newest keeps of a publication what that changed, and not the whole document again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

# Programs of before take this advisory lock of PostgreSQL, which anybody who may connect can hold.
FORMER_LOCK = 7882841

# The row can be locked by nobody but who may call this, for nobody may change it.
TAKE_TURN = f"""
CREATE FUNCTION jurat_take_turn(wait boolean) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  patience constant int := (SELECT s.setting::int FROM pg_settings s WHERE s.name = 'lock_timeout');
  began constant timestamptz := clock_timestamp();
  held record;
BEGIN
  IF wait THEN
    PERFORM 1 FROM jurat_contract FOR UPDATE;
  ELSE
    PERFORM 1 FROM jurat_contract FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      RETURN false;
    END IF;
  END IF;
  -- A program of before has the other lock alone. Who holds that and may not publish is none, and keeps nobody waiting.
  LOOP
    EXIT WHEN pg_try_advisory_xact_lock({FORMER_LOCK});
    SELECT count(*) AS many, bool_or(has_any_column_privilege(a.usesysid, 'jurat_consultations', 'UPDATE')) AS ours
    INTO held
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = {FORMER_LOCK} AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
    CONTINUE WHEN held.many = 0; -- it was given back just now
    EXIT WHEN held.ours IS NOT TRUE;
    IF NOT wait THEN
      RETURN false;
    END IF;
    IF patience > 0 AND clock_timestamp() > began + make_interval(secs => patience / 1000.0) THEN
      RAISE EXCEPTION 'jurat: somebody else has been publishing for too long' USING ERRCODE = 'lock_not_available';
    END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
  RETURN true;
END $$
"""


def _refused(what: str) -> str:
    return f"""
  IF word IS NOT NULL THEN
    RAISE EXCEPTION 'jurat: % can not be laid in: {what}', word USING ERRCODE = 'integrity_constraint_violation';
  END IF;"""


LAY_IN = f"""
CREATE FUNCTION jurat_lay_in(after int, parts jsonb) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  last record;
  word text;
  names text[];
  paths text[];
  added jsonb;
  ordered jsonb;
  made jsonb;
BEGIN
  PERFORM jurat_take_turn(true);
  SELECT c.version, c.document INTO last FROM jurat_configs c ORDER BY c.version DESC LIMIT 1;
  IF NOT FOUND OR last.version IS DISTINCT FROM jurat_lay_in.after OR NOT jsonb_exists(last.document, 'consultations')
  THEN
    RAISE EXCEPTION 'jurat: nothing can be laid in: version % is not the newest', jurat_lay_in.after
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;

  SELECT min(coalesce(p.name, '?')) INTO word
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb)
  LEFT JOIN jurat_consultations c ON c.name = p.name
  WHERE c.name IS NULL OR coalesce(c.answered_revision, 0) >= c.revision;{_refused("no platform waits for it")}
  SELECT min(p.name) INTO word
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb)
  JOIN jurat_consultations c ON c.name = p.name
  WHERE c.applied_document IS NULL AND jsonb_exists(last.document -> 'consultations', p.name);
  {_refused("it is the administrators'' own")}
  SELECT min(p.name) INTO word
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb)
  JOIN jurat_consultations c ON c.name = p.name
  WHERE (jsonb_typeof(p.part) IS NOT DISTINCT FROM 'object') = (c.document IS NULL);
  {_refused("the platform asked for something else")}
  SELECT min(p.name) INTO word
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb)
  WHERE jsonb_typeof(p.part) = 'object' AND (
    SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_object_keys(p.part -> 'questions') AS o (key)
  ) IS DISTINCT FROM (
    SELECT array_agg(o.key ORDER BY o.key COLLATE "C") FROM jsonb_array_elements_text(p.questions) AS o (key));
  {_refused("the order of its questions is not theirs")}
  SELECT min(p.name) INTO word
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb)
  CROSS JOIN LATERAL jsonb_each(p.part -> 'questions') AS q (name, said)
  LEFT JOIN jurat_criteria k ON k.name = q.said ->> 'criterion'
  WHERE jsonb_typeof(p.part) = 'object' AND (k.name IS NULL OR EXISTS (
    SELECT FROM jsonb_object_keys(coalesce(q.said -> 'with', '{{}}')) AS o (key)
    WHERE NOT jsonb_exists(k.open, o.key)));
  {_refused("administrators leave no such criterion open")}

  SELECT array_agg(p.name), array_agg(format('consultations/%s/questions', p.name)),
         coalesce(jsonb_object_agg(p.name, p.part) FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{{}}'),
         coalesce(jsonb_object_agg(format('consultations/%s/questions', p.name), p.questions)
                  FILTER (WHERE jsonb_typeof(p.part) = 'object'), '{{}}')
  INTO names, paths, added, ordered
  FROM jsonb_to_recordset(parts) AS p (name text, part jsonb, questions jsonb);
  IF names IS NULL THEN
    RETURN last.version;
  END IF;
  made := last.document || jsonb_build_object(
    'consultations', ((last.document -> 'consultations') - names) || added,
    'order', (coalesce(last.document -> 'order', '{{}}') - paths) || ordered);
  INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, change)
  SELECT last.version + 1, encode(sha256(convert_to(made::text, 'UTF8')), 'hex'), made,
         CASE WHEN count(DISTINCT c.published_by) = 1 THEN min(c.published_by) ELSE 'worker' END,
         statement_timestamp(), jsonb_build_object('gone', to_jsonb(names), 'consultations', added, 'order', ordered)
  FROM jurat_consultations c WHERE c.name = ANY (names);
  UPDATE jurat_configs c SET document = '{{}}', whole = false
  WHERE c.version <= last.version AND c.whole AND c.change IS NOT NULL;
  DELETE FROM jurat_questions q WHERE q.consultation = ANY (names);
  UPDATE jurat_consultations c SET applied_document = c.document WHERE c.name = ANY (names);
  RETURN last.version + 1;
END $$
"""

LAY_IN_QUESTIONS = f"""
CREATE FUNCTION jurat_lay_in_questions(rows jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
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
  {_refused("the newest version brought no such question")}
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
         k.answer_schema, k.fields, coalesce(nullif(q.said -> 'title', 'null'), '{{}}'), r.config_version,
         coalesce(nullif(p.said -> 'title', 'null'), '{{}}'), coalesce(nullif(p.said -> 'contact', 'null'), '{{}}'),
         coalesce(p.said -> 'messages', '{{}}')
  FROM jsonb_to_recordset(rows) AS r (consultation text, question text, deadline_s float8, valid_s float8,
                                      renew_s float8, config_version int)
  JOIN part p ON p.name = r.consultation
  CROSS JOIN LATERAL (SELECT p.said -> 'questions' -> r.question AS said) q
  JOIN jurat_criteria k ON k.name = q.said ->> 'criterion';
END $$
"""

# What was laid in is answered as well where nothing had to change.
ANSWER = """
CREATE FUNCTION jurat_answer_consultations(rows jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
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
$$
"""

OURS = ("jurat_take_turn", "jurat_lay_in", "jurat_lay_in_questions", "jurat_answer_consultations")

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
    op.add_column("jurat_configs", sa.Column("change", document, nullable=True))
    op.add_column("jurat_configs", sa.Column("whole", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    if op.get_context().dialect.name != "postgresql":
        return
    for statement in (TAKE_TURN, LAY_IN, LAY_IN_QUESTIONS, ANSWER, PINNED):
        op.execute(statement)
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for name in reversed(OURS):
            op.execute(f"DROP FUNCTION {name}")
    # Former versions that are no whole documents are none that the code of before could read.
    op.execute("DELETE FROM jurat_configs WHERE NOT whole")
    op.drop_column("jurat_configs", "whole")
    op.drop_column("jurat_configs", "change")
