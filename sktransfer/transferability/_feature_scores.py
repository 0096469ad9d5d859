"""Scores of features by labelled rows, in closed form, without fitting a classifier."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from sktransfer._kernels.feature_scores import (
    bhattacharyya_overlap,
    coding_rate_difference,
    correlation_of_distances,
    evidence_per_row,
    log_expected_prediction,
    principal_rows,
    shrunk_h_score,
    standardized,
)
from sktransfer._labels import is_labelled, read_classes
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown
from sktransfer._random import generator


def logme_score(X: ArrayLike, y: ArrayLike) -> float:
    """Compute LogME: the evidence of a Bayesian linear regression of the classes on the features.

    Each class is regressed on the features, one against the rest, and the log evidence per row is
    maximized over the noise and the prior variance. The score is the mean over the classes.

    It helps to compare stages and networks without fitting a classifier. From 2 to 10 rows a class
    its choice was 1.5 points below the best stage on average, and that of `ridge_probe` 3.4. It
    hurts with few rows and many candidates: the last stage of a network known to be good lost 0.5.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows, such as those of one stage of a network.
    y : array-like of shape (n_samples,)
        Classes; two or more.

    Returns
    -------
    score : float
        In nats per row; larger is better. Only compare scores of the same rows.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, or `y` fewer than two classes or a missing value.

    See Also
    --------
    ridge_probe : Measures the features by leave-one-out instead.

    References
    ----------
    K. You, Y. Liu, J. Wang, M. Long, "LogME: Practical Assessment of Pre-trained Models for
    Transfer Learning", ICML 2021. https://arxiv.org/abs/2102.11005

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import logme_score
    >>> X, y = load_iris(return_X_y=True)
    >>> logme_score(X, y) > logme_score(X[:, :1], y)
    True
    """
    X, codes = read_features(X, y)
    return float(evidence_per_row(X, np.eye(codes.max() + 1)[codes]).mean())


def h_score(X: ArrayLike, y: ArrayLike) -> float:
    """Compute the H-score: how far class means are apart, against the covariance of the features.

    It is ``tr(C^-1 B)``, with the covariance B of the class means of the rows. C is the covariance
    of all rows, shrunk by Ledoit and Wolf, and the trace is multiplied by one minus the shrinkage.

    It helps if candidates have the same number of features. It hurts if they have not: it favors
    wide ones, such as pixels, and its choice was 17 points below the best stage on average.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows.
    y : array-like of shape (n_samples,)
        Classes; two or more.

    Returns
    -------
    score : float
        From 0 to the number of classes minus 1; larger is better.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, or `y` fewer than two classes or a missing value.

    References
    ----------
    Y. Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning",
    ICIP 2019. S. Ibrahim, N. Ponomareva, R. Mazumder, "Newer is not always better: Rethinking
    transferability metrics, their peculiarities, stability and performance", ECML PKDD 2022.
    https://arxiv.org/abs/2110.06893

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import h_score
    >>> round(h_score(*load_iris(return_X_y=True)), 2)
    1.17
    """
    return shrunk_h_score(*read_features(X, y))


def transrate_score(X: ArrayLike, y: ArrayLike, *, distortion: float = 1e-4) -> float:
    """Compute TransRate: the coding rate of all rows minus that of rows of one class.

    The rows are centered and scaled to a mean squared norm of 1, so that the score does not depend
    on the unit of the features. The rate of n rows Z is ``log det(I + Z' Z / (n distortion)) / 2``.

    It helps with thousands of rows, for which it was made. It hurts with few: of all scores here it
    is the worst from 2 to 10 rows a class, as it favors wide features.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows.
    y : array-like of shape (n_samples,)
        Classes; two or more.
    distortion : float, default=1e-4
        The precision that rows are coded to, in units of their mean squared norm.

    Returns
    -------
    score : float
        In nats; larger is better.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, `y` fewer than two classes or a missing value, or
        `distortion` is not positive.

    References
    ----------
    L.-K. Huang, J. Huang, Y. Rong, Q. Yang, Y. Wei, "Frustratingly Easy Transferability
    Estimation", ICML 2022. https://arxiv.org/abs/2106.09362

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import transrate_score
    >>> X, y = load_iris(return_X_y=True)
    >>> abs(transrate_score(X, y) - transrate_score(2 * X + 1, y)) < 1e-9
    True
    """
    if isinstance(distortion, bool) or not isinstance(distortion, Real) or not distortion > 0:
        raise ValueError(
            f"distortion={shown(distortion)}: expected a positive number, such as 1e-4."
        )
    return coding_rate_difference(*read_features(X, y), distortion=distortion)


def gbc_score(
    X: ArrayLike, y: ArrayLike, *, n_components: int = 64, spherical: bool = True
) -> float:
    """Compute GBC: minus the overlap of the classes as normal distributions.

    The overlap of two classes is ``exp(-D)`` with their Bhattacharyya distance D, after a principal
    component analysis. The score is minus the sum over all ordered pairs of classes.

    It helps if classes are compact clouds. It hurts with few rows, whose variances are too small.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows.
    y : array-like of shape (n_samples,)
        Classes; two or more.
    n_components : int, default=64
        Principal components, at most.
    spherical : bool, default=True
        Whether a class has one variance; else one for each component.

    Returns
    -------
    score : float
        At most 0; larger is better.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, `y` fewer than two classes or a missing value, or
        `n_components` is not a positive integer.

    References
    ----------
    M. Pandy, A. Agostinelli, J. Uijlings, V. Ferrari, T. Mensink, "Transferability Estimation using
    Bhattacharyya Class Separability", CVPR 2022. https://arxiv.org/abs/2111.12780

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import gbc_score
    >>> round(gbc_score(*load_iris(return_X_y=True)), 2)
    -0.33
    """
    _check_count("n_components", n_components)
    X, codes = read_features(X, y)
    return bhattacharyya_overlap(principal_rows(X, n_components), codes, spherical=spherical)


def parc_score(X: ArrayLike, y: ArrayLike, *, n_components: int = 32) -> float:
    """Compute PARC: whether rows of different classes are also the rows that correlate least.

    It is Spearman's correlation, over all pairs of rows, between the distance of their features and
    that of their classes. A distance is one minus a correlation. The features are standardized, and
    reduced by a principal component analysis.

    It helps with few classes. It hurts with many: nearly all pairs are of different classes then.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows.
    y : array-like of shape (n_samples,)
        Classes; two or more.
    n_components : int, default=32
        Principal components, at most.

    Returns
    -------
    score : float
        From -1 to 1; larger is better. The paper gives it times 100.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, `y` fewer than two classes or a missing value, or
        `n_components` is not a positive integer.

    References
    ----------
    D. Bolya, R. Mittapalli, J. Hoffman, "Scalable Diverse Model Selection for Accessible Transfer
    Learning", NeurIPS 2021. https://arxiv.org/abs/2111.06977

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import parc_score
    >>> round(parc_score(*load_iris(return_X_y=True)), 2)
    0.61
    """
    _check_count("n_components", n_components)
    X, codes = read_features(X, y)
    return correlation_of_distances(principal_rows(standardized(X), n_components), codes)


def nleep_score(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_clusters: int | None = None,
    energy: float = 0.8,
    random_state: Any = 0,
) -> float:
    """Compute N-LEEP: LEEP with the clusters of the features in the place of source classes.

    A mixture of normal distributions is fitted to the principal components of the features. The
    probabilities of its clusters are what `leep_score` reads.

    It helps if a network has no head. It hurts if clusters have a row or two each: then they
    determine the classes of these rows whatever the features are.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of labelled target rows.
    y : array-like of shape (n_samples,)
        Classes; two or more.
    n_clusters : int or None, default=None
        Clusters of the mixture; None: as many as classes. No more than there are rows are used.
    energy : float, default=0.8
        The share of the variance that the principal components keep, above 0 and at most 1.
    random_state : int, RandomState instance or None, default=0
        Draws the starts of the mixture.

    Returns
    -------
    score : float
        At most 0; larger is better.

    Raises
    ------
    ValueError
        If `X` holds NaN or infinity, `y` fewer than two classes or a missing value, or a parameter
        is out of range.

    References
    ----------
    Y. Li et al., "Ranking Neural Checkpoints", CVPR 2021. https://arxiv.org/abs/2011.11200

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktransfer.transferability import nleep_score
    >>> -0.4 < nleep_score(*load_iris(return_X_y=True)) < 0
    True
    """
    if n_clusters is not None:
        _check_count("n_clusters", n_clusters)
    if isinstance(energy, bool) or not isinstance(energy, Real) or not 0 < energy <= 1:
        raise ValueError(f"energy={shown(energy)}: expected a number above 0 and at most 1.")
    X, codes = read_features(X, y)
    rows = principal_rows(X, min(X.shape))
    shares = np.cumsum(np.sum(rows**2, axis=0))
    n_components = 1 + np.searchsorted(shares, energy * shares[-1] * (1 - 1e-12))
    rows = rows[:, :n_components]
    rows = rows / max(rows.std(), np.finfo(float).tiny)  # the mixture adds 1e-6 to variances
    mixture = GaussianMixture(
        min(n_clusters or codes.max() + 1, len(X)),
        covariance_type="diag",
        reg_covar=1e-3,
        random_state=generator(random_state).randint(np.iinfo(np.int32).max),
    )
    return log_expected_prediction(mixture.fit(rows).predict_proba(rows), codes)


def read_features(X, y, *, n_least=2):
    """Return features of labelled rows as float64, and the position of each row's class."""
    refuse_lazy("The score", X=X, y=y)
    X = check_array(X, dtype=np.float64, ensure_min_samples=2)
    check_consistent_length(X, y)
    return X, read_codes(y, n_least=n_least)


def read_codes(y, *, n_least=2):
    """Return the position of each row's class, all rows labelled, of `n_least` classes or more."""
    labelled = is_labelled(y)
    if not labelled.all():
        raise ValueError(
            f"y has no label in {(~labelled).sum()} of {len(labelled)} rows; pass labelled rows "
            "alone."
        )
    classes, codes = np.unique(read_classes(y, labelled), return_inverse=True)
    if len(classes) < n_least:
        raise ValueError(f"y has {len(classes)} class; a score compares {n_least} or more.")
    return codes


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={shown(value)}: expected a positive integer.")
