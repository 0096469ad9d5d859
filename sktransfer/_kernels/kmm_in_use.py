"""Kernel mean matching of many rows, at the exact optimum, if few of them get a weight above 0.

The program is that of :mod:`sktransfer._kernels.kmm`. Rows of weight 0 enter it only through their
gradient, which is a product with the columns of the kernel that belong to rows in use. It is
computed in tiles, and memory is linear in the number of rows.
"""

import numpy as np

from sktransfer._kernels.kmm import (
    LANDMARKS,
    dense_kernel,
    kernel_mean_matching,
    relative_gap,
    weighted_similarities,
)

FIRST_ROWS = 2000  # to begin with; the optimum does not depend on it
ENTERING = 1000  # rows that come into use in one round, or as many as are
ROUGH = 1e-3  # accuracy of the first of many solutions, and of others in units of the gap
ROUNDS = 50


def matching_of_rows_in_use(X, kappa, *, width, ridge, most_rows, tol, max_iter, **limits):
    """Solve the program exactly if few rows have a weight above 0, in memory linear in the rows.

    It is solved on some rows, all others at 0. Then rows at which the objective falls come in,
    those at 0 go, and it is solved again, until the `certificate` over all rows is small. The
    kernel of all rows is passed through in tiles, and only its columns of rows in use.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_source, n_features)
    kappa : ndarray of shape (n_source,)
    width, ridge : float
    most_rows : int
        The limit of rows in use, after which it gives up: the kernel of these is held in memory.
    tol, max_iter : float, int
        As in `kernel_mean_matching`; `tol` also of the gap.
    **limits : float
        ``bound``, ``lower`` and ``upper``.

    Returns
    -------
    w, gap : ndarray of shape (n_source,), float
        As in `kernel_mean_matching`; None if it gave up.
    """
    n_first = max(FIRST_ROWS, int(2 * limits["lower"] / limits["bound"]))
    working = np.linspace(0, len(kappa) - 1, min(n_first, len(kappa))).astype(int)
    start, accuracy = None, max(tol, ROUGH)
    for _ in range(ROUNDS):
        if len(working) > most_rows:
            return None
        rows, w = X[working], np.zeros(len(kappa))
        near = rows[:: max(1, len(working) // LANDMARKS)]
        kernel = dense_kernel(rows, near, width=width, ridge=ridge)
        w[working], _ = kernel_mean_matching(
            kernel, kappa[working], tol=accuracy, max_iter=max_iter, start=start, **limits
        )
        used = np.flatnonzero(w)
        gradient = weighted_similarities(X, X[used], w[used], width=width) + ridge * w - kappa
        gap = relative_gap(w, gradient, kappa, limits)
        free = (w > 0) & (w < limits["bound"])
        entering = _entering(gradient, free, working, threshold=tol * np.abs(kappa).max())
        if accuracy == tol and (gap <= tol or not len(entering)):
            return w, gap
        working = np.sort(np.concatenate([used, entering[: max(ENTERING, len(used))]]))
        start = w[working]
        accuracy = max(tol, min(accuracy, ROUGH * abs(gap))) if len(entering) else tol
    return None


def _entering(gradient, free, working, *, threshold):
    """Rows outside of those that `working` names along which the objective falls, steepest first.

    The gradient is the same at all `free` rows: the multiplier of the constraint on the sum.
    """
    steepness = gradient - (gradient[free].mean() if free.any() else 0.0)
    steepness[working] = 0
    falling = np.flatnonzero(steepness < -threshold)
    return falling[np.argsort(steepness[falling], kind="stable")]
