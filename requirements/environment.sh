#!/bin/sh
# environment.sh VENV PYTHON [given]: keeps the virtual environment VENV where it is usable, makes it with PYTHON where not.
# Not usable is one that does not start, that was left half made or half filled, or, when PYTHON was given, another Python's.
# The stamp VENV/.python is new whenever VENV is, so that everything is installed again.
set -u
venv=$1 python=$2 given=${3:-}
hint="name one that is 3.10 or newer: make PYTHON=/path/to/python3.12 run"

fail() { echo "$*" >&2; exit 1; }
identity() { "$1" -c 'import sys; print(sys.base_prefix, *sys.version_info); assert sys.version_info >= (3, 10)' 2>/dev/null; }
usable() {
    made_by=$(identity "$venv/bin/python") && [ ! -e "$venv/.unfinished" ] || return 1
    [ -z "$given" ] || [ "$made_by" = "$(identity "$python")" ] || return 1
    [ -e "$venv/.python" ] || { "$venv/bin/python" -m pip --version >/dev/null 2>&1 && touch "$venv/.python"; }
}

usable && exit 0

command -v "$python" >/dev/null 2>&1 || fail "There is no Python at '$python'; $hint"
version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) \
    || fail "'$python' does not start; $hint"
identity "$python" >/dev/null || fail "'$python' is Python $version, which is too old; $hint"
# Debian ships venv and ensurepip apart from python3 itself.
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || fail "'$python' lacks venv or ensurepip; on Debian and Ubuntu: apt-get install python3-venv; or $hint"

# What is cleared away must be an environment: VENV may be mistyped.
if [ -e "$venv/pyvenv.cfg" ]; then
    echo "$venv is made again, with $python ($version)" >&2
elif [ -e "$venv" ] && [ -n "$(ls -A "$venv")" ]; then
    fail "$venv is there and is not a virtual environment; name another folder: make VENV=.venv-new run"
fi
said=$("$python" -m venv --clear "$venv" 2>&1) \
    || fail "'$python' could not make $venv: $(printf '%s\n' "$said" | tail -n 1)"
touch "$venv/.python"
