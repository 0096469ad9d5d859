"""Kernel mean matching: the exact optimum of its quadratic program, at scale.

    minimize  f(w) = w^T K w / 2 - kappa^T w  over  0 <= w <= bound,  lower <= sum(w) <= upper,

with ``K_ij = k(x_i, x_j) + ridge [i = j]`` over source rows and ``kappa_i = n_s mean_j k(x_i,
x_j^t)``: the weighted mean of the source in the kernel's feature space meets that of the target. J.
Huang et al., "Correcting sample selection bias by unlabeled data", NIPS 2006,
https://papers.nips.cc/paper/2006/hash/a2186aa7c086b46ad4e8bf81e2a3a19b-Abstract.html.

The rows whose weight is at neither bound are found by block pivoting (J. Judice, F. Pires, "A block
principal pivoting algorithm for large-scale strictly monotone linear complementarity problems",
Computers & Operations Research 21, 1994). Each iteration minimizes over the rows assumed to be
free, and every row that contradicts its assumption changes sides. It takes about a dozen iterations
if it ends, which is not guaranteed. If it does not, each iteration is a projected Newton step (D.
Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J.
Control and Optimization 20, 1982): rows held by their bounds are fixed, and the others go to the
minimum over them, clipped at the bounds. The constraint on the sum is met by its multiplier.
`certificate` bounds the distance of any w from the optimum, for any solver.

A kernel here is an object with ``len``, ``times(v)``, which is ``K v``, and ``newton(free, b,
tol)``, which solves ``K[free, free] x = b``.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import hstack, issparse

from sktransfer._kernels.density_ratio import gaussian, squared_distances, squared_lengths

BLOCK = 256  # rows at a time in one pass over a matrix, so that they stay in cache
MAX_CONJUGATE_STEPS = 500
MAX_PIVOTS = 60
CHANCES = 8  # pivots in a row without fewer contradictions
MULTIPLIER_STEPS = 60
SEARCH_STEPS = 40
LANDMARKS = 200  # of the preconditioner: they change the time and not the result
NEAR = 0.01  # of a bound, as weights go, whose mean is 1


class LowRankKernel(NamedTuple):
    """``diag(diagonal) + factor factor^T``: Nystroem's approximation, with the true diagonal."""

    diagonal: np.ndarray
    factor: np.ndarray

    def __len__(self):
        return len(self.diagonal)

    def times(self, v):
        return self.diagonal * v + self.factor @ (self.factor.T @ v)

    def solver(self, free):
        """Give the function that solves on the rows `free`, by the Woodbury identity."""
        diagonal, factor = self.diagonal[free], self.factor[free]
        scaled = factor / diagonal[:, None]
        inner = factor.T @ scaled
        inner.flat[:: len(inner) + 1] += 1
        inverse = np.linalg.inv(inner)
        return lambda b: b / diagonal - scaled @ (inverse @ (scaled.T @ b))

    def newton(self, free, b, *, tol):
        return self.solver(free)(b)


class ExactKernel(NamedTuple):
    """The matrix itself, and a `LowRankKernel` near it that speeds up the solving."""

    matrix: np.ndarray
    near: LowRankKernel

    def __len__(self):
        return len(self.matrix)

    def times(self, v):
        used = np.flatnonzero(v)
        if 3 * len(used) < len(v):  # rows for columns: the matrix is symmetric
            return v[used] @ self.matrix[used]
        return self.matrix @ v

    def newton(self, free, b, *, tol):
        face = self.matrix[np.ix_(free, free)] if np.mean(free) < 0.9 else None

        def times(v):
            if face is not None:
                return face @ v
            full = np.zeros(len(free))
            full[free] = v
            return (self.matrix @ full)[free]

        return _conjugate_gradients(times, b, self.near.solver(free), tol=tol)


def low_rank_kernel(X, landmarks, *, width, ridge):
    """Give the Gaussian kernel of the rows as a `LowRankKernel` of as many columns as landmarks.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    landmarks : {ndarray, CSR array} of shape (n_landmarks, n_features)
    width : float
    ridge : float

    Returns
    -------
    kernel : LowRankKernel
        Exact if every row is a landmark.
    """
    center = None if issparse(X) else np.median(X, axis=0)
    among = squared_distances(landmarks, landmarks, center=center)
    values, vectors = np.linalg.eigh(gaussian(among, width=width))
    kept = values > 1e-10 * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    factor = gaussian(squared_distances(X, landmarks, center=center), width=width) @ root
    left_over = 1 - np.einsum("ij,ij->i", factor, factor)
    return LowRankKernel(np.maximum(left_over, 0) + ridge, factor)


def dense_kernel(X, landmarks, *, width, ridge):
    """Give the Gaussian kernel of the rows as a `ExactKernel`: ``8 n_samples^2`` bytes.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    landmarks : {ndarray, CSR array} of shape (n_landmarks, n_features)
        For speed alone.
    width : float
    ridge : float

    Returns
    -------
    kernel : ExactKernel
    """
    matrix, (left, right) = np.empty((X.shape[0], X.shape[0])), _exponents(X, X, width)
    for start in range(0, len(matrix), BLOCK):
        rows = slice(start, start + BLOCK)
        matrix[rows, start:] = _gaussian_tile(left[rows], right[start:])
        matrix[start:, rows] = matrix[rows, start:].T
    matrix.flat[:: len(matrix) + 1] = 1 + ridge
    return ExactKernel(matrix, low_rank_kernel(X, landmarks, width=width, ridge=ridge))


def mean_similarities(X_source, X_target, *, width):
    """``kappa_i = n_source mean_j k(x_i, x_j^t)``.

    Parameters
    ----------
    X_source : {ndarray, CSR array} of shape (n_source, n_features)
    X_target : {ndarray, CSR array} of shape (n_target, n_features)
    width : float

    Returns
    -------
    kappa : ndarray of shape (n_source,)
    """
    share = np.full(X_target.shape[0], X_source.shape[0] / X_target.shape[0])
    return weighted_similarities(X_source, X_target, share, width=width)


def weighted_similarities(X, Y, weights, *, width):
    """``sum_j weights_j k(x_i, y_j)``, a tile of the kernel matrix at a time.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    Y : {ndarray, CSR array} of shape (n_others, n_features)
    weights : ndarray of shape (n_others,)
    width : float

    Returns
    -------
    sums : ndarray of shape (n_samples,)
    """
    sums, (left, right) = np.zeros(X.shape[0]), _exponents(X, Y, width)
    for start in range(0, len(sums), BLOCK):
        rows = slice(start, start + BLOCK)
        for begin in range(0, len(weights), 2 * BLOCK):
            others = slice(begin, begin + 2 * BLOCK)
            sums[rows] += _gaussian_tile(left[rows], right[others]) @ weights[others]
    return sums


def _exponents(X, Y, width):
    """Two arrays whose rows' inner products are ``-|x - y|^2 / (2 width^2)``.

    The median of `Y` is subtracted first to avoid cancellation caused by a common offset; not for
    sparse rows.
    """
    if issparse(X):
        X, Y = X / width, Y / width
        parts = [(Z, squared_lengths(Z)[:, None] / -2, np.ones((Z.shape[0], 1))) for Z in (X, Y)]
        (X, lengths_X, ones_X), (Y, lengths_Y, ones_Y) = parts
        return (
            hstack([X, lengths_X, ones_X], format="csr"),
            hstack([Y, ones_Y, lengths_Y], format="csr"),
        )
    center = np.median(Y, axis=0)
    X, Y = (X - center) / width, (Y - center) / width
    lengths_X, lengths_Y = (np.einsum("ij,ij->i", Z, Z)[:, None] / -2 for Z in (X, Y))
    return (
        np.hstack([X, lengths_X, np.ones_like(lengths_X)]),
        np.hstack([Y, np.ones_like(lengths_Y), lengths_Y]),
    )


def _gaussian_tile(left, right):
    tile = left @ right.T
    tile = tile.toarray() if issparse(tile) else tile
    np.minimum(tile, 0, out=tile)
    return np.exp(tile, out=tile)


def certificate(w, gradient, *, bound, lower, upper):
    """``max_v gradient^T (w - v)`` over all feasible v: no less than ``f(w) - min f``.

    Parameters
    ----------
    w, gradient : ndarray of shape (n_source,)
    bound, lower, upper : float

    Returns
    -------
    gap : float
        0 at the optimum, and nowhere else.
    """
    steepest = np.sort(gradient)
    room = np.clip(upper - bound * np.arange(len(w)), 0, bound)
    needed = np.clip(lower - bound * np.arange(len(w)), 0, bound)
    v = np.where(steepest < 0, room, needed)
    return float(gradient @ w - steepest @ v)


def kernel_mean_matching(kernel, kappa, *, bound, lower, upper, tol, max_iter, start=None):
    """Solve the program of the module's docstring.

    Parameters
    ----------
    kernel : ExactKernel or LowRankKernel
    kappa : ndarray of shape (n_source,)
    bound : float
        At least ``lower / n_source``.
    lower, upper : float
    tol : float
        Of the projected gradient, relative to the largest entry of the gradient at 0.
    max_iter : int
        The most pivots, and the most Newton steps after them, for one multiplier.
    start : ndarray of shape (n_source,), default=None
        Weights to begin with, in their bounds. None: all 1.

    Returns
    -------
    w : ndarray of shape (n_source,)
    gap : float
        The `certificate` over ``w^T K w / 2``, which is ``-f(w)`` if no constraint is active.
    """
    limits = {"bound": bound, "lower": lower, "upper": upper}
    rules = {"bound": bound, "tol": tol, "max_iter": max_iter}
    w = np.full(len(kappa), min(1.0, bound)) if start is None else start
    if isinstance(kernel, ExactKernel) and start is None:
        w, _ = _box_minimum(kernel.near, kappa, w, **rules)
    w, gradient = _box_minimum(kernel, kappa, w, **rules)
    if not lower <= w.sum() <= upper:
        total = lower if w.sum() < lower else upper
        w, gradient = _with_sum(kernel, kappa, w, total, rules)
    return w, relative_gap(w, gradient, kappa, limits)


def relative_gap(w, gradient, kappa, limits):
    """The `certificate` over ``w^T K w / 2``; `limits` are its ``bound``, ``lower``, ``upper``."""
    gap = certificate(w, gradient, **limits)
    return gap / max(w @ (gradient + kappa) / 2, np.finfo(np.float64).tiny)


def _with_sum(kernel, kappa, w, total, rules):
    """Find the multiplier with which ``sum(w) = total``, and give w and its gradient.

    ``sum(w)`` grows with the multiplier, piecewise linearly: Newton's method, kept in a bracket.
    """
    multiplier, low, high = 0.0, -np.inf, np.inf
    for _ in range(MULTIPLIER_STEPS):
        excess = w.sum() - total
        if abs(excess) <= max(1e-9, rules["tol"] / 10) * total:
            break
        low, high = (multiplier, high) if excess < 0 else (low, multiplier)
        free = (w > 0) & (w < rules["bound"])
        slope = kernel.newton(free, np.ones(free.sum()), tol=1e-8).sum() if free.any() else 0.0
        step = -excess / slope if slope > 0 else -np.sign(excess) * max(1.0, abs(multiplier))
        multiplier += step
        if not low < multiplier < high:
            multiplier = (low + high) / 2
        w, gradient = _box_minimum(kernel, kappa + multiplier, w, **rules)
    return w, gradient + multiplier


def _box_minimum(kernel, c, w, *, bound, tol, max_iter):
    """Minimise ``w^T K w / 2 - c^T w`` over the box, from w; give the gradient there too."""
    scale = np.abs(c).max()
    w = _pivot(kernel, c, w, bound=bound, slack=tol * scale, max_iter=max_iter)
    gradient = kernel.times(w) - c
    for _ in range(max_iter):
        residual = np.abs(w - np.clip(w - gradient, 0, bound)).max()
        if residual <= tol * scale:
            break
        near = min(NEAR, residual)  # else a step is cut off at once by rows all but at a bound
        free = ((w > near) | (gradient <= 0)) & ((w < bound - near) | (gradient >= 0))
        newton = -gradient
        accuracy = max(min(0.1, residual / scale), 1e-10)
        newton[free] = kernel.newton(free, -gradient[free], tol=accuracy)
        before = w
        w, gradient = _search(kernel, w, gradient, newton, bound)
        if w is before:  # rounding leaves no way down
            break
    return w, gradient


def _pivot(kernel, c, w, *, bound, slack, max_iter):
    """Return the minimum over the box by block pivoting, or `w` if that does not end."""
    top = w >= bound
    free = (w > 0) & ~top
    fewest, chances = np.inf, CHANCES
    for _ in range(min(MAX_PIVOTS, max_iter)):
        found = np.where(top, bound, 0.0)
        rest = c - kernel.times(found) if top.any() else c
        found[free] = kernel.newton(free, rest[free], tol=1e-12)
        gradient = kernel.times(found) - c
        below, above = free & (found < 0), free & (found > bound)
        freed = (~free & ~top & (gradient < -slack)) | (top & (gradient > slack))
        contradictions = np.count_nonzero(below | above | freed)
        if not contradictions:
            return found
        chances = CHANCES if contradictions < fewest else chances - 1
        fewest = min(fewest, contradictions)
        if not chances:
            break
        free = (free & ~below & ~above) | freed
        top = (top | above) & ~freed
    return w


def _search(kernel, w, gradient, newton, bound):
    """Go along the Newton direction, bent at the bounds, as far as the objective falls."""
    reach = 1.0
    for _ in range(SEARCH_STEPS):
        move = np.clip(w + reach * newton, 0, bound) - w
        slope, change = gradient @ move, kernel.times(move)
        if slope + move @ change / 2 <= 1e-4 * slope < 0:
            return w + move, gradient + change
        reach /= 2
    return w, gradient


def _conjugate_gradients(times, b, precondition, *, tol):
    """Solve ``A x = b`` until ``|b - A x| <= tol |b|``."""
    x, residual = np.zeros_like(b), b.copy()
    direction = conditioned = precondition(residual)
    product, enough = residual @ conditioned, tol * np.linalg.norm(b)
    for _ in range(MAX_CONJUGATE_STEPS):
        if np.linalg.norm(residual) <= enough:
            break
        image = times(direction)
        length = product / (direction @ image)
        x = x + length * direction
        residual = residual - length * image
        conditioned = precondition(residual)
        product, before = residual @ conditioned, product
        direction = conditioned + (product / before) * direction
    return x
