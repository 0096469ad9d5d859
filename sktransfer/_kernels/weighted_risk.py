"""The mean loss of source rows, weighted by the ratio of the densities, as that of target rows."""

import numpy as np


def weighted_risk(losses, weights):
    """Return ``mean(w_i l_i)``, without bias if ``w`` is the ratio and labels follow one rule.

    M. Sugiyama, M. Krauledat, K.-R. Mueller, "Covariate shift adaptation by importance weighted
    cross validation", JMLR 8, 2007, https://jmlr.org/papers/v8/sugiyama07a.html.

    Parameters
    ----------
    losses, weights : ndarray of shape (n,)

    Returns
    -------
    risk : float
    """
    return float(np.mean(weights * losses))


def controlled_risk(losses, weights):
    """Return ``mean(w l) + eta (mean(w) - 1)`` with ``eta = -cov(w l, w) / var(w)``.

    The true ratio has the mean 1, so that the second term has the mean 0. It removes the part of
    the variance of the first that comes from the weights. K. You et al., "Towards accurate model
    selection in deep unsupervised domain adaptation", ICML 2019,
    https://proceedings.mlr.press/v97/you19a.html.

    Parameters
    ----------
    losses, weights : ndarray of shape (n,)

    Returns
    -------
    risk : float
        `weighted_risk` if all weights are equal, or if their mean is 1.
    """
    weighted, centered = weights * losses, weights - weights.mean()
    variance = np.mean(centered**2)
    eta = -np.mean(weighted * centered) / variance if variance > 0 else 0.0
    return float(weighted.mean() + eta * (weights.mean() - 1))
