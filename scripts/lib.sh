# What scripts/serve and scripts/test share. Sourced by bash, with $root set.

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
# scripts/test --all-pythons has an environment for each; all else uses .venv.
venv="${BUILD_VENV:-$root/.venv}"

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

# Checks for what a machine must bring along, and names what it does not.
check_tools() {
    export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    command -v cargo >/dev/null || fail "cargo is missing: install a Rust toolchain (1.90 or newer)"
    python=""
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            python="$candidate"
            break
        fi
    done
    [ -n "$python" ] || fail "python3 is missing, or older than 3.10"
    # Only where the name that builds look for is not the right Python.
    if [ "$python" != python3 ]; then
        PYO3_PYTHON="$(command -v "$python")"
        export PYO3_PYTHON
    fi
    "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module: install python3-venv"
    command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
        fail "cc is missing: install a C compiler, which Rust links with"
}

make_venv() {
    if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        say "making $venv with $("$python" --version)"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    unset VIRTUAL_ENV PYTHONHOME
}

# need_packages STAMP REQUIREMENT...: installs into the venv what it lacks.
need_packages() {
    local stamp="$venv/$1.stamp" wanted
    shift
    wanted="$(printf '%s\n' "$@"; for word in "$@"; do if [ -f "$word" ]; then cat "$word"; fi; done)"
    if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
        say "installing Python packages into $venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
        printf '%s\n' "$wanted" >"$stamp"
    fi
}

install_test_requirements() {
    need_packages maturin 'maturin>=1.9.4,<2'
    if [ -f "$root/tests/requirements.txt" ]; then
        need_packages tests -r "$root/tests/requirements.txt"
    else
        need_packages tests pytest
    fi
}

# What the extension module is made from, as one checksum.
fingerprint() {
    cd "$root"
    find Cargo.toml Cargo.lock pyproject.toml crates python -type f \
        \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.py' -o -name '*.pyi' \) -print0 |
        LC_ALL=C sort -z | xargs -0 cksum | cksum
}

# build_into_venv PROFILE: builds the package and installs it, if a source changed since.
build_into_venv() {
    local stamp="$venv/rgunicorn.stamp" wanted
    wanted="$1 $(fingerprint)"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    need_packages maturin 'maturin>=1.9.4,<2'
    say "building rgunicorn, profile $1 (the first time takes a few minutes)"
    rm -f "$stamp"
    if [ "$venv" = "$root/.venv" ]; then
        (cd "$root" && PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv" maturin develop --quiet --profile "$1")
    else
        install_wheel "$1"
    fi
    printf '%s\n' "$wanted" >"$stamp"
}

# As users have it. An editable install would put a module for this Python beside the sources, and another of the same
# version would load it.
install_wheel() {
    local wheels="$venv/wheels"
    rm -rf "$wheels"
    (cd "$root" && "$venv/bin/maturin" build --quiet --profile "$1" --interpreter "$venv/bin/python" --out "$wheels")
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
}
