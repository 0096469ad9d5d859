"""Sinkhorn's iterations: the transport plan that entropy spreads.

With uniform masses on ``n`` source rows and ``m`` target rows, a plan is a matrix ``P >= 0`` of
shape (n, m) whose rows sum to ``1 / n`` and whose columns sum to ``1 / m``. The entropic one
minimises ``sum(P * cost) + regularization * sum(P * (log(P) - 1))``. Cuturi, "Sinkhorn distances",
NIPS 2013, https://arxiv.org/abs/1306.0895.
"""

from typing import NamedTuple

import numpy as np

BLOCK = 2**17  # entries of a block of rows that stays in cache between its two products
ABSORB = 100.0  # the largest logarithm of a scaling, before it moves into the potentials
LEAP = 30.0  # the largest change of such a logarithm that an extrapolation may make
GROWTH = 2.0  # of the error over the lowest: more takes an extrapolation back
MEMORY = 5  # the steps that an extrapolation looks back on


class Scaling(NamedTuple):
    """The result of Sinkhorn's iterations.

    ``plan`` has the right row sums. ``error`` is the mass that is in the wrong column, as the sum
    of absolute differences. ``potential``, (m,), starts iterations for a similar cost.
    """

    plan: np.ndarray
    potential: np.ndarray
    n_iter: int
    error: float


def sinkhorn(cost, *, regularization, max_iter, tol, potential=None):
    """Give the entropic plan, by alternating scalings of ``exp(-cost / regularization)``.

    One iteration scales the rows and then proposes column scalings; if the domains have
    clusters, plain iterations would need tens of thousands, so the next column scalings are
    extrapolated from the last few proposals (Anderson, "Iterative procedures for nonlinear integral
    equations", Journal of the ACM 1965, https://doi.org/10.1145/321296.321305).

    No entry overflows and no sum vanishes, however small `regularization` is. The start has a 1 in
    every row and column and none larger, from which one plain step changes no logarithm of a
    scaling by more than about that of ``n * m``; later ones change them no more than earlier ones
    did (they do not expand the largest difference); extrapolation by more than ``LEAP`` is
    declined; and scalings of more than ``exp(ABSORB)`` move into potentials, which are taken off
    the cost before the exponential (Schmitzer, "Stabilized sparse scaling algorithms for
    entropy regularized transport problems", SIAM Journal on Scientific Computing 2019,
    https://arxiv.org/abs/1610.06519).

    Parameters
    ----------
    cost : ndarray of shape (n, m), dtype float64
    regularization : float
        Greater than 0, in units of `cost`.
    max_iter : int
    tol : float
        Stop when no more than this share of the mass is in the wrong column.
    potential : ndarray of shape (m,), default=None
        The start, from a transport with a similar cost.

    Returns
    -------
    found : Scaling
    """
    n_source, n_target = cost.shape
    plan, u, log_v, history = np.empty_like(cost), np.ones(n_source), np.zeros(n_target), []
    beta = np.zeros(n_target) if potential is None else potential
    beta = _exponentiate(cost, beta, plan, regularization, lowest_log=0.0)
    lowest, plain = np.inf, beta
    for n_iter in range(1, max_iter + 1):
        v = np.exp(log_v)
        sums = _scale_rows(plan, u, v)
        error = float(np.abs(v * sums - 1 / n_target).sum())
        if error <= tol or n_iter == max_iter:
            break
        if error > GROWTH * lowest:
            log_v, history = (plain - beta) / regularization, []
        else:
            proposed = -np.log(n_target * sums)
            lowest, plain = min(lowest, error), beta + regularization * proposed
            log_v = extrapolate(history, log_v, proposed)
        if max(np.abs(np.log(u)).max(), np.abs(log_v).max()) > ABSORB:
            beta = beta + regularization * log_v
            beta = _exponentiate(cost, beta, plan, regularization, lowest_log=-ABSORB)
            log_v, history = np.zeros(n_target), []
    plan *= u[:, None]
    plan *= v
    return Scaling(plan, beta + regularization * log_v, n_iter, error)


def extrapolate(history, log_v, proposed):
    """Return the next column scalings from the last ones and the result of one iteration on them.

    The step of `proposed` is written as well as possible by the changes of earlier steps. The
    changes of the proposals, so combined, are then subtracted. `history`, a list that is empty at
    first, is brought up to date.
    """
    step = proposed - log_v
    history.append((proposed, step))
    del history[: -MEMORY - 1]
    if len(history) == 1:
        return proposed
    proposals, steps = (np.diff(np.array(part), axis=0).T for part in zip(*history, strict=True))
    weights = np.linalg.lstsq(steps, step, rcond=1e-10)[0]
    following = proposed - proposals @ weights
    return following if np.abs(following - log_v).max() < LEAP else proposed


def _exponentiate(cost, beta, kernel, regularization, *, lowest_log):
    """Set ``kernel = exp((alpha + beta - cost) / regularization)``; give the potential `beta`.

    ``alpha`` makes the largest entry of each row 1. If no entry of a column is as large as
    ``exp(lowest_log)``, `beta` is raised until one is.
    """
    np.subtract(cost, beta, out=kernel)
    kernel -= kernel.min(axis=1)[:, None]
    rise = np.maximum(kernel.min(axis=0) + regularization * lowest_log, 0)
    kernel -= rise
    with np.errstate(over="ignore"):
        kernel /= -regularization
    np.exp(kernel, out=kernel)
    return beta + rise


def _scale_rows(kernel, u, v):
    """Set `u` such that the rows of ``u * kernel * v`` have their sums; give ``u @ kernel``.

    By blocks of rows, so that the matrix comes from memory once for the two products.
    """
    n_source, n_target = kernel.shape
    step = max(1, BLOCK // n_target)
    sums = np.zeros(n_target)
    for start in range(0, n_source, step):
        block = kernel[start : start + step]
        scales = 1 / n_source / (block @ v)
        u[start : start + step] = scales
        sums += scales @ block
    return sums
