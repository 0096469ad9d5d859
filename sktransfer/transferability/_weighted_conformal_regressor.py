"""WeightedConformalRegressor: prediction intervals that keep their coverage in the target."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge

from sktransfer._kernels.conformal import excess_mass, least_value
from sktransfer._labels import read_numbers
from sktransfer._messages import warn
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import HasMethods
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._base_weighted_conformal import _BaseWeightedConformal


class WeightedConformalRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseWeightedConformal):
    """Return intervals that hold the true number with a chosen probability.

    Conformal prediction holds labelled rows out, and looks at the absolute errors of the regressor
    there. The interval of a new row is as wide as most of these. If the held-out rows are source
    rows, a weighter corrects for the shift. Each row, the new one too, counts by the density of the
    target over that of the source [1]_.

    It helps under covariate shift: intervals without weights are then too narrow or too wide on
    average. With the true ratio the coverage holds for any regressor and any number of rows: a poor
    regressor has wide intervals. It hurts if the rule from features to numbers differs in the
    target, which no weight can correct; use ``calibrate_on="target"`` with some labelled target
    rows. It also hurts if the ratio is estimated badly, as with many features. Without source rows
    it is split conformal prediction itself.

    Parameters
    ----------
    estimator : regressor, default=None
        A transfer pipeline gets the rows of all domains. None is ``Ridge()``.
    weighter : weighter, default=None
        Estimates the ratio of the densities. It has `weigh`, so that new rows get weights too.
        None is ``DiscriminatorWeighter()``.
    confidence_level : float, default=0.9
        The probability with which an interval is to hold the label, over fits and new rows.
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
        regressor. None draws fresh entropy and keeps the existing seeds.

    Attributes
    ----------
    estimators_ : list of regressor
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
        than half of ``1 - confidence_level``. By `predict_interval`, if intervals are infinite
        because of the weight of the row, with their share. By `weighter`, if its weights leave few
        effective rows.

    See Also
    --------
    WeightedConformalClassifier : Sets of classes.

    Notes
    -----
    The interval has the numbers whose p-value exceeds ``a = 1 - confidence_level``. The p-value is
    ``(sum_{s_i >= s} w_i + w) / (sum_i w_i + w)`` with absolute errors ``s_i`` and weights ``w_i``
    of the held-out rows, and ``s`` and ``w`` of the new row. If ``w`` alone is more than the share
    ``a`` of all weights, the interval is infinite: no finite one has the coverage. With held-out
    target rows, a weight is the density of the target over that of all held-out rows together.
    With `cv` the interval is that of CV+ [2]_, with weights.

    The weights refer to the features in `X`, and source rows are scored as target rows are. So put
    an aligner before this regressor in a transfer pipeline, not inside of it; the domains then have
    to agree after the alignment.

    References
    ----------
    .. [1] R. J. Tibshirani, R. Foygel Barber, E. J. Candes and A. Ramdas, "Conformal prediction
       under covariate shift", NeurIPS 2019. https://arxiv.org/abs/1904.06019
    .. [2] R. Foygel Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, "Predictive inference
       with the jackknife+", Annals of Statistics 49, 2021. https://arxiv.org/abs/1905.02928

    Examples
    --------
    A line fits the middle of the curve, and errs more on the right, in the target's range:

    >>> import numpy as np
    >>> from sktransfer import GaussianWeighter, WeightedConformalRegressor, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab, X_field = rng.normal(0, 1, size=(1000, 1)), rng.normal(1.5, 0.5, size=(1000, 1))
    >>> noise = 0.1 * rng.normal(size=(2, 1000))
    >>> y_lab, y_field = np.sin(2 * X_lab[:, 0]) + noise[0], np.sin(2 * X_field[:, 0]) + noise[1]
    >>> X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=X_field)
    >>> model = WeightedConformalRegressor(weighter=GaussianWeighter(), random_state=0)
    >>> low, high = model.fit(X, y, sample_domain=sample_domain).predict_interval(X_field).T
    >>> round(float(((low <= y_field) & (y_field <= high)).mean()), 2)
    0.93

    Without weights the intervals are too narrow:

    >>> low, high = model.fit(X_lab, y_lab).predict_interval(X_field).T
    >>> round(float(((low <= y_field) & (y_field <= high)).mean()), 2)
    0.67
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        **_BaseWeightedConformal._parameter_constraints,
    }

    _kind, _is_discrete = "regressor", False

    def __init__(
        self,
        estimator=None,
        weighter=None,
        *,
        confidence_level=0.9,
        calibration_size=0.5,
        cv=None,
        calibrate_on="all",
        random_state=None,
    ):
        self.estimator = estimator
        self.weighter = weighter
        self.confidence_level = confidence_level
        self.calibration_size = calibration_size
        self.cv = cv
        self.calibrate_on = calibrate_on
        self.random_state = random_state

    def _default_estimator(self):
        return Ridge()

    def _read_truth(self, y, used):
        return read_numbers(y, used)

    def _score_truth(self, model, X, truth):
        return np.abs(truth - _numbers(model, X))

    _no_onnx = None

    def _write_onnx(self, graph):
        return graph.mean([graph.answers(each)[-1] for each in self.estimators_])

    def predict(self, X):
        """Predict the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The mean of the predictions of `estimators_`.
        """
        X = self._valid_rows(X)
        return np.mean([_numbers(model, X) for model in self.estimators_], axis=0)

    def predict_interval(self, X, *, confidence_level=None):
        """Return an interval for the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.
        confidence_level : float, default=None
            The probability with which an interval holds the label. None: that of the constructor.

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2)
            The lower and the upper ends, which are infinite if the weight of the row is above
            ``1 - confidence_level`` of all weights.

        Warns
        -----
        TransferWarning
            If intervals are infinite, with their share.
        """
        X = self._valid_rows(X)
        weights, alpha = self.calibration_weights_, self._alpha(confidence_level)
        mass = excess_mass(self._new_weights(X), weights.sum(), alpha=alpha)
        centers = [_numbers(fold.model, X) for fold in self._folds]
        radii = [fold.scores for fold in self._folds]
        if len(self._folds) == 1:
            radius = -least_value(-radii[0], weights, mass)
            intervals = np.stack([centers[0] - radius, centers[0] + radius], axis=1)
        else:
            places = np.repeat(np.arange(len(radii)), [len(each) for each in radii])
            center_of, radius = np.stack(centers, axis=1), np.concatenate(radii)
            intervals = np.empty((len(mass), 2))
            for row, limit in enumerate(mass):
                center = center_of[row, places]
                intervals[row] = (
                    least_value(center - radius, weights, limit),
                    -least_value(-center - radius, weights, limit),
                )
        self._warn_of_infinite(mass < 0, alpha)
        return intervals

    def _warn_of_infinite(self, infinite, alpha):
        if infinite.any():
            warn(
                f"{infinite.sum()} of {len(infinite)} intervals of WeightedConformalRegressor "
                f"({infinite.mean():.1%}) are infinite: the weight of each such row is above "
                f"{alpha:.3g} of all weights, so that no finite interval has the coverage. "
                "Calibrate on more rows, lower confidence_level, or label target rows like these.",
                TransferWarning,
            )


def _numbers(model, X):
    return np.asarray(model.predict(X), dtype=np.float64).reshape(-1)
