#!/bin/sh
# Prints the users of Valkey, for the file `valkey_users`: compose/valkey-users.sh WORKERS_PASSWORD PLATFORMS_PASSWORD
#
# A client without a user may only ping. Workers read bells and ring them. A platform rings, but can neither read the bells
# of others nor send what workers would obey. It could delete bells, which delays checks by a second.
set -eu

digest() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

echo "user default on nopass resetkeys resetchannels -@all +ping"
echo "user worker on #$(digest "$1") ~* &* +@all -@admin -@dangerous +info"
echo "user platform on #$(digest "$2") resetchannels ~checks ~checks.* ~_kombu.binding*.checks* +@connection" \
    "+lpush +ltrim +expire +llen +sadd +smembers +multi +exec"
