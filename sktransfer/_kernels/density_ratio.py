"""Ratios of two densities, ``r(x) = p_target(x) / p_source(x)``, learnt from rows of both.

The kernel methods model ``r(x) = sum_l theta_l k(x, c_l)`` with ``theta >= 0``, Gaussian ``k`` of
one width and centres ``c_l`` among the target rows. They see rows as ``phi``, an array of shape
(n_samples, n_centers) that holds ``k(x, c_l)``.

- uLSIF: T. Kanamori, S. Hido and M. Sugiyama, "A least-squares approach to direct importance
  estimation", JMLR 10, 2009, https://jmlr.org/papers/v10/kanamori09a.html.
- RuLSIF: M. Yamada et al., "Relative density-ratio estimation for robust distribution comparison",
  NIPS 2011, https://arxiv.org/abs/1106.4729.

Everything here is computed in float64 by NumPy alone.
"""

import numpy as np


def squared_distances(X, Y):
    """Squared Euclidean distances, ``|x|^2 - 2 x^T y + |y|^2``, none negative.

    Parameters
    ----------
    X : ndarray of shape (n_samples_X, n_features), dtype float64
    Y : ndarray of shape (n_samples_Y, n_features), dtype float64
        Both are centred on the mean of `Y` first, lest a common offset costs digits.

    Returns
    -------
    squared : ndarray of shape (n_samples_X, n_samples_Y)
    """
    mean = Y.mean(axis=0)
    X, Y = X - mean, Y - mean
    squared = X @ (-2 * Y).T
    squared += np.einsum("ij,ij->i", X, X)[:, None]
    squared += np.einsum("ij,ij->i", Y, Y)
    return np.maximum(squared, 0, out=squared)


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
        0 where it is empty.

    Returns
    -------
    size : float
        Between 1 and ``n_samples``.
    """
    return float(weights.sum() ** 2 / (weights @ weights)) if len(weights) else 0.0


def ulsif(phi_source, phi_target, *, alpha, ridge):
    """Coefficients of (R)uLSIF: ``max(0, (H + ridge I)^-1 h)``.

    ``H = alpha mean_t(phi phi^T) + (1 - alpha) mean_s(phi phi^T)`` and ``h = mean_t(phi)``: the
    unconstrained minimum of ``J = E[r^2] / 2 - E_t[r]`` with a ridge, where E is over the mixture
    ``alpha p_t + (1 - alpha) p_s``; what is negative becomes 0.

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
    """Leave-one-out scores of (R)uLSIF without the clipping at 0, for many ridges at once.

    ``J = sum_t (alpha r(x_j)^2 / 2 - r(x_j)) / n_t + (1 - alpha) sum_s r(x_i)^2 / (2 n_s)``, where
    each ``r(x)`` is learnt without x. To leave a row out is a rank-one change of ``H``, so with
    ``q = phi^T B^-1 phi`` and ``r0 = phi^T B^-1 h`` it divides by ``1 - c q`` (Sherman-Morrison).

    Parameters
    ----------
    phi_source : ndarray of shape (n_source, n_centers)
        Two rows at least; of the target too.
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
    h = phi_target.mean(axis=0)
    from_source = (1 - alpha) * _second_moment(phi_source)
    grown, growth = n_source / (n_source - 1), n_target / (n_target - 1)
    if alpha:
        from_target = alpha * _second_moment(phi_target)
        spectrum = np.linalg.eigh(growth * from_target + from_source)
        spectrum_source = np.linalg.eigh(from_target + grown * from_source)
    else:  # no target row enters H: the two differ by a factor
        spectrum = np.linalg.eigh(from_source)
        spectrum_source = grown * spectrum[0], spectrum[1]
    r0, q = _ratios_and_leverages(phi_source, h, spectrum_source, ridges)
    r_source = r0 / (1 - (1 - alpha) / (n_source - 1) * q)
    r0, q = _ratios_and_leverages(phi_target, h, spectrum, ridges)
    r_target = (growth * r0 - q / (n_target - 1)) / (1 - alpha / (n_target - 1) * q)
    return (alpha / 2 * r_target**2 - r_target).mean(axis=0) + (1 - alpha) / 2 * (r_source**2).mean(
        axis=0
    )


def _second_moment(phi):
    return phi.T @ phi / len(phi)


def _ratios_and_leverages(phi, h, spectrum, ridges):
    """``phi^T B^-1 h`` and ``phi^T B^-1 phi``, each of shape (n_samples, n_ridges)."""
    values, vectors = spectrum
    inverse = 1 / (np.maximum(values, 0)[:, None] + ridges)
    rotated = phi @ vectors
    ratios = rotated @ (inverse * (vectors.T @ h)[:, None])
    return ratios, np.square(rotated, out=rotated) @ inverse


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


def shrunk_gaussian(X, *, shrinkage):
    """Mean and covariance (``ddof=1``), the covariance shrunk towards its mean variance.

    ``(1 - shrinkage) C + shrinkage trace(C) / n_features I``.

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
    variance = np.einsum("ij,ij", centred, centred) / (len(X) - 1) / X.shape[1]
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
