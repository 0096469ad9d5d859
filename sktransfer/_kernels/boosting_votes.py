"""Boosting for transfer: the rounds that vote, and the totals of their votes."""

import numpy as np
from scipy.special import softmax


def first_voter(n_rounds, *, transfer):
    """Position, from 0, of the first round that votes.

    With transfer, rounds ``ceil(N/2) .. N`` vote: the theorems of Dai et al. (ICML 2007) speak of
    the last half, when the source rows that mislead have lost their say. Without it all do
    (AdaBoost).

    Parameters
    ----------
    n_rounds : int
        N, at least 1.
    transfer : bool
        Whether there were source rows.

    Returns
    -------
    first : int
    """
    return (n_rounds - 1) // 2 if transfer else 0


def vote_totals(votes, weights, *, n_classes):
    """Weight of the rounds that chose each class: ``sum_t weight_t [h_t(x) = k]``.

    With two classes and ``weight_t = -ln beta_t`` the second total exceeds the first if ``prod
    beta_t ** -h_t(x) > prod beta_t ** -1/2``, which is the logarithm of the final hypothesis of Dai
    et al. (ICML 2007). With more it is SAMME's (Zhu et al. 2009).

    Parameters
    ----------
    votes : iterable of ndarray of shape (n_samples,), dtype int
        The class that each round chose, from 0; at least one round.
    weights : iterable of float
        The weight of each of these rounds.
    n_classes : int

    Returns
    -------
    totals : ndarray of shape (n_samples, n_classes)
    """
    labels = np.arange(n_classes)
    return sum(
        weight * (chosen[:, None] == labels) for chosen, weight in zip(votes, weights, strict=True)
    )


def staged_vote_totals(votes, weights, *, n_classes, transfer):
    """Yield `vote_totals` of an ensemble that had stopped after 1, 2, ... rounds.

    Parameters
    ----------
    votes : iterable of ndarray of shape (n_samples,), dtype int
        The class that each round chose, from 0.
    weights : ndarray of shape (n_rounds,)
    n_classes : int
    transfer : bool
        Whether only the last half votes.

    Yields
    ------
    totals : ndarray of shape (n_samples, n_classes)
        The last equals, to the bit, the result of `vote_totals` for the rounds that finally vote.
    """
    cast, totals, first = [], 0, 0
    for n_rounds, chosen in enumerate(votes, start=1):
        cast.append(chosen)
        previous, first = first, first_voter(n_rounds, transfer=transfer)
        new = n_rounds - 1 if first == previous else first
        recent = vote_totals(cast[new:], weights[new:n_rounds], n_classes=n_classes)
        totals = totals + recent if first == previous else recent
        yield totals


def vote_margins(totals):
    """Margins of the classes: ``f_k = (K s_k - 1) / (K - 1)``, with ``s`` the fractions of the
    vote.

    They sum to 0 over the classes and lie between ``-1 / (K - 1)`` (no vote) and 1 (all votes). A
    single class has margin 0. Zhu et al. 2009.

    Parameters
    ----------
    totals : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    margins : ndarray of shape (n_samples, n_classes)
    """
    n_classes = totals.shape[1]
    if n_classes == 1:
        return np.zeros_like(totals)
    shares = totals / totals.sum(axis=1, keepdims=True)
    return (n_classes * shares - 1) / (n_classes - 1)


def vote_probabilities(totals):
    """Class probabilities that go with the margins: ``p = softmax(f / (K - 1))``.

    The population minimizer of the multi-class exponential loss. Zhu et al. 2009, equation 15, as
    in scikit-learn's AdaBoost.

    Parameters
    ----------
    totals : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
        Rows sum to 1.
    """
    return softmax(vote_margins(totals) / max(totals.shape[1] - 1, 1), axis=1)
