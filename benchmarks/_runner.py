"""The runner: finds the benchmarks of this folder, runs one, prints and writes its tables."""

import argparse
import ast
import csv
import io
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral, Real
from pathlib import Path

from threadpoolctl import threadpool_info

import sktransfer
from benchmarks._data import DATA_VARIABLE, DataError, find_data_home

HERE = Path(__file__).parent
PACKAGES = ["scikit-learn", "numpy", "scipy", "torch", "onnxruntime"]


@dataclass(frozen=True)
class Table:
    """What a benchmark found.

    Parameters
    ----------
    title : str
        One line.
    columns : sequence of str
        The heads of the columns.
    rows : sequence of sequences
        One entry a column: strings, numbers, or None for an empty cell.
    notes : sequence of str, default=()
        Sentences to print under the table.
    digits : int, default=2
        Decimals of the floating-point numbers in print; the CSV file has them all.
    """

    title: str
    columns: tuple
    rows: tuple
    notes: tuple = ()
    digits: int = 2

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Table {self.title!r} has {len(self.columns)} columns, but a row of "
                    f"{len(row)} entries: {list(row)}."
                )

    def cells(self):
        """Give the rows as lists of strings."""
        return [[self._format(value) for value in row] for row in self.rows]

    def _format(self, value):
        if value is None:
            return ""
        if isinstance(value, Real) and not isinstance(value, Integral):
            return f"{value:.{self.digits}f}"
        return str(value)

    def _is_numeric(self, k):
        """Tell whether the column `k` has no entry but numbers and empty cells."""
        return all(row[k] is None or isinstance(row[k], Real) for row in self.rows)

    def to_text(self):
        """Give the table as aligned text: numbers to the right, words to the left."""
        lines = [list(self.columns), *self.cells()]
        columns = range(len(self.columns))
        widths = [max(len(line[k]) for line in lines) for k in columns]
        aligned = [
            "  ".join(
                line[k].rjust(widths[k]) if self._is_numeric(k) else line[k].ljust(widths[k])
                for k in columns
            ).rstrip()
            for line in lines
        ]
        rule = "-" * max(map(len, aligned))
        return "\n".join([self.title, aligned[0], rule, *aligned[1:], *self.notes])

    def to_markdown(self):
        """Give the table as Markdown, under a heading."""
        marks = ["---:" if self._is_numeric(k) else "---" for k in range(len(self.columns))]
        lines = [list(self.columns), marks, *self.cells()]
        body = ["| " + " | ".join(line) + " |" for line in lines]
        notes = [line for note in self.notes for line in ("", note)]
        return "\n".join([f"## {self.title}", "", *body, *notes])

    def to_csv(self):
        """Give the columns and the unrounded rows as CSV."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([self.columns, *self.rows])
        return stream.getvalue()


def list_benchmarks():
    """Give a dict name -> title of the benchmarks in this folder; nothing is imported."""
    return {
        path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]
        for path in sorted(HERE.glob("[!_]*.py"))
    }


def environment():
    """Give what the seconds depend on: versions, processor and threads, as lines of text."""
    found = [f"sktransfer {sktransfer.__version__}", f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    threads = {pool["user_api"]: pool["num_threads"] for pool in threadpool_info()}
    spelt = ", ".join(f"{name} {count}" for name, count in sorted(threads.items())) or "unknown"
    return [
        ", ".join(found),
        f"{_processor()}, {os.cpu_count()} cores; threads: {spelt}",
    ]


def _processor():
    """Give the name of the processor, if this system has it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def write(name, tables, folder, *, lines):
    """Write `tables` to ``<name>.md``, `lines` first, and each to a CSV file; give the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"{name}.md"
    parts = ["\n\n".join(lines), *(table.to_markdown() for table in tables)]
    report.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    paths = [report]
    for k, table in enumerate(tables, start=1):
        path = folder / (f"{name}.csv" if len(tables) == 1 else f"{name}_{k}.csv")
        path.write_text(table.to_csv(), encoding="utf-8")
        paths.append(path)
    return paths


def main(arguments=None):
    """Run the command line; give the exit status."""
    options = _parser().parse_args(arguments)
    titles = list_benchmarks()
    if options.name is None:
        width = max(map(len, titles), default=0)
        print("\n".join(f"{name.ljust(width)}  {title}" for name, title in titles.items()))
        return 0
    names = list(titles) if options.name == "all" else [options.name]
    if not set(names) <= titles.keys():
        print(
            f"no benchmark {options.name!r}; there are {', '.join(titles)}, and 'all'.",
            file=sys.stderr,
        )
        return 2
    return max(_run_one(name, titles[name], options) for name in names)


def _run_one(name, title, options):
    """Run one benchmark, print and write what it found; give the exit status."""
    module = import_module(f"benchmarks.{name}")
    print("\n".join([title, *environment()]), flush=True)
    start = time.perf_counter()
    try:
        tables = module.run(find_data_home(options.data), quick=options.quick)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    seconds = f"{time.perf_counter() - start:.1f} seconds"
    for table in tables:
        print("\n" + table.to_text())
    paths = write(name, tables, options.out, lines=[f"# {title}", *environment(), seconds])
    if hasattr(module, "draw"):
        paths += module.draw(tables, options.out)
    print(f"\n{seconds}; written to {', '.join(map(str, paths))}")
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", nargs="?", help="the benchmark to run, or all; without it they are listed"
    )
    parser.add_argument(
        "--data", type=Path, help=f"the folder of data sets (default: ${DATA_VARIABLE})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE / "results",
        help="the folder for the tables (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="as short a run as shows something")
    return parser
