"""What the estimators on weighted source rows share."""

from abc import ABCMeta, abstractmethod

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from sktransfer._containers import text_columns_named
from sktransfer._domains import (
    TARGET,
    hide_labels,
    is_labelled,
    read_labels,
    read_sample_domain,
)
from sktransfer._magnitude import check_magnitude
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import (
    HasMethods,
    _check_sample_weight,
    _fit_context,
    _safe_indexing,
    get_tags,
)
from sktransfer._whole import whole_fit
from sktransfer.instance._effective_rows import warn_of_few_rows
from sktransfer.instance._learner import fit_with_weights, innermost_learner
from sktransfer.instance._rows import named_columns
from sktransfer.instance._tasks import _ReportsTasks
from sktransfer.instance._ulsif_weighter import ULSIFWeighter


class _BaseWeightedTransfer(_ReportsTasks, MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """Fits an estimator on labelled rows of all domains, the source rows weighted.

    A concrete one writes `_default_estimator`, `_check_kind` and `_read_labels`.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}

    # A transfer pipeline leaves it to the method what to do with rows that have no label.
    _reads_unlabelled_rows = True

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "weighter": [HasMethods(["fit"]), None],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, weighter=None, *, random_state=None):
        self.estimator = estimator
        self.weighter = weighter
        self.random_state = random_state

    @abstractmethod
    def _default_estimator(self):
        """Give the estimator that None stands for."""

    @abstractmethod
    def _check_kind(self, estimator):
        """Raise ValueError where the estimator predicts something else."""

    @abstractmethod
    def _read_labels(self, y, used):
        """Give the labels of the rows in the mask `used`, or raise scikit-learn's errors."""

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Weigh the source rows and fit the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains, float64 or float32; sparse ones, and missing values (NaN), where
            both `estimator` and `weighter` say by their tags that they take them. `estimator` gets
            a data frame as one, so that it can call columns by their names. All columns are
            numbers, because the weighter compares them: encode text in a step before.
        y : array-like of shape (n_samples,)
            Labels; missing values where there is none. Target rows need none.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative, multiplies the weights. The weighter does not see it, but a row of weight
            0 is left out.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When no row has a label (and a weight above 0), when `estimator` takes no
            `sample_weight` or is of the other kind, when `X` has missing values that one of the two
            does not take, or when the weighter finds no weights.
        """
        with whole_fit(self):
            self._begin_tasks(X, y)
            rng = generator(self.random_state)
            learner, _ = self._parts()
            self._check_kind(learner)
            _check_takes_weights(learner)
            given_X, X = X, self._validate(X, None if y is None else "no_validation")
            check_consistent_length(X, y)
            y = read_labels(y)
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            domains = read_sample_domain(sample_domain, X.shape[0])
            used = is_labelled(y) & (sample_weight > 0)
            if not used.any():
                raise ValueError(
                    f"{type(self).__name__} needs a row that has a label and a weight above 0, and "
                    f"none of the {X.shape[0]} rows has both; pass labels of source rows, at least."
                )
            labels = self._read_labels(y, used)
            self.source_domains_ = domains.sources
            weights = self._weigh(X, y, domains, used, sample_weight, rng)
            self.sample_weight_ = np.where(used, sample_weight * weights, 0)
            (self.estimator_,) = self._clones(learner, rng)
            rows = _safe_indexing(named_columns(given_X, X), np.flatnonzero(used))
            for _ in self._tasks("fit", [self.estimator_]):
                fit_with_weights(self.estimator_, rows, labels, self.sample_weight_[used])
            self._end_tasks(rows, labels)
        return self

    def _weigh(self, X, y, domains, used, sample_weight, rng):
        """Fit the weighter on all target rows and the labelled source rows; give all weights."""
        _, weighter = self._parts()
        (self.weighter_,) = self._clones(weighter, rng)
        seen = np.where(domains.is_target, sample_weight > 0, used)
        seen_target = seen & domains.is_target
        weights = np.ones(X.shape[0])
        if (seen & ~domains.is_target).any() and seen_target.any():
            names = np.array([*domains.sources, TARGET], dtype=object)
            hidden = hide_labels(np.ravel(y), domains.is_target)[seen]
            for _ in self._tasks("weigh", [self.weighter_]):
                self.weighter_.fit(X[seen], hidden, sample_domain=names[domains.codes][seen])
            weights[seen] = self.weighter_.weights_
            if not hasattr(self.weighter_, "effective_sample_size_"):  # ours have warned themselves
                warn_of_few_rows(
                    np.where(seen, weights, 0),
                    domains,
                    estimator_name=type(self.weighter_).__name__,
                    remedy="Scale the features and keep fewer of them",
                    stacklevel=4,
                )
        else:
            self.weighter_ = None
        return weights

    def predict(self, X):
        """Predict the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            What `estimator_` predicts.
        """
        return self._ask("predict", X)

    def _ask(self, method, X):
        check_is_fitted(self)
        valid_X = self._validate(X, reset=False)
        return getattr(self.estimator_, method)(named_columns(X, valid_X))

    def _validate(self, X, *y, **rules):
        with text_columns_named(X, type(self).__name__):
            X = validate_data(
                self,
                X,
                *y,
                dtype=[np.float64, np.float32],
                accept_sparse="csr" if self._both_take("sparse") else False,
                ensure_all_finite="allow-nan",
                **rules,
            )
        if not self._both_take("allow_nan"):
            self._refuse_missing(X)
        check_magnitude(X, self)
        return X

    def _refuse_missing(self, X):
        if np.isnan(X.data if issparse(X) else X).any():
            parts = zip(("estimator", "weighter"), self._parts(), strict=True)
            refusing = [f"{k}={v!r}" for k, v in parts if not get_tags(v).input_tags.allow_nan]
            raise ValueError(
                f"X contains NaN, which {' and '.join(refusing)} of {type(self).__name__} cannot "
                "take; impute the missing values first, or pass parts that take them, such as "
                "HistGradientBoosting and DiscriminatorWeighter(HistGradientBoostingClassifier())."
            )

    def _clones(self, part, rng):
        """Yield one clone of a part, with seeds that `rng` draws."""
        return seeded_clones(part, 1, generator=rng, keep_seeds=self.random_state is None)

    def _parts(self):
        """The estimator and the weighter, with what None stands for."""
        return (
            self._default_estimator() if self.estimator is None else self.estimator,
            ULSIFWeighter() if self.weighter is None else self.weighter,
        )

    def _both_take(self, kind):
        """Tell whether the estimator and the weighter take "sparse" rows, or "allow_nan"."""
        return all(getattr(get_tags(part).input_tags, kind) for part in self._parts())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._both_take("sparse")
        tags.input_tags.allow_nan = self._both_take("allow_nan")
        return tags


def _check_takes_weights(estimator):
    if not has_fit_parameter(innermost_learner(estimator), "sample_weight"):
        raise ValueError(
            f"estimator={estimator!r} takes no sample_weight in fit, which is how the weights of "
            "the source rows reach it; pass an estimator that does (of a Pipeline, the last step)."
        )
