"""Weighted conformal prediction: the labels that conform to calibration rows of another domain.

Calibration rows have scores ``s_i`` and weights ``w_i``, the density of the target over theirs. A
new row with weight ``w`` and score ``s`` has the p-value ``(sum_{s_i >= s} w_i + w) / (sum_i w_i +
w)``. It exceeds alpha with a probability of at least ``1 - alpha`` if the weights are right. R. J.
Tibshirani, R. Foygel Barber, E. J. Candes and A. Ramdas, "Conformal prediction under covariate
shift", NeurIPS 2019, https://arxiv.org/abs/1904.06019. Under label shift the weight of a new row is
that of the label in question: A. Podkopaev and A. Ramdas, "Distribution-free uncertainty
quantification for classification under label shift", UAI 2021, https://arxiv.org/abs/2103.03323.
"""

import numpy as np

ROUNDING = 1e-12  # shares that are equal but for it count as equal


def tail_weights(scores, weights, at):
    """Return ``sum_{s_i >= s} w_i`` for each entry ``s`` of `at`.

    Parameters
    ----------
    scores, weights : ndarray of shape (n_calibration,)
    at : ndarray of any shape

    Returns
    -------
    tails : ndarray of the shape of `at`
    """
    order = np.argsort(scores, kind="stable")
    above = np.append(np.cumsum(weights[order][::-1])[::-1], 0)
    return above[np.searchsorted(scores[order], at, side="left")]


def excess_mass(new_weights, total, *, alpha):
    """Return the tail weight ``sum_{s_i >= s} w_i`` above which a p-value exceeds alpha.

    That is ``alpha (sum_i w_i + w) - w``. It is negative if the weight of the new row suffices:
    then any label conforms.

    Parameters
    ----------
    new_weights : ndarray
        ``w``, which may be infinite.
    total : float
        ``sum_i w_i``
    alpha : float

    Returns
    -------
    mass : ndarray of the shape of `new_weights`
        Negative if all weights are 0.
    """
    share = alpha + ROUNDING
    mass = share * total - (1 - share) * new_weights
    return np.where((total == 0) & (new_weights == 0), -np.inf, mass)


def least_value(values, weights, mass):
    """Return the smallest value ``v`` with ``sum_{v_i <= v} w_i > mass``, -inf if `mass` < 0.

    With ``v_i = -s_i`` and `excess_mass`, ``-v`` is the largest score whose p-value exceeds alpha.

    Parameters
    ----------
    values, weights : ndarray of shape (n_calibration,)
    mass : ndarray of shape (n_new,)
        Below the sum of the weights.

    Returns
    -------
    least : ndarray of shape (n_new,)
    """
    order = np.argsort(values, kind="stable")
    places = np.searchsorted(np.cumsum(weights[order]), mass, side="right")
    places = np.minimum(places, len(values) - 1)  # rounding of the sum
    return np.where(mass < 0, -np.inf, values[order][places])


def pooled_weights(ratios, *, source_share):
    """Return the density of the target over that of source and target rows together.

    Parameters
    ----------
    ratios : ndarray
        ``r``, the density of the target over that of the source; infinite if the source has none.
    source_share : float
        ``pi``, the share of source rows among the rows.

    Returns
    -------
    weights : ndarray of the shape of `ratios`
        ``1 / (pi / r + 1 - pi)``, at most ``1 / (1 - pi)``.
    """
    if source_share == 0:
        return np.ones_like(ratios)
    with np.errstate(divide="ignore", over="ignore"):  # of ratios of 0, and near it
        return 1 / (source_share / ratios + (1 - source_share))


def label_scores(probabilities, *, score):
    """Return how strange each label of each row is.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    score : {"lac", "aps"}
        "lac": ``1 - p_k``. "aps": the sum of the probabilities of the classes that are as probable
        as class k or more. Y. Romano, M. Sesia and E. J. Candes, "Classification with valid and
        adaptive coverage", NeurIPS 2020, https://arxiv.org/abs/2006.02544.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_classes)
    """
    if score == "lac":
        return 1 - probabilities
    order = np.argsort(probabilities, axis=1)
    ordered = np.take_along_axis(probabilities, order, axis=1)
    sums = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1]
    for k in range(1, sums.shape[1]):  # equal probabilities share the sum of the first of them
        ties = ordered[:, k] == ordered[:, k - 1]
        sums[ties, k] = sums[ties, k - 1]
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, axis=1)
    return np.round(scores, 12)  # sums of all classes are 1
