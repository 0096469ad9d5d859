"""Soft assignments of rows to classes, with class proportions pulled toward equal ones.

For distances ``D`` of ``n`` rows to ``K`` prototypes, the assignments ``P`` have rows that sum to
1 and minimize ``sum(P D) + t sum(P log P) + l KL(c | n / K)``, with the sums ``c`` of the columns.
With ``balance = l / (l + t)`` they are

``P_ik = exp(b_k - D_ik / t) / sum_j exp(b_j - D_ij / t)``,
``b_k = -balance / (1 - balance) log(c_k K / n)``.

``balance = 0`` is the softmax, and ``balance = 1`` the entropic transport with equal masses, of
which the iterations here are Sinkhorn's: Chizat, Peyre, Schmitzer and Vialard, "Scaling algorithms
for unbalanced optimal transport problems", Mathematics of Computation 2018,
https://arxiv.org/abs/1607.05816. Hu, Gripon and Pateux use them for few-shot learning: "Leveraging
the feature distribution in transfer-based few-shot learning", ICANN 2021,
https://arxiv.org/abs/2006.03806.
"""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.prototypes import squared_distances
from sktransfer._kernels.sinkhorn import GROWTH, extrapolate

N_SCALINGS = 200  # of one set of distances, at most
SETTLED = 1e-6  # change of a bias that ends the scalings
TINY = np.finfo(np.float64).tiny


class Refined(NamedTuple):
    """Prototypes that unlabelled rows have moved, and the biases of the classes.

    ``change`` is the largest change of an assignment in the last iteration.
    """

    prototypes: np.ndarray
    bias: np.ndarray
    n_iter: int
    change: float


def assignments(scores, bias):
    """Return ``P`` for ``scores = -D / t`` and the biases ``b``."""
    logs = scores + bias
    P = np.exp(logs - logs.max(axis=1, keepdims=True))
    return P / P.sum(axis=1, keepdims=True)


def balanced_bias(scores, *, balance, bias):
    """Return the biases that solve the equations above.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        ``-D / t``.
    balance : float
        From 0 to 1.
    bias : ndarray of shape (n_classes,)
        The start.

    Returns
    -------
    bias : ndarray of shape (n_classes,)
        Of mean 0, which changes no assignment.
    """
    n_samples, n_classes = scores.shape
    lowest, plain, history = np.inf, bias, []
    for _ in range(N_SCALINGS):
        shares = assignments(scores, bias).sum(axis=0) * (n_classes / n_samples)
        proposed = balance * (bias - np.log(np.maximum(shares, TINY)))
        proposed -= proposed.mean()
        change = np.abs(proposed - bias).max()
        if change <= SETTLED:
            return proposed
        if change > GROWTH * lowest:  # an extrapolation went too far
            bias, history = plain, []
        else:
            lowest, plain = min(lowest, change), proposed
            bias = extrapolate(history, bias, proposed)
    return plain


def refined_prototypes(shots, codes, rows, *, balance, temperature, max_iter, tol):
    """Move class means to the rows that are softly assigned to them, in turn with assignments.

    A prototype is ``(sum of its shots + sum_i P_ik x_i) / (their number + sum_i P_ik)``. Both steps
    lower the objective above, with the squared distances of the shots to their prototypes added.

    Parameters
    ----------
    shots : ndarray of shape (n_shots, n_features)
        Labelled rows.
    codes : ndarray of shape (n_shots,), dtype int
        Their classes, each at least once.
    rows : ndarray of shape (n_samples, n_features)
        Unlabelled rows, at least one.
    balance, temperature : float
        ``temperature`` is ``t``.
    max_iter : int
    tol : float
        Stop when no assignment changes by more.

    Returns
    -------
    found : Refined
    """
    counts = np.bincount(codes)[:, None]
    sums = np.zeros((len(counts), shots.shape[1]))
    np.add.at(sums, codes, shots)
    prototypes, bias, P, change = sums / counts, np.zeros(len(counts)), None, np.inf
    for n_iter in range(1, max_iter + 1):
        distances = squared_distances(rows, prototypes)
        scores = (distances.min(axis=1, keepdims=True) - distances) / temperature
        bias = balanced_bias(scores, balance=balance, bias=bias)
        before, P = P, assignments(scores, bias)
        change = np.inf if before is None else float(np.abs(P - before).max())
        if change <= tol or n_iter == max_iter:
            break
        prototypes = (sums + P.T @ rows) / (counts + P.sum(axis=0)[:, None])
    return Refined(prototypes, bias, n_iter, change)
