"""Boosting for transfer: the update of the weights, and the weight of a round's vote."""

import numpy as np


def tree_depth(n_classes):
    """Depth of the default tree: 3, or more for more than four classes.

    ``max(3, ceil(log2(K)) + 1)``: a tree of depth d has at most ``2 ** d`` leaves, and one that has
    fewer leaves than classes cannot predict all of them. The additional level is for classes that
    no single threshold separates.

    Parameters
    ----------
    n_classes : int
        K, at least 1.

    Returns
    -------
    depth : int
    """
    return max(3, int(np.ceil(np.log2(n_classes))) + 1)


def source_beta(n_source, *, n_rounds):
    """Factor by which a round's mistake on a source row shrinks that row's weight.

    ``beta = 1 / (1 + sqrt(2 ln(n_source) / n_rounds))``: the rate at which Hedge drops experts that
    are wrong. One source row (or less) gives 1: there is nothing to choose among. Dai et al.,
    "Boosting for transfer learning", ICML 2007, step 4; Freund and Schapire, 1997.

    Parameters
    ----------
    n_source : float
        Number of source rows, each counted as often as it is repeated.
    n_rounds : int
        Number of rounds planned.

    Returns
    -------
    beta : float
        In (0, 1].
    """
    return 1 / (1 + np.sqrt(2 * np.log(max(n_source, 1)) / n_rounds))


def vote_weight(error, *, n_classes):
    """Weight of a round's vote: ``-ln(beta_t)``, with ``beta_t = e / ((1 - e) (K - 1))``.

    With two classes ``beta_t`` is AdaBoost's and TrAdaBoost's ``e / (1 - e)``; the factor ``K - 1``
    makes it SAMME's. A learner that guesses, ``e = 1 - 1/K``, has no vote, and a better one has a
    positive one. Zhu, Zou, Rosset and Hastie, "Multi-class AdaBoost", Statistics and Its Interface
    2009.

    Parameters
    ----------
    error : float
        Weighted error on target rows, in (0, 1).
    n_classes : int
        K, at least 2.

    Returns
    -------
    weight : float
    """
    return np.log((1 - error) / error) + np.log(n_classes - 1)


def alpha(error, *, n_classes):
    """Return half of `vote_weight`, also if it has no logarithm: infinite for 0, minus that for 1.

    ``alpha = ln((1 - e) / e) / 2`` with two classes: the form of Yao and Doretto, CVPR 2010.

    Parameters
    ----------
    error : float
        Weighted error, in [0, 1].
    n_classes : int
        At least 2.

    Returns
    -------
    alpha : float
    """
    if error in (0, 1):
        return np.inf if error == 0 else -np.inf
    return vote_weight(error, n_classes=n_classes) / 2


def error_of_none(errors, *, n_rows):
    """Error that a round without a mistake is taken to have, so that its vote is finite.

    ``min((0 + 1/2) / (m + 1), min(errors) / 2)``. The first is the estimate of Krichevsky and
    Trofimov (Jeffreys' prior) of the rate of an event that m rows did not show. The second is below
    every error before, so that the vote exceeds that of every round that errs.

    Parameters
    ----------
    errors : list of float
        Of the rounds before, in [0, 1).
    n_rows : float
        m, the number of target rows.

    Returns
    -------
    error : float
        Above 0.
    """
    return min([0.5 / (max(n_rows, 1) + 1), *(error / 2 for error in errors if error > 0)])


def first_least(errors):
    """Position of the first error that is the least, but for rounding (1e-9).

    Learners that are wrong on other rows of the same weight have equal errors. The choice among
    them must not depend on the order in which the weights were summed.

    Parameters
    ----------
    errors : array-like of shape (n_learners,)

    Returns
    -------
    position : int
    """
    errors = np.asarray(errors)
    return int(np.argmax(errors <= errors.min() + 1e-9))


def is_no_better_than_chance(error, *, n_classes):
    """Tell whether ``e >= 1 - 1/K``: the vote of such a round would count for nothing or less.

    Parameters
    ----------
    error : float
        Weighted error on target rows, in [0, 1].
    n_classes : int

    Returns
    -------
    chance : bool
        If False, and the error is not 0, `vote_weight` is positive, whatever the rounding.
    """
    if error >= 1 - 1 / n_classes:
        return True
    return error > 0 and vote_weight(error, n_classes=n_classes) <= 0


def mean_mistakes(mistakes):
    """Share of the views whose learner is wrong: ``mean_v [h_v != c]`` for each row.

    With two classes it is ``|h - c|`` for ``h = mean_v h_v`` in [0, 1], as Freund and Schapire
    (1997) count the mistakes of a hypothesis that is no class. A row on which views disagree has a
    share between 0 and 1, and one on which they agree has 0 or 1.

    Parameters
    ----------
    mistakes : list of ndarray of shape (n_samples,), dtype bool
        Whether the learner of each view is wrong; at least one view.

    Returns
    -------
    shares : ndarray of shape (n_samples,), dtype float64
    """
    return np.mean(mistakes, axis=0)


def target_error(weights, mistakes, is_source):
    """Weighted share of mistakes among target rows: ``sum(w [h != c]) / sum(w)`` over the target.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Positive.
    mistakes : ndarray of shape (n_samples,)
        1 (or True) for a row that the round's learner gets wrong, else 0. The adjusted errors of a
        regressor and the shares of several views are in [0, 1].
    is_source : ndarray of shape (n_samples,), dtype bool

    Returns
    -------
    error : float
        In [0, 1].
    """
    return float(np.average(mistakes[~is_source], weights=weights[~is_source]))


def initial_weights(sample_weight, is_source):
    """Weigh source rows by ``1/n`` and target rows by ``1/m`` each, times their `sample_weight`.

    n and m are the totals of `sample_weight` over source and target rows, which are their numbers
    if each row counts once. Both domains therefore start with the same weight.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,), dtype float64
        Positive: how often each row is repeated.
    is_source : ndarray of shape (n_samples,), dtype bool

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Positive, summing to 1.
    """
    n_source, n_target = sample_weight[is_source].sum(), sample_weight[~is_source].sum()
    n_domains = 1 + is_source.any()
    return _not_zero(sample_weight / (n_domains * np.where(is_source, n_source, n_target)))


def reweight(weights, mistakes, is_source, *, log_source_beta, vote):
    """Down-weight misclassified source rows and up-weight misclassified target rows.

    ``w *= beta ** [h != c]`` on source rows (Hedge), ``w *= beta_t ** -[h != c]`` on target rows
    (AdaBoost), then all are divided by their sum. Logarithms, minus their maximum if it is extreme,
    prevent overflow. Dai et al., "Boosting for transfer learning", ICML 2007, step 5. With adjusted
    errors in the exponent it is TrAdaBoost.R2 of Pardoe and Stone, ICML 2010.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Positive.
    mistakes : ndarray of shape (n_samples,)
        1 (or True) for a row that the round's learner gets wrong, else 0. The adjusted errors of a
        regressor and the shares of several views are in [0, 1].
    is_source : ndarray of shape (n_samples,), dtype bool
    log_source_beta : float
        At most 0.
    vote : float
        ``-ln(beta_t)``, times the learning rate.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Positive, summing to 1.
    """
    logs = np.log(weights) + np.where(is_source, log_source_beta, vote) * mistakes
    if logs.max() > 500:
        logs -= logs.max()
    grown = np.exp(logs)
    return _not_zero(grown / grown.sum())


def without_negligible(weights, is_source, *, share):
    """Set the least weights of source rows to 0, as many as together stay within a share.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Positive.
    is_source : ndarray of shape (n_samples,), dtype bool
    share : float
        Of the sum of all weights, in [0, 1).

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Weights of target rows are unchanged, and so are those of rows as heavy as one that is kept.
        The selection therefore does not depend on the order of rows.
    """
    source = np.sort(weights[is_source])
    kept = source[np.searchsorted(np.cumsum(source), share * weights.sum(), side="right") :]
    lightest = kept[0] if len(kept) else np.inf
    return np.where(is_source & (weights < lightest), 0.0, weights)


def _not_zero(weights):
    """Keep weights (that sum to 1) from vanishing, as AdaBoost in scikit-learn does."""
    return np.maximum(weights, np.finfo(np.float64).eps)


def steady_weights(weights, sample_weight):
    """Scale `weights` to the total of `sample_weight`, on a grid on which their sums are exact.

    A tree breaks ties between equal splits by the rounding of sums, which depends on the order of
    the rows. The weight of a repetition of a row is rounded to a multiple of ``2 ** -32`` (their
    mean is 1), and never to less than one multiple. Sums are then exact up to two million rows:
    permuted rows, or rows repeated instead of weighted, give the same tree.

    Parameters
    ----------
    weights, sample_weight : ndarray of shape (n_samples,), dtype float64
        Positive; `weights` sum to 1.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Positive, summing to the total of `sample_weight` but for that rounding.
    """
    trust = weights * sample_weight.sum() / sample_weight
    return sample_weight * (np.maximum(np.rint(trust * 2.0**32), 1) / 2.0**32)
