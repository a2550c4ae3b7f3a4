#!/usr/bin/env bash
# The whole story of a result: made and recorded here, pushed to a directory, rebuilt elsewhere bit for bit.
#
#   bash examples/digits/story.sh [--keep]
#
# Everything happens in a temporary directory, which is removed at the end, or kept with --keep. Only the clone's .venv
# (with repro in it) and the package caches of pip and uv outlast it. The exit code is the rebuild's.
set -euo pipefail

example=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/bootstrap.sh
. "$example/../../tools/bootstrap.sh"

keep=
case ${1:-} in
    "") ;;
    --keep) keep=yes ;;
    *) fail "unknown argument $1" "usage: bash examples/digits/story.sh [--keep]" ;;
esac

chapter() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
if ! [ -t 1 ] || [ -n "${NO_COLOR:-}" ]; then
    chapter() { printf '\n== %s\n' "$*"; }
fi

# Shows a command as it would be typed, then runs it.
run() {
    printf '$'
    printf ' %q' "$@"
    printf '\n'
    "$@"
}

clean_up() {
    if [ -n "$keep" ]; then
        printf '\nkept: %s\n' "$work"
    else
        cd /
        if [ -e "$work/moved-away" ]; then chmod u+rwx "$work/moved-away"; fi
        rm -rf -- "$work"
    fi
}

# An empty home: no caches, no settings, no keys of whoever runs this.
move_into_home() {
    mkdir -p "$1"
    export HOME=$1 XDG_CACHE_HOME=$1/.cache XDG_CONFIG_HOME=$1/.config XDG_DATA_HOME=$1/.local/share
    export XDG_STATE_HOME=$1/.local/state
}

chapter "repro itself"
bootstrap
work=$(mktemp -d "${TMPDIR:-/tmp}/digits-story.XXXXXX")
trap clean_up EXIT

# Resolved before HOME changes: where packages come from, and their downloads, are the same here and elsewhere.
export UV_CACHE_DIR=${UV_CACHE_DIR:-$("$venv/bin/uv" cache dir)}
uv_settings=${XDG_CONFIG_HOME:-${HOME:-}/.config}/uv/uv.toml
if [ -z "${UV_CONFIG_FILE:-}" ] && [ -f "$uv_settings" ]; then export UV_CONFIG_FILE=$uv_settings; fi
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME "${!REPRO_@}" "${!GIT_@}"
export GIT_CONFIG_NOSYSTEM=1
# The interpreter that both places have. Version managers' shims look into HOME, which will be another.
interpreter=$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
mkdir "$work/bin"
ln -s "$venv/bin/repro" "$work/bin/repro"
ln -s "$venv/bin/uv" "$work/bin/uv"
plain_path=$work/bin:$(dirname "$interpreter"):$PATH
export PATH=$plain_path
run repro --version

chapter "Here: a project"
move_into_home "$work/here/home"
project=$work/here/digits
mkdir "$project"
cp -- "$example"/{.gitignore,README.md,params.toml,prepare.py,repro.yaml,requirements.in,requirements.txt,train.py} "$project"
run cd "$project"
run git init --quiet --initial-branch=main .
git config user.name "Digits Example"
git config user.email "digits@example.org"
git config commit.gpgsign false
run uv venv --quiet --python "$interpreter" .venv
run uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.txt
export PATH=$project/.venv/bin:$plain_path
run python prepare.py
run repro init
run repro add data
run git add .
run git commit --quiet --message "Digits"

chapter "Here: a run, recorded and pushed"
run repro run -n baseline -- python train.py
run repro log
run repro remote add store "$work/store"
run repro push
run_id=$(basename "$(ls .repro/runs/*.yaml)" .yaml)

chapter "Elsewhere: another directory, an empty HOME; the project is gone"
mv -- "$work/here" "$work/moved-away"
chmod 000 "$work/moved-away"
mkdir "$work/elsewhere"
move_into_home "$work/elsewhere/home"
export PATH=$plain_path
printf 'left from before: %s, and downloaded packages in %s\n' "$work/store" "$UV_CACHE_DIR"
run cd "$work/elsewhere"
code=0
run repro rebuild --from "$work/store" "$run_id" || code=$?
if [ "$code" != 0 ]; then keep=yes; fi # there is something to look at
exit "$code"
