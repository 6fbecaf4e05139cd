"""The rules of docs/ARCHITECTURE.md, checked on every run."""

import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CRATES = Path(__file__).parents[1] / "crates"
GUARDED = re.compile(r"rgunicorn-\w+|pyo3|tokio")
MAY_USE = {
    "rgunicorn-core": "tokio",
    "rgunicorn-supervisor": "",  # it forks, so it must never start a runtime
    "rgunicorn-websocket": "",  # a protocol: whoever drives it has the sockets
    "rgunicorn-eventloop": "pyo3 tokio",
    "rgunicorn-asgi": "rgunicorn-core rgunicorn-websocket rgunicorn-eventloop pyo3 tokio",
    "rgunicorn-wsgi": "rgunicorn-core rgunicorn-eventloop pyo3 tokio",
    "rgunicorn-cli": "rgunicorn-core rgunicorn-supervisor rgunicorn-eventloop rgunicorn-asgi rgunicorn-wsgi pyo3 tokio",
}


def without_tests(path):
    return path.read_text().split("#[cfg(test)]")[0]


def test_every_crate_has_a_rule():
    assert {path.parent.name for path in CRATES.glob("*/Cargo.toml")} == set(MAY_USE)


@pytest.mark.parametrize("crate", MAY_USE)
def test_a_crate_uses_only_lower_layers(crate):
    manifest = tomllib.loads((CRATES / crate / "Cargo.toml").read_text())
    used = {name for name in manifest["dependencies"] if GUARDED.fullmatch(name)}
    assert used <= set(MAY_USE[crate].split())


@pytest.mark.parametrize("crate", MAY_USE)
def test_a_module_imports_only_modules_listed_after_it(crate):
    source = CRATES / crate / "src"
    order = re.findall(r"^(?:pub(?:\(\w+\))? )?mod (\w+);", (source / "lib.rs").read_text(), re.MULTILINE)
    for position, module in enumerate(order):
        for path in [source / f"{module}.rs", *(source / module).rglob("*.rs")]:
            code = re.sub(r"//.*", "", without_tests(path))
            assert "crate::{" not in code, f"{path}: one path per `use`"
            imported = set(re.findall(r"\bcrate::(\w+)", code)) & set(order)
            assert imported <= set(order[position:]), path


@pytest.mark.parametrize("path", sorted(CRATES.glob("*/src/**/*.rs")), ids=lambda path: str(path.relative_to(CRATES)))
def test_a_file_says_what_it_is_for_and_stays_small(path):
    code = without_tests(path)
    assert code.startswith("//! ") and code.count("\n") <= 400
