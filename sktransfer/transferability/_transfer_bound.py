"""transfer_bound: the terms of the bound of Ben-David et al., each with its interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import is_classifier

from sktransfer._labels import is_labelled, read_classes
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.transferability._estimate import Estimate, error_estimate
from sktransfer.transferability._held_out_errors import (
    held_out_errors,
    read_two_domains,
    spread_folds,
)
from sktransfer.transferability._paired_interval import check_level
from sktransfer.transferability._proxy_a_distance import a_distance


@dataclass(frozen=True, kw_only=True)
class TransferBound:
    """The terms of a bound on the target error of a model of the source.

    ``print(bound)`` shows all of it.

    Parameters
    ----------
    source_error : Estimate
        Error rate on held-out source rows.
    divergence : Estimate
        Half the proxy A-distance of the domains, from 0 to 1.
    joint_error : Estimate or None
        The sum of the error rates on held-out rows of both domains, by a model of the rows of both.
        It is no less than that of the best model, up to its interval. None without enough target
        labels.
    target_error : Estimate or None
        The error rate of a model of the source rows on the labelled target rows, which the bound is
        for. None without target labels.
    level : float
        The share of intervals that are to hold the true number, for each term.

    See Also
    --------
    transfer_bound : Computes it.
    """

    source_error: Estimate
    divergence: Estimate
    joint_error: Estimate | None
    target_error: Estimate | None
    level: float

    @property
    def bound(self) -> Estimate | None:
        """The sum of the three terms and of the ends of their intervals; None if one is missing."""
        if self.joint_error is None:
            return None
        terms = (self.source_error, self.divergence, self.joint_error)
        return Estimate(*(float(sum(ends)) for ends in zip(*terms, strict=True)))

    @property
    def sentence(self) -> str:
        """The meaning of the bound, or a statement that it has none."""
        if self.bound is None:
            return (
                "Without target labels the joint error is unknown, so there is no bound: a rule "
                "that differs in the target would be in that term alone."
            )
        if self.bound.value >= 1:
            return (
                f"The bound is {self.bound.value:.2f}, above 1, and says nothing: an error rate is "
                "never larger."
            )
        said = f"The terms bound the target error by {self.bound.value:.2f}"
        if self.bound.high >= 1:
            return f"{said}, but with the ends of their intervals by nothing below 1."
        return f"{said}, and with the ends of their intervals by {self.bound.high:.2f}."

    def __str__(self):
        terms = {
            "source error": self.source_error,
            "half the divergence": self.divergence,
            "joint error": self.joint_error,
            "their sum": self.bound,
            "target error, measured": self.target_error,
        }
        lines = [f"  {name:<24}{'unknown' if e is None else e}" for name, e in terms.items()]
        head = f"Bound on the target error, intervals of {self.level:.0%}"
        return "\n".join([head, *lines, self.sentence])


def transfer_bound(
    model: Any,
    X: Any,
    y: ArrayLike,
    *,
    sample_domain: ArrayLike,
    discriminator: Any = None,
    cv: int = 5,
    level: float = 0.9,
    random_state: Any = None,
) -> TransferBound:
    """Estimate the terms of the bound of Ben-David et al. on the error in the target.

    For a model `h` of the source, ``target error <= source error + divergence / 2 + joint error``.
    The divergence measures how well a model of this kind separates the domains. The joint error is
    that of the best model of both domains, on both.

    It helps to see which term is large: a large divergence asks for an aligner, a large joint error
    for target labels. It rarely helps as a bound: the sum is often above 1, and with target labels
    the target error is measured directly, and more exactly. The divergence is estimated by one
    classifier and so is too small rather than too large; the sum is then no proof.

    Parameters
    ----------
    model : classifier
        The classifier, which is cloned and fitted in folds, because errors on its training rows say
        nothing.
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
        Rows of all domains. All sources are one domain here.
    y : array-like of shape (n_samples,)
        Classes; a missing value if a row has none. Source rows without a label are used for the
        divergence alone.
    sample_domain : array-like of shape (n_samples,)
        ``"target"`` for a target row, else the name of the row's source.
    discriminator : classifier, default=None
        Separates the domains, as `estimator` of `proxy_a_distance`. Pass one if `X` is not numeric.
    cv : int, default=5
        Folds, at most.
    level : float, default=0.9
        The share of intervals that are to hold the true number, for each term.
    random_state : int, RandomState instance or None, default=None
        Draws the folds and seeds the classifiers. None draws fresh entropy and keeps their seeds.

    Returns
    -------
    bound : TransferBound

    Raises
    ------
    ValueError
        If there is no source, if `model` is no classifier, or if fewer than two classes have two
        labelled source rows.

    References
    ----------
    S. Ben-David et al., "A theory of learning from different domains", Machine Learning 79, 2010,
    https://doi.org/10.1007/s10994-009-5152-4

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import transfer_bound
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=600).astype(float)
    >>> X = rng.normal(size=(600, 2)) + 4 * y[:, None]
    >>> y[400:] = np.nan
    >>> sample_domain = ["lab"] * 300 + ["target"] * 300
    >>> bound = transfer_bound(
    ...     LogisticRegression(), X, y, sample_domain=sample_domain, random_state=0
    ... )
    >>> bound.bound.value < 0.2
    True
    """
    check_level(level)
    if not is_classifier(model):
        raise ValueError(
            f"model={shown(model)}: expected a classifier; the bound is of error rates."
        )
    refuse_lazy("transfer_bound", X=X, y=y)
    domains = read_two_domains(sample_domain, _num_samples(X), cv, name="transfer_bound")
    X = X.tocsr() if issparse(X) else X
    rng, keep_seeds = generator(random_state), random_state is None
    options = {"cv": cv, "level": level, "rng": rng, "keep_seeds": keep_seeds}
    source, target, codes = _labelled_rows(y, domains.is_target)
    distance = a_distance(X, domains.is_target, estimator=discriminator, **options)
    measured = _fit_and_test(model, X, codes, source, target, **options) if len(target) else None
    return TransferBound(
        source_error=_held_out(model, X, codes, [source], **options),
        divergence=Estimate(*(end / 2 for end in distance)),
        joint_error=_held_out(model, X, codes, [source, target], **options)
        if len(target) > 1
        else None,
        target_error=measured,
        level=level,
    )


def _labelled_rows(y, is_target):
    """Return the labelled source and target rows, and the code of the class of each row."""
    labelled = is_labelled(y)
    classes, found = np.unique(read_classes(y, labelled), return_inverse=True)
    codes = np.full(len(labelled), -1)
    codes[labelled] = found
    source, target = np.flatnonzero(labelled & ~is_target), np.flatnonzero(labelled & is_target)
    if np.sum(np.bincount(codes[source], minlength=len(classes)) > 1) < 2:
        raise ValueError(
            "y has labels of fewer than two classes with two source rows each; a bound needs a "
            "model of labelled source rows."
        )
    return source, target, codes


def _held_out(model, X, codes, parts, *, cv, level, rng, keep_seeds):
    """Return the sum of the error rates of the parts, by models of the other rows of all parts."""
    rows = np.concatenate(parts)
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    groups = part * (codes.max() + 1) + codes[rows]
    folds = spread_folds(groups, min(cv, *map(len, parts), len(rows)), generator=rng)
    clones = seeded_clones(model, len(folds), generator=rng, keep_seeds=keep_seeds)
    wrong = held_out_errors(clones, _safe_indexing(X, rows), codes[rows], folds)
    return error_estimate(*(wrong[part == k] for k in range(len(parts))), level=level)


def _fit_and_test(model, X, codes, source, target, *, cv, level, rng, keep_seeds):
    """Return the error rate on the target rows of a model of the source rows."""
    clones = seeded_clones(model, 1, generator=rng, keep_seeds=keep_seeds)
    rows = np.concatenate([source, target])
    fold = np.arange(len(source)), np.arange(len(source), len(rows))
    wrong = held_out_errors(clones, _safe_indexing(X, rows), codes[rows], [fold])
    return error_estimate(wrong[fold[1]], level=level)
