"""A claim is looked up before its writer is, which takes longer. Each number of a check pays for it."""

from __future__ import annotations

from alembic import op

revision = "0029_claim_guard"
down_revision = "0028_hamlets"

STATEMENTS = {
    "postgresql": (
        """
CREATE OR REPLACE FUNCTION jurat_keep_claim() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant = NEW.participant)
    OR jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a number belongs to the participant of its check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
    ),
    "sqlite": (),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
