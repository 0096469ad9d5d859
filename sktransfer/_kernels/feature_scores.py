"""Scores of features from rows with classes, in closed form: which features suit the classes?

Each is larger for better features. `codes` holds the position of each row's class, from 0, and
every class has a row.
"""

import numpy as np
from scipy.stats import spearmanr

# Steps of the search for the most probable ratio: a grid in logarithms, then golden sections.
_GRID, _SECTIONS = 41, 30
_GOLDEN = (np.sqrt(5) - 1) / 2


def evidence_per_row(X, targets):
    """Return the largest log evidence of Bayesian linear regression, over the number of rows.

    Under ``y ~ N(0, v (I + r X X'))``, where ``v`` is the noise and ``r v`` the prior variance of a
    coefficient, the best ``v`` is ``mean(u^2 / (1 + r s^2))``. Here ``s`` are the singular values
    of X and ``u`` the coordinates of y along its left singular vectors. A search over r is left.
    The maximum is that of the fixed point iteration of K. You, Y. Liu, J. Wang, M. Long, "LogME:
    Practical assessment of pre-trained models for transfer learning", ICML 2021.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    targets : ndarray of shape (n_rows, n_columns)
        A regression for each column.

    Returns
    -------
    evidence : ndarray of shape (n_columns,)
    """
    n_rows = len(X)
    squares, along = _coordinates(X, targets)
    # The part of y outside of the span of X, which no coefficient explains.
    outside = np.maximum(np.sum(targets**2, axis=0) - np.sum(along, axis=0), 0)

    def evidence(log_ratio):
        """Return log p(y) / n at a ratio for each column."""
        grown = 1 + np.exp(log_ratio) * squares[:, None]
        noise = (np.sum(along / grown, axis=0) + outside) / n_rows
        noise = np.maximum(noise, np.finfo(float).tiny)
        return -(np.log(2 * np.pi * noise) + np.sum(np.log(grown), axis=0) / n_rows + 1) / 2

    if not len(squares):
        return evidence(np.zeros(targets.shape[1]))
    middle = -np.log(squares.max())
    grid = middle + np.linspace(-18, 18, _GRID)[:, None] + np.zeros(targets.shape[1])
    best = np.argmax([evidence(point) for point in grid], axis=0)
    step = grid[1] - grid[0]
    low, high = middle - 18 + (best - 1) * step, middle - 18 + (best + 1) * step
    for _ in range(_SECTIONS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        left = evidence(first) >= evidence(second)
        low, high = np.where(left, low, first), np.where(left, second, high)
    return evidence((low + high) / 2)


def _coordinates(X, targets):
    """Return the squared singular values, and squared coordinates along the left vectors."""
    vectors, values, _ = np.linalg.svd(X, full_matrices=False)
    kept = values > max(X.shape) * np.finfo(float).eps * values.max(initial=0)
    return values[kept] ** 2, (vectors[:, kept].T @ targets) ** 2


def shrunk_h_score(X, codes):
    """Return ``(1 - a) tr(C^-1 B)``, with the shrunk covariance C of rows, B that of class means.

    ``C = (1 - a) S + a mean(diag S) I`` with the share ``a`` of Ledoit and Wolf. Y. Bao et al., "An
    information-theoretic approach to transferability in task transfer learning", ICIP 2019; the
    shrinkage is that of S. Ibrahim, N. Ponomareva, R. Mazumder, "Newer is not always better:
    rethinking transferability metrics, their peculiarities, stability and performance", ECML 2022.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int

    Returns
    -------
    score : float
    """
    n_rows, n_features = X.shape
    X = X - X.mean(axis=0)
    vectors, values, _ = np.linalg.svd(X, full_matrices=False)
    variances = values**2 / n_rows
    mean = variances.sum() / n_features
    if mean == 0:
        return 0.0
    spread = (variances**2).sum() / n_features - mean**2
    error = (np.mean(np.sum(X**2, axis=1) ** 2) - (variances**2).sum()) / (n_rows * n_features)
    share = min(error, spread) / spread if spread > 0 else 0.0
    shrunk = (1 - share) * variances + share * mean
    ratios = np.divide(variances, shrunk, out=np.zeros_like(shrunk), where=shrunk > 0)
    indicators = np.eye(codes.max() + 1)[codes]
    # B is X' P X / n, and P averages over the rows of a class.
    between = np.sum(((indicators / np.sqrt(indicators.sum(axis=0))).T @ vectors) ** 2, axis=0)
    return float((1 - share) * between @ ratios)


def coding_rate_difference(X, codes, *, distortion):
    """Return ``R(Z) - sum_c n_c / n R(Z_c)`` for ``R(Z) = log det(I + Z' Z / (n e)) / 2``.

    Z holds centered rows with a mean squared norm of 1, and e is the distortion. L.-K. Huang et
    al., "Frustratingly easy transferability estimation", ICML 2022 (TransRate).

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int
    distortion : float

    Returns
    -------
    score : float
    """
    Z = X - X.mean(axis=0)
    norm = np.sqrt(np.mean(np.sum(Z**2, axis=1)))
    Z = Z / norm if norm > 0 else Z

    def rate(rows):
        values = np.linalg.svd(rows, compute_uv=False)
        return np.sum(np.log1p(values**2 / (len(rows) * distortion))) / 2

    shares = np.bincount(codes) / len(codes)
    within = sum(share * rate(Z[codes == code]) for code, share in enumerate(shares))
    return float(rate(Z) - within)


def bhattacharyya_overlap(X, codes, *, spherical):
    """Return ``-sum over pairs i != j of exp(-D_ij)``, D the Bhattacharyya distance of two classes.

    Each class is a normal distribution with one variance, or with one for each column. M. Pandy, A.
    Agostinelli, J. Uijlings, V. Ferrari, T. Mensink, "Transferability estimation using
    Bhattacharyya class separability", CVPR 2022 (GBC).

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int
    spherical : bool

    Returns
    -------
    score : float
        Between ``-K (K - 1)`` for K equal classes, and 0 for classes that are far from each other.
    """
    classes = [X[codes == code] for code in range(codes.max() + 1)]
    means = np.array([rows.mean(axis=0) for rows in classes])
    variances = np.array([rows.var(axis=0) for rows in classes])
    if spherical:
        variances = np.repeat(variances.mean(axis=1, keepdims=True), X.shape[1], axis=1)
    # A class of one row, or of equal ones, has no variance: it gets a share of that of all rows.
    total = X.var(axis=0).mean() if spherical else X.var(axis=0)
    variances = np.maximum(variances, 1e-3 * total + np.finfo(float).tiny)
    first, second = np.triu_indices(len(classes), k=1)
    middle = (variances[first] + variances[second]) / 2
    distance = np.sum((means[first] - means[second]) ** 2 / middle, axis=1) / 8
    logs = np.log(variances)
    distance += np.sum(np.log(middle) - (logs[first] + logs[second]) / 2, axis=1) / 2
    return float(-2 * np.exp(-distance).sum())


def correlation_of_distances(X, codes):
    """Return the rank correlation of the distances of rows with those of their classes.

    The distance of two rows is one minus their correlation over the columns, that of their classes
    one minus the correlation of the indicators. D. Bolya, R. Mittapalli, J. Hoffman,
    "Scalable diverse model selection for accessible transfer learning", NeurIPS 2021 (PARC).

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int

    Returns
    -------
    score : float
        From -1 to 1; 0 if all distances are equal.
    """
    pairs = np.triu_indices(len(X), k=1)
    rows = standardized(X.T).T
    distances = 1 - (rows @ rows.T)[pairs] / X.shape[1]
    differ = (codes[pairs[0]] != codes[pairs[1]]).astype(float)
    if np.ptp(distances) == 0 or np.ptp(differ) == 0:
        return 0.0
    # All pairs of different classes are at one distance, which is larger: ranks need no more.
    return float(spearmanr(distances, differ).statistic)


def principal_rows(X, n_components):
    """Return the rows along their first principal axes, no more than there are."""
    X = X - X.mean(axis=0)
    vectors, values, _ = np.linalg.svd(X, full_matrices=False)
    return vectors[:, :n_components] * values[:n_components]


def standardized(X):
    """Return columns of mean 0 and variance 1; a constant column becomes zeros."""
    X = X - X.mean(axis=0)
    scale = X.std(axis=0)
    constant = scale <= 1e-12 * max(scale.max(initial=0), np.finfo(float).tiny)
    return np.where(constant, 0.0, X / np.where(constant, 1.0, scale))


def log_expected_prediction(probabilities, codes):
    """Return the mean of ``log sum_z P(y | z) p_z``, with ``P(y | z)`` from the same rows (LEEP).

    C. V. Nguyen, T. Hassner, M. Seeger, C. Archambeau, "LEEP: a new measure to evaluate
    transferability of learned representations", ICML 2020.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_source_classes)
        Those of the source's classes; rows sum to 1.
    codes : ndarray of shape (n_rows,), dtype int

    Returns
    -------
    score : float
        At least minus the entropy of the classes, and at most 0.
    """
    joint = np.eye(codes.max() + 1)[codes].T @ probabilities
    sums = joint.sum(axis=0)
    given = np.divide(joint, sums, out=np.zeros_like(joint), where=sums > 0)
    expected = np.einsum("ij,ij->i", given[codes], probabilities)
    return float(np.mean(np.log(expected)))


def negative_conditional_entropy(source_codes, codes):
    """Return ``-H(Y | Z)`` of the classes given those of the source, from counts (NCE).

    A. T. Tran, C. V. Nguyen, T. Hassner, "Transferability and hardness of supervised classification
    tasks", ICCV 2019.

    Parameters
    ----------
    source_codes, codes : ndarray of shape (n_rows,), dtype int

    Returns
    -------
    score : float
        From minus the entropy of the classes to 0, if the source's class determines the target's.
    """
    counts = np.zeros((source_codes.max() + 1, codes.max() + 1))
    np.add.at(counts, (source_codes, codes), 1)
    logs = np.log(counts, where=counts > 0, out=np.zeros_like(counts))
    sums = counts.sum(axis=1)
    log_sums = np.log(sums, where=sums > 0, out=np.zeros_like(sums))
    return float((np.sum(counts * logs) - np.sum(sums * log_sums)) / len(codes))
