"""WeightedConformalClassifier: sets of classes that keep their coverage in the target."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression

from sktransfer._kernels.conformal import excess_mass, label_scores, tail_weights
from sktransfer._labels import read_classes
from sktransfer._messages import listed, warn
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import HasMethods, StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._base_weighted_conformal import _BaseWeightedConformal
from sktransfer.transferability._baselines import class_probabilities


class WeightedConformalClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseWeightedConformal):
    """Return sets of classes that hold the true class with a chosen probability.

    Conformal prediction holds labelled rows out, and scores how strange their class is for the
    classifier. The set of a new row has the classes that are no stranger than most of these. If the
    held-out rows are source rows, a weighter corrects for the shift. Each row, the new one too,
    counts by the density of the target over that of the source [1]_. With
    :class:`~sktransfer.LabelShiftWeighter` it counts by the ratio of the class proportions [2]_.

    It helps under covariate shift, and under label shift with the matching weighter: unweighted
    sets are then too small or too large on average. With the true ratio the coverage holds for any
    classifier and any number of rows: a poor classifier has large sets. It hurts if the rule from
    features to classes differs in the target, which no weight can correct; use
    ``calibrate_on="target"`` with some labelled target rows. It also hurts if the ratio is
    estimated badly, as with many features. Without source rows it is split conformal prediction
    itself.

    Parameters
    ----------
    estimator : classifier, default=None
        It has `predict_proba`. A transfer pipeline gets the rows of all domains. None is
        ``LogisticRegression()``.
    weighter : weighter, default=None
        Estimates the ratio of the densities, or of the class proportions if it has
        `class_weights_`, as :class:`~sktransfer.LabelShiftWeighter` has. It has `weigh`, so that
        new rows get weights too. None is ``DiscriminatorWeighter()``.
    score_function : {"lac", "aps"}, default="lac"
        "lac": one minus the probability of the class, which gives the smallest sets. "aps": the sum
        of the probabilities of all classes that are at least as probable [3]_. It adapts the sets
        more to the row, and makes them larger.
    confidence_level : float, default=0.9
        The probability with which a set is to hold the label, over fits and new rows.
    calibration_size : float, default=0.5
        The share of the labelled rows of each domain that are held out once. It is not used with
        `cv`.
    cv : int, default=None
        The number of folds, each of which is held out in turn. All rows then calibrate, but with
        ``a = 1 - confidence_level`` only a coverage of ``1 - 2 a`` is proven instead of ``1 - a``.
        None: hold rows out once.
    calibrate_on : {"all", "target"}, default="all"
        "all": labelled source rows by their weights, and labelled target rows. "target": labelled
        target rows only. If they are a random sample of the target, the coverage then holds for any
        shift, without weights.
    random_state : int, RandomState instance or None, default=None
        Draws the rows that are held out, and seeds every `random_state` inside the weighter and the
        classifier. None draws fresh entropy and keeps the existing seeds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    estimators_ : list of classifier
        One for each fold, fitted on all rows that the fold does not hold out.
    weighters_ : list of weighter
        One for each fold, fitted on the same rows. None if no source row is held out.
    calibration_weights_ : ndarray of shape (n_calibration,)
        The weights of the held-out rows: the density of the target over theirs.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` of these weights.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        By `fit`, if the effective sample is so small that the coverage of one fit varies by more
        than half of ``1 - confidence_level``. By `predict_set`, if sets hold every class because of
        the weight of the row, with their share. By `weighter`, if its weights leave few effective
        rows.

    See Also
    --------
    WeightedConformalRegressor : Intervals for numbers.

    Notes
    -----
    A class is in the set if its p-value exceeds ``a = 1 - confidence_level``. The p-value is
    ``(sum_{s_i >= s} w_i + w) / (sum_i w_i + w)`` with scores ``s_i`` and weights ``w_i`` of the
    held-out rows, and ``s`` and ``w`` of the new row. If ``w`` alone is more than the share ``a``
    of all weights, the set holds every class: no smaller set has the coverage. With held-out target
    rows, a weight is the density of the target over that of all held-out rows together.

    The weights refer to the features in `X`, and source rows are scored as target rows are. So put
    an aligner before this classifier in a transfer pipeline, not inside of it; the domains then
    have to agree after the alignment.

    References
    ----------
    .. [1] R. J. Tibshirani, R. Foygel Barber, E. J. Candes and A. Ramdas, "Conformal prediction
       under covariate shift", NeurIPS 2019. https://arxiv.org/abs/1904.06019
    .. [2] A. Podkopaev and A. Ramdas, "Distribution-free uncertainty quantification for
       classification under label shift", UAI 2021. https://arxiv.org/abs/2103.03323
    .. [3] Y. Romano, M. Sesia and E. J. Candes, "Classification with valid and adaptive coverage",
       NeurIPS 2020. https://arxiv.org/abs/2006.02544

    Examples
    --------
    In the target the classes overlap more, because its rows are near the border:

    >>> import numpy as np
    >>> from sktransfer import GaussianWeighter, WeightedConformalClassifier, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab, X_field = rng.normal(0, 2, size=(1000, 1)), rng.normal(0, 0.5, size=(1000, 1))
    >>> y_lab, y_field = (rng.logistic(size=1000) < 2 * X[:, 0] for X in (X_lab, X_field))
    >>> X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=X_field)
    >>> model = WeightedConformalClassifier(weighter=GaussianWeighter(), random_state=0)
    >>> sets = model.fit(X, y, sample_domain=sample_domain).predict_set(X_field)
    >>> sets[:3]
    array([[False,  True],
           [ True,  True],
           [ True,  True]])
    >>> round(float(sets[np.arange(1000), y_field.astype(int)].mean()), 2)
    0.89

    Without weights, the easy rows of the source make the sets too small:

    >>> sets = model.fit(X_lab, y_lab).predict_set(X_field)
    >>> round(float(sets[np.arange(1000), y_field.astype(int)].mean()), 2)
    0.72
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        **_BaseWeightedConformal._parameter_constraints,
        "score_function": [StrOptions({"lac", "aps"})],
    }

    _kind, _is_discrete = "classifier", True

    def __init__(
        self,
        estimator=None,
        weighter=None,
        *,
        score_function="lac",
        confidence_level=0.9,
        calibration_size=0.5,
        cv=None,
        calibrate_on="all",
        random_state=None,
    ):
        self.estimator = estimator
        self.weighter = weighter
        self.score_function = score_function
        self.confidence_level = confidence_level
        self.calibration_size = calibration_size
        self.cv = cv
        self.calibrate_on = calibrate_on
        self.random_state = random_state

    def _default_estimator(self):
        return LogisticRegression()

    def _read_truth(self, y, used):
        self.classes_, codes = np.unique(read_classes(y, used), return_inverse=True)
        return codes

    def _scores(self, model, X):
        return label_scores(class_probabilities(model, X, self.classes_), score=self.score_function)

    def _score_truth(self, model, X, truth):
        return self._scores(model, X)[np.arange(len(truth)), truth.astype(int)]

    def _class_weights(self, weighter):
        """Return the ratio of each class if the weighter has some: infinite for a new class."""
        found = getattr(weighter, "class_weights_", None)
        if found is None:
            return None
        class_weights = np.full(len(self.classes_), np.inf)
        class_weights[np.searchsorted(self.classes_, weighter.classes_)] = found
        return class_weights

    def _ratios(self, weighter, class_weights, X, truth):
        if class_weights is None:
            return super()._ratios(weighter, class_weights, X, truth)
        return class_weights[truth.astype(int)]

    def _new_weights(self, X):
        """Return the weight of each label of each new row, of shape (n_samples or 1, n_labels)."""
        by_class = [fold.class_weights for fold in self._folds]
        if by_class[0] is None:
            return super()._new_weights(X)[:, np.newaxis]
        return self._pooled(np.mean(by_class, axis=0))[np.newaxis]

    _no_onnx = None

    def _write_onnx(self, graph):
        return graph.mean([graph.probabilities(each, self.classes_) for each in self.estimators_])

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The mean of those of `estimators_`, in the order of `classes_`.
        """
        X = self._valid_rows(X)
        found = [class_probabilities(model, X, self.classes_) for model in self.estimators_]
        return np.mean(found, axis=0)

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable class.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_set(self, X, *, confidence_level=None):
        """Return a set of classes for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.
        confidence_level : float, default=None
            The probability with which a set holds the class. None: that of the constructor.

        Returns
        -------
        sets : ndarray of shape (n_samples, n_classes), dtype bool
            Whether each of `classes_` is in the set of the row. A set may be empty: no class looks
            like the calibration rows of this class.

        Warns
        -----
        TransferWarning
            If sets hold every class because of the weight of the row, with their share. Also if a
            class is in every set because of its weight.
        """
        X, alpha = self._valid_rows(X), self._alpha(confidence_level)
        total = self.calibration_weights_.sum()
        mass = excess_mass(self._new_weights(X), total, alpha=alpha)
        tails = sum(
            tail_weights(fold.scores, fold.weights, self._scores(fold.model, X))
            for fold in self._folds
        )
        self._warn_of_full(mass < 0, len(tails), alpha)
        return tails > mass

    def _warn_of_full(self, forced, n_rows, alpha):
        remedy = "Calibrate on more rows, lower confidence_level, or label target rows like these."
        full = np.broadcast_to(forced.all(axis=1), n_rows)
        if full.any():
            warn(
                f"{full.sum()} of {n_rows} sets of WeightedConformalClassifier "
                f"({full.mean():.1%}) hold every class: the weight of each such row is above "
                f"{alpha:.3g} of all weights, so that no smaller set has the coverage. {remedy}",
                TransferWarning,
            )
        elif forced.any():
            classes = self.classes_[forced.any(axis=0)].tolist()
            warn(
                f"Every set of WeightedConformalClassifier holds the classes {listed(classes)}: "
                f"the weight of a row of each is above {alpha:.3g} of all weights. {remedy}",
                TransferWarning,
            )
