"""Speed of instance and feature transfer, beside bare forms and the peers.

Each row is one job of one size. The bare form is the formula in NumPy and nothing else, ours is
fitting the estimator and mapping or weighing all rows, and the peers do the same job on the same
rows, in the same run. `pip install 'sktransfer[bench]'` installs the peers; one that is not there
leaves its cells empty. What a peer's figure stands for is said under the table: several stop short
of the optimum.
"""

from importlib.util import find_spec

import numpy as np

from benchmarks import _speed_feature as feature
from benchmarks._peers import time_peers
from benchmarks._runner import Table
from benchmarks._speed_instance import _two_rules, tradaboost_rows
from benchmarks._speed_transport import transport_rows

COLUMNS = ("job", "bare", "ours", "ours / bare", "adapt", "skada", "agreement")

NOTES = (
    "Seconds; medians of runs by turns, what takes a peer longer than 3 s runs once.",
    "Agreement: the largest difference of the results over the largest entry; for the weighters "
    "the certified distance from the optimum (KMM: projected gradient, KLIEP: duality gap).",
    "Bare KMM is its kernel matrix alone, bare KLIEP its Gaussians alone, bare uLSIF the published "
    "leave-one-out with an inverse for each width and ridge.",
    "adapt's KMM works in blocks of 1000 rows and skada's ends after 1000 steps of Frank-Wolfe, "
    "both short of the optimum; skada's KLIEP takes steps of the size of rounding errors.",
    "adapt's CORAL on 4096 features takes over three minutes and is left out here.",
)


def _row(row, peers):
    return [
        row.job,
        row.bare_seconds,
        row.our_seconds,
        row.our_seconds / row.bare_seconds,
        peers.get("adapt"),
        peers.get("skada"),
        f"{row.error:.0e}",
    ]


def _data(n_rows, n_features):
    X, _ = feature.make_domains(n_rows, n_features)
    y = (X[:, 0] > np.median(X[:, 0])).astype(int)
    return X[:n_rows], X[n_rows:], y[:n_rows], y[n_rows:]


def _jobs(quick):
    """Each job: its kind, its size, how to measure bare and ours, and how many widths to try."""
    small = 8 if quick else 1
    yield "coral", (5000 // small, 2048 // small), feature.coral_row, False
    yield "coral", (2000 // small, 4096 // small), feature.coral_row, False
    yield "tca", (2500 // small, 800 // small), feature.components_row, False
    yield "alignment", (5000 // small, 2048 // small), feature.alignment_row, False
    yield "kmm", (5000 // small, 50), feature.matching_row, True
    yield "kliep", (2000 // small, 10), feature.likelihood_row, True
    yield "ulsif", (2000 // small, 10), feature.least_squares_row, True


def _aligners_and_weighters(quick):
    rows = []
    for kind, (n_rows, n_features), measure, has_width in _jobs(quick):
        data = _data(n_rows, n_features)
        widths = _widths(data, kind) if has_width else ()
        row = measure(n_rows, n_features)
        leave_out = ("adapt",) if (kind, n_features) == ("coral", 4096) else ()
        rows.append(_row(row, time_peers(kind, data, widths=widths, leave_out=leave_out)))
    return Table("Aligners and weighters", COLUMNS, rows, notes=NOTES, digits=3)


def _widths(data, kind):
    """One median distance for KMM, seven multiples of it for the density ratios."""
    X_source, X_target = (X[:500] for X in data[:2])
    distances = np.linalg.norm(X_source[:, None] - X_target, axis=2)
    multiples = [1.0] if kind == "kmm" else feature.WIDTHS
    return [float(np.median(distances)) * m for m in multiples]


def _boosting(quick):
    repeats, seeds = (1, 1) if quick else (5, 5)
    rows = [
        [name, seconds, accuracy]
        for name, seconds, accuracy in tradaboost_rows(n_repeats=repeats, n_seeds=seeds)
    ]
    X, y, sample_domain, _, _ = _two_rules(0)
    source = sample_domain == "source"
    data = X[source], X[~source], y[source], y[~source]
    for name, seconds in time_peers("tradaboost", data).items():
        rows.append([name, seconds, None])
    return Table(
        "TrAdaBoost, 5000 + 200 rows, 50 rounds of depth-3 trees",
        ("who", "seconds", "accuracy on 5000 target rows"),
        rows,
        notes=("Accuracy is the mean over five data sets; a peer is timed on the first.",),
        digits=3,
    )


def _transport(quick):
    sizes = {"n_rows": 250, "n_features": 32, "repeats": 1} if quick else {"repeats": 3}
    rows = transport_rows(**sizes)
    return Table(
        "Entropic transport, 2 x 2000 rows, 256 features",
        ("job", "ours", "peer", "theirs", "ours / theirs", "largest difference"),
        [[*row[:5], f"{row[-1]:.0e}"] for row in rows],
        notes=(
            "Seconds, medians by turns; both stop at columns off by 1e-9, ours in the sum of "
            "absolute differences, the stricter rule. POT gives up after 1000 iterations.",
        ),
        digits=3,
    )


def _many_rows():
    row = feature.many_rows_matching_row()
    return Table(
        "Kernel mean matching of 2 x 50 000 rows, 50 features",
        ("job", "seconds", "gap to the optimum"),
        [["KMMWeighter, exact over the rows in use", row.our_seconds, f"{row.error:.0e}"]],
    )


def run(data_home, *, quick=False):
    """Measure all jobs.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        An eighth of the rows and columns.

    Returns
    -------
    tables : list of Table
    """
    tables = [_aligners_and_weighters(quick), _boosting(quick)]
    if find_spec("ot"):
        tables.append(_transport(quick))
    return tables if quick else [*tables, _many_rows()]
