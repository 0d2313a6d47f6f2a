#!/usr/bin/env bash
# The signature of a receipt, by OpenSSL 3: `dsse-openssl.sh FOLDER`, where `foreign-inputs` has written.
# What was signed is put together here, by the text of DSSE, and not by Meterbox.
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whether the key in $2 signed the envelope in $1.
signed() {
    local payload type sig
    payload=$(sed -E 's/.*"payload":"([^"]*)".*/\1/' "$1")
    type=$(sed -E 's/.*"payloadType":"([^"]*)".*/\1/' "$1")
    sig=$(sed -E 's/.*"sig":"([^"]*)".*/\1/' "$1")
    base64 -d <<<"$payload" >"$work/payload"
    base64 -d <<<"$sig" >"$work/signature"
    { printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s "$work/payload")"; cat "$work/payload"; } >"$work/signed"
    openssl pkeyutl -verify -rawin -pubin -inkey "$2" -in "$work/signed" -sigfile "$work/signature" >/dev/null 2>&1
}

openssl version | grep -q '^OpenSSL 3\.' || { echo "error: $(openssl version) is not OpenSSL 3" >&2; exit 2; }
signed "$folder/receipt.json" "$folder/key.pem" || { echo "error: OpenSSL refuses the receipt" >&2; exit 1; }
for tampered in "$folder"/tampered-*.receipt.json; do
    ! signed "$tampered" "$folder/key.pem" || { echo "error: OpenSSL accepts $tampered" >&2; exit 1; }
done
! signed "$folder/receipt.json" "$folder/other-key.pem" || { echo "error: OpenSSL accepts another key" >&2; exit 1; }
echo "OpenSSL: receipt accepted, $(ls "$folder"/tampered-*.receipt.json | wc -l) tampered ones and another key refused"
