# Makes a virtual environment with repro in it. Sourced (bash) by tests/run and examples/digits/story.sh.
#
# Needs Python 3.11 to 3.14 and git, and an index to install from: pip's and uv's ordinary configuration applies.
# Variables that a caller may set in the environment:
#   PYTHON      the interpreter to use instead of the first fitting one on PATH
#   REPRO_VENV  where the environment goes instead of .venv in the clone

# The one list of programs that are needed beside Python: "program Debian-package".
programs=(
    "git git"
)

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${REPRO_VENV:-$root/.venv}
# What is started from here, in whichever folder, is to find the same.
case $venv in /*) ;; *) venv=$PWD/$venv REPRO_VENV=$venv ;; esac

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    if [ $# -gt 1 ]; then say "hint: $2"; fi
    exit 3
}

may_install_debian_packages() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Debian's list of packages may be stale or absent on a fresh machine, so it is brought up to date once.
debian_install() {
    local output
    say "installing Debian packages: $*"
    if [ -z "${debian_lists_fresh:-}" ]; then
        output=$(apt-get -q update </dev/null 2>&1) || say "$output"
        debian_lists_fresh=1
    fi
    output=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" </dev/null 2>&1) && return
    say "$output"
    return 1
}

ensure_programs() {
    local line program package
    for line in "${programs[@]}"; do
        read -r program package <<<"$line"
        command -v "$program" >/dev/null && continue
        if may_install_debian_packages && debian_install "$package"; then continue; fi
        fail "$program is not installed" "install it, for example: apt-get install $package"
    done
}

python_fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }

# Every candidate is tried by running it: a version manager's shim may be on PATH and yet run nothing.
find_python() {
    local name
    if [ -n "${PYTHON:-}" ]; then
        python_fits "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 to 3.14"
        python=$PYTHON
        return
    fi
    for name in python3 python python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && python_fits "$name"; then
            python=$name
            return
        fi
    done
    if may_install_debian_packages && debian_install python3 python3-venv && python_fits /usr/bin/python3; then
        python=/usr/bin/python3
        return
    fi
    fail "no Python 3.11 to 3.14 was found on PATH" "install one, or name it: PYTHON=/path/to/python3.12 $0"
}

ensure_venv_module() {
    local version
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if may_install_debian_packages; then
        debian_install "python$version-venv" || true
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module" "install it, for example: apt-get install python$version-venv"
}

# What the environment was made from: it is made anew where one of these has changed. The path is among them because
# a virtual environment cannot be moved.
stamp_text() {
    printf '%s\n' "$venv" "$1"
    cksum <"$root/pyproject.toml"
    cksum <"$root/tools/bootstrap.sh"
}

make_venv() {
    find_python
    ensure_venv_module
    # Only what this file made, or an empty folder, is replaced; a broken .venv of the clone can be nobody else's.
    if [ -e "$venv" ] && [ -n "$(ls -A -- "$venv")" ] && ! [ -f "$venv/installed-with" ] &&
        ! { [ "$venv" = "$root/.venv" ] && [ -f "$venv/pyvenv.cfg" ]; }; then
        fail "$venv exists and is not an environment that this made" "move it away, or set REPRO_VENV to another place"
    fi
    say "making a virtual environment with $("$python" --version) in $venv"
    rm -rf -- "$venv"
    "$python" -m venv "$venv" </dev/null >&2 || fail "the virtual environment could not be made" "the lines above say why"
}

# uv does not read pip's configuration: an index that is named for pip alone is passed on.
index_for_uv() {
    if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX=$PIP_INDEX_URL
    fi
}

# Whether the environment is complete for the group. The tests' environment serves for everything; one without the
# tests' tools does not serve the tests.
is_installed() {
    local group=$1 found
    "$venv/bin/python" -c pass 2>/dev/null && found=$(cat "$venv/installed-with" 2>/dev/null) || return 1
    case $found in "$(stamp_text "$group")" | "$(stamp_text dev)") return 0 ;; *) return 1 ;; esac
}

install_repro() {
    local group=$1 stamp="$venv/installed-with" uv=$venv/bin/uv
    if ! { python_fits "$venv/bin/python" && [ "$(head -n 1 "$stamp" 2>/dev/null || echo "$venv")" = "$venv" ]; }; then
        make_venv
    fi
    rm -f -- "$stamp"
    if ! "$uv" --version >/dev/null 2>&1; then
        say "installing uv"
        "$venv/bin/python" -m pip install -q --disable-pip-version-check "uv>=0.8" </dev/null >&2 ||
            fail "pip could not install uv" "the lines above say why; is an index reachable?"
    fi
    say "installing repro${group:+ and the group $group}"
    (cd -- "$root" && "$uv" pip install -q --python "$venv/bin/python" -e . ${group:+--group "$group"}) </dev/null >&2 ||
        fail "uv could not install repro" "the lines above say why; uv takes an index from UV_DEFAULT_INDEX or uv.toml"
    stamp_text "$group" >"$stamp.tmp" && mv -- "$stamp.tmp" "$stamp"
}

# bootstrap [dev]: afterwards "$venv/bin/python -m repro" works; with dev, so do the tools that the tests need.
# Of several that run at once in one clone, one installs and the others wait for it.
bootstrap() {
    local group=${1:-} lock
    ensure_programs
    index_for_uv
    is_installed "$group" && return
    exec {lock}<"$root/pyproject.toml"
    if command -v flock >/dev/null; then flock "$lock"; fi
    is_installed "$group" || install_repro "$group"
    exec {lock}<&-
}
