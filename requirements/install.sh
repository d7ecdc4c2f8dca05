#!/bin/sh
# install.sh VENV LOCK [OPTION…]: has the pip of VENV install what LOCK pins and nothing else, and checks that it fits.
# pip's own words go to VENV/install.log; when it fails, one line says what to do. Each OPTION is one of pip install.
set -u
venv=$1 lock=$2 log=$1/install.log
shift 2

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
fail() { echo "$lock is not installed: $* (pip's own words: $log)" >&2; exit 1; }
says() { grep -Eq "$1" "$log"; }

# pip may be killed between the files of a package; environment.sh makes an environment with this mark again.
touch "$venv/.unfinished"
# Nothing is resolved: no dependencies, and no builder fetched for what is released as source only (build.txt pins it).
pip install --no-deps --require-hashes --no-build-isolation \
    --only-binary :all: --no-binary crcmod,qcloudapi-sdk-python "$@" -r "$lock" >"$log" 2>&1
status=$?
[ "$status" -lt 128 ] && rm "$venv/.unfinished"

if [ "$status" -eq 0 ]; then
    pip check >>"$log" 2>&1 || fail "its pins do not fit together: $(tail -n 1 "$log"); renew them: make lock"
elif says 'DO NOT MATCH THE HASHES'; then
    fail "the package index serves another file than the pinned one; name another index in PIP_INDEX_URL, then run make again"
elif says 'Max retries|NewConnection|NameResolution|[Tt]imeout|[Tt]imed out|ProxyError|Connection (broken|aborted|reset)'; then
    fail "no package index answers; connect to the network or name a mirror in PIP_INDEX_URL, then run make again"
else
    fail "$(grep -E '^ *(ERROR|error): ' "$log" | tail -n 1)"
fi
