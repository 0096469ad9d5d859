"""Tables that a benchmark printed: ``.. benchmark-table:: name``, from ``benchmarks/results``."""

import re
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.parsers.rst import Directive, directives

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


class Printed(NamedTuple):
    """A table of a file of results: its title, the heads of its columns, its rows, its notes."""

    title: str
    columns: list
    numeric: list
    rows: list
    notes: list


def _cells(line):
    """Return the cells of a row of Markdown; spaces in front of a row set it under the last one."""
    return [cell.removeprefix(" ").rstrip() for cell in line.strip("|\n").split("|")]


def read(name):
    """Return the tables that the benchmark `name` wrote, in their order."""
    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    tables = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, *lines = part.splitlines()
        columns, marks, *rows = [_cells(line) for line in lines if line.startswith("|")]
        notes = [line for line in lines if line and not line.startswith("|")]
        numeric = [mark.endswith(":") for mark in marks]
        tables.append(Printed(title, columns, numeric, rows, notes))
    return tables


def _entry(text, *, numeric):
    entry = nodes.entry(classes=["text-end"] if numeric else [])
    indent = "\N{NO-BREAK SPACE}" * (len(text) - len(text.lstrip()))
    entry += nodes.paragraph(text=indent + text.strip())
    return entry


def _row(cells, numeric):
    row = nodes.row()
    row.extend(_entry(cell, numeric=each) for cell, each in zip(cells, numeric, strict=True))
    return row


class PrintedTable(Directive):
    """Insert one table, the command that prints it, and its first notes.

    The option `number` counts the tables of the file from 1, `notes` limits the notes.
    """

    required_arguments = 1
    option_spec = {
        "number": directives.positive_int,
        "notes": directives.nonnegative_int,
    }

    def run(self):
        """Return the nodes of the table."""
        (name,) = self.arguments
        found = read(name)[self.options.get("number", 1) - 1]
        group = nodes.tgroup(cols=len(found.columns))
        group.extend(nodes.colspec(colwidth=1) for _ in found.columns)
        group += nodes.thead("", _row(found.columns, found.numeric))
        group += nodes.tbody("", *(_row(row, found.numeric) for row in found.rows))
        # No caption: it is centered over the width of a table, which may be beyond the screen.
        title = nodes.paragraph("", "", nodes.strong(text=found.title))
        command = nodes.paragraph("", "", nodes.literal(text=f"python -m benchmarks {name}"))
        notes = found.notes[: self.options.get("notes")]
        return [
            title,
            nodes.table("", group),
            *(nodes.paragraph(text=note) for note in notes),
            command,
        ]
