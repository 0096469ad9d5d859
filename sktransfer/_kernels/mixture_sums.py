"""Mixture proportions of maximum likelihood by sums over rows: a pass over all rows for each step.

The problem is that of `proportions` in `kliep`: maximize ``mean(log(A u))`` over ``u >= 0, sum(u) =
1``, with the same certificate. The rows of ``A`` need not be in memory together.
"""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.kliep import PROXIMITY, nonnegative_minimum

FLAT = 1e-13  # a rise of the mean log-likelihood that rounding hides
SHORTEST = 2.0**-10  # of a step


class LikelihoodSums(NamedTuple):
    """Of rows ``a`` of `A`: their number, and sums of ``log(a u)``, ``a / a u`` and ``a a^T / (a
    u)^2``."""

    n_samples: int
    logs: float
    slopes: np.ndarray
    products: np.ndarray


def likelihood_sums(A, u):
    """Return the `LikelihoodSums` of the rows of `A` at `u`."""
    p = A @ u
    with np.errstate(divide="ignore"):
        logs = np.log(p).sum()
    S = A / np.where(p > 0, p, 1)[:, np.newaxis]
    return LikelihoodSums(len(A), float(logs), S.sum(axis=0), S.T @ S)


def merged_likelihoods(first, second):
    """Return the `LikelihoodSums` of the rows of both."""
    return LikelihoodSums(*(mine + theirs for mine, theirs in zip(first, second, strict=True)))


def proportions_of(sums_at, start, *, tol, max_iter):
    """Maximize the likelihood by Newton steps, each halved until it is an ascent.

    Parameters
    ----------
    sums_at : callable
        Returns the `LikelihoodSums` of all rows at proportions.
    start : ndarray of shape (n_components,)
        Not negative. If its likelihood is 0, equal proportions replace it.
    tol : float
        Stop when ``max(g) - 1`` is at most this, for ``g = mean(a / a u)``.
    max_iter : int
        The most steps.

    Returns
    -------
    u : ndarray of shape (n_components,)
    gap : float
        ``max(g) - 1``, no less than the distance of the mean log-likelihood to its maximum.
    """
    u = start / start.sum()
    found = sums_at(u)
    if not np.isfinite(found.logs):
        u = np.full(len(u), 1 / len(u))
        found = sums_at(u)
    for _ in range(max_iter):
        if _gap(found) <= tol:
            break
        g = found.slopes / found.n_samples
        aim = _newton_aim(found.products / found.n_samples, g, u)
        better = _ascent(sums_at, u, aim, found, shortest=1.0 if g @ (aim - u) < FLAT else SHORTEST)
        if better is None:
            break
        u, found = better
    return u, _gap(found)


def _gap(found):
    return float(found.slopes.max() / found.n_samples - 1)


def _ascent(sums_at, u, aim, found, *, shortest):
    """Return better proportions on the way to an aim, and their sums; None if there are none.

    The likelihood is to rise. If its change is rounding, the gap is to fall.
    """
    step, rounding = 1.0, FLAT * max(found.n_samples, abs(found.logs))
    while step >= shortest:
        trial = u + step * (aim - u)
        sums = sums_at(trial)
        rise = sums.logs - found.logs
        if rise > rounding or (rise >= -rounding and _gap(sums) < _gap(found)):
            return trial, sums
        step /= 2
    return None


def _newton_aim(H, g, u):
    """Return the proportions at the maximum of the second-order model of the likelihood."""
    proximity = PROXIMITY * np.trace(H) / len(H)
    H = H + proximity * np.eye(len(H))
    aim = nonnegative_minimum(H, 2 * g - 1 + proximity * u, start=u)
    return aim / aim.sum()
