"""KLIEPWeighter on many draws of the same kind: does any draw take much longer than the others?

The processor time of a fit, over draws of rows of one kind. The largest time over the median shows
whether the solver converges on every draw. Absolute seconds depend on the machine.
"""

import time

import numpy as np

from benchmarks._runner import Table
from sktransfer import KLIEPWeighter

N_DRAWS = 200


def two_classes(rng):
    """Draw 300 source rows and 100 target rows of two classes; the target is moved by 1."""
    parts = []
    for n_rows, offset in ((300, 0.0), (100, 1.0)):
        classes = rng.integers(2, size=n_rows)
        X = rng.normal(size=(n_rows, 4))
        X[:, 0] += 2 * classes
        parts.append(X + offset)
    return parts


def far_apart(rng):
    """Draw 200 source rows and 80 target rows in ten features; the domains hardly meet."""
    return [rng.normal(size=(200, 10)), rng.normal(0.8, 0.6, size=(80, 10))]


def with_outliers(rng):
    """Draw 300 source rows and 200 target rows, one target row in ten far from all others."""
    X_target = rng.normal(0.5, 0.8, size=(200, 2))
    X_target[:20] += 3
    return [rng.normal(size=(300, 2)), X_target]


KINDS = (two_classes, far_apart, with_outliers)


def seconds(draw, seed):
    """Return the processor time of a fit on one draw, and its optimality gap."""
    X_source, X_target = draw(np.random.default_rng(seed))
    sample_domain = np.repeat(["source", "target"], [len(X_source), len(X_target)])
    weighter, start = KLIEPWeighter(random_state=0), time.process_time()
    weighter.fit(np.concatenate([X_source, X_target]), sample_domain=sample_domain)
    return time.process_time() - start, weighter.optimality_gap_


def run(data_home, *, quick=False):
    """Time every draw of every kind.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        A tenth of the draws.

    Returns
    -------
    tables : list of Table
    """
    n_draws = N_DRAWS // 10 if quick else N_DRAWS
    rows = []
    for draw in KINDS:
        seconds(draw, 0)  # imports and caches are no part of the time
        taken, gaps = np.transpose([seconds(draw, seed) for seed in range(n_draws)])
        median = np.median(taken)
        rows.append(
            [
                draw.__name__.replace("_", " "),
                n_draws,
                1000 * median,
                1000 * taken.max(),
                taken.max() / median,
                f"{gaps.max():.0e}",
            ]
        )
    columns = ("rows", "draws", "median, ms", "largest, ms", "largest / median", "largest gap")
    return [Table("Processor time of KLIEPWeighter().fit", columns, rows)]
