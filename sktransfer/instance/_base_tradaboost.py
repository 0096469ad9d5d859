"""What the boosting methods for transfer share: how rows are read, how a learner is fitted."""

import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.tree import BaseDecisionTree
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sktransfer._containers import text_columns_named
from sktransfer._domains import is_labelled, read_labels, read_sample_domain
from sktransfer._kernels import boosting
from sktransfer._magnitude import to_single
from sktransfer._messages import shown
from sktransfer._random import seeded_clones
from sktransfer._sklearn import (
    HasMethods,
    Interval,
    _check_sample_weight,
    _fit_context,
    _safe_indexing,
    get_tags,
)
from sktransfer._whole import whole_fit
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._learner import fit_with_weights
from sktransfer.instance._rows import check_rows, check_sources, named_columns
from sktransfer.instance._tasks import _ReportsTasks


class _BaseTrAdaBoost(_ReportsTasks, MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """Boosts a learner on labelled rows of all domains.

    A concrete method writes `_boost`. The bases of classifiers and regressors write
    `_default_learner`, `_check_learner` and `_read_labels`, and how the rounds predict.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}

    # A transfer pipeline leaves it to the method what to do with rows that have no label.
    _reads_unlabelled_rows = True

    # Whether each source is a task of its own, which must have a labelled row.
    _sources_apart = False

    # Whether only the last half of the rounds votes, where there is a source.
    _last_half_votes = False

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _default_learner(self):
        """Give the learner that None stands for."""

    @abstractmethod
    def _check_learner(self, estimator):
        """Raise ValueError where the learner is of another kind."""

    @abstractmethod
    def _read_labels(self, y, used):
        """Give the labels of the rows in the mask `used`, or raise scikit-learn's errors."""

    @abstractmethod
    def _boost(self, X, y, sample_weight, codes):
        """Run the rounds on labelled rows, store what they leave, give the rows' last weights.

        `codes` is -1 for a target row, else the position of its source in `source_domains_`.
        """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Boost the learner on the labelled rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains. A learner that is no tree gets a data frame as one, so that it can
            select columns by name, and text in it is for the learner to encode.
        y : array-like of shape (n_samples,)
            Labels: classes of any type, or numbers. A row whose label is missing is left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative: how often each row counts. None is once.
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
            When no target row has a label (and a weight above 0), when `estimator` takes no
            `sample_weight` or is of the other kind; a method that tells its sources apart: when
            no row of one of them has a label.
        """
        with whole_fit(self):
            self._begin_tasks(X, y)
            self._check_learner(self._learner())
            given_X, X = X, self._validate(X, None if y is None else "no_validation")
            check_consistent_length(X, y)
            y = read_labels(y)
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            domains = read_sample_domain(sample_domain, X.shape[0])
            used = is_labelled(y) & (sample_weight > 0)
            name = type(self).__name__
            check_rows(domains, used, sample_weight, estimator_name=name)
            if self._sources_apart:
                check_sources(domains, used, estimator_name=name)
            y = self._read_labels(y, used)
            self.estimator_ = self._learner()  # the default depends on the classes
            self.source_domains_ = domains.sources
            self._rounds_data = {
                "X": lambda: _safe_indexing(given_X, np.flatnonzero(used)),
                "y": lambda: y,
            }
            self._has_source = not domains.is_target[used].all()
            rows = self._for_learner(given_X, X)
            self.sample_weight_ = np.zeros(len(used))
            self.sample_weight_[used] = self._boost(
                rows if used.all() else _safe_indexing(rows, used),
                y,
                sample_weight[used],
                domains.codes[used],
            )
            self._end_tasks(**vars(self).pop("_rounds_data"))
        return self

    def _rounds(self, kept, n_rounds, **others):
        """Yield the numbers of the rounds, each as a task after which a callback may stop."""
        return self._tasks(
            "round",
            range(n_rounds),
            may_stop=True,
            data=self._rounds_data,
            attributes=lambda: kept.attributes() | {name: give() for name, give in others.items()},
        )

    def _fit_learner(self, learner, X, y, weights, is_source):
        """Fit with weights, those of source rows that are next to nothing set to 0."""
        share = getattr(self, "negligible_weight", 0)
        if share and is_source.any():
            weights = boosting.without_negligible(weights, is_source, share=share)
        return fit_with_weights(learner, X, y, weights)

    def _clones(self, n_clones, rng):
        """Yield clones of the learner, with seeds that `rng` draws."""
        keep_seeds = self.random_state is None
        return seeded_clones(self.estimator_, n_clones, generator=rng, keep_seeds=keep_seeds)

    def _for_fits(self, X):
        """Give `X` as a tree wants it for fitting: converted once for all rounds."""
        return X.tocsc() if issparse(X) and _is_tree(self.estimator_) else X

    def _keep(self, rounds, sample_weight):
        """Store the rounds; give the last weights, with the sum of `sample_weight`."""
        vars(self).update(rounds.attributes())
        if rounds.chance is not None:
            warnings.warn(
                f"{type(self).__name__} kept a single round: its error on the weighted target rows "
                f"is {rounds.errors[0]:.3g}, not below {rounds.chance:.3g}, that of chance. The "
                "ensemble is its learner, fitted once. Label more target rows, pass an estimator "
                "that fits them better, or another booster; compare with the estimator fitted on "
                "target rows alone.",
                TransferWarning,
                stacklevel=5,
            )
        return rounds.given * (sample_weight.sum() / rounds.given.sum())

    def _valid_new(self, X):
        """Validate rows to predict."""
        check_is_fitted(self)
        return self._for_learner(X, self._validate(X, reset=False))

    def _validate(self, X, *y, **rules):
        with text_columns_named(X, f"{type(self).__name__}(estimator={shown(self._learner())})"):
            X = validate_data(self, X, *y, **self._input_rules(), **rules)
        return to_single(X, self) if _is_tree(self._learner()) else X

    def _for_learner(self, given_X, X):
        """Return the rows as the learner gets them: a tree numbers, any other a data frame too."""
        return X if _is_tree(self._learner()) else named_columns(given_X, X)

    def _only_last_half(self):
        """Tell whether only the last half of the rounds votes."""
        return self._last_half_votes and self._has_source

    def _learner(self):
        """The learner, not yet cloned."""
        return self._default_learner() if self.estimator is None else self.estimator

    def _input_rules(self):
        """How `X` is validated: once, to what trees want, and for others as it comes."""
        learner = self._learner()
        return {
            "accept_sparse": "csr",
            "dtype": [np.float32, np.float64] if _is_tree(learner) else None,
            "ensure_all_finite": "allow-nan" if get_tags(learner).input_tags.allow_nan else True,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        learner_tags = get_tags(self._learner())
        tags.input_tags.sparse = learner_tags.input_tags.sparse
        tags.input_tags.allow_nan = learner_tags.input_tags.allow_nan
        return tags


def _is_tree(estimator):
    """Tell whether the learner turns `X` into 32-bit floating point (and into columns to fit)."""
    return isinstance(estimator, BaseDecisionTree)
