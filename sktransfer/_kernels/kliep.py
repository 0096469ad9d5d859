"""KLIEP: the ratio of two densities by maximum likelihood, at its true optimum.

KLIEP maximises ``mean_t log r(x)`` for ``r(x) = sum_l theta_l k(x, c_l)`` under ``theta >= 0`` and
``mean_s r(x) = 1``. With ``b_l = mean_s k(x, c_l)`` and ``u_l = theta_l b_l`` that is

    maximise  f(u) = mean(log(A u)),  A[t, l] = k(x_t, c_l) / b_l,  over u >= 0, sum(u) = 1,

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
PROXIMITY = 1e-10  # keeps the Newton system regular; a fixed point is one for any value
TINY = 1e-100  # a smaller mean over the source rows makes ratios that mean nothing


def likelihoods(phi_target, source_mean):
    """``A[t, l] = k(x_t, c_l) / b_l``, or None where the likelihood has no maximum.

    That is where a centre has no source row near it (the ratio is unbounded), or a target row no
    centre (the likelihood is 0).

    Parameters
    ----------
    phi_target : ndarray of shape (n_target, n_centers)
    source_mean : ndarray of shape (n_centers,)
        ``b``.

    Returns
    -------
    A : ndarray of shape (n_target, n_centers) or None
    """
    if source_mean.min() < TINY or phi_target.max(axis=1).min() < TINY:
        return None
    return phi_target / source_mean


def proportions(A, *, tol, max_iter, start=None):
    """Maximise ``mean(log(A u))`` over ``u >= 0, sum(u) = 1``.

    Each round solves the second-order model of ``mean(log(A u)) - sum(u)``, whose maximum over
    ``u >= 0`` is the same, on the coordinates above 0 and the steepest others, and then halves the
    step until it is an ascent.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_components)
        Not negative; every row has an entry above 0.
    tol : float
        Stop when ``max(g) - 1``, no less than the distance to the optimum, is at most this.
    max_iter : int
        The most rounds.
    start : ndarray of shape (n_components,), default=None
        Not negative; scaled to sum 1. None: all equal.

    Returns
    -------
    u : ndarray of shape (n_components,)
    gap : float
        ``max(g) - 1`` at `u`.
    """
    n_components = A.shape[1]
    u = np.ones(n_components) if start is None else start
    u = u / u.sum()
    for _ in range(max_iter):
        p = A @ u
        g = (1 / p) @ A / len(A)
        if g.max() - 1 <= tol:
            break
        u = _newton_step(A, u, p, g)
    return u, float(((1 / (A @ u)) @ A / len(A)).max() - 1)


def _newton_step(A, u, p, g):
    """Give a better `u`, or `u` where rounding leaves none."""
    working = u > 0
    working[np.argsort(-g, kind="stable")[:ENTERING]] = True
    S = A[:, working] / p[:, None]
    H = S.T @ S / len(A)
    proximity = PROXIMITY * np.trace(H) / len(H)
    H.flat[:: len(H) + 1] += proximity
    aim = np.zeros_like(u)
    aim[working] = nonnegative_minimum(
        H, 2 * g[working] - 1 + proximity * u[working], start=u[working]
    )
    step, change, before = 1.0, S @ (aim - u)[working], u.sum()
    rise = g @ (aim - u) - aim.sum() + before
    for _ in range(40):
        relative = 1 + step * change  # of the new A u to the old
        if relative.min() > 0:
            gain = np.log(relative).mean() - step * (aim.sum() - before)
            if gain >= 1e-4 * step * rise:
                u = np.maximum(u + step * (aim - u), 0)
                return u / u.sum()
        step /= 2
    return u


def nonnegative_minimum(H, c, *, start):
    """Minimise ``v^T H v / 2 - c^T v`` over ``v >= 0`` (the active sets of Lawson and Hanson).

    Parameters
    ----------
    H : ndarray of shape (n, n)
        Symmetric, positive definite.
    c : ndarray of shape (n,)
    start : ndarray of shape (n,)
        Where to begin; not negative.

    Returns
    -------
    v : ndarray of shape (n,)
    """
    v, free = _minimum_on_face(H, c, start.copy(), start > 0)
    tolerance = 1e-12 * np.abs(c).max()
    for _ in range(3 * len(c)):
        descent = np.where(free, -np.inf, c - H @ v)
        entering = np.argmax(descent)
        if descent[entering] <= tolerance:
            break
        free[entering] = True
        v, free = _minimum_on_face(H, c, v, free)
    return v


def _minimum_on_face(H, c, v, free):
    """Move `v` to the minimum over the `free` coordinates; what would fall below 0 leaves them."""
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
