"""Transport of the rows of one domain to the rows of another, and the maps that it makes.

With uniform masses on ``n`` source rows and ``m`` target rows, a plan is a matrix ``P >= 0`` of
shape (n, m) whose rows sum to ``1 / n`` and whose columns sum to ``1 / m``. Three are here:

- the exact one minimizes ``sum(P * cost)``;
- the entropic one, of :mod:`sktransfer._kernels.sinkhorn`, minimizes
  ``sum(P * cost) + reg * sum(P * (log(P) - 1))``;
- the class-regularised one adds ``eta / m * sum_j sum_c share_cj^1/2`` to the latter, where
  ``share_cj`` is the part of the mass of target row ``j`` that comes from class ``c`` (Courty,
  Flamary, Tuia and Rakotomamonjy, "Optimal transport for domain adaptation", IEEE TPAMI 2017,
  https://arxiv.org/abs/1507.00504, equation 11 with q = 1 and p = 1/2, which writes masses in place
  of shares: its eta is ours over ``m^1/2``).

A plan sends a source row to its barycentre, ``n * P @ X_target``. The Monge map of two Gaussians,
the fourth, is one of the linear maps of :mod:`sktransfer._kernels.coral`.
"""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.coral import coral_maps, moments
from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.sinkhorn import sinkhorn

NEW_ROWS = 1024  # new rows at a time, whose distances to the rows of fit are in memory
TURNS = 10  # plans of a class-regularised transport, the published number
EPSILON = 1e-3  # added to the shares of classes, whose root has no slope at 0


class DisplacementMap(NamedTuple):
    """The map ``x -> x + shifts[k]`` with the nearest row ``X_fit[k]`` of `x`, a callable.

    A row of ``X_fit`` goes to its barycentre; any other moves as its nearest one does (Ferradans,
    Papadakis, Peyre and Aujol, "Regularized discrete optimal transport", SIAM Journal on Imaging
    Sciences 2014, https://arxiv.org/abs/1307.5551). Rows come back in their own dtype.
    """

    X_fit: np.ndarray
    shifts: np.ndarray

    def __call__(self, X):
        mapped = X.astype(np.float64)
        for start in range(0, len(X), NEW_ROWS):
            rows = mapped[start : start + NEW_ROWS]
            rows += self.shifts[nearest_rows(rows, self.X_fit)]
        return mapped.astype(X.dtype, copy=False)


def class_regularized(
    cost,
    classes,
    *,
    regularization,
    class_regularization,
    max_iter,
    tol,
    epsilon=EPSILON,
    turns=TURNS,
):
    """Give the plan that is regularized by entropy and by the classes of the source rows.

    The square root of a proportion is below its tangent. Each iteration adds the slope at the last
    plan's proportions to the cost, which never raises the objective (majorization-minimization, as
    in the paper).

    Parameters
    ----------
    cost : ndarray of shape (n, m), dtype float64
    classes : ndarray of shape (n,), dtype int
        Codes of the classes from 0; -1 for a row without a label, which is not regularized.
    regularization, max_iter, tol
        As in `sinkhorn`, for each turn; `tol` also ends the turns, when no more than this
        share of the mass changes its class.
    class_regularization : float
        ``eta``, in units of `cost`.
    epsilon : float
        Added to the proportions, because the square root has no slope at 0.
    turns : int
        The number of plans, at most; the first one is without classes.

    Returns
    -------
    found : Scaling
        Of the last plan; ``n_iter`` counts the iterations of the turn that took most.
    """
    found = sinkhorn(cost, regularization=regularization, max_iter=max_iter, tol=tol)
    shares, most = class_shares(found.plan, classes), found.n_iter
    for _ in range(turns - 1):
        slopes = class_regularization * 0.5 * (shares + epsilon) ** -0.5
        potential, before = found.potential, shares
        del found  # its plan: one matrix less in memory
        reweighted = slopes[classes]
        reweighted[classes < 0] = 0
        reweighted += cost
        found = sinkhorn(
            reweighted,
            regularization=regularization,
            max_iter=max_iter,
            tol=tol,
            potential=potential,
        )
        shares, most = class_shares(found.plan, classes), max(most, found.n_iter)
        if np.abs(shares - before).sum() <= tol * cost.shape[1]:
            break
    return found._replace(n_iter=most)


def class_shares(plan, classes):
    """The share of each class in the mass of each target row, (n_classes, m)."""
    members = np.arange(classes.max() + 1)[:, None] == classes
    return members.astype(plan.dtype) @ plan * plan.shape[1]


def exact(cost):
    """Give the plan of least cost, by the network simplex of POT (the package ``ot``)."""
    import ot

    masses = (np.full(size, 1 / size) for size in cost.shape)
    # Pivots are not limited: the simplex ends, and a plan short of the optimum is none.
    return ot.emd(*masses, cost, numItermax=np.iinfo(np.int64).max)


def displacement_map(X, X_target, plan):
    """Give the map of rows onto the barycentres that `plan` sends them to.

    Rows that are equal have one image, the mean of theirs: a map is a function of the row.

    Parameters
    ----------
    X : ndarray of shape (n, n_features), dtype float64
    X_target : ndarray of shape (m, n_features), dtype float64
    plan : ndarray of shape (n, m)

    Returns
    -------
    map : DisplacementMap
    """
    images = plan @ X_target
    images /= plan.sum(axis=1)[:, None]
    keys = [row.tobytes() for row in X + 0.0]  # -0.0 is 0.0
    position = {key: k for k, key in enumerate(sorted(set(keys)))}
    groups = np.array([position[key] for key in keys])
    counts = np.bincount(groups)[:, None]
    means = np.zeros((len(counts), X.shape[1]))
    np.add.at(means, groups, images)
    rows = np.empty_like(means)
    rows[groups] = X
    return DisplacementMap(rows, means / counts - rows)


def nearest_rows(X, X_fit):
    """Positions of the rows of `X_fit` that are nearest to those of `X`.

    Computed by one matrix product, and by differences if rounding leaves several candidates.
    """
    center = X_fit.mean(axis=0)
    squared = squared_distances(X, X_fit, center=center)
    nearest = squared.argmin(axis=1)
    sizes = np.square(X - center).sum(axis=1) + np.square(X_fit - center).sum(axis=1).max()
    slack = 8 * X.shape[1] * np.finfo(np.float64).eps * sizes
    close = squared <= (squared[np.arange(len(X)), nearest] + slack)[:, None]
    for k in np.flatnonzero(close.sum(axis=1) > 1):
        candidates = np.flatnonzero(close[k])
        exact_squares = np.square(X_fit[candidates] - X[k]).sum(axis=1)
        nearest[k] = candidates[exact_squares.argmin()]
    return nearest


def monge_maps(sources, X_target, *, ridge):
    """Give the affine maps of least cost from the Gaussians of some domains to that of another.

    ``x -> (x - mean_s) A + mean_t``, ``A = Cs^-1/2 (Cs^1/2 Ct Cs^1/2)^1/2 Cs^-1/2``, with `ridge`
    on the diagonal of both covariances (Peyre and Cuturi, "Computational optimal transport", 2019,
    remark 2.31, https://arxiv.org/abs/1803.00567).

    Parameters
    ----------
    sources : list of ndarrays of shape (n, n_features)
    X_target : ndarray of shape (m, n_features)
    ridge : float
        Greater than 0.

    Returns
    -------
    maps : list of AffineMap
    """
    return coral_maps([moments(X) for X in sources], moments(X_target), ridge=ridge, kind="monge")
