#!/bin/sh
# Makes .venv at the project's root with all pinned dependencies and `hub`. By uv where it is on PATH, else by pip.
# PYTHON names an interpreter to be used first.
set -eu
cd "$(dirname "$0")/.."

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    cat >&2 <<'HINT'
No Python 3.11 or newer was found. Any one of these will do:
  - install it: apt install python3 python3-venv, brew install python, or https://www.python.org/downloads/
  - name one: make PYTHON=/path/to/python3.12
HINT
    return 1
}

make_venv() {
    if command -v uv >/dev/null; then
        uv venv --quiet --seed --python "$1" .venv && return
        echo "uv could not make the environment; trying Python's own way." >&2
        rm -rf .venv
    fi
    "$1" -m venv .venv && return
    rm -rf .venv
    cat >&2 <<HINT
$1 can't make virtual environments: its venv or ensurepip module is missing.
  - on Debian and Ubuntu: apt install python3-venv
  - or install uv, which needs neither: https://docs.astral.sh/uv/
  - or name another Python: make PYTHON=/path/to/python3.12
HINT
    return 1
}

# Compiled at once: where Python may not write bytecode, every start of every process would take three times as long.
install_packages() {
    if command -v uv >/dev/null; then
        uv pip install --python .venv --compile-bytecode --require-hashes -r requirements.lock &&
            uv pip install --python .venv --no-deps --no-build-isolation -e . && return
        echo "uv could not install the packages; trying pip." >&2
    fi
    pip=".venv/bin/python -m pip install --disable-pip-version-check"
    { $pip --progress-bar off --compile --require-hashes -r requirements.lock || echo failed; } | awk -v total="$count" '
        /^Collecting/ && ++n % 20 == 0 { print "  " n " of " total; fflush() }
        /^Installing/ { print "  unpacking"; fflush() }
        $0 == "failed" { failed = 1 }
        END { exit failed }'
    $pip --quiet --no-deps --no-build-isolation -e .
}

python=$(find_python)
if ! suitable .venv/bin/python; then
    echo "Making .venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    rm -rf .venv
    make_venv "$python"
fi
count=$(grep -c '==' requirements.lock)
echo "Installing $count pinned packages (a minute or two the first time)"
install_packages
