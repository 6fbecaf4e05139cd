"""docs/CONFORMANCE.md tells the truth about which obligations have tests, and where."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "CONFORMANCE.md").read_text()
ROW = re.compile(r"^\| ([ABW]\d+)(?:-[ABW](\d+))? \| [^|]+ \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def rows():
    """Each id with the files the table names for it and its status."""
    for first, last, files, status in ROW.findall(TABLE):
        letter, start = first[0], int(first[1:])
        for number in range(start, int(last or start) + 1):
            yield f"{letter}{number}", set(filter(None, files.strip().split(", "))), status


def ids_with_tests():
    """Each id with the files that hold a test named after it."""
    found = {}
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^(?:async )?def test_(\w+)", path.read_text(), re.MULTILINE):
            for part in re.match(r"(?:[abw]\d+_)*", name)[0].split("_")[:-1]:
                found.setdefault(part.upper(), set()).add(path.relative_to(TESTS).as_posix())
    return found


def test_the_table_names_exactly_the_files_that_test_each_obligation():
    listed = {id: files for id, files, _ in rows() if files}
    assert listed == ids_with_tests()


def test_a_row_is_tested_or_says_which_issue_will_close_it_or_why_none_will():
    for id, files, status in rows():
        assert status.startswith("tested") == bool(files), id
        assert status.startswith("tested") or re.fullmatch(r"open: issue \d+|left out: .+", status), id


def test_no_obligation_is_listed_twice():
    ids = [id for id, _, _ in rows()]
    assert len(ids) == len(set(ids))
