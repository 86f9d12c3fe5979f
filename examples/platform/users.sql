-- The roles of the platform's two users on PostgreSQL, and how long they may take. An administrator of the server runs it
-- once, where jurat's roles and the users are; `prepare.py` does if it connects as an administrator.
GRANT jurat_platform TO web;
GRANT jurat_platform, jurat_reader TO office;

-- A page that takes longer is of no use, and what it holds is needed by others. `web/patience.py` has the same for
-- a server that hangs and cannot keep these.
ALTER ROLE web SET statement_timeout = '8s';
ALTER ROLE web SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE office SET statement_timeout = '8s';
ALTER ROLE office SET idle_in_transaction_session_timeout = '10s';
