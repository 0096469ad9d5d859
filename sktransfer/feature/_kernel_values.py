"""Warn of kernels that cannot distinguish rows."""

import numpy as np
from scipy.sparse import issparse

from sktransfer._messages import warn
from sktransfer.exceptions import TransferWarning

# Kernels of scikit-learn that take no sparse rows.
DENSE_KERNELS = ("additive_chi2", "chi2")

NEGLIGIBLE = 1e-6  # of the kernel's largest value: smaller differences are rounding


def check_kernel(K, X, *, estimator):
    """Warn if the kernel matrix `K` of the rows `X` is nearly constant, or nearly diagonal.

    Parameters
    ----------
    K : ndarray of shape (n_samples, n_samples)
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    estimator : object
        The estimator with the parameters `kernel` and `kernel_params`.

    Raises
    ------
    ValueError
        If a value of the kernel is not finite, or too large to be squared.

    Warns
    -----
    TransferWarning
    """
    called = f"kernel={estimator.kernel!r} with kernel_params={estimator.kernel_params!r}"
    largest = np.abs(K).max(initial=0)
    if not largest < 1e150:
        raise ValueError(
            f"{type(estimator).__name__}: {called} gives values of {largest:.3g} for rows of X; "
            "bring the features to a common scale first, with StandardScaler for example, or set "
            "kernel_params."
        )
    if len(K) < 2 or not _rows_differ(X):
        return
    spread = np.ptp(K)
    apart = np.abs(K - np.diag(K.diagonal())).max(axis=1)
    if spread <= NEGLIGIBLE * largest:
        found = f"differs by {spread:.1e} between rows, at values of {largest:.1e}"
        meaning, change = "it does not tell them apart", "larger"
    elif np.median(apart) <= NEGLIGIBLE * np.median(np.abs(K.diagonal())):
        found = f"is {np.median(apart):.1e} between a row and the one most like it, in the median"
        meaning, change = "no row is like another", "smaller"
    else:
        return
    advice = "choose other kernel_params"
    if estimator.kernel in ("rbf", "laplacian"):
        advice = f"set kernel_params={{'gamma': {_gamma(X):.2g}}}, or a value that is {change}"
    warn(
        f"{type(estimator).__name__}: {called} {found}: {meaning}, and the result says nothing "
        f"about them; {advice}, or bring the features to a common scale first, for example with "
        "StandardScaler.",
        TransferWarning,
    )


def _rows_differ(X):
    if issparse(X):
        return (abs(X - X[[0] * X.shape[0]]) > 0).nnz > 0
    return bool((X[:1] != X).any())


def _gamma(X):
    """Return 1 / (number of features * mean variance of a feature), as SVC's "scale"."""
    if issparse(X):
        mean = np.asarray(X.mean(axis=0)).ravel()
        variance = X.multiply(X).sum() / X.shape[0] - mean @ mean
    else:
        variance = X.var(axis=0).sum()
    return 1 / variance if variance > 0 else 1.0
