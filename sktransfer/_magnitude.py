"""Whether the values of X can be squared and summed: one check for all families."""

import numpy as np
from scipy.sparse import issparse
from scipy.sparse.linalg import ArpackError

from sktransfer._messages import cause
from sktransfer._sklearn import get_namespace_and_device

# Scatter matrices hold squares of X, and their products hold fourth powers. All of them, and sums
# of up to a million of them, are normal numbers of float64 if |X| is between these.
SMALLEST, LARGEST = 1e-75, 1e75

# The same for squares that are returned in float32.
_SMALLEST_SINGLE, _LARGEST_SINGLE = 1e-16, 1e16

# Exceptions of NumPy and SciPy that say that a matrix could not be factorized.
NUMERICAL_ERRORS = (np.linalg.LinAlgError, ArpackError)


def check_magnitude(X, estimator, *, returns_squares=False):
    """Raise ValueError if squares of X, and sums of them, would overflow or vanish.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features), dtype float64 or float32
        Validated rows. Missing values are ignored.
    estimator : object
        The estimator that the message names.
    returns_squares : bool, default=False
        Whether the result has the square of the unit of `X`, in the dtype of `X`.
    """
    largest = largest_value(X)
    single = returns_squares and str(X.dtype).endswith("float32")
    low, high = (_SMALLEST_SINGLE, _LARGEST_SINGLE) if single else (SMALLEST, LARGEST)
    if largest == 0 or low <= largest <= high:
        return
    remedy = ", or pass float64" if single and SMALLEST <= largest <= LARGEST else ""
    raise ValueError(
        f"{type(estimator).__name__} squares the values of X, but the largest absolute value is "
        f"{largest:.3g}, which is too {'large' if largest > high else 'small'} to be squared and "
        f"summed; expected one from {low:g} to {high:g}; correct this value, or rescale X, for "
        f"example with MaxAbsScaler{remedy}."
    )


def to_single(X, estimator):
    """Return X in float32, or raise ValueError if its values overflow or vanish there.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features), dtype float64 or float32
        Validated rows. Missing values are ignored.
    estimator : object
        The estimator that the message names.

    Returns
    -------
    X_single : ndarray or sparse matrix of shape (n_samples, n_features), dtype float32
        `X` itself if it is in float32.
    """
    limits, largest = np.finfo(np.float32), largest_value(X)
    if X.dtype != np.float32 and largest and not float(limits.tiny) <= largest <= float(limits.max):
        size = "large" if largest > 1 else "small"
        raise ValueError(
            f"{type(estimator).__name__} fits trees in float32, but the largest absolute value of "
            f"X is {largest:.3g}, which is too {size} for it; correct this value, or rescale X, "
            "for example with MaxAbsScaler."
        )
    return X.astype(np.float32, copy=False)


def check_result(result, X, estimator):
    """Raise ValueError if `result`, made of the rows `X`, overflowed or is not a number.

    Missing values are ignored if `X` has some.
    """
    largest = largest_value(result, missing=has_missing(X))
    if not largest < float("inf"):
        raise ValueError(
            f"{type(estimator).__name__} gives values that are not finite for this X, whose "
            f"largest absolute value is {largest_value(X):.3g}; check X for values that are far "
            "out, and rescale it before fit, for example with StandardScaler."
        )


def numerical_error(error, estimator, X=None):
    """Return the ValueError for a factorization that failed on finite rows.

    Parameters
    ----------
    error : Exception
        One of `NUMERICAL_ERRORS`.
    estimator : object
        Its parameter `ridge` is named if it has one.
    X : array or sparse matrix, default=None
        The rows, if they are at hand.
    """
    params = estimator.get_params(deep=False)
    value = f"ridge={params['ridge']!r}" if "ridge" in params else ""
    size = "" if X is None else f", whose largest absolute value is {largest_value(X):.3g}"
    return ValueError(
        f"{type(estimator).__name__}({value}) cannot factorize a matrix of X{size}; bring the "
        "features of all domains to a common scale first, for example with MomentAligner and "
        f"StandardScaler{', or increase ridge' if value else ''} ({cause(error)})."
    )


def single_precision_error(error, X, estimator):
    """Return the error to raise if `estimator` cannot be fitted on the rows `X`.

    It is `error` itself, unless squares of `X` overflow or vanish in its own dtype, float32.

    Parameters
    ----------
    error : Exception
        The exception that ``estimator.fit`` has raised.
    X : array-like or sparse matrix of shape (n_samples, n_features)
    estimator : object
    """
    X = X if issparse(X) else np.asarray(X)
    largest = largest_value(X) if X.dtype == np.float32 else 0
    if largest == 0 or _SMALLEST_SINGLE <= largest <= _LARGEST_SINGLE:
        return error
    size = "large" if largest > 1 else "small"
    return ValueError(
        f"{type(estimator).__name__} cannot be fitted on X in float32 ({cause(error)}): the "
        f"largest absolute value is {largest:.3g}, which is too {size} to be squared there; pass "
        "float64, or rescale X, for example with MaxAbsScaler."
    )


def largest_value(X, *, missing=True):
    """Return the largest absolute value as a float, 0 if there is none.

    With `missing`, NaN is ignored; else it is the result if there is one.
    """
    values = X.data if issparse(X) else X
    if 0 in values.shape:
        return 0.0
    if isinstance(values, np.ndarray):
        largest, least = (np.fmax, np.fmin) if missing else (np.maximum, np.minimum)
        ends = largest.reduce(values, axis=None), least.reduce(values, axis=None)
    else:
        xp = get_namespace_and_device(values)[0]
        if missing:
            values = xp.where(xp.isnan(values), xp.zeros_like(values), values)
        ends = xp.max(values), xp.min(values)
    high, low = (float(end) for end in ends)
    if high != high:  # NaN: all values are missing, or one is if they count
        return 0.0 if missing else high
    return max(high, -low)


def has_missing(X):
    """Return whether a value is NaN."""
    values = X.data if issparse(X) else X
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "O":
            return bool((values != values).any())
        return values.dtype.kind == "f" and 0 not in values.shape and bool(np.isnan(values.max()))
    xp = get_namespace_and_device(values)[0]
    return bool(xp.any(xp.isnan(values)))
