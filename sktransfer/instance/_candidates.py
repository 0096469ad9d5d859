"""Parameters of weighters that are one number, several candidates, or None."""

import numpy as np


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
    """Raise ValueError if one of several numbers of a parameter is not positive.

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
