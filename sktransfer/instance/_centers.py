"""Centres and candidate widths of the weighters with Gaussian kernels."""

import numpy as np

# Times the median distance between rows and centres: an eighth to twice.
WIDTH_FACTORS = 2.0 ** np.linspace(-3, 1, 7)


def draw_rows(X, n_rows, *, generator):
    """Give `n_rows` of the rows, drawn without replacement; all where there are no more.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    n_rows : int
    generator : RandomState

    Returns
    -------
    rows : {ndarray, CSR array} of shape (min(n_rows, n_samples), n_features)
    """
    if X.shape[0] <= n_rows:
        return X
    return X[np.sort(generator.choice(X.shape[0], n_rows, replace=False))]


def candidates(value, default):
    """Read a parameter that is None (`default`), one number or several.

    Parameters
    ----------
    value : float, array-like of shape (n_candidates,) or None
    default : ndarray of shape (n_candidates,)

    Returns
    -------
    values : ndarray of shape (n_candidates,), dtype float64
    """
    return default if value is None else np.atleast_1d(np.asarray(value, dtype=np.float64))


def check_candidates(weighter, *names):
    """Raise ValueError where a parameter that may be several numbers has one that is none.

    Parameters
    ----------
    weighter : estimator
    *names : str
        Its parameters, each None, a float or an array-like of floats.
    """
    for name in names:
        value = getattr(weighter, name)
        values = candidates(value, np.ones(1))
        if values.ndim != 1 or not len(values) or not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(
                f"{name}={value!r} must be a positive number, a list of positive numbers to choose "
                "from, or None."
            )


def median_distance(*squared):
    """Median of distances given squared, over all arrays; 1 where it is 0.

    Parameters
    ----------
    *squared : ndarray

    Returns
    -------
    median : float
    """
    together = np.concatenate([part.ravel() for part in squared])
    median = np.sqrt(np.median(together, overwrite_input=True))
    return float(median) if median > 0 else 1.0
