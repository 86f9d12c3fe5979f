-- What the two users of the platform may do with its tables and functions on PostgreSQL, in addition to users.sql.
-- `prepare.py` runs it as the owner of the tables, after `bin/jurat db upgrade`. What an older release granted goes first.
REVOKE ALL ON platform_accounts, platform_office, platform_consultations, platform_answers, platform_votes,
  platform_batches, platform_drafts FROM web, office;

-- The participants' pages: they confirm answers and read verdicts; they decide nothing. They make accounts of
-- participants alone, read no hash of a password, and change a vote without being able to take one away.
GRANT SELECT (name, participant, session), INSERT (name, password, participant), UPDATE (session) ON platform_accounts TO web;
GRANT EXECUTE ON FUNCTION platform_recipe, platform_enter, platform_vote TO web;
GRANT SELECT ON platform_consultations TO web;
GRANT SELECT, INSERT, UPDATE (contest) ON platform_answers TO web;
GRANT SELECT ON platform_votes TO web;

-- The administrators' pages: consultations and their drafts, codes. They read no answer and no name of a participant,
-- and decide no review: the console of jurat does, under its own login.
REVOKE EXECUTE ON FUNCTION jurat_decide, jurat_open_review FROM office;
GRANT EXECUTE ON FUNCTION jurat_try_add_codes TO office;
GRANT SELECT (name, role, participant, session), UPDATE (session) ON platform_office TO office;
GRANT EXECUTE ON FUNCTION platform_office_recipe, platform_office_enter TO office;
GRANT SELECT, INSERT, DELETE ON platform_consultations TO office;
GRANT SELECT (consultation, proposal), DELETE ON platform_votes TO office;
GRANT INSERT ON platform_batches TO office;
GRANT SELECT, INSERT, UPDATE (typed, consultation, changed_at), DELETE ON platform_drafts TO office;
