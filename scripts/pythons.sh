# scripts/test --all-pythons: the Python tests with every CPython there is. Sourced by scripts/test.

# The newest of each minor version from 3.10 on that pyenv has or PATH leads to, a line each: VERSION EXECUTABLE.
find_pythons() {
    local candidate on_path
    on_path="$(compgen -c python3. | grep -xE 'python3\.[0-9]+' | sort -u || true)"
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python $on_path; do
        "$candidate" -c '
import platform, sys, venv, ensurepip
if platform.python_implementation() == "CPython" and sys.version_info >= (3, 10):
    print(platform.python_version(), sys.executable)' 2>/dev/null || true
    done | sort --version-sort --reverse | awk -F '[. ]' '!seen[$1 "." $2]++' | sort --version-sort
}

# test_all_pythons PYTEST_ARGUMENT...: one after the other, each with a virtual environment and a build of its own.
test_all_pythons() {
    local version executable folder outcome code=0 outcomes=()
    [ $# -gt 0 ] || set -- tests
    while read -r version executable <&3; do
        folder="$root/target/pythons/$version"
        say "Python $version"
        outcome=passed
        PYTHON="$executable" BUILD_VENV="$folder/venv" CARGO_TARGET_DIR="$folder/target" \
            scripts/test "$@" || { outcome=FAILED code=1; }
        outcomes+=("$version $outcome")
    done 3< <(find_pythons)
    [ ${#outcomes[@]} -gt 0 ] || fail "there is no Python from 3.10 on that can make a virtual environment"
    say "with every Python:"
    printf '  %s\n' "${outcomes[@]}" >&2
    return "$code"
}
