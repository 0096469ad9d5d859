"""Fits by blocks of up to ten million rows that are never stored.

Rows of 64 columns are made inside of the tasks of Dask from the number of their block, half of them
of the source. Both domains are normal, so what each method learns in the limit is known in closed
form. The questions: do the seconds grow in proportion to the rows, is the memory constant, and does
the distance to the limit fall with the root of the rows? Of ten times the rows, 1.0 is the slope of
the seconds, 0 that of the memory, and -0.5 that of the distance.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks._runner import Table
from sktransfer import CORALAligner, GaussianWeighter, MomentAligner
from sktransfer._kernels.density_ratio import log_density

N_ROWS, N_FEATURES, BLOCK = 10_000_000, 64, 100_000
METHODS = {
    "moments": MomentAligner(),
    "CORAL": CORALAligner(ridge=0),
    "Gaussian weights, two passes": GaussianWeighter(shrinkage=0),
}


def run(data_home, *, quick=False):
    """Fit each method on a hundredth, a tenth and all of the rows.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        A hundredth of the rows.

    Returns
    -------
    tables : list of Table
    """
    return grow(N_ROWS // 100 if quick else N_ROWS)


def grow(n_rows):
    """Return the table of `n_rows`, a tenth and a hundredth; each fit has a process of its own."""
    counts = (n_rows // 100, n_rows // 10, n_rows)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        found = {
            method: [pool.submit(measure, method, count).result() for count in counts]
            for method in METHODS
        }
    measures = ("seconds", "MB above the start", "distance to the limit")
    rows = [
        [method, name, *values, float(np.log10(values[-1] / values[-2]))]
        for method, lines in found.items()
        for name, values in zip(measures, zip(*lines, strict=True), strict=True)
    ]
    columns = ("method", "measure", *(f"{count} rows" for count in counts), "slope")
    notes = (f"{N_FEATURES} columns in float32, blocks of {min(BLOCK, counts[0])} rows or more.",)
    return [Table("Fits of rows that are made in the tasks", columns, rows, notes, digits=4)]


def measure(method, n_rows):
    """Return the seconds, the memory and the error of one fit."""
    X, sample_domain = lazy_rows(n_rows)
    before, start = _peak(), time.perf_counter()
    fitted = METHODS[method].fit(X, sample_domain=sample_domain)
    seconds, peak = time.perf_counter() - start, _peak()
    return seconds, max(peak - before, 1.0), distance(method, fitted)


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lazy_rows(n_rows):
    """Return the rows and their domains, as arrays of Dask."""
    import dask.array as da

    block = min(BLOCK, n_rows)
    sizes = (block,) * (n_rows // block)
    X = da.map_blocks(_rows, chunks=(sizes, (N_FEATURES,)), dtype=np.float32, meta=_NONE)
    return X, da.map_blocks(_domains, chunks=(sizes,), dtype=np.int8, meta=_NONE[:, 0])


_NONE = np.empty((0, N_FEATURES), dtype=np.float32)


def _domains(block_info=None):
    (size,) = block_info[None]["chunk-shape"]
    return np.where(np.arange(size) < size // 2, 1, -1).astype(np.int8)


def _rows(block_info=None):
    (size, _), (place, _) = block_info[None]["chunk-shape"], block_info[None]["chunk-location"]
    rng = np.random.default_rng([place, 2026])
    X = rng.standard_normal((size, N_FEATURES), dtype=np.float32)
    half = size // 2
    for part, domain in ((slice(half), "source"), (slice(half, None), "target")):
        mean, deviations, direction = parameters(domain)
        common = rng.standard_normal((len(X[part]), 1), dtype=np.float32)
        X[part] = X[part] * deviations + common * direction + mean
    return X


def parameters(domain):
    """Return the mean, the deviations of single features and the common direction of a domain."""
    place = np.arange(N_FEATURES) / N_FEATURES
    found = {
        "source": (0 * place, 1 + place, np.cos(9 * place)),
        "target": (0.05 * np.cos(5 * place), 1.02 + 0.95 * place, np.cos(9 * place + 0.1)),
    }[domain]
    return tuple(values.astype(np.float32) for values in found)


def limit(domain):
    """Return the mean and the covariance of a domain."""
    mean, deviations, direction = (values.astype(float) for values in parameters(domain))
    return mean, np.diag(deviations**2) + np.outer(direction, direction)


def distance(method, fitted):
    """Return the root mean square of the differences to the limit, on new rows of the source."""
    (mean, covariance), (target_mean, target_covariance) = limit("source"), limit("target")
    X = np.random.default_rng(0).multivariate_normal(mean, covariance, 1000)
    if hasattr(fitted, "weigh"):
        densities = (target_mean, target_covariance), (mean, covariance)
        target, source = (log_density(X, *each) for each in densities)
        return _root_mean_square(np.log(fitted.weigh(X)) - (target - source))
    found = fitted.maps_["1"](X)
    if method == "moments":
        scale = np.sqrt(target_covariance.diagonal() / covariance.diagonal())
        return _root_mean_square(found - ((X - mean) * scale + target_mean))
    values, vectors = np.linalg.eigh(covariance)
    whiten = (vectors / np.sqrt(values)) @ vectors.T
    values, vectors = np.linalg.eigh(target_covariance)
    color = (vectors * np.sqrt(values)) @ vectors.T
    return _root_mean_square(found - ((X - mean) @ whiten @ color + target_mean))


def _root_mean_square(values):
    return float(np.sqrt(np.mean(values**2)))
