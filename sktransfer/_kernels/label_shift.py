"""Label shift: the classes have other shares in the target, and look as they do in the source.

Then ``p_target(x) = sum_k q_k p(x | k)``, and a row of class k weighs ``w_k = q_k / pi_k`` with the
shares ``q`` in the target and ``pi`` in the source. The methods take them from the answers of a
classifier that was trained on source rows.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from sktransfer._kernels.kliep import proportions

COLDEST, HOTTEST = 0.05, 20.0  # temperatures
LEAST_PROBABILITY = 1e-12  # smaller ones count as this


def likely_shares(probabilities, source_shares, *, tol, max_iter):
    """The shares of maximum likelihood, to which the EM algorithm of Saerens et al. climbs.

    Maximise ``mean_t log sum_k q_k p_source(k | x) / pi_k``. M. Saerens, P. Latinne and C.
    Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    Computation 14, 2002, https://doi.org/10.1162/089976602753284446.

    Parameters
    ----------
    probabilities : ndarray of shape (n_target, n_classes)
        Of the classes at target rows.
    source_shares : ndarray of shape (n_classes,)
        ``pi``, all above 0.
    tol : float
        Of the mean log-likelihood.
    max_iter : int
        The most Newton steps.

    Returns
    -------
    shares : ndarray of shape (n_classes,)
        ``q``; they sum to 1.
    gap : float
        No less than the distance of the mean log-likelihood to its maximum.
    """
    return proportions(probabilities / source_shares, tol=tol, max_iter=max_iter)


def matching_weights(confusion, predicted):
    """BBSE: the weights with which the source has the target's predictions.

    Solves ``C w = m`` and turns what is negative to 0. Z. Lipton, Y.-X. Wang and A. Smola,
    "Detecting and correcting for label shift with black box predictors", ICML 2018,
    https://arxiv.org/abs/1802.03916.

    Parameters
    ----------
    confusion : ndarray of shape (n_classes, n_classes)
        ``C[i, k]``: share of the source rows that are of class k and predicted as i. Regular.
    predicted : ndarray of shape (n_classes,)
        ``m``: share of the target rows that are predicted as i.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
    """
    return np.maximum(np.linalg.solve(confusion, predicted), 0)


def temperature(probabilities, codes):
    """The temperature at which probabilities of held-out rows are most likely.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017,
    https://arxiv.org/abs/1706.04599.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of rows that the classifier was not fitted on.
    codes : ndarray of shape (n_samples,), dtype int
        Their classes.

    Returns
    -------
    temperature : float
        From 0.05 to 20. Above 1 if the classifier is too sure, below if it is not sure enough.
    """
    places = np.arange(len(codes)), codes

    def mean_loss(log_temperature):
        p = tempered(probabilities, np.exp(log_temperature))[places]
        return -np.mean(np.log(np.maximum(p, LEAST_PROBABILITY)))

    bounds = np.log([COLDEST, HOTTEST])
    return float(np.exp(minimize_scalar(mean_loss, bounds=bounds, method="bounded").x))


def tempered(probabilities, temperature):
    """Probabilities in proportion to ``p ** (1 / temperature)``; they sum to 1 in each row."""
    powers = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
