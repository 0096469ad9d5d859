"""Label shift: other class proportions in the target, while each class looks as in the source.

Then ``p_target(x) = sum_k q_k p(x | k)``, and the weight of a row of class k is ``w_k = q_k /
pi_k`` with the proportions ``q`` in the target and ``pi`` in the source. The methods estimate them
from the predictions of a classifier that was trained on source rows.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from sktransfer._kernels.kliep import proportions

COLDEST, HOTTEST = 0.05, 20.0  # temperatures
LEAST_PROBABILITY = 1e-12  # smaller ones count as this


def likely_shares(probabilities, source_shares, *, tol, max_iter):
    """Return the proportions of maximum likelihood, which the EM algorithm of Saerens et al. finds.

    Maximize ``mean_t log sum_k q_k p_source(k | x) / pi_k``. M. Saerens, P. Latinne and C.
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

    Solves ``C w = m`` and sets negative weights to 0. Z. Lipton, Y.-X. Wang and A. Smola,
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


def temperature(probabilities, codes, *, strength=0.0):
    """The temperature at which probabilities of held-out rows are most likely.

    It minimizes the sum of the log-losses plus ``strength * log(temperature)^2 / 2``.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017,
    https://arxiv.org/abs/1706.04599.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of rows that the classifier was not fitted on.
    codes : ndarray of shape (n_samples,), dtype int
        Their classes.
    strength : float, default=0.0
        Of a pull to temperature 1, which counts most if there are few rows.

    Returns
    -------
    temperature : float
        From 0.05 to 20. Above 1 if the classifier is too sure, below if it is not sure enough.
    """
    places = np.arange(len(codes)), codes

    def mean_loss(log_temperature):
        p = tempered(probabilities, np.exp(log_temperature))[places]
        pull = strength * log_temperature**2 / (2 * len(codes))
        return pull - np.mean(np.log(np.maximum(p, LEAST_PROBABILITY)))

    bounds = np.log([COLDEST, HOTTEST])
    return float(np.exp(minimize_scalar(mean_loss, bounds=bounds, method="bounded").x))


def tempered(probabilities, temperature):
    """Probabilities in proportion to ``p ** (1 / temperature)``; they sum to 1 in each row."""
    powers = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class Answers(NamedTuple):
    """Mean probabilities of the classes, from which `answered_shares` computes proportions.

    Parameters
    ----------
    of_class : ndarray of shape (..., n_classes, n_classes)
        ``[k, i]``: mean probability of class i over source rows of class k.
    of_target : ndarray of shape (..., n_classes)
        Mean probability of class i over target rows.
    """

    of_class: np.ndarray
    of_target: np.ndarray


def answered_shares(answers):
    """Soft BBSE: the class proportions that explain the mean probabilities of target rows.

    Solves ``sum_k q_k of_class[k] = of_target``; negative proportions become 0. It needs no
    calibrated probabilities. Lipton et al., as in `matching_weights`, with probabilities in place
    of predictions.

    Parameters
    ----------
    answers : Answers
        Of one sample, or of several along the first axis.

    Returns
    -------
    shares : ndarray of shape (..., n_classes)
        They sum to 1.
    """
    transposed = np.swapaxes(answers.of_class, -1, -2)
    shares = np.linalg.pinv(transposed, rcond=LEAST_PROBABILITY) @ answers.of_target[..., None]
    shares = np.maximum(shares[..., 0], 0)
    return shares / shares.sum(axis=-1, keepdims=True)


def mean_answers(p_source, codes, p_target):
    """Return the `Answers` of rows.

    Parameters
    ----------
    p_source : ndarray of shape (n_source, n_classes)
        Probabilities of source rows that the classifier was not fitted on.
    codes : ndarray of shape (n_source,), dtype int
        Their classes, each with one row or more.
    p_target : ndarray of shape (n_target, n_classes)

    Returns
    -------
    answers : Answers
    """
    of_class = [p_source[codes == k].mean(axis=0) for k in range(p_source.shape[1])]
    return Answers(np.array(of_class), p_target.mean(axis=0))


def redrawn_answers(p_source, codes, p_target, *, n_draws, generator):
    """Return the `Answers` of bootstrap samples of both domains, the source's class by class.

    Parameters
    ----------
    p_source, codes, p_target : ndarray
        As in `mean_answers`.
    n_draws : int
    generator : RandomState

    Returns
    -------
    answers : Answers
        With `n_draws` as the first axis.
    """

    def means(p):
        drawn = generator.randint(len(p), size=(n_draws, len(p)))
        counts = np.array([np.bincount(rows, minlength=len(p)) for rows in drawn])
        return counts @ p / len(p)

    of_class = [means(p_source[codes == k]) for k in range(p_source.shape[1])]
    return Answers(np.stack(of_class, axis=1), means(p_target))


def share_intervals(p_source, codes, p_target, *, level, n_draws=200, generator):
    """Return proportions by soft BBSE, and an interval for each by a bootstrap of both domains.

    Parameters
    ----------
    p_source, codes, p_target : ndarray
        As in `mean_answers`.
    level : float
        The part of the bootstrap samples on each side of an interval.
    n_draws : int, default=200
    generator : RandomState

    Returns
    -------
    shares : ndarray of shape (n_classes,)
    low, high : ndarray of shape (n_classes,)
    """
    shares = answered_shares(mean_answers(p_source, codes, p_target))
    drawn = redrawn_answers(p_source, codes, p_target, n_draws=n_draws, generator=generator)
    low, high = np.quantile(answered_shares(drawn), [level, 1 - level], axis=0)
    return shares, low, high


def with_shares(probabilities, source_shares, shares):
    """Return the probabilities of a classifier for other class proportions."""
    p = probabilities * (shares / source_shares)
    return p / p.sum(axis=1, keepdims=True)


def p_rule_holds(probabilities, codes, *, n_draws=999, generator):
    """Test whether labels may come from these probabilities, by their log-loss.

    A parametric bootstrap: labels are drawn from the probabilities, and each draw has its loss.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Calibrated.
    codes : ndarray of shape (n_samples,), dtype int
        The classes of the rows, known after the probabilities.
    n_draws : int, default=999
    generator : RandomState

    Returns
    -------
    p_value : float
        ``(1 + draws with no smaller loss) / (1 + draws)``.
    """
    losses = -np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    rows = np.arange(len(codes))
    limits = probabilities.cumsum(axis=1)[:, :-1]
    observed, n_as_large = losses[rows, codes].sum(), 0
    for _ in range(n_draws):
        drawn = (generator.uniform(size=(len(codes), 1)) > limits).sum(axis=1)
        n_as_large += losses[rows, drawn].sum() >= observed
    return float((1 + n_as_large) / (1 + n_draws))
