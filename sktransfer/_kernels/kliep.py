"""KLIEP: the ratio of two densities by maximum likelihood, at its true optimum.

KLIEP maximizes ``mean_t log r(x)`` for ``r(x) = sum_l theta_l k(x, c_l)`` under ``theta >= 0`` and
``mean_s r(x) = 1``. With ``b_l = mean_s k(x, c_l)`` and ``u_l = theta_l b_l`` that is

    maximize  f(u) = mean(log(A u)),  A[t, l] = k(x_t, c_l) / b_l,  over u >= 0, sum(u) = 1,

the likelihood of mixture proportions: concave, with a certificate. For ``g = A^T (1 / A u) / n_t``
Jensen's inequality gives ``max f - f(u) <= log(max_l g_l)``, which is 0 at the optimum alone.

M. Sugiyama et al., "Direct importance estimation with model selection and its application to
covariate shift adaptation", NIPS 2007,
https://proceedings.neurips.cc/paper/2007/hash/be83ab3ecd0db773eb2dc1b0a17836a1-Abstract.html.
The solver is the constrained Newton method of Y. Wang, "On fast computation of the non-parametric
maximum likelihood estimate of a mixing distribution", JRSS B 69, 2007,
https://doi.org/10.1111/j.1467-9868.2007.00583.x.
"""

import numpy as np

ENTERING = 10  # coordinates that may leave 0 in one round; the optimum does not depend on it
FAR = 0.3  # a gap, of a likelihood that its second-order model describes badly
LEAST = 0.1  # of its likelihood is left to every row by a step: one at 0 is long in coming back
PROXIMITY = 1e-10  # keeps the Newton system regular; a fixed point is one for any value
ROUNDING = 16  # times the precision of A: a proximity above the rounding error of the Newton system
PATIENCE = 4  # changes of sides in a row that leave no fewer coordinates on the wrong one
TINY = 1e-100  # a smaller mean over the source rows makes ratios that mean nothing


def likelihoods(phi_target, source_mean):
    """``A[t, l] = k(x_t, c_l) / b_l``, or None if the likelihood has no maximum.

    That happens if a center has no source row near it (the ratio is unbounded), or a target row no
    center (the likelihood is 0).

    Parameters
    ----------
    phi_target : ndarray of shape (n_target, n_centers)
    source_mean : ndarray of shape (n_centers,)
        ``b``.

    Returns
    -------
    A : ndarray of shape (n_target, n_centers) or None
        Column by column in memory, as the solver takes some of them.
    """
    if source_mean.min() < TINY or phi_target.max(axis=1).min() < TINY:
        return None
    return np.divide(phi_target, source_mean, order="F")


def in_single(A):
    """Scale each row of `A` to a largest entry of 1, and give it in float32.

    A factor of a row changes neither ``g`` nor the optimum. At the optimum no ``g_l`` is above 1,
    so every ``(A u)_t`` is at least ``1 / n_samples``: single precision is far from its limits.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_components)

    Returns
    -------
    scaled : ndarray of shape (n_samples, n_components), dtype float32
        Column by column in memory.
    """
    scaled = np.empty(A.shape, dtype=np.float32, order="F")
    return np.multiply(A, 1 / A.max(axis=1, keepdims=True), out=scaled, casting="same_kind")


def proportions(A, *, tol, max_iter, start=None):
    """Maximise ``mean(log(A u))`` over ``u >= 0, sum(u) = 1``.

    Each iteration solves the second-order model of ``mean(log(A u)) - sum(u)``, whose maximum over
    ``u >= 0`` is the same, on the coordinates above 0 and the steepest others. It then halves the
    step until it is an ascent. Far from the optimum that model is poor, and a step of expectation
    maximization comes first, ``u_l <- u_l g_l``. If no step is an ascent, rounding is the cause:
    double precision then replaces single precision, and in double precision the iterations end.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_components)
        Not negative; every row has an entry above 0. Of float32, see `in_single`, sums over rows
        are in float32 too.
    tol : float
        Stop when ``max(g) - 1``, no less than the distance to the optimum, is at most this; well
        above the rounding error of `A`.
    max_iter : int
        The most rounds.
    start : ndarray of shape (n_components,), default=None
        Not negative; scaled to sum 1. None, or one of likelihood (all but) 0: all equal.

    Returns
    -------
    u : ndarray of shape (n_components,)
    gap : float
        ``max(g) - 1`` at `u`.
    """
    if start is None or (A @ start.astype(A.dtype)).min() < np.finfo(A.dtype).eps ** 2:
        start = np.ones(A.shape[1])
    u = start / start.sum()
    for step in range(max_iter + 1):
        p, g = _slopes(A, u)
        gap = float(g.max() - 1)
        if gap <= tol or step == max_iter:
            break
        if gap > FAR:
            u = u * g
            p, g = _slopes(A, u)
        before, u = u, _newton_step(A, u, p, g)
        if u is before:
            if A.dtype == np.float64:
                break
            A = A.astype(np.float64)
    return u, gap


def _slopes(A, u):
    """Give ``A u``, and ``g`` in float64."""
    p = A @ u.astype(A.dtype, copy=False)
    return p, ((1 / p) @ A).astype(np.float64, copy=False) / len(A)


def _newton_step(A, u, p, g):
    """Return a better `u`, or `u` itself if rounding prevents one."""
    working = u > 0
    working[np.argsort(-g, kind="stable")[:ENTERING]] = True
    S = A.T[working]
    S /= p
    H = (S @ S.T).astype(np.float64, copy=False) / len(A)
    proximity = max(PROXIMITY, ROUNDING * np.finfo(A.dtype).eps) * np.trace(H) / len(H)
    H.flat[:: len(H) + 1] += proximity
    aim = np.zeros_like(u)
    aim[working] = nonnegative_minimum(
        H, 2 * g[working] - 1 + proximity * u[working], start=u[working]
    )
    step, change, before = 1.0, (aim - u)[working].astype(S.dtype) @ S, u.sum()
    rise = g @ (aim - u) - aim.sum() + before
    for _ in range(40):
        relative = 1 + step * change  # of the new A u to the old
        if relative.min() > LEAST:
            gain = np.log(relative).mean() - step * (aim.sum() - before)
            if gain >= 1e-4 * step * rise:
                u = np.maximum(u + step * (aim - u), 0)
                return u / u.sum()
        step /= 2
    return u


def nonnegative_minimum(H, c, *, start):
    """Minimise ``v^T H v / 2 - c^T v`` over ``v >= 0``.

    Coordinates above 0 that should be 0, and the reverse, change sides all at once as long as they
    grow fewer (block pivoting: L. Portugal, J. Judice and L. Vicente, "A comparison of block
    pivoting and interior-point algorithms for linear least squares problems with nonnegative
    variables", Mathematics of Computation 63, 1994), and else one by one (the active sets of Lawson
    and Hanson).

    Parameters
    ----------
    H : ndarray of shape (n, n)
        Symmetric, positive definite.
    c : ndarray of shape (n,)
    start : ndarray of shape (n,)
        The start; not negative.

    Returns
    -------
    v : ndarray of shape (n,)
    """
    tolerance = 1e-12 * np.abs(c).max()
    free, fewest, patience = start > 0, len(c) + 1, PATIENCE
    while patience:
        v = np.zeros_like(c)
        v[free] = np.linalg.solve(H[free][:, free], c[free])
        wrong = np.where(free, v < 0, c - H @ v > tolerance)
        n_wrong = np.count_nonzero(wrong)
        if not n_wrong:
            return v
        fewest, patience = (n_wrong, PATIENCE) if n_wrong < fewest else (fewest, patience - 1)
        free = free ^ wrong
    return _by_active_sets(H, c, start, tolerance)


def _by_active_sets(H, c, start, tolerance):
    """`nonnegative_minimum` one coordinate at a time, which always comes to an end."""
    v, free = _minimum_on_face(H, c, start.copy(), start > 0)
    for _ in range(3 * len(c)):
        descent = np.where(free, -np.inf, c - H @ v)
        entering = np.argmax(descent)
        if descent[entering] <= tolerance:
            break
        free[entering] = True
        v, free = _minimum_on_face(H, c, v, free)
    return v


def _minimum_on_face(H, c, v, free):
    """Move `v` to the minimum over the `free` coordinates; coordinates below 0 leave them."""
    while True:
        aim = np.zeros_like(v)
        aim[free] = np.linalg.solve(H[np.ix_(free, free)], c[free])
        falling = free & (aim <= 0)
        if not falling.any():
            return aim, free
        steps = v[falling] / (v[falling] - aim[falling] + np.finfo(float).tiny)
        v = v + steps.min() * (aim - v)
        blocked = np.flatnonzero(falling)[steps <= steps.min()]
        free = free.copy()
        free[blocked] = False
        v[~free] = 0
