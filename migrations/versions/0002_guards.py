"""What the database itself does and refuses: access shown at submit, verdicts and audit rows that nobody changes.

On SQLite a REPLACE deletes without firing delete triggers, and a rowid can be taken over: so a trigger before the
insert looks for the key, and these tables have no rowid. Its foreign keys are off unless each connection asks for
them: so triggers keep the check of a verdict too. On PostgreSQL `session_replication_role = replica` switches common
triggers off: so these fire always.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
SQLITE_TIME = "____-__-__ __:__:__.___"

RESULTS = """
CREATE VIEW jurat_results AS
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE coalesce(s.poll_ms, 500) END AS next_poll_ms
FROM jurat_checks c
LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
LEFT JOIN jurat_sources s ON s.name = c.source
"""

SQLITE = [
    f"""
    CREATE TRIGGER jurat_checks_submitted AFTER INSERT ON jurat_checks BEGIN
      SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them')
        WHERE NEW.due_at NOT LIKE '{SQLITE_TIME}' OR NEW.submitted_at NOT LIKE '{SQLITE_TIME}'
           OR NEW.deadline_at NOT LIKE '{SQLITE_TIME}';
      SELECT RAISE(ABORT, 'jurat: a check id is a UUID in its usual 36 lower-case characters')
        WHERE NEW.id NOT GLOB '????????-????-????-????-????????????' OR NEW.id <> lower(NEW.id);
      INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, config_version, updated_at)
        SELECT NEW.consultation, NEW.participant, 'pending', json_group_object(question, 'open'),
               json_group_object(question, rounds), max(config_version), {SQLITE_NOW}
        FROM jurat_questions q WHERE consultation = NEW.consultation
          AND NOT EXISTS (SELECT 1 FROM jurat_access a
                          WHERE a.consultation = NEW.consultation AND a.participant = NEW.participant)
        GROUP BY consultation;
      UPDATE jurat_access SET
        access = CASE WHEN access IN ('granted', 'blocked') THEN access ELSE 'pending' END,
        questions = json_set(questions, '$."' || NEW.question || '"', 'pending'),
        rounds_left = json_set(rounds_left, '$."' || NEW.question || '"',
                               max(0, coalesce(json_extract(rounds_left, '$."' || NEW.question || '"'), 1) - 1)),
        updated_at = {SQLITE_NOW}
      WHERE consultation = NEW.consultation AND participant = NEW.participant;
    END
    """,
    """
    CREATE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer ON jurat_checks
    WHEN NEW.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer BEGIN
      SELECT RAISE(ABORT, 'jurat: a confirmed answer can not be changed');
    END
    """,
    """
    CREATE TRIGGER jurat_checks_once BEFORE INSERT ON jurat_checks
    WHEN EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = NEW.id
                 OR (c.consultation = NEW.consultation AND c.participant = NEW.participant
                     AND c.question = NEW.question AND c.round = NEW.round)) BEGIN
      SELECT RAISE(IGNORE);
    END
    """,
    """
    CREATE TRIGGER jurat_checks_kept BEFORE DELETE ON jurat_checks
    WHEN OLD.state <> 'settled' OR EXISTS (SELECT 1 FROM jurat_verdicts WHERE check_id = OLD.id) BEGIN
      SELECT RAISE(ABORT, 'jurat: a check on its way, or with a verdict, can not be deleted');
    END
    """,
    """
    CREATE TRIGGER jurat_checks_named BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks
    WHEN NEW.id IS NOT OLD.id OR NEW.consultation IS NOT OLD.consultation OR NEW.question IS NOT OLD.question
      OR NEW.round IS NOT OLD.round
      OR (NEW.participant IS NOT OLD.participant AND NEW.participant NOT LIKE 'erased-%') BEGIN
      SELECT RAISE(ABORT, 'jurat: whose answer to which question a check is can not be changed');
    END
    """,
    """
    CREATE TRIGGER jurat_verdicts_added BEFORE INSERT ON jurat_verdicts BEGIN
      SELECT RAISE(ABORT, 'jurat: a verdict can not be replaced; add a revision') WHERE EXISTS (
        SELECT 1 FROM jurat_verdicts WHERE check_id = NEW.check_id AND revision = NEW.revision);
      SELECT RAISE(ABORT, 'jurat: a verdict needs its check') WHERE NOT EXISTS (
        SELECT 1 FROM jurat_checks WHERE id = NEW.check_id);
    END
    """,
    """
    CREATE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts BEGIN
      SELECT RAISE(ABORT, 'jurat: a verdict can not be changed; add a revision');
    END
    """,
    f"""
    CREATE TRIGGER jurat_verdicts_retained BEFORE DELETE ON jurat_verdicts
    WHEN OLD.retain_until IS NULL OR OLD.retain_until > {SQLITE_NOW} BEGIN
      SELECT RAISE(ABORT, 'jurat: a verdict can not be deleted before its retain_until');
    END
    """,
    """
    CREATE TRIGGER jurat_audit_added BEFORE INSERT ON jurat_audit
    WHEN EXISTS (SELECT 1 FROM jurat_audit WHERE id = NEW.id) BEGIN
      SELECT RAISE(ABORT, 'jurat: an audit row can not be replaced');
    END
    """,
    """
    CREATE TRIGGER jurat_audit_kept BEFORE UPDATE ON jurat_audit BEGIN
      SELECT RAISE(ABORT, 'jurat: an audit row can not be changed');
    END
    """,
    """
    CREATE TRIGGER jurat_audit_retained BEFORE DELETE ON jurat_audit BEGIN
      SELECT RAISE(ABORT, 'jurat: an audit row can not be deleted');
    END
    """,
]

POSTGRESQL = [
    """
    CREATE FUNCTION jurat_show_submitted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO jurat_access AS a (consultation, participant, access, questions, rounds_left, config_version,
                                     updated_at)
      SELECT NEW.consultation, NEW.participant, 'pending',
             jsonb_object_agg(question, CASE WHEN question = NEW.question THEN 'pending' ELSE 'open' END),
             jsonb_object_agg(question, CASE WHEN question = NEW.question THEN rounds - 1 ELSE rounds END),
             max(config_version), statement_timestamp()
      FROM jurat_questions WHERE consultation = NEW.consultation HAVING count(*) > 0
      ON CONFLICT (consultation, participant) DO UPDATE SET
        access = CASE WHEN a.access IN ('granted', 'blocked') THEN a.access ELSE 'pending' END,
        questions = jsonb_set(a.questions, ARRAY[NEW.question], '"pending"'),
        rounds_left = jsonb_set(a.rounds_left, ARRAY[NEW.question],
                                to_jsonb(greatest(0, coalesce((a.rounds_left ->> NEW.question)::int, 1) - 1))),
        updated_at = statement_timestamp();
      RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION jurat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER jurat_checks_submitted AFTER INSERT ON jurat_checks
    FOR EACH ROW EXECUTE FUNCTION jurat_show_submitted()
    """,
    """
    CREATE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer ON jurat_checks FOR EACH ROW
    WHEN (NEW.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer)
    EXECUTE FUNCTION jurat_refuse_change('a confirmed answer can not be changed')
    """,
    """
    CREATE TRIGGER jurat_checks_kept BEFORE DELETE ON jurat_checks FOR EACH ROW
    WHEN (OLD.state <> 'settled')
    EXECUTE FUNCTION jurat_refuse_change('a check on its way can not be deleted')
    """,
    """
    CREATE TRIGGER jurat_checks_named BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks
    FOR EACH ROW
    WHEN (NEW.id <> OLD.id OR NEW.consultation <> OLD.consultation OR NEW.question <> OLD.question
          OR NEW.round <> OLD.round OR (NEW.participant <> OLD.participant AND NEW.participant NOT LIKE 'erased-%'))
    EXECUTE FUNCTION jurat_refuse_change('whose answer to which question a check is can not be changed')
    """,
    """
    CREATE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts
    FOR EACH ROW EXECUTE FUNCTION jurat_refuse_change('a verdict can not be changed; add a revision')
    """,
    """
    CREATE TRIGGER jurat_verdicts_retained BEFORE DELETE ON jurat_verdicts FOR EACH ROW
    WHEN (OLD.retain_until IS NULL OR OLD.retain_until > statement_timestamp())
    EXECUTE FUNCTION jurat_refuse_change('a verdict can not be deleted before its retain_until')
    """,
    """
    CREATE TRIGGER jurat_verdicts_not_emptied BEFORE TRUNCATE ON jurat_verdicts
    EXECUTE FUNCTION jurat_refuse_change('verdicts can not be deleted')
    """,
    """
    CREATE TRIGGER jurat_audit_kept BEFORE UPDATE OR DELETE ON jurat_audit
    FOR EACH ROW EXECUTE FUNCTION jurat_refuse_change('an audit row stays as it is')
    """,
    """
    CREATE TRIGGER jurat_audit_not_emptied BEFORE TRUNCATE ON jurat_audit
    EXECUTE FUNCTION jurat_refuse_change('audit rows can not be deleted')
    """,
]


def _trigger(statement: str) -> tuple[str, str] | None:
    """Name and table of the trigger that a statement creates."""
    kind, name = statement.split()[1:3]
    return (name, statement.split(" ON ")[1].split(maxsplit=1)[0]) if kind == "TRIGGER" else None


def upgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    for statement in POSTGRESQL if postgresql else SQLITE:
        op.execute(statement)
        if postgresql and "jurat_refuse_change('" in statement and (trigger := _trigger(statement)):
            op.execute(f"ALTER TABLE {trigger[1]} ENABLE ALWAYS TRIGGER {trigger[0]}")
    op.execute(RESULTS)


def downgrade() -> None:
    op.execute("DROP VIEW jurat_results")
    postgresql = op.get_context().dialect.name == "postgresql"
    for statement in reversed(POSTGRESQL if postgresql else SQLITE):
        kind, name = statement.split()[1:3]
        trigger = _trigger(statement)
        on = f" ON {trigger[1]}" if trigger and postgresql else ""
        op.execute(f"DROP {kind} {name}{on}")
