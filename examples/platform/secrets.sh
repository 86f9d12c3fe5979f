#!/bin/sh
# Makes the secrets of jurat and those of the platform that are missing: docker compose run --rm secrets
set -eu
umask 077

sh /compose/secrets.sh web office
cd /secrets
if ! [ -s platform_secret ]; then
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > platform_secret
fi
if ! [ -s registry_certificate ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=registry \
        -addext subjectAltName=DNS:registry -keyout registry_key -out registry_certificate 2>/dev/null
fi
chmod 444 platform_secret registry_key registry_certificate
