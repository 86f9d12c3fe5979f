#!/bin/sh
# The entry of the image that stands in for postgres:17: what docker-compose.yml relies on of the official one.
#
# In an empty PGDATA it makes a cluster (POSTGRES_USER, POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS) and a database
# (POSTGRES_DB), and runs /docker-entrypoint-initdb.d while the server listens on its socket alone.
set -eu

if ! [ -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # they are words
    initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth-local trust \
        ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=''" --wait start
    psql --username "$POSTGRES_USER" --dbname postgres --command "CREATE DATABASE \"$POSTGRES_DB\""
    for file in /docker-entrypoint-initdb.d/*; do
        echo "running $file"
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file "$file" ;;
        esac
    done
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
fi
exec "$@" -c listen_addresses='*'
