"""Sums over rows in batches, from which means, covariances and principal axes are computed.

Of n rows with mean ``m`` the sums are n, ``m`` and the scatter ``S = sum_i (x_i - m)^T (x_i - m)``.
Those of two sets of rows together are

    n = n_1 + n_2,  m = m_1 + (n_2 / n) (m_2 - m_1),
    S = S_1 + S_2 + (n_1 n_2 / n) (m_2 - m_1)^T (m_2 - m_1),

in which nothing cancels. T. Chan, G. Golub and R. LeVeque, "Algorithms for computing the sample
variance", The American Statistician 37, 1983, https://doi.org/10.1080/00031305.1983.10483115.

Of few rows with many features, ``S`` is kept as ``B^T B`` with few rows ``B``: the last term is
then one more row, as in D. Ross et al., "Incremental learning for robust visual tracking",
International Journal of Computer Vision 77, 2008, https://doi.org/10.1007/s11263-007-0075-7.
Sparse rows ``X`` are kept as they are, ``S = X^T X - n m^T m``, as less their mean they are dense.
"""

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from scipy.sparse import csr_array, issparse, vstack

from sktransfer._kernels.arrays import column_means, column_norms

Array = Any  # of NumPy, torch, ...


class Sums(NamedTuple):
    """``n_samples``, the ``mean``, (n_features,), and the scatter in one of three forms.

    ``scatter``, (n_features, n_features), or ``rows``, (k, n_features) with k at most n_features
    and ``scatter = rows^T rows``; the other is None. Or ``rows`` is a CSR array of all rows, not
    centered, with fewer entries than ``scatter`` has. In float64.
    """

    n_samples: int
    mean: Array
    scatter: Array | None
    rows: Array | None


def sums(X):
    """Sums of the rows of one batch.

    Parameters
    ----------
    X : array or CSR array of shape (n_samples, n_features), dtype float64 or float32
        One row at least.

    Returns
    -------
    found : Sums
        The sums, which do not use the memory of `X`.
    """
    n_samples, n_features = X.shape
    if issparse(X):
        X = csr_array(X, dtype=np.float64, copy=True)
        return _smaller(Sums(n_samples, X.mean(axis=0), None, X))
    mean = column_means(X)
    centred = X - mean
    if n_samples <= n_features:
        return Sums(n_samples, mean, None, centred if n_samples > 1 else centred[:0, :])
    return Sums(n_samples, mean, centred.T @ centred, None)


def merged(first, second):
    """Sums of the rows of both.

    Parameters
    ----------
    first, second : Sums

    Returns
    -------
    found : Sums
        In rows if both are and all of them are no more than there are features. In sparse rows if
        both are and these are smaller than the scatter.
    """
    n_samples = first.n_samples + second.n_samples
    step = second.mean - first.mean
    mean = first.mean + step * (second.n_samples / n_samples)
    step = step * (first.n_samples / n_samples * second.n_samples) ** 0.5
    parts = [part.rows for part in (first, second)]
    if all(issparse(part) for part in parts):
        return _smaller(Sums(n_samples, mean, None, csr_array(vstack(parts))))
    if all(part is not None for part in parts):
        parts = [_centred(part) for part in (first, second)]
        rows = array_namespace(step).concat([*parts, step[None, :]])
        if rows.shape[0] <= rows.shape[1]:
            return Sums(n_samples, mean, None, rows)
        return Sums(n_samples, mean, rows.T @ rows, None)
    scatter = scatter_of(first) + scatter_of(second)
    scatter += step[:, None] * step[None, :]
    return Sums(n_samples, mean, scatter, None)


def scatter_of(found):
    """``S``, (n_features, n_features), in whatever form it is kept."""
    if found.rows is None:
        return found.scatter
    if issparse(found.rows):
        offset = found.n_samples * found.mean[:, None] * found.mean
        return (found.rows.T @ found.rows).toarray() - offset
    return found.rows.T @ found.rows


def _centred(found):
    """The rows less their mean, dense."""
    return found.rows.toarray() - found.mean if issparse(found.rows) else found.rows


def _smaller(found):
    """Return sums in sparse rows, or with their scatter if that is no larger."""
    if found.rows.nnz < found.rows.shape[1] ** 2:
        return found
    return Sums(found.n_samples, found.mean, scatter_of(found), None)


class FeatureSums(NamedTuple):
    """The number of rows, and sums over the values that each feature has: NaN is none.

    ``n_present`` counts these values, ``mean`` is their mean (0 if there is none), and ``norms``
    the roots of the diagonal of the scatter. All three have shape (n_features,). Roots are kept
    because the squares of a feature that is far smaller than the others would underflow.
    """

    n_samples: int
    n_present: Array
    mean: Array
    norms: Array


def feature_sums(X):
    """Sums of the rows of one batch, each feature on its own; see `sums`."""
    xp, mean = array_namespace(X), column_means(X)
    n_present = xp.full(mean.shape, float(X.shape[0]), dtype=mean.dtype, device=device(mean))
    if not xp.any(xp.isnan(mean)):
        return FeatureSums(X.shape[0], n_present, mean, column_norms(X - mean))
    missing = xp.isnan(X)
    n_present = n_present - xp.sum(xp.astype(missing, mean.dtype), axis=0)
    values = xp.where(missing, xp.zeros_like(X), X)
    mean = column_means(values) * X.shape[0] / xp.clip(n_present, 1, None)
    centred = X - mean
    norms = column_norms(xp.where(missing, xp.zeros_like(centred), centred))
    return FeatureSums(X.shape[0], n_present, mean, norms)


def merged_features(first, second):
    """Sums of the rows of both, each feature on its own; see `merged`."""
    n_samples, n_present = (getattr(first, n) + getattr(second, n) for n in FeatureSums._fields[:2])
    xp = array_namespace(n_present)
    share = second.n_present / xp.clip(n_present, 1, None)
    step = second.mean - first.mean
    mean = first.mean + step * share
    between = xp.abs(step) * (first.n_present * share) ** 0.5
    norms = xp.hypot(xp.hypot(first.norms, second.norms), between)
    return FeatureSums(n_samples, n_present, mean, norms)
