"""What the pages' users may do only by a function on PostgreSQL, because a function does less than the right would.

They run with the rights of the owner of the tables. `rights.sql` says who may call which.
"""

from __future__ import annotations

from sqlalchemy import Connection

_SIGN_IN = """
CREATE OR REPLACE FUNCTION {prefix}_recipe(account text) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS
$$ SELECT substring(a.password FROM '^[^$]+[$][^$]+') FROM {table} a WHERE a.name = account $$;

CREATE OR REPLACE FUNCTION {prefix}_enter(account text, derived text)
  RETURNS TABLE (name text, {role} participant text, session integer)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS
$$ SELECT a.name, {of_role} a.participant, a.session FROM {table} a WHERE a.name = account AND a.password = derived $$;

REVOKE ALL ON FUNCTION {prefix}_recipe, {prefix}_enter FROM PUBLIC;
"""
"""How a password is kept, which is method and salt, and whose account it is where this is what is kept of it. Nobody
reads that: who may call these can try passwords, as the page can, and nothing else."""

_VOTE = """
CREATE OR REPLACE FUNCTION platform_vote(into_ text, by_ text, chosen text[]) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS
$$
BEGIN
  IF coalesce(cardinality(chosen), 0) = 0 THEN
    RAISE EXCEPTION 'a vote is for one proposal or more';
  END IF;
  IF EXISTS (
    SELECT FROM unnest(chosen) AS proposal WHERE NOT EXISTS (
      SELECT FROM platform_consultations c, json_array_elements(c.proposals) AS p
      WHERE c.name = into_ AND p ->> 'id' = proposal)
  ) THEN
    RAISE EXCEPTION 'a vote is for proposals of the consultation';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('vote/' || into_ || '/' || by_, 0));
  DELETE FROM platform_votes WHERE consultation = into_ AND participant = by_;
  INSERT INTO platform_votes SELECT into_, by_, proposal, now() FROM unnest(chosen) AS proposal;
END
$$;

REVOKE ALL ON FUNCTION platform_vote FROM PUBLIC;
"""
"""One person's vote, in place of the one before: a vote can be changed, and not taken away."""


def make_functions(connection: Connection) -> None:
    """The functions as this release has them, in the schema of the tables."""
    named = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    schema = connection.dialect.identifier_preparer.quote(named)
    accounts = {"prefix": "platform", "table": "platform_accounts", "role": "", "of_role": ""}
    office = {"prefix": "platform_office", "table": "platform_office", "role": "role text,", "of_role": "a.role,"}
    for script in (_SIGN_IN.format(schema=schema, **accounts), _SIGN_IN.format(schema=schema, **office)):
        connection.exec_driver_sql(script)
    connection.exec_driver_sql(_VOTE.format(schema=schema))
