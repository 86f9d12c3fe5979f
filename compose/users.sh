#!/bin/sh
# Makes the database's users, each with least rights, and the roles that `bin/jurat db upgrade` gives its rights to.
#
# PostgreSQL's image runs it when it makes a new database, as the server's administrator. The URLs in the secrets name
# the users and their passwords. Run it again after a change of passwords:
#
#   docker compose exec postgresql sh /docker-entrypoint-initdb.d/10-users.sh
set -eu

secrets=${SECRETS:-/run/secrets}

sql() { psql --quiet --no-psqlrc --no-password -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"; }

# No password gets into the server's log, whatever it logs.
begin="SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256'; SET client_min_messages = 'warning';"

sql <<END
SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest('{jurat_platform, jurat_accounts, jurat_worker, jurat_reviewer, jurat_admin, jurat_reader, jurat_sealer}'::text[])
  AS name WHERE to_regrole(name) IS NULL \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE "$POSTGRES_DB" FROM PUBLIC;
END

for file in "$secrets"/*_database_url; do
    part=$(basename "$file" _database_url)
    inherit=INHERIT
    case $part in
        console) role="jurat_reader, jurat_reviewer, jurat_admin" inherit=NOINHERIT ;;
        owner) role= ;;                                 # of the tables: it migrates, and nothing else runs as it
        worker | admin | reviewer | reader | platform | accounts | sealer) role=jurat_$part ;;
        *) role= ;;                                     # of the platform, which says itself what it may do
    esac
    user=$(sed -n 's|^postgresql://\([a-z_][a-z0-9_]*\):\([A-Za-z0-9_-]\{1,\}\)@.*|\1|p' "$file")
    PASSWORD=$(sed -n 's|^postgresql://\([a-z_][a-z0-9_]*\):\([A-Za-z0-9_-]\{1,\}\)@.*|\2|p' "$file")
    if [ -z "$user" ] || [ -z "$PASSWORD" ]; then
        echo "$file must be postgresql://USER:PASSWORD@postgresql/$POSTGRES_DB, with small letters, digits and _ in USER," \
            "and letters, digits, - and _ in PASSWORD" >&2
        exit 1
    fi
    if [ "$user" = "$POSTGRES_USER" ]; then
        echo "$file names the server's administrator, but nothing may run as that user: choose another one" >&2
        exit 1
    fi
    export PASSWORD
    sql <<END
$begin
\getenv password PASSWORD
SELECT 'CREATE ROLE $user' WHERE to_regrole('$user') IS NULL \gexec
ALTER ROLE $user LOGIN $inherit NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS PASSWORD :'password';
GRANT CONNECT ON DATABASE "$POSTGRES_DB" TO $user;
SELECT 'GRANT $role TO $user' WHERE '$role' <> '' \gexec
SELECT 'ALTER DATABASE "$POSTGRES_DB" OWNER TO $user' WHERE '$part' = 'owner' \gexec
END
done
