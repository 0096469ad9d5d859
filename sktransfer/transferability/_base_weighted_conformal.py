"""The base of the weighted conformal predictors: sets and intervals that keep their coverage."""

from abc import abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _TransferEstimator
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.conformal import pooled_weights
from sktransfer._kernels.density_ratio import effective_sample_size
from sktransfer._labels import hide_labels, is_labelled
from sktransfer._learner import check_learner
from sktransfer._magnitude import NUMERICAL_ERRORS, single_precision_error
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._random import generator, seeded_clones
from sktransfer._rows import named_columns
from sktransfer._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    _num_samples,
    get_tags,
)
from sktransfer._whole import whole_fit
from sktransfer.exceptions import TransferWarning
from sktransfer.instance import DiscriminatorWeighter
from sktransfer.transferability._fits import fit_on_rows
from sktransfer.transferability._guard_rows import guard_rows, read_required_labels


@dataclass(frozen=True, eq=False)
class CalibrationFold:
    """A model, and the labelled rows that it and its weighter were not fitted on.

    `scores` and `weights` are those of the rows. `class_weights` are the ratios of the class
    proportions under label shift, else None.
    """

    model: object
    weighter: object
    class_weights: np.ndarray | None
    scores: np.ndarray
    weights: np.ndarray


class _BaseWeightedConformal(MetaEstimatorMixin, _TransferEstimator):
    """Calibrates on held-out rows, weighted by the ratio of the densities.

    A concrete one writes `_default_estimator`, `_read_truth`, and `_score_truth`.
    """

    _parameter_constraints: dict = {
        "weighter": [HasMethods(["fit"]), None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "calibration_size": [Interval(Real, 0, 1, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left"), None],
        "calibrate_on": [StrOptions({"all", "target"})],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _default_estimator(self):
        """Return the estimator for the default, None."""

    @abstractmethod
    def _read_truth(self, y, used):
        """Return the labels of the rows in the mask `used` as numbers, or raise an error."""

    @abstractmethod
    def _score_truth(self, model, X, truth):
        """Return the score of the true label of each row."""

    @property
    def _needs(self):
        weighters = [] if self.calibrate_on == "target" else [self._weighter()]
        tags = [get_tags(part).input_tags for part in (self._model(), *weighters)]
        return Needs(
            sparse=all(part.sparse for part in tags),
            missing=all(part.allow_nan for part in tags),
            source_labels=True,
            target_labels=True,
        )

    def _model(self):
        return self._default_estimator() if self.estimator is None else self.estimator

    def _weighter(self):
        return DiscriminatorWeighter() if self.weighter is None else self.weighter

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sample_domain=None):
        """Fit on a part of the labelled rows, and calibrate on the others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,)
            Labels; missing values if a row has none.
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
            If there are no labelled rows to calibrate on, or if `weighter` cannot weigh new rows.
        """
        with whole_fit(self):
            check_learner(self._model(), kind=self._kind, weighted=False)
            rows, truth = self._read(X, y, sample_domain)
            self.source_domains_ = rows.domains.sources
            end_fit = begin_fit(self, X, y)
            try:
                self._calibrate(rows, truth, generator(self.random_state))
            except (ValueError, *NUMERICAL_ERRORS) as error:
                reason = single_precision_error(error, rows.X, self)
                if reason is error:
                    raise
                raise reason from error
            end_fit()
        return self

    def _read(self, X, y, sample_domain):
        """Return `GuardRows`, and the label of each row as a number, NaN without a label."""
        valid_X = self._read_rows(X, y, ensure_min_samples=2)
        domains = read_sample_domain(sample_domain, valid_X.shape[0])
        y = read_required_labels(y, domains, estimator_name=type(self).__name__)
        used = is_labelled(y)
        truth = np.full(len(domains.codes), np.nan)
        truth[used] = self._read_truth(y, used)
        return guard_rows(X, valid_X, y, domains), truth

    def _calibrate(self, rows, truth, rng):
        """Fit a model and a weighter for each fold, without the rows that the fold holds out."""
        fold_of = self._fold_of(rows, truth, rng)
        found = np.unique(fold_of[fold_of >= 0])
        n_held = np.count_nonzero(fold_of >= 0)
        self._source_share = np.count_nonzero((fold_of >= 0) & ~rows.domains.is_target) / n_held
        models, weighters = (
            seeded_clones(part, len(found), generator=rng, keep_seeds=self.random_state is None)
            for part in (self._model(), self._weighter())
        )
        self._folds = []
        for fold, model in zip(found, models, strict=True):
            held = np.flatnonzero(fold_of == fold)
            seen, X = rows.without(held), rows.rows_of(held)
            fit_on_rows(model, seen.X, seen.y, seen.sample_domain, discrete=self._is_discrete)
            weighter = self._fit_weighter(next(weighters), seen) if self._source_share else None
            class_weights = self._class_weights(weighter)
            self._folds.append(
                CalibrationFold(
                    model=model,
                    weighter=weighter,
                    class_weights=class_weights,
                    scores=self._score_truth(model, X, truth[held]),
                    weights=self._pooled(self._ratios(weighter, class_weights, X, truth[held])),
                )
            )
        self.estimators_ = [each.model for each in self._folds]
        self.weighters_ = [each.weighter for each in self._folds] if self._source_share else None
        self.calibration_weights_ = np.concatenate([each.weights for each in self._folds])
        self.effective_sample_size_ = effective_sample_size(self.calibration_weights_)
        self._warn_of_few_rows()

    def _fold_of(self, rows, truth, rng):
        """Return the fold that holds each row out, -1 if none does.

        Each domain is spread over the folds. Training keeps a row of each domain, and a source row
        and a target row of each class.
        """
        names = [TARGET] if self.calibrate_on == "target" else [*rows.domains.sources, TARGET]
        by_domain = [
            rows.labelled_target if name == TARGET else rows.labelled_source(name) for name in names
        ]
        drawn = np.concatenate([rng.permutation(positions) for positions in by_domain])
        places, fold_of = np.arange(len(drawn)), np.full(len(truth), -1)
        if self.cv is None:
            is_held = np.diff(np.floor(np.append(places, len(drawn)) * self.calibration_size)) > 0
            fold_of[drawn[is_held]] = 0
        else:
            fold_of[drawn] = places % self.cv
        groups = [rows.domains.codes == code for code in np.unique(rows.domains.codes)]
        if self._is_discrete:
            kinds = rows.domains.is_target, ~rows.domains.is_target
            codes = np.unique(truth[rows.labelled])
            groups += [kind & (truth == code) for kind in kinds for code in codes]
        for group in groups:
            positions = np.flatnonzero(group)
            positions = positions[np.argsort(rows.ranks[positions], kind="stable")]
            folds = fold_of[positions]
            if len(folds) and folds[0] >= 0 and (folds == folds[0]).all():
                fold_of[positions[0]] = -1
        if not (fold_of >= 0).any():
            who = "labelled target rows" if self.calibrate_on == "target" else "labelled rows"
            raise ValueError(
                f"{type(self).__name__} holds {who} out to calibrate on, and fits on the others, "
                f"but there are {len(drawn)} and calibration_size={self.calibration_size!r}; "
                "label more rows."
            )
        return fold_of

    def _fit_weighter(self, weighter, rows):
        if not hasattr(weighter, "weigh"):
            raise ValueError(
                f"weighter={weighter!r} gives no weights to new rows, which a set needs; pass one "
                "that has `weigh`, such as DiscriminatorWeighter() or ULSIFWeighter()."
            )
        hidden = hide_labels(rows.y, rows.domains.is_target)
        return weighter.fit(rows.X, hidden, sample_domain=rows.sample_domain)

    def _class_weights(self, weighter):
        """Return the ratio of each class under label shift, else None."""
        return None

    def _ratios(self, weighter, class_weights, X, truth):
        """Return the density of the target over that of the source at labelled rows."""
        if weighter is None:
            return np.ones(len(truth))
        return weighter.weigh(X).astype(np.float64)

    def _pooled(self, ratios):
        return pooled_weights(ratios, source_share=self._source_share)

    def _new_weights(self, X):
        """Return the weight of each new row, on the scale of `calibration_weights_`."""
        if not self._source_share:
            return np.ones(_num_samples(X))
        ratios = [each.weighter.weigh(X).astype(np.float64) for each in self._folds]
        return self._pooled(np.mean(ratios, axis=0))

    def _alpha(self, confidence_level):
        level = self.confidence_level if confidence_level is None else confidence_level
        if isinstance(level, bool) or not isinstance(level, Real) or not 0 < level < 1:
            raise ValueError(
                f"confidence_level={level!r}: expected a number between 0 and 1, such as 0.9, or "
                "None for that of the constructor."
            )
        return 1 - level

    def _valid_rows(self, X):
        check_is_fitted(self)
        return named_columns(X, self._read_rows(X, reset=False))

    def _warn_of_few_rows(self):
        """Warn if the coverage of this fit varies by more than half of alpha around its mean."""
        alpha, size = 1 - self.confidence_level, self.effective_sample_size_
        if size * alpha < 4 * (1 - alpha):
            spread = np.sqrt(alpha * (1 - alpha) / max(size, 1))
            warn(
                f"{type(self).__name__} calibrates on {len(self.calibration_weights_)} rows that "
                f"count as {size:.3g} effective ones. The coverage of "
                f"{self.confidence_level:g} holds on average over fits, and that of this fit "
                f"varies by about {spread:.2f} around it. Calibrate on more rows (cv=5), or lower "
                "confidence_level; if the domains hardly overlap, label target rows and use "
                "calibrate_on='target'.",
                TransferWarning,
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
