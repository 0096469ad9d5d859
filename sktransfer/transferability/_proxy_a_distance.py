"""proxy_a_distance: how well a classifier separates each source from the target."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from sktransfer._domains import TARGET
from sktransfer._lazy import refuse_lazy
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.transferability._estimate import Estimate, error_estimate
from sktransfer.transferability._held_out_errors import (
    default_discriminator,
    held_out_errors,
    read_two_domains,
    spread_folds,
)
from sktransfer.transferability._paired_interval import check_level


def proxy_a_distance(
    X: Any,
    *,
    sample_domain: ArrayLike,
    estimator: Any = None,
    cv: int = 5,
    level: float = 0.9,
    random_state: Any = None,
) -> dict[str, Estimate]:
    """Compute how far each source is from the target, as a classifier of the domains sees it.

    The proxy A-distance is ``2 (1 - 2 error)``. The error is that of a classifier that separates
    source rows from target rows, on held-out rows, averaged over both domains. It is 0 if the
    domains cannot be distinguished, and 2 if they are disjoint.

    It helps to compare sources, or features: in features in which domains are alike it is small. It
    misleads as a forecast of accuracy. Domains can be far apart in columns that no label depends
    on, and alike although the labels mean something else.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of all domains, two or more of each.
    sample_domain : array-like of shape (n_samples,)
        ``"target"`` for a target row, else the name of the row's source.
    estimator : classifier, default=None
        Separates the domains. None is a logistic regression on standardized columns that gives both
        domains the same weight. Without equal weights, domains of different size seem too similar.
    cv : int, default=5
        The maximum number of folds; no more than the rows of the smaller domain.
    level : float, default=0.9
        The proportion of intervals that should contain the distance.
    random_state : int, RandomState instance or None, default=None
        Draws the folds and seeds `estimator`. None draws fresh entropy and keeps its seeds.

    Returns
    -------
    distances : dict of str -> Estimate
        For each source its distance, from 0 to 2, and an interval for the distance that a
        classifier of this kind reaches on these rows.

    Raises
    ------
    ValueError
        If there is no source, or a domain of one row.

    References
    ----------
    S. Ben-David et al., "A theory of learning from different domains", Machine Learning 79, 2010,
    https://doi.org/10.1007/s10994-009-5152-4

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import proxy_a_distance
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> X[:100] += 3
    >>> sample_domain = ["far"] * 100 + ["near"] * 100 + ["target"] * 100
    >>> distances = proxy_a_distance(X, sample_domain=sample_domain, random_state=0)
    >>> {name: round(distance.value) for name, distance in distances.items()}
    {'far': 2, 'near': 0}
    """
    check_level(level)
    refuse_lazy("proxy_a_distance", X=X)
    domains = read_two_domains(sample_domain, _num_samples(X), cv, name="proxy_a_distance")
    rng = generator(random_state)
    X = X.tocsr() if issparse(X) else X
    found = {}
    for name in domains.sources:
        rows = np.concatenate([domains.rows(name), domains.rows(TARGET)])
        found[name] = a_distance(
            _safe_indexing(X, rows),
            domains.is_target[rows],
            estimator=estimator,
            cv=cv,
            level=level,
            rng=rng,
            keep_seeds=random_state is None,
        )
    return found


def a_distance(X, is_target, *, estimator, cv, level, rng, keep_seeds):
    """Return the proxy A-distance of the rows of two domains, an `Estimate`."""
    discriminator = default_discriminator(X) if estimator is None else estimator
    n_folds = min(cv, is_target.sum(), (~is_target).sum())
    folds = spread_folds(is_target, n_folds, generator=rng)
    clones = seeded_clones(discriminator, len(folds), generator=rng, keep_seeds=keep_seeds)
    wrong = held_out_errors(clones, X, is_target, folds)
    error = error_estimate(wrong[is_target], wrong[~is_target], level=level, weight=0.5)
    low, high = 2 * (1 - 2 * error.high), 2 * (1 - 2 * error.low)
    # No two domains are nearer than 0: an interval around less is moved up to it.
    below = max(-(low + high) / 2, 0.0)
    return Estimate(max(2 * (1 - 2 * error.value), 0.0), max(low + below, 0.0), high + below)
