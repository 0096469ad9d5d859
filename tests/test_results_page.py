"""The page of results shows tables as their benchmarks printed them."""

import csv
import re
import sys

import pytest

from benchmarks._runner import Table, list_benchmarks, write
from tests.shelf import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_tables"))
printed = pytest.importorskip("printed", reason="docutils is not installed")

PAGE = (ROOT / "docs" / "results.rst").read_text()
SHOWN = [
    (name, int(number or 1))
    for name, number in re.findall(r"\.\. benchmark-table:: (\w+)(?:\n    :number: (\d+))?", PAGE)
]


def test_a_table_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(printed, "RESULTS", tmp_path)
    first = Table("Error", ("method", "a", "b"), (("ours", 1, 0.25), ("  theirs", None, 2.0)))
    second = Table("Size", ("rows",), ((3,),), notes=("Of one run.", "Of two."))
    write("toy", [first, second], tmp_path, lines=["# Toy", "1 second"])
    found, other = printed.read("toy")
    assert found == ("Error", ["method", "a", "b"], [False, True, True], first.cells(), [])
    assert other == ("Size", ["rows"], [True], [["3"]], ["Of one run.", "Of two."])


@pytest.mark.parametrize(("name", "number"), SHOWN)
def test_every_table_of_the_page_is_that_of_a_benchmark(name, number):
    assert name in list_benchmarks()
    tables = printed.read(name)
    found = tables[number - 1]
    assert {len(row) for row in found.rows} == {len(found.columns)}
    file = printed.RESULTS / (f"{name}.csv" if len(tables) == 1 else f"{name}_{number}.csv")
    with file.open(encoding="utf-8", newline="") as stream:
        columns, *rows = csv.reader(stream)
    assert columns == found.columns
    assert [row[0] for row in rows] == [row[0] for row in found.rows] or found.numeric[0]


def test_the_page_has_tables_of_every_family():
    assert len(SHOWN) > 20
    assert len(set(SHOWN)) == len(SHOWN)


def test_the_directive_shows_the_title_the_rows_and_the_command(tmp_path, monkeypatch):
    core = pytest.importorskip("docutils.core")
    printed.directives.register_directive("benchmark-table", printed.PrintedTable)
    monkeypatch.setattr(printed, "RESULTS", tmp_path)
    table = Table("Error *", ("method", "a"), (("ours_", 0.25), ("  theirs", 2.0)), ("A.", "B."))
    write("toy", [table, table], tmp_path, lines=[])
    text = ".. benchmark-table:: toy\n    :number: 2\n    :notes: 1\n"
    shown = core.publish_string(text, writer="pseudoxml").decode()
    for part in ("Error *", "ours_", "\N{NO-BREAK SPACE}theirs", "0.25", "A."):
        assert part in shown
    assert "B." not in shown
    assert "python -m benchmarks toy" in shown
