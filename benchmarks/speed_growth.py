"""How the cost of instance and feature transfer grows with the rows.

Each method is fitted on 1000 to 10 000 rows of each domain with 50 features, at its default
parameters. The last column is the slope between the two largest counts on a double logarithmic
scale: 1 is linear in the rows, 2 quadratic.
"""

import numpy as np

from benchmarks._runner import Table
from benchmarks._speed_feature import growth

COUNTS = (1000, 2000, 5000, 10_000)


def run(data_home, *, quick=False):
    """Measure every method at every count.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        A tenth of the rows, one run of each.

    Returns
    -------
    tables : list of Table
    """
    counts = tuple(count // 10 for count in COUNTS) if quick else COUNTS
    seconds = {}
    for method, n_rows, taken in growth(counts, repeats=1 if quick else 3):
        seconds.setdefault(method, {})[n_rows] = taken
    rows = [
        [method, *(taken[count] for count in counts), _slope(taken, counts)]
        for method, taken in seconds.items()
    ]
    columns = ("method", *(f"2 x {count} rows" for count in counts), "slope")
    return [Table("Seconds of a fit", columns, rows, digits=3)]


def _slope(taken, counts):
    return float(np.log(taken[counts[-1]] / taken[counts[-2]]) / np.log(counts[-1] / counts[-2]))


def draw(tables, folder):
    """Draw the table; give the path of the picture in a list."""
    from matplotlib.figure import Figure

    (table,) = tables
    counts = [int(column.split()[2]) for column in table.columns[1:-1]]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    ax = figure.subplots()
    for method, *seconds, slope in table.rows:
        ax.loglog(counts, seconds, "o-", label=f"{method} (slope {slope:.1f})")
    ax.set_xticks(counts, [f"{count:,}" for count in counts], minor=False)
    ax.minorticks_off()
    ax.set_xlabel("rows of each domain, 50 features")
    ax.set_ylabel("seconds of a fit")
    ax.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    path = folder / "speed_growth.png"
    figure.savefig(path, dpi=120)
    return [path]
