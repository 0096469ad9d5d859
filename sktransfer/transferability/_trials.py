"""Fits of several models on the same folds of the target."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from sktransfer._containers import take
from sktransfer._domains import TARGET, Domains, read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._lazy import refuse_lazy
from sktransfer._magnitude import NUMERICAL_ERRORS
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.transferability._fits import fit_on_rows
from sktransfer.transferability._scores import FoldSizes, Scores


@dataclass(frozen=True, eq=False)
class DomainData:
    """Rows of all domains.

    Parameters
    ----------
    X : array-like of n_samples rows
    y : array-like of shape (n_samples,)
        As the user gave it.
    domains : Domains
    is_scored : ndarray of shape (n_samples,), dtype bool
        The labelled target rows.
    truth : ndarray of shape (n_samples,)
        Labels with the dtype that they alone have, of labelled rows; others are arbitrary.
    classes : ndarray of shape (n_classes,) or None
        Those of all domains; None for numbers.
    """

    X: Any
    y: Any
    domains: Domains
    is_scored: np.ndarray
    truth: np.ndarray
    classes: np.ndarray | None

    @property
    def names(self):
        """The domain of each row, an ndarray of str."""
        return np.array([*self.domains.sources, TARGET])[self.domains.codes]

    def rows_of(self, sources):
        """Return the mask of the target rows and the rows of some sources."""
        return np.isin(self.names, [*sources, TARGET])


def read_data(X, y, sample_domain, *, discrete):
    """Return `DomainData`, or raise an error if there is nothing to compare."""
    refuse_lazy("compare_transfer", X=X, y=y, sample_domain=sample_domain)
    n_samples = _num_samples(X)
    if y is None:
        raise ValueError("compare_transfer scores labelled target rows, but y is None; pass y.")
    check_consistent_length(X, y)
    domains = read_sample_domain(sample_domain, n_samples)
    if not domains.sources:
        raise ValueError(
            "sample_domain names no source, so there is no transfer to compare; write the name of "
            "its source for each source row (pack_domains does)."
        )
    labelled = is_labelled(y)
    is_scored = labelled & domains.is_target
    if is_scored.sum() < 2:
        raise ValueError(
            f"compare_transfer scores labelled target rows, and there are {is_scored.sum()} of "
            f"{domains.is_target.sum()} target rows; label at least 2 rows of each class."
        )
    labels = labels_alone(y, labelled, discrete=discrete)
    truth = np.empty((n_samples, *labels.shape[1:]), dtype=labels.dtype)
    truth[labelled] = labels
    X = X.tocsr() if issparse(X) else X
    return DomainData(X, y, domains, is_scored, truth, np.unique(labels) if discrete else None)


@dataclass(frozen=True)
class Trial:
    """A model that is fitted on each fold.

    Parameters
    ----------
    model : estimator
        Not fitted.
    sources : tuple of str
        The sources whose rows it is fitted on, next to the target rows.
    may_fail : bool, default=False
        Whether it has no scores if it cannot be fitted, instead of an error.
    """

    model: Any
    sources: tuple
    may_fail: bool = False


def run_trials(trials, data, splits, score, *, has_interval, n_jobs):
    """Fit and score each model on each fold.

    Parameters
    ----------
    trials : dict of key -> Trial
    data : DomainData
    splits : list of (ndarray of int, ndarray of int)
        Training rows and test rows.
    score : RowScore or FoldScore
    has_interval : bool
        As in `Scores`.
    n_jobs : int or None

    Returns
    -------
    scores : dict of key -> Scores
        Without the trials that may fail and did.
    """
    tasks = [(key, split) for split in splits for key in trials]
    found = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_score)(trials[key], key, data, *split, score) for key, split in tasks
    )
    sizes = _sizes(data, splits)
    scores = {}
    for key in trials:
        results = [result for (other, _), result in zip(tasks, found) if other == key]
        if all(result is not None for result in results):
            values, seconds = zip(*results)
            values = _by_row(values, splits, data) if score.is_by_row else np.array(values)
            scores[key] = Scores(values, sizes, score, float(np.mean(seconds)), has_interval)
    return scores


def _fit_and_score(trial, key, data, train, test, score):
    """Return the scores and the seconds of the fit; None if it may fail and does."""
    rows = train[data.rows_of(trial.sources)[train]]
    start = time.perf_counter()
    try:
        model = _fit(trial.model, data, rows)
    except (ValueError, TypeError, *NUMERICAL_ERRORS) as error:
        if trial.may_fail:
            return None
        error.add_note(f"This is the fit of {key[1]!r} on {len(rows)} rows in compare_transfer.")
        raise
    seconds = time.perf_counter() - start
    return score(model, _safe_indexing(data.X, test), data.truth[test], data.classes), seconds


def _fit(model, data, rows):
    X, y, discrete = _safe_indexing(data.X, rows), take(data.y, rows), data.classes is not None
    return fit_on_rows(clone(model), X, y, data.names[rows], discrete=discrete)


def _by_row(values, splits, data):
    """Return the mean score of each row that was tested, in the order of the rows."""
    total, count = np.zeros(len(data.is_scored)), np.zeros(len(data.is_scored))
    for of_fold, (_, test) in zip(values, splits):
        total[test] += of_fold
        count[test] += 1
    tested = count > 0
    return total[tested] / count[tested]


def _sizes(data, splits):
    tested = np.zeros(len(data.is_scored), dtype=bool)
    for _, test in splits:
        tested[test] = True
    n_train = np.mean([data.is_scored[train].sum() for train, _ in splits])
    n_test = np.mean([len(test) for _, test in splits])
    return FoldSizes(int(tested.sum()), len(splits), float(n_train), float(n_test))
