"""docs/EVENTLOOP.md shows the lists of expected.py, all of them."""

from pathlib import Path

from eventloop.expected import CPYTHON, UVLOOP_ALWAYS, UVLOOP_BEFORE_3_13, UVLOOP_LEFT_OUT, UVLOOP_SINCE_3_13

PAGE = (Path(__file__).parents[2] / "docs" / "EVENTLOOP.md").read_text()
NOT_RUN = "not run: "


def documented_rows():
    """A line of the table for each reason, with the tests that fail for it."""
    names_by_reason = {}
    listed = [CPYTHON, UVLOOP_ALWAYS, UVLOOP_BEFORE_3_13, UVLOOP_SINCE_3_13]
    listed.append({name: f"{NOT_RUN}{reason}" for name, reason in UVLOOP_LEFT_OUT.items()})
    for tests in listed:
        for name, reason in tests.items():
            names_by_reason.setdefault(reason, []).append(name)
    for reason, names in names_by_reason.items():
        tests = ", ".join(f"`{shown(name)}`" for name in names)
        yield f"| {tests} | {reason} |"


def shown(name):
    """Without the package and the class, which say nothing that the module does not."""
    _package, module, _class, test = name.rsplit(".", 3)
    return f"{module}.{test}"


def test_the_page_shows_each_test_that_may_fail_and_why_and_no_other():
    table = PAGE.partition("| tests | why they fail |\n")[2].partition("\n\n")[0]
    rows = [line.strip() for line in table.splitlines()][1:]
    assert rows == list(documented_rows())


def test_the_page_says_so_if_no_test_of_cpython_may_fail():
    assert ("CPython 3.10 to 3.13: the list is empty" in PAGE) == (CPYTHON == {})
