"""TemperatureScaledClassifier: probabilities that a few target labels calibrate."""

from numbers import Integral, Real

import numpy as np
from scipy.stats import t
from sklearn.base import ClassifierMixin, MetaEstimatorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _TransferEstimator
from sktransfer._domains import read_sample_domain
from sktransfer._kernels.label_shift import (
    COLDEST,
    HOTTEST,
    LEAST_PROBABILITY,
    temperature,
    tempered,
)
from sktransfer._labels import is_labelled, read_classes
from sktransfer._learner import check_learner
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._random import generator, seeded_clones
from sktransfer._rows import named_columns
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import HasMethods, Interval, _fit_context, _num_samples, get_tags
from sktransfer._whole import whole_fit
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._baselines import class_probabilities
from sktransfer.transferability._candidates import Candidate
from sktransfer.transferability._fits import fit_candidate, out_of_fold
from sktransfer.transferability._guard_rows import guard_rows, holds_items, read_required_labels
from sktransfer.transferability._judges import ClassJudge

LEVEL = 0.9  # of the interval


class TemperatureScaledClassifier(
    _ScoresLabelsAlone, ClassifierMixin, MetaEstimatorMixin, _TransferEstimator
):
    """Calibrate the probabilities of a transferred classifier on a few labelled target rows.

    A classifier that was fitted mostly on source rows is too sure of itself in the target. One
    number, the temperature, corrects this: probabilities become proportional to ``p ** (1 /
    temperature)`` [1]_. Labelled target rows are held out fold by fold, and the classifier is
    fitted on all other rows of all domains. The temperature is that of the smallest log-loss of all
    held-out rows together. The classifier is then fitted on all rows. No label is lost, and no
    predicted class changes.

    With a few rows, all held-out predictions may be right, and the best temperature would then be
    near 0. A pull to 1 prevents this; its effect vanishes with many rows.

    It helps if probabilities are used, for a decision or a threshold, and the domains differ. It
    hurts if the classes are calibrated differently, as under label shift: one number cannot correct
    that. It also costs one fit for each fold. scikit-learn's
    :class:`~sklearn.calibration.CalibratedClassifierCV` has no pull and holds out rows of all
    domains. It is made for more labelled rows, of one domain.

    Parameters
    ----------
    estimator : classifier, default=None
        It has `predict_proba`. A transfer pipeline gets the rows of all domains. None is
        ``LogisticRegression()``.
    cv : int, default=5
        The most folds of the labelled target rows; no more than rows of the rarest class with two
        rows or more.
    strength : float, default=2.0
        Of the pull: ``strength * log(temperature)^2 / 2`` is added to the sum of the losses. 0 is
        none.
    random_state : int, RandomState instance or None, default=None
        Draws the folds, and seeds every `random_state` inside the classifier. None draws fresh
        entropy and keeps the existing seeds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    estimator_ : classifier
        Fitted on all rows.
    temperature_ : float
        Above 1 if the classifier is too sure, below if it is not sure enough; from 0.05 to 20.
    difference_ : float
        The mean log-loss of held-out target rows with temperature, minus that without. Here each
        fold has the temperature of the other folds. Negative: calibration helps.
    interval_ : tuple of float
        Student's interval of `difference_` over rows, at 90 %. It is approximate: the rows share
        their models.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the temperature is at an end of its range.

    See Also
    --------
    WeightedConformalClassifier : Sets of classes with a guaranteed coverage.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017. https://arxiv.org/abs/1706.04599

    Examples
    --------
    In the field the labels are noisier, so that the classifier of the lab is too sure:

    >>> import numpy as np
    >>> from sklearn.metrics import log_loss
    >>> from sktransfer import TemperatureScaledClassifier, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab, X_field = rng.normal(size=(2, 500, 2))
    >>> y_lab = (X_lab[:, 0] > 0).astype(int)
    >>> y_field = (X_field[:, 0] + rng.normal(size=500) > 0).astype(float)
    >>> y_known = np.where(np.arange(500) < 30, y_field, np.nan)
    >>> X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=(X_field, y_known))
    >>> model = TemperatureScaledClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> round(model.temperature_, 1)
    2.5
    >>> before, after = model.estimator_.predict_proba(X_field), model.predict_proba(X_field)
    >>> print(f"{log_loss(y_field, before):.2f}, calibrated {log_loss(y_field, after):.2f}")
    0.78, calibrated 0.50
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "strength": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, cv=5, strength=2.0, random_state=None):
        self.estimator = estimator
        self.cv = cv
        self.strength = strength
        self.random_state = random_state

    @property
    def _needs(self):
        tags = get_tags(self._model()).input_tags
        return Needs(
            sparse=tags.sparse, missing=tags.allow_nan, source_labels=True, target_labels=True
        )

    def _model(self):
        return LogisticRegression() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sample_domain=None):
        """Fit on all rows, and calibrate on held-out labelled target rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains, or items such as texts if the classifier takes these.
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
            If there are fewer than two labelled target rows.
        """
        with whole_fit(self):
            check_learner(self._model(), weighted=False)
            rows = self._read(X, y, sample_domain)
            self.source_domains_ = rows.domains.sources
            end_fit = begin_fit(self, X, y)
            rng, judge = generator(self.random_state), ClassJudge(self.classes_)
            keep_seeds = self.random_state is None
            (seeded,) = seeded_clones(self._model(), 1, generator=rng, keep_seeds=keep_seeds)
            candidate = Candidate("estimator", seeded, is_ours=False)
            truth = judge.truth_of(rows, rows.labelled_target)
            folds = judge.folds(truth, cv=self.cv, n_repeats=1, generator=rng)
            answers, _ = out_of_fold([candidate], rows, judge, folds, n_jobs=None)
            self._calibrate(answers[0, 0], truth[folds.scored], self._parts(folds))
            self.estimator_, _ = fit_candidate(candidate, rows, judge)
            end_fit()
        return self

    def _read(self, X, y, sample_domain):
        """Return `GuardRows` with two labelled target rows or more."""
        is_items = self._holds_items(X)
        valid_X = None if is_items else self._read_rows(X, y, ensure_min_samples=2)
        n_rows = _num_samples(X) if is_items else valid_X.shape[0]
        domains = read_sample_domain(sample_domain, n_rows)
        y = read_required_labels(y, domains, estimator_name=type(self).__name__)
        used = is_labelled(y)
        self.classes_ = np.unique(read_classes(y, used))
        n_target = np.count_nonzero(used & domains.is_target)
        if n_target < 2:
            raise ValueError(
                "TemperatureScaledClassifier calibrates on labelled target rows and needs two, but "
                f"sample_domain and y have {n_target}; label more, or use the classifier itself."
            )
        return guard_rows(X, valid_X, y, domains)

    def _holds_items(self, X):
        """Return whether X holds items, such as texts, that a classifier of the user reads."""
        return self.estimator is not None and holds_items(X)

    @staticmethod
    def _parts(folds):
        """Return the fold of each scored row."""
        part_of = np.empty(len(folds.scored), dtype=int)
        for part, out in enumerate(folds.splits[0]):
            part_of[np.searchsorted(folds.scored, out)] = part
        return part_of

    def _calibrate(self, probabilities, truth, part_of):
        """Choose the temperature, and estimate its effect fold by fold."""
        self.temperature_ = temperature(probabilities, truth, strength=self.strength)
        self._warn_of_bound(len(truth))
        after = np.empty_like(probabilities)
        for part in np.unique(part_of):
            out = part_of == part
            others = temperature(probabilities[~out], truth[~out], strength=self.strength)
            after[out] = tempered(probabilities[out], others)
        places = np.arange(len(truth)), truth
        before = tempered(probabilities, 1.0)
        differences = np.log(before[places]) - np.log(after[places])
        self.difference_ = float(differences.mean())
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        reach = t.ppf((1 + LEVEL) / 2, len(differences) - 1) * error
        self.interval_ = float(self.difference_ - reach), float(self.difference_ + reach)

    def _warn_of_bound(self, n_rows):
        if not 1.01 * COLDEST < self.temperature_ < HOTTEST / 1.01:
            warn(
                f"TemperatureScaledClassifier finds the temperature {self.temperature_:.2g} on "
                f"{n_rows} held-out rows, an end of its range from {COLDEST:g} to {HOTTEST:g}: "
                "these rows are nearly all right, or hardly better than chance. Label more target "
                "rows, or raise strength.",
                TransferWarning,
            )

    _no_onnx = None

    def _write_onnx(self, graph):
        probabilities = graph.probabilities(self.estimator_, self.classes_)
        floored = graph.add("Max", probabilities, np.float64(LEAST_PROBABILITY))
        powers = graph.add("Div", graph.add("Log", floored), np.float64(self.temperature_))
        return graph.add("Softmax", powers, axis=1)

    def predict_proba(self, X):
        """Return the calibrated probability of each class.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        if not self._holds_items(X):
            X = named_columns(X, self._read_rows(X, reset=False))
        probabilities = class_probabilities(self.estimator_, X, self.classes_)
        return tempered(probabilities, self.temperature_)

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable class, which is that of `estimator_`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
