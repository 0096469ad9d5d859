"""Tests whether two samples have one distribution, by permutations of the samples' names.

Rows become features, which do not depend on the sample that a row is of. With the centered features
``F`` of all rows and ``z``, 1 for a row of sample b and 0 for one of sample a, minus its mean, the
statistic is

    T(z) = z^T F (F^T F + n ridge I)^-1 F^T z.

That is the part of the names' variance that a ridge regression on the features explains, or with an
infinite ridge the squared distance of the samples' mean features. If both samples have one
distribution, all permutations of `z` are equally likely, so the level is exact for any features. A
permutation changes ``F^T z`` alone: all of them share one factorization. D. Lopez-Paz and M.
Oquab, "Revisiting classifier two-sample tests", ICLR 2017, https://arxiv.org/abs/1610.06545.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import issparse
from scipy.stats import rankdata

from sktransfer._kernels.moment import standard_deviation
from sktransfer._kernels.rows import stacked
from sktransfer._kernels.subspaces import principal_subspace

MOST_COLUMNS = 30  # more are replaced by principal components
RIDGE = 1.0  # a row, for features of variance 1
TIE = 1e-9  # statistics that differ by less, relatively, are those of the same split of the rows
BLOCK = 2**22  # the most entries of the matrix of names that are held at once
WIDTHS = (0.5, 1.0, 2.0)  # of the Gaussian kernels, in units of the median distance
MEDIAN_ROWS = 200  # from which the median distance is taken


class TwoSampleTest(NamedTuple):
    """The result of a permutation test.

    Parameters
    ----------
    p_value : float
        ``(1 + permutations with no smaller statistic) / (1 + permutations)``.
    size : float
        How far the samples are apart, on the scale that the test names.
    """

    p_value: float
    size: float


def c2st(X_a, X_b, *, n_permutations=99, generator):
    """Test by a ridge regression of the samples' names on the rows and their squares.

    Parameters
    ----------
    X_a, X_b : {ndarray, sparse array} of shape (n_samples, n_features), dtype float64
        At least two rows each, finite. Columns beyond 30 are replaced by 30 principal components.
    n_permutations : int, default=99
    generator : RandomState
        Draws the permutations and the folds.

    Returns
    -------
    result : TwoSampleTest
        Its size is the area under the ROC curve (AUC) of the regression out of fold: about 0.5 for
        one distribution, 1 for samples that never overlap.
    """
    n_a, features = X_a.shape[0], _c2st_features(X_a, X_b)
    p_value = permutation_p_value(
        features, n_a, ridge=RIDGE, n_permutations=n_permutations, generator=generator
    )
    return TwoSampleTest(p_value, out_of_fold_auc(features, n_a, ridge=RIDGE, generator=generator))


def _c2st_features(X_a, X_b):
    return standardized(rows_and_squares(pooled_columns(X_a, X_b)))


def mmd_test(X_a, X_b, *, n_permutations=99, n_frequencies=100, generator):
    """Test by the maximum mean discrepancy of Gaussian kernels, through random Fourier features.

    The kernel is the mean of three, with half, once and twice the median distance as widths. A.
    Gretton et al., "A kernel two-sample test", JMLR 13, 2012,
    https://jmlr.org/papers/v13/gretton12a.html; A. Rahimi and B. Recht, "Random features for
    large-scale kernel machines", NIPS 2007.

    Parameters
    ----------
    X_a, X_b : {ndarray, sparse array} of shape (n_samples, n_features), dtype float64
        As in `c2st`. Columns are scaled to variance 1.
    n_permutations : int, default=99
    n_frequencies : int, default=100
        Of each width; a frequency gives a cosine and a sine.
    generator : RandomState
        Draws the frequencies and the permutations.

    Returns
    -------
    result : TwoSampleTest
        Its size is the squared discrepancy, from 0 to 2, with the bias of the plain estimate.
    """
    X = standardized(pooled_columns(X_a, X_b))
    features = fourier_features(X, n_frequencies=n_frequencies, generator=generator)
    n_a = X_a.shape[0]
    p_value = permutation_p_value(
        features - features.mean(axis=0),
        n_a,
        ridge=np.inf,
        n_permutations=n_permutations,
        generator=generator,
    )
    difference = features[:n_a].mean(axis=0) - features[n_a:].mean(axis=0)
    return TwoSampleTest(p_value, float(difference @ difference))


def pooled_columns(X_a, X_b):
    """Return the rows of both samples as few columns: principal components if there are many."""
    X = stacked([X_a, X_b])
    if X.shape[1] > MOST_COLUMNS:
        mean, axes = principal_subspace(X, MOST_COLUMNS)
        return X @ axes - mean @ axes
    return X.toarray() if issparse(X) else X


def rows_and_squares(X):
    """Return the standardized columns of `X` and, after them, their squares."""
    X = standardized(X)
    return np.hstack([X, X**2])


def standardized(X):
    """Return columns of mean 0 and variance 1; a constant column becomes 0."""
    mean = X.mean(axis=0)
    std = standard_deviation(X, mean)
    return (X - mean) / np.where(std > 0, std, np.inf)


def fourier_features(X, *, n_frequencies, generator):
    """Return features whose inner products approximate a mean of Gaussian kernels.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_frequencies : int
        Of each width.
    generator : RandomState
        Draws the rows for the median distance, then the frequencies.

    Returns
    -------
    features : ndarray of shape (n_samples, 6 * n_frequencies)
        Rows of length 1.
    """
    few = X[generator.permutation(len(X))[:MEDIAN_ROWS]]
    squared = np.sum((few[:, None] - few) ** 2, axis=2)
    median = np.sqrt(np.median(squared[np.triu_indices(len(few), 1)]))
    frequencies = generator.normal(size=(X.shape[1], len(WIDTHS) * n_frequencies))
    widths = np.repeat(WIDTHS, n_frequencies) * (median if median > 0 else 1.0)
    angles = X @ (frequencies / widths)
    return np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(angles.shape[1])


def permutation_p_value(features, n_a, *, ridge, n_permutations, generator):
    """Return the p-value of the statistic at the head of this module.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Centered; the first `n_a` rows are those of sample a.
    n_a : int
    ridge : float
        A row. Infinite: the distance of the mean features.
    n_permutations : int
    generator : RandomState

    Returns
    -------
    p_value : float
    """
    solve = _solver(features, ridge)
    is_b = np.arange(len(features)) >= n_a
    observed = _statistics(features, is_b[:, None], solve)[0]
    blocks = permuted_names(is_b, n_permutations, generator=generator)
    n_as_large = sum(
        np.sum(_statistics(features, names, solve) >= observed * (1 - TIE)) for names in blocks
    )
    return float((1 + n_as_large) / (1 + n_permutations))


def permuted_names(is_b, n_permutations, *, generator):
    """Yield permutations of the names as columns, as many at a time as memory allows."""
    at_a_time = max(1, BLOCK // len(is_b))
    for start in range(0, n_permutations, at_a_time):
        n_columns = min(at_a_time, n_permutations - start)
        yield np.column_stack([generator.permutation(is_b) for _ in range(n_columns)])


def _solver(features, ridge):
    """Return the product with ``(F^T F + n ridge I)^-1`` as a function."""
    if np.isinf(ridge):
        return lambda c: c
    products = features.T @ features
    products.flat[:: len(products) + 1] += len(features) * ridge
    factor = cho_factor(products)
    return lambda c: cho_solve(factor, c)


def _statistics(features, names, solve):
    """Return the statistic of each column of names; centered features need no centered names."""
    sums = features.T @ names.astype(np.float64)
    return np.einsum("ij,ij->j", sums, solve(sums))


def out_of_fold_auc(features, n_a, *, ridge, generator, n_folds=5):
    """Return the AUC of the ridge regression of the names, each fold by the others' rows.

    The products of the left-out rows are subtracted from those of all rows.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Centered; the first `n_a` rows are those of sample a.
    n_a : int
    ridge : float
        A row.
    generator : RandomState
        Draws the folds.
    n_folds : int, default=5
        At most; no more than the rows of the smaller sample.

    Returns
    -------
    auc : float
    """
    is_b = np.arange(len(features)) >= n_a
    n_b = len(features) - n_a
    n_folds = min(n_folds, n_a, n_b)
    folds = np.concatenate([generator.permutation(n) % n_folds for n in (n_a, n_b)])
    names = is_b - is_b.mean()
    products, sums = features.T @ features, features.T @ names
    scores = np.empty(len(features))
    for fold in range(n_folds):
        out = folds == fold
        left = features[out]
        solve = products - left.T @ left
        solve.flat[:: len(solve) + 1] += np.sum(~out) * ridge
        scores[out] = left @ np.linalg.solve(solve, sums - left.T @ names[out])
    return auc(scores, is_b)


def auc(scores, is_b):
    """Return how often a row of b has a higher score than one of a; ties count one half."""
    n_b = is_b.sum()
    n_a = len(is_b) - n_b
    return float((rankdata(scores)[is_b].sum() - n_b * (n_b + 1) / 2) / (n_a * n_b))


def redrawn_rows(codes, shares, *, generator):
    """Return positions of source rows with other class proportions.

    Rows are drawn without replacement, because a row that comes twice would break the level of a
    permutation test.

    Parameters
    ----------
    codes : ndarray of shape (n_source,), dtype int
        The class of each row.
    shares : ndarray of shape (n_classes,)
        The proportions to draw; they sum to 1.
    generator : RandomState

    Returns
    -------
    positions : ndarray of int
        Half of the rows, or fewer if a class has too few for its share.
    """
    counts = np.bincount(codes, minlength=len(shares))
    enough = counts[shares > 0] / shares[shares > 0]
    n_rows = min(len(codes) / 2, enough.min())
    wanted = np.minimum(np.rint(n_rows * shares).astype(int), counts)
    drawn = [
        generator.permutation(np.flatnonzero(codes == k))[:n_drawn]
        for k, n_drawn in enumerate(wanted)
    ]
    return np.concatenate(drawn)


def p_after_shares(X_source, codes, X_target, shares, *, n_permutations=99, generator, n_redraws=2):
    """Test whether other class proportions explain the shift: is a difference left after them?

    Parameters
    ----------
    X_source, X_target : {ndarray, sparse array} of shape (n_samples, n_features), dtype float64
    codes : ndarray of shape (n_source,), dtype int
        The class of each source row.
    shares : ndarray of shape (n_classes,)
        The proportions of the classes in the target, estimated.
    n_permutations : int, default=99
    generator : RandomState
    n_redraws : int, default=2
        Samples of source rows with these proportions.

    Returns
    -------
    p_value : float
        The mean of the p-values of `c2st`, one a sample. 0 if the source has too few rows of the
        classes to draw two rows.
    """
    p_values = []
    for _ in range(n_redraws):
        rows = redrawn_rows(codes, shares, generator=generator)
        if len(rows) < 2:
            return 0.0
        options = {"n_permutations": n_permutations, "generator": generator}
        features = _c2st_features(X_source[rows], X_target)
        p_values.append(permutation_p_value(features, len(rows), ridge=RIDGE, **options))
    return float(np.mean(p_values))
