"""Autobahn's test suite without its slow cases, so that every test run has seen it; `scripts/conformance websocket` runs all."""

import pytest
from conformance.websocket import NotInstalled, find_python, install, parse_arguments, run_suite, served

# A case of each of these at least: a run that leaves a section out has shown nothing about it.
SECTIONS = {1, 2, 3, 4, 5, 6, 7, 10, 12, 13}
LEAST_CASES = 280


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_autobahn_finds_nothing_wrong():
    python = find_python()
    if not python:
        pytest.skip("Autobahn's suite needs a Python 2.7, and there is none (python2.7 on PATH, or in pyenv)")
    try:
        install(python)
    except NotInstalled as reason:
        pytest.skip(str(reason).splitlines()[0])
    arguments = parse_arguments(["--quick"])
    with served(arguments) as url:
        cases = run_suite(python, url, arguments)
    assert {case.section for case in cases} == SECTIONS
    assert len(cases) >= LEAST_CASES
    wrong = {case.name: case.verdict for case in cases if case.verdict not in ("OK", "INFORMATIONAL")}
    assert wrong == {}
