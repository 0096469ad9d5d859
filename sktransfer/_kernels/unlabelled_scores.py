"""Scores of a classifier's answers to target rows without labels.

``P`` is an array of class probabilities, a row of it is ``p_i``, and there are ``n`` rows and ``K``
classes. Greater is better in all of them.
"""

import numpy as np
from scipy.special import logsumexp, xlogy

ROWS_AT_ONCE = 1024  # of a square matrix, so that memory grows with the rows alone


def negative_entropies(P):
    """Return ``sum_k p_ik log p_ik`` of each row: 0 if it is sure, ``-log K`` if it is not at all.

    Parameters
    ----------
    P : ndarray of shape (n, K)

    Returns
    -------
    negative_entropies : ndarray of shape (n,)
    """
    return xlogy(P, P).sum(axis=1)


def neighborhood_density(P, *, temperature=0.05):
    """Return the mean entropy of the similarities of each row to the other rows.

    ``s_ij = p_i . p_j / (|p_i| |p_j| temperature)``, and ``q_i`` is the softmax of ``s_ij`` over
    ``j != i``. The score is ``-1 / n sum_ij q_ij log q_ij``: ``log(n - 1)`` if all rows are alike.
    K. Saito et al., "Tune it the right way: unsupervised validation of domain adaptation via soft
    neighborhood density", ICCV 2021, https://arxiv.org/abs/2108.10860.

    Parameters
    ----------
    P : ndarray of shape (n, K)
        Two rows or more.
    temperature : float

    Returns
    -------
    density : float
    """
    unit = P / np.linalg.norm(P, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, len(P), ROWS_AT_ONCE):
        S = unit[start : start + ROWS_AT_ONCE] @ unit.T / temperature
        np.fill_diagonal(S[:, start:], -np.inf)
        log_q = S - logsumexp(S, axis=1, keepdims=True)
        q = np.exp(log_q)
        total -= np.sum(q * np.where(q > 0, log_q, 0))
    return float(total / len(P))


def nuclear_norm(P):
    """Return ``||P||_* / sqrt(n min(n, K))``: 1 for sure answers if class proportions are equal.

    The sum of the singular values is large if answers are sure and many classes are predicted. S.
    Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label
    insufficient situations", CVPR 2020, https://arxiv.org/abs/2003.12237.

    Parameters
    ----------
    P : ndarray of shape (n, K)

    Returns
    -------
    norm : float
        From 0 to 1; that of the paper over its bound, which is one number for all classifiers.
    """
    return float(np.linalg.norm(P, "nuc") / np.sqrt(len(P) * min(P.shape)))


def thresholded_confidence(source, right, target):
    """Return the share of target rows whose confidence reaches a threshold.

    As many source rows are below the threshold as are wrong. S. Garg et al., "Leveraging unlabeled
    data to predict out-of-distribution performance", ICLR 2022, https://arxiv.org/abs/2201.04234.

    Parameters
    ----------
    source : ndarray of shape (n_source,)
        The confidences of held-out source rows.
    right : ndarray of shape (n_source,), dtype bool
        Whether the answers to these are right.
    target : ndarray of shape (n_target,)
        The confidences of target rows.

    Returns
    -------
    accuracy : float
        An estimate of the accuracy on the target rows.
    """
    n_wrong = np.count_nonzero(~right)
    if n_wrong == len(right):
        return 0.0
    return float(np.mean(target >= np.sort(source)[n_wrong]))


def shifted_accuracy(source, right, target):
    """Return the accuracy on source rows less what the mean confidence loses on target rows.

    ``mean(right) - (mean(source) - mean(target))``. D. Guillory et al., "Predicting with confidence
    on unseen distributions", ICCV 2021, https://arxiv.org/abs/2107.03315.

    Parameters and result are those of `thresholded_confidence`.
    """
    return float(right.mean() - (source.mean() - target.mean()))


def draw_partners(codes, rng):
    """Draw a row of the same code for each row, and a row of another code.

    Parameters
    ----------
    codes : ndarray of shape (n,), dtype int
        From 0 on, without a gap.
    rng : RandomState

    Returns
    -------
    same : ndarray of shape (n,), dtype int
        Any row of the code, also the row itself.
    other : ndarray of shape (n,), dtype int, or None
        None if all rows have one code.
    """
    n, counts = len(codes), np.bincount(codes)
    by_code = np.argsort(codes, kind="stable")
    first = np.cumsum(counts) - counts
    of_code = counts[codes]
    same = by_code[first[codes] + rng.randint(of_code)]
    if len(counts) == 1:
        return same, None
    # A place among the rows of all other codes, which begin after those of the own one.
    place = first[codes] + of_code + rng.randint(n - of_code)
    return same, by_code[place % n]


def agreements_with_vote(answers, *, without_own):
    """Return how often each candidate predicts the class with the largest sum of probabilities.

    Parameters
    ----------
    answers : ndarray of shape (n_candidates, n, K)
    without_own : bool
        Whether a candidate's own answers are left out of the vote that it is compared with.

    Returns
    -------
    agreements : ndarray of shape (n_candidates,)
    """
    votes = answers.sum(axis=0) - (answers if without_own else 0)
    return np.mean(answers.argmax(axis=2) == votes.argmax(axis=-1), axis=1)
