"""Ratios of two densities, ``r(x) = p_target(x) / p_source(x)``, learned from rows of both.

The kernel methods model ``r(x) = sum_l theta_l k(x, c_l)`` with ``theta >= 0``, Gaussian ``k`` of
one width and centers ``c_l`` among the target rows. They see rows as ``phi``, an array of shape
(n_samples, n_centers) that holds ``k(x, c_l)``.

- uLSIF: T. Kanamori, S. Hido and M. Sugiyama, "A least-squares approach to direct importance
  estimation", JMLR 10, 2009, https://jmlr.org/papers/v10/kanamori09a.html.
- RuLSIF: M. Yamada et al., "Relative density-ratio estimation for robust distribution comparison",
  NIPS 2011, https://arxiv.org/abs/1106.4729.

Everything here is computed in float64 by NumPy, and by SciPy if rows are sparse.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from sktransfer._kernels.moment import standard_deviation

# Candidate widths, times the median distance between rows and centers: an eighth to twice.
WIDTH_FACTORS = 2.0 ** np.linspace(-3, 1, 7)

PAIRS = 256  # left out at a time, such that the arrays stay in a cache; no score depends on it


def squared_distances(X, Y, *, center=None):
    """Squared Euclidean distances, ``|x|^2 - 2 x^T y + |y|^2``, none negative.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples_X, n_features), dtype float64
    Y : {ndarray, CSR array} of shape (n_samples_Y, n_features), dtype float64
    center : ndarray of shape (n_features,), default=None
        Subtracted from both first to avoid cancellation caused by a common offset. None: the median
        of `Y`, which a few outliers do not move. Nothing is subtracted from sparse rows.

    Returns
    -------
    squared : ndarray of shape (n_samples_X, n_samples_Y)
    """
    if not (issparse(X) or issparse(Y)):
        center = np.median(Y, axis=0) if center is None else center
        X, Y = X - center, Y - center
    squared = X @ (-2 * Y).T
    squared = squared.toarray() if issparse(squared) else squared
    squared += squared_lengths(X)[:, None]
    squared += squared_lengths(Y)
    return np.maximum(squared, 0, out=squared)


def squared_lengths(X):
    """``|x|^2`` of each row, of shape (n_samples,)."""
    return X.multiply(X).sum(axis=1) if issparse(X) else np.einsum("ij,ij->i", X, X)


def median_distance(*squared):
    """Return the median of distances given squared, over all arrays; 1 if it is 0.

    Parameters
    ----------
    *squared : ndarray

    Returns
    -------
    median : float
    """
    together = np.concatenate([part.ravel() for part in squared])
    median = np.sqrt(np.median(together, overwrite_input=True))
    return float(median) if median > 0 else 1.0


def gaussian(squared, *, width):
    """``exp(-d^2 / (2 width^2))`` of squared distances.

    Parameters
    ----------
    squared : ndarray
    width : float
        Above 0.

    Returns
    -------
    values : ndarray of the shape of `squared`
    """
    values = squared * (-0.5 / width**2)
    return np.exp(values, out=values)


def effective_sample_size(weights):
    """``(sum w)^2 / sum w^2``: how many equal weights would vary a mean as much (Kish).

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Not negative, of any scale.

    Returns
    -------
    size : float
        Between 1 and ``n_samples``; 0 if there is no weight above 0.
    """
    if not weights.any():
        return 0.0
    _, exponent = np.frexp(weights.max())
    shares = np.ldexp(weights, -exponent)  # squares of tiny weights would underflow
    return float(shares.sum() ** 2 / (shares @ shares))


def ulsif(phi_source, phi_target, *, alpha, ridge):
    """Coefficients of (R)uLSIF: ``max(0, (H + ridge I)^-1 h)``.

    ``H = alpha mean_t(phi phi^T) + (1 - alpha) mean_s(phi phi^T)`` and ``h = mean_t(phi)``: the
    unconstrained minimum of ``J = E[r^2] / 2 - E_t[r]`` with a ridge. E is over the mixture ``alpha
    p_t + (1 - alpha) p_s``; negative coefficients become 0.

    Parameters
    ----------
    phi_source : ndarray of shape (n_source, n_centers)
    phi_target : ndarray of shape (n_target, n_centers)
    alpha : float
        In [0, 1); 0 is uLSIF.
    ridge : float
        Above 0.

    Returns
    -------
    theta : ndarray of shape (n_centers,)
    """
    H = (1 - alpha) * _second_moment(phi_source)
    if alpha:
        H += alpha * _second_moment(phi_target)
    H.flat[:: len(H) + 1] += ridge
    return np.maximum(np.linalg.solve(H, phi_target.mean(axis=0)), 0)


def ulsif_scores(phi_source, phi_target, *, alpha, ridges):
    """Leave-one-out scores of (R)uLSIF, clipped at 0 as the solution is, for many ridges at once.

    ``J = mean_i(alpha r_i(x_i^t)^2 / 2 - r_i(x_i^t) + (1 - alpha) r_i(x_i^s)^2 / 2)`` over pairs
    ``i`` of a source row and a target row, with ``r_i`` learned without the two (Kanamori et al.,
    section 3.2). This changes ``H`` by two columns: one ``B`` serves all pairs, by the formula of
    Sherman and Morrison.

    Parameters
    ----------
    phi_source : ndarray of shape (n_source, n_centers)
        Two rows at least; of the target too. The first rows of both are the pairs, as many as
        there are in the smaller: have them in random order.
    phi_target : ndarray of shape (n_target, n_centers)
    alpha : float
        In [0, 1).
    ridges : ndarray of shape (n_ridges,)

    Returns
    -------
    scores : ndarray of shape (n_ridges,)
        The smaller, the better.
    """
    n_source, n_target = len(phi_source), len(phi_target)
    growth = n_target / (n_target - 1)
    H = n_source / (n_source - 1) * (1 - alpha) * _second_moment(phi_source)
    if alpha:
        H += growth * alpha * _second_moment(phi_target)
    values, vectors = np.linalg.eigh(H)
    inverses = 1 / (np.maximum(values, 0) + np.asarray(ridges)[:, None])
    h = vectors.T @ (growth * phi_target.mean(axis=0))
    shares = (1 - alpha) / (n_source - 1), alpha / (n_target - 1), 1 / (n_target - 1)
    n_pairs, scores = min(n_source, n_target), np.zeros(len(inverses))
    for start in range(0, n_pairs, PAIRS):
        pairs = slice(start, min(start + PAIRS, n_pairs))
        source, target = phi_source[pairs], phi_target[pairs]
        solutions = _left_out(source @ vectors, target @ vectors, h, inverses, shares)
        for k, rotated in enumerate(solutions):
            theta = rotated @ (vectors * inverses[k]).T
            np.maximum(theta, 0, out=theta)
            r_source, r_target = _products(source, theta), _products(target, theta)
            losses = alpha / 2 * r_target**2 - r_target + (1 - alpha) / 2 * r_source**2
            scores[k] += losses.sum() / n_pairs
    return scores


def _second_moment(phi):
    return phi.T @ phi / len(phi)


def _left_out(source, target, h, inverses, shares):
    """Give, for each ridge, ``B theta`` of all pairs in the basis in which ``B`` is diagonal.

    Without source row s and target row t, ``(B - a s s^T - c t t^T) theta = h - d t``. That is
    ``B theta = h - d t + x s + y t`` with ``x = a s^T theta`` and ``y = c t^T theta``: two
    equations for x and y, of which ``B^-1``, one row of `inverses`, gives all coefficients.
    """
    a, c, d = shares
    ss, st, tt = (part @ inverses.T for part in (source**2, source * target, target**2))
    sh, th = (part @ (inverses * h).T for part in (source, target))
    s_alone, t_alone = sh - d * st, th - d * tt
    determinant = (1 - a * ss) * (1 - c * tt) - a * c * st**2
    x = a * (s_alone * (1 - c * tt) + c * st * t_alone) / determinant
    y = c * (t_alone * (1 - a * ss) + a * st * s_alone) / determinant
    without = h - d * target
    for k in range(len(inverses)):
        rotated = source * x[:, k, None]
        if c:
            rotated += target * y[:, k, None]
        rotated += without
        yield rotated


def _products(first, second):
    """The inner product of each row of one with that of the other."""
    return np.einsum("ij,ij->i", first, second)


def ratio_of_odds(p_target, *, n_source, n_target, floor):
    """``(n_s / n_t) p(target | x) / p(source | x)``: Bayes' rule, rid of the numbers of rows.

    Parameters
    ----------
    p_target : ndarray of shape (n_samples,)
        Probability that the row comes from the target, by a classifier trained on the rows of both.
    n_source, n_target : int
        Rows that it was trained on.
    floor : float
        Neither probability is taken to be lower.

    Returns
    -------
    ratio : ndarray of shape (n_samples,)
    """
    p_target = np.clip(np.asarray(p_target, dtype=np.float64), floor, 1 - floor)
    return n_source / n_target * p_target / (1 - p_target)


def neighbor_counts(nearest, place, *, smoothing):
    """``smoothing`` plus the target rows in the cell of each source row, shared by equal rows.

    M. Loog, "Nearest neighbor-based importance weighting", MLSP 2012,
    https://doi.org/10.1109/MLSP.2012.6349714.

    Parameters
    ----------
    nearest : ndarray of shape (n_target,), dtype intp
        The place whose cell the target row is in.
    place : ndarray of shape (n_source,), dtype intp
        The place of each source row, 0, 1, ...: equal rows have the same.
    smoothing : float

    Returns
    -------
    weights : ndarray of shape (n_source,)
    """
    rows = np.bincount(place)
    counts = np.bincount(nearest, minlength=len(rows))
    return (smoothing + counts / rows)[place]


def common_scale(X_source, X_target):
    """Root of the mean of the two variances (``ddof=1``) of each feature; 1 if both are 0.

    Parameters
    ----------
    X_source, X_target : ndarray of shape (n_samples, n_features), dtype float64
        Two rows at least.

    Returns
    -------
    scale : ndarray of shape (n_features,)
    """
    stds = [standard_deviation(X, X.mean(axis=0)) for X in (X_source, X_target)]
    scale = np.hypot(*stds) / np.sqrt(2)
    return np.where(scale > 0, scale, 1)


def shrunk_gaussian(X, *, shrinkage):
    """Mean and covariance (``ddof=1``), shrunk towards the mean variance.

    ``(1 - shrinkage) C + shrinkage v I`` with ``v = trace(C) / n_features``. If rows are divided by
    their `common_scale` first, the density follows the units of the features.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Two rows at least.
    shrinkage : float
        In [0, 1].

    Returns
    -------
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)
    """
    mean = X.mean(axis=0)
    centred = X - mean
    covariance = (1 - shrinkage) * (centred.T @ centred) / (len(X) - 1)
    variance = np.square(centred).sum() / (len(X) - 1) / X.shape[1]
    covariance.flat[:: len(mean) + 1] += shrinkage * variance
    return mean, covariance


def log_density(X, mean, covariance):
    """``log N(x; mean, covariance)``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)
        Positive definite.

    Returns
    -------
    values : ndarray of shape (n_samples,)
    """
    lower = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(lower, (X - mean).T)
    log_determinant = 2 * np.log(np.diag(lower)).sum()
    squared = np.einsum("ij,ij->j", whitened, whitened)
    return -(squared + log_determinant + len(mean) * np.log(2 * np.pi)) / 2


class LowRankNormal(NamedTuple):
    """A normal density whose covariance is ``factor^T factor + diag(diagonal)``.

    It is for fewer rows than features. With r rows in the factor and d features, fitting costs
    ``r^2 d``, and the d x d covariance is never built.
    """

    mean: np.ndarray
    factor: np.ndarray
    diagonal: np.ndarray

    @property
    def covariance(self):
        """The covariance, of shape (n_features, n_features)."""
        covariance = self.factor.T @ self.factor
        covariance.flat[:: len(covariance) + 1] += self.diagonal
        return covariance

    def rank(self):
        """Rank of the covariance, with the tolerance of `matrix_rank`."""
        squares = np.maximum(np.linalg.eigvalsh(self.factor @ self.factor.T), 0)
        least = self.diagonal.min()
        tolerance = (squares.max() + least) * len(self.mean) * np.finfo(np.float64).eps
        return len(self.mean) if least > tolerance else int(np.sum(squares > tolerance))

    def log_density(self, X):
        """``log N(x; mean, covariance)`` by the identities of Woodbury and Sylvester.

        With ``G = factor diag(diagonal)^-1/2``, ``M = I + G G^T`` and
        ``z = diag(diagonal)^-1/2 (x - mean)``, the squared Mahalanobis distance is
        ``z^T z - (G z)^T M^-1 G z``. The logarithm of the determinant is ``log det M + sum(log
        diagonal)``.
        """
        root = np.sqrt(self.diagonal)
        Z, G = (X - self.mean) / root, self.factor / root
        inner = G @ G.T
        inner.flat[:: len(inner) + 1] += 1
        lower = np.linalg.cholesky(inner)
        half = np.linalg.solve(lower, G @ Z.T)
        squared = np.einsum("ij,ij->i", Z, Z) - np.einsum("ij,ij->j", half, half)
        log_determinant = 2 * (np.log(np.diag(lower)).sum() + np.log(root).sum())
        return -(squared + log_determinant + len(self.mean) * np.log(2 * np.pi)) / 2


class Normal(NamedTuple):
    """A normal density with its covariance as a matrix."""

    mean: np.ndarray
    covariance: np.ndarray

    def rank(self):
        """Rank of the covariance."""
        return int(np.linalg.matrix_rank(self.covariance, hermitian=True))

    def log_density(self, X):
        """``log N(x; mean, covariance)``."""
        return log_density(X, self.mean, self.covariance)


def shrunk_normal(X, *, shrinkage):
    """The density of `shrunk_gaussian`, in the form that is cheaper for the shape of `X`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Two rows at least.
    shrinkage : float
        In [0, 1].

    Returns
    -------
    normal : Normal or LowRankNormal
        The second if there are fewer rows than features.
    """
    if len(X) >= X.shape[1]:
        return Normal(*shrunk_gaussian(X, shrinkage=shrinkage))
    mean = X.mean(axis=0)
    centred = X - mean
    variance = np.square(centred).sum() / (len(X) - 1) / X.shape[1]
    factor = centred * np.sqrt((1 - shrinkage) / (len(X) - 1))
    return LowRankNormal(mean, factor, np.full(len(mean), shrinkage * variance))
