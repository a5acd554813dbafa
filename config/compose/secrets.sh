#!/bin/sh
# Makes the keys of the stack, once: a key for the API, and a token for pages and for Prometheus. Neither is ever shown.
set -eu
folder=$(dirname "$0")/secrets
if [ -e "$folder/token" ]; then
    echo "kept: $folder"
    exit 0
fi
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
token=$(word)
# The folder is closed. The files are not: in a container they belong to the user of this host, and others have to read them.
mkdir -p -m 700 "$folder"
printf 'http:\n  token: "%s"\n  keys: {compose: {secret_access_key: "%s"}}\n' "$token" "$(word)" >"$folder/access.yaml"
printf '%s' "$token" >"$folder/token"
chmod 644 "$folder"/*
echo "made: $folder"
