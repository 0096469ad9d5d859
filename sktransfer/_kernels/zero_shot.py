"""Classes without a row, from descriptions of classes: compatibility, codes, attributes, mixtures.

``X`` holds centered rows, and ``S`` centered descriptions of the classes that have rows. Scores of
new rows are computed for any descriptions ``S_new``, of classes with rows or without.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from sktransfer._kernels.prototypes import class_means, unit_rows


def compatibility_solver(X, codes, S):
    """Return a function of two penalties that gives the weights of ESZSL.

    ``W = (X^T X + g I)^-1 X^T Y S (S^T S + l I)^-1`` with ``Y = 1`` for the class of a row and -1
    otherwise minimizes ``||X W S^T - Y||^2 + g ||W S^T||^2 + l ||X W||^2 + g l ||W||^2``. The score
    of a row ``x`` for a class with the description ``s`` is ``x W s``. Romera-Paredes and Torr, "An
    embarrassingly simple approach to zero-shot learning", ICML 2015,
    https://proceedings.mlr.press/v37/romera-paredes15.html.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,), dtype int
        Places in `S`.
    S : ndarray of shape (n_classes, n_attributes)

    Returns
    -------
    solve : callable
        ``solve(g, l)`` returns ``W``, of shape (n_features, n_attributes). Penalties are positive.
    """
    sums = np.zeros((len(S), X.shape[1]))
    np.add.at(sums, codes, X)
    products = (2 * sums - X.sum(axis=0)).T @ S  # X^T Y S
    of_rows, V = eigh(X.T @ X)
    of_classes, U = eigh(S.T @ S)
    inner = V.T @ products @ U

    def solve(row_penalty, class_penalty):
        scaled = inner / (of_rows[:, None] + row_penalty) / (of_classes + class_penalty)
        return V @ scaled @ U.T

    return solve


def autoencoder_solver(X, codes, S):
    """Return a function of one weight that gives the weights of the semantic autoencoder.

    With the description ``s_i`` of the class of each row, as rows of ``D``, the tied weights ``W``
    (n_features, n_attributes) minimize ``||X - D W^T||^2 + l ||X W - D||^2``. They solve the
    equation of Sylvester ``l X^T X W + W D^T D = (1 + l) X^T D``. Both matrices are symmetric, so
    that their eigenvectors solve it for any ``l``. Kodirov, Xiang and Gong, "Semantic autoencoder
    for zero-shot learning", CVPR 2017, https://arxiv.org/abs/1704.08345.

    Parameters
    ----------
    X, codes, S
        As in `compatibility_solver`.

    Returns
    -------
    solve : callable
        ``solve(l)`` returns ``W``. The weight is positive.
    """
    counts = np.bincount(codes, minlength=len(S))
    sums = np.zeros((len(S), X.shape[1]))
    np.add.at(sums, codes, X)
    of_rows, V = eigh(X.T @ X)
    of_classes, U = eigh(S.T @ (counts[:, None] * S))
    inner = V.T @ sums.T @ S @ U

    def solve(weight):
        sizes = weight * of_rows[:, None] + of_classes
        is_empty = sizes <= 1e-12 * sizes.max()  # no row and no description has such a part
        scaled = np.where(is_empty, 0, inner) / np.where(is_empty, 1, sizes)
        return (1 + weight) * V @ scaled @ U.T

    return solve


def decoded_scores(X, W, S_new):
    """Return the cosine of each row with each decoded description, ``S_new W^T``."""
    return unit_rows(X) @ unit_rows(S_new @ W.T).T


def attribute_scores(logits, present, S_new):
    """Return the log-likelihood ratio of the attributes of each class, up to a constant a row.

    An attribute is present in a class if its centered value is above 0. For rows whose attribute
    ``m`` is present with the probability ``p_m``, and the share ``q_m`` of classes that have it,
    the score is the sum of ``log(p_m / q_m)`` over attributes that are present and of ``log((1 -
    p_m) / (1 - q_m))`` over the others: direct attribute prediction, Lampert, Nickisch and
    Harmeling, "Attribute-based classification for zero-shot visual object categorization", IEEE
    TPAMI 2014, https://doi.org/10.1109/TPAMI.2013.140.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_attributes)
        ``log(p_m / (1 - p_m))``.
    present : ndarray of shape (n_attributes,)
        ``q_m``. An attribute with a share of 0 or 1 counts nothing.
    S_new : ndarray of shape (n_classes, n_attributes)

    Returns
    -------
    scores : ndarray of shape (n_samples, n_classes)
    """
    varies = (present > 0) & (present < 1)
    logits, share = logits[:, varies], present[varies]
    has = (S_new[:, varies] > 0).astype(float)
    yes, no = log_expit(logits) - np.log(share), log_expit(-logits) - np.log1p(-share)
    return yes @ has.T + no @ (1 - has).T


def mixture_scores(probabilities, S, S_new):
    """Return the cosine of each row's mixture of descriptions with each description.

    The mixture is ``sum_k p_k s_k`` over the classes with rows: a convex combination of semantic
    embeddings, Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings",
    ICLR 2014, https://arxiv.org/abs/1312.5650, with all classes in the combination.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    S : ndarray of shape (n_classes, n_attributes)
    S_new : ndarray of shape (n_new_classes, n_attributes)

    Returns
    -------
    scores : ndarray of shape (n_samples, n_new_classes)
    """
    return unit_rows(probabilities @ S) @ unit_rows(S_new).T


def stacking_offset(margins, is_seen, is_right, weights):
    """Return the offset of the scores of seen classes, and the harmonic mean that it reaches.

    A row is assigned to its best seen class if the margin, the score of that class less the best
    score of an unseen class, is above the offset, and to its best unseen class otherwise. The
    offset maximizes ``2 a b / (a + b)`` for the weighted fractions ``a`` and ``b`` of right rows of
    seen and of unseen classes: calibrated stacking, Chao, Changpinyo, Gong and Sha, "An empirical
    study and analysis of generalized zero-shot learning for object recognition in the wild", ECCV
    2016, https://arxiv.org/abs/1605.04253.

    Parameters
    ----------
    margins : ndarray of shape (n_samples,)
    is_seen : ndarray of shape (n_samples,), dtype bool
        Whether the class of the row is a seen one.
    is_right : ndarray of shape (n_samples,), dtype bool
        Whether the row's class has the best score among the seen classes for a row of a seen class.
        For the others, among the unseen classes.
    weights : ndarray of shape (n_samples,)
        They sum to 1 over the rows of seen classes, and over the others.

    Returns
    -------
    offset : float
        The middle of the best interval.
    harmonic_mean : float
    """
    order = np.argsort(margins, kind="stable")
    margins, is_seen = margins[order], is_seen[order]
    gained = np.where(is_right[order], weights[order], 0)
    seen = gained[is_seen].sum() - np.r_[0, np.cumsum(np.where(is_seen, gained, 0))]
    unseen = np.r_[0, np.cumsum(np.where(is_seen, 0, gained))]
    total = seen + unseen
    harmonic = 2 * seen * unseen / np.where(total > 0, total, 1)
    below = np.nextafter(margins[0], -np.inf)
    middles = np.r_[below, (margins[1:] + margins[:-1]) / 2, margins[-1]]
    is_cut = np.r_[True, margins[1:] > margins[:-1], True]  # equal margins stay together
    best = np.flatnonzero(is_cut)[harmonic[is_cut].argmax()]
    return float(middles[best]), float(harmonic[best])


def balanced_accuracy(codes, predicted):
    """Return the mean over the classes in `codes` of the share of their rows that are right."""
    places = np.unique(codes, return_inverse=True)[1]
    right = (codes == predicted).astype(float)[:, None]
    return float(class_means(right, places).mean())


def best_temperature(parts):
    """Return the ``t`` of least log-loss of ``softmax(scores / t)``.

    Parameters
    ----------
    parts : list of (scores, places)
        Scores of shape (n_samples, n_classes), and the place of the true class of each row. The
        classes of parts may differ.

    Returns
    -------
    temperature : float
        From a thousandth to a thousand times the spread of the scores; 1 if there is no spread.
    """
    spread = max(float(np.ptp(scores)) for scores, _ in parts)
    if not spread > 0:
        return 1.0

    def loss(log_temperature):
        logs = [
            log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(scores)), places]
            for scores, places in parts
        ]
        return -np.concatenate(logs).sum()

    limits = np.log(spread) + np.log(1e3) * np.array([-1, 1])
    return float(np.exp(minimize_scalar(loss, bounds=limits, method="bounded").x))
