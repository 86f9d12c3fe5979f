"""How long a verdict is kept may be said once; reviews that ended and still have evidence are found."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0005_retention"
down_revision = "0004_login_guards"

_UNLIMITED = "jurat_verdicts (check_id, revision) WHERE retain_until IS NULL"

_ENDED = "jurat_reviews (check_id) WHERE decided_at IS NOT NULL AND evidence <> '{}'"

STATEMENTS = {
    "postgresql": firing_always(
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts FOR EACH ROW
WHEN ((OLD.retain_until IS NULL
  AND NEW.retain_until BETWEEN statement_timestamp() + interval '1 day' AND '9000-01-01 00:00:00.000Z'
  AND (to_jsonb(NEW) - 'retain_until')::text = (to_jsonb(OLD) - 'retain_until')::text) IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_change('a verdict cannot be changed; add a revision')""",
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_verdicts_unlimited ON {_UNLIMITED}",
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_reviews_ended ON {_ENDED}",
    ),
    "sqlite": (
        f"CREATE INDEX jurat_verdicts_unlimited ON {_UNLIMITED}",
        f"CREATE INDEX jurat_reviews_ended ON {_ENDED}",
        "DROP TRIGGER jurat_verdicts_kept",
        """
CREATE TRIGGER jurat_verdicts_kept BEFORE UPDATE ON jurat_verdicts
WHEN (OLD.retain_until IS NULL
  AND NEW.retain_until = strftime('%Y-%m-%d %H:%M:%f', NEW.retain_until)
  AND NEW.retain_until BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '1 day') AND '9000-01-01 00:00:00.000'
  AND (NEW.check_id, NEW.revision, NEW.outcome, NEW.reason, NEW.evidence, NEW.decided_by,
    NEW.config_version, NEW.source, NEW.data_date, NEW.fence, NEW.decided_at, NEW.login)
  IS (OLD.check_id, OLD.revision, OLD.outcome, OLD.reason, OLD.evidence, OLD.decided_by,
    OLD.config_version, OLD.source, OLD.data_date, OLD.fence, OLD.decided_at, OLD.login)) IS NOT TRUE
BEGIN
  SELECT RAISE(ABORT, 'jurat: a verdict cannot be changed; add a revision');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
