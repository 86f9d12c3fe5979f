#!/bin/sh
# Makes the secrets of docker-compose.yml that its folder lacks, and keeps those that are there:
#
#   docker compose run --rm secrets [PART …]
#
# A PART is one more user of the database, for a platform's own processes: it gets a file PART_database_url. Run it again
# after you removed a file to have another password; then tell the servers, as docs/operators/containers.md shows.
set -eu
umask 077

compose=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${SECRETS:-/secrets}
if ! cd "$folder" 2>/dev/null || ! [ -w . ]; then
    echo "secrets: uid $(id -u) cannot write to the folder of the secrets. Make it yours, and put this into .env:" >&2
    echo "    JURAT_USER=$(stat -c %u:%g "$folder")" >&2
    exit 1
fi

word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Writes a file that does not exist yet, whole or not at all. Containers read it as other users.
write() {
    cat > "$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
}

database_url() {
    [ -s "$1_database_url" ] || printf %s "postgresql://$2:$(word)@postgresql/jurat" | write "$1_database_url"
}

broker_url() {
    [ -s "$1" ] || printf %s "redis://$2:$(word)@valkey:6379/0" | write "$1"
}

password() { sed 's|.*:\(.*\)@.*|\1|' "$1"; }

[ -s superuser_password ] || word | write superuser_password
database_url owner jurat_owner
database_url worker verifier
database_url admin administrator
database_url reviewer clerk
database_url reader monitor
database_url console console
database_url platform platform
database_url accounts accounts
database_url sealer sealer
for part; do database_url "$part" "$part"; done

broker_url broker_url worker
broker_url platform_broker_url platform
"$compose/valkey-users.sh" "$(password broker_url)" "$(password platform_broker_url)" | write valkey_users

# New keys open no answer that waits, and find no code: all three, or none.
if ! [ -e seal_key ] && ! [ -e unseal_keys ] && ! [ -e hash_keys ]; then
    python -P -m cli keys generate --out-dir . --for-compose >/dev/null
fi
if ! [ -e history_key ] && ! [ -e history_key.pub ]; then
    python -P -m cli history key history_key >/dev/null
    chmod 444 history_key history_key.pub
fi
for key in seal_key unseal_keys hash_keys history_key; do
    [ -s "$key" ] || { echo "secrets: $key is missing, and new keys would not fit the others: bring back your copy" >&2; exit 1; }
done
chmod 700 .
mkdir -p -m 755 sources
echo "secrets: complete. Keep copies of unseal_keys and hash_keys away from those of the database." >&2
