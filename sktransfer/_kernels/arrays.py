"""Functions that formulas on arrays of any library need beside the array API standard."""

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from scipy.sparse import issparse

EPS = float(np.finfo(np.float64).eps)  # a number of NumPy's times an array is NumPy's affair


def add_to_diagonal(matrix, value):
    """Give a copy of the square `matrix` with `value` added to its diagonal."""
    xp = array_namespace(matrix)
    flat = xp.reshape(xp.asarray(matrix, copy=True), (-1,))
    flat[:: matrix.shape[0] + 1] += value
    return xp.reshape(flat, matrix.shape)


def copied(X):
    """Give a copy of `X`."""
    return array_namespace(X).asarray(X, copy=True)


def empty(shape, like):
    """Give an array of float64 of the library and on the device of `like`."""
    xp = array_namespace(like)
    return xp.empty(shape, dtype=xp.float64, device=device(like))


def zero_row_like(X):
    """Return one row of zeros of the kind and with the columns of `X`."""
    if issparse(X):
        return type(X)((1, X.shape[1]), dtype=X.dtype)
    xp = array_namespace(X)
    return xp.zeros((1, X.shape[1]), dtype=X.dtype, device=device(X))


def float64(X):
    """Return `X` in double precision, without a copy if it already is."""
    xp = array_namespace(X)
    return xp.astype(X, xp.float64, copy=False)


def diagonal(values):
    """Give the square matrix with `values` on its diagonal."""
    xp = array_namespace(values)
    return values * xp.eye(values.shape[0], dtype=values.dtype, device=device(values))


def rows_in_order(parts, rows):
    """Return one array of all `parts`, with their rows at the positions `rows`.

    Parameters
    ----------
    parts : list of array of shape (n_samples, n_features)
    rows : list of ndarray of shape (n_samples,), dtype intp
        Together a permutation.

    Returns
    -------
    joined : array of shape (n_samples of all parts, n_features)
    """
    if is_numpy_array(parts[0]):
        joined = np.empty((sum(map(len, parts)), parts[0].shape[1]), dtype=parts[0].dtype)
        for places, part in zip(rows, parts, strict=True):
            joined[places] = part
        return joined
    xp = array_namespace(parts[0])
    order = xp.asarray(np.argsort(np.concatenate(rows)), device=device(parts[0]))
    return xp.take(xp.concat(parts), order, axis=0)


def column_means(X):
    """Return the mean of each column, in float64; of a sparse X too."""
    if issparse(X):
        return np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if is_numpy_array(X):  # converts as it adds; the standard's own mean does not
        return X.mean(axis=0, dtype=np.float64)
    return array_namespace(X).mean(float64(X), axis=0)


def column_norms(X):
    """Root of the sum of the squares in each column, in which no square overflows or underflows."""
    xp = array_namespace(X)
    X = float64(X)
    largest = xp.max(xp.abs(X), axis=0)
    units = xp.where(largest == 0, xp.ones_like(largest), largest)
    X = X / units
    if is_numpy_array(X):  # makes no array of squares
        return units * np.sqrt(np.einsum("ij,ij->j", X, X))
    return units * xp.sqrt(xp.sum(X**2, axis=0))


def sinc(x):
    """``sin(x) / x``, and 1 at 0; NumPy's own counts in units of pi."""
    xp = array_namespace(x)
    divisor = xp.where(x == 0, xp.ones_like(x), x)
    return xp.where(x == 0, xp.ones_like(x), xp.sin(x) / divisor)


def in_dtype_of(values, X):
    """Return `values` in the dtype of `X`, without a copy if they already are."""
    return array_namespace(X).astype(values, X.dtype, copy=False)
