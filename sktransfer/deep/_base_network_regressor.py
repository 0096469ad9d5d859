"""The base of regressors with a trained network: the targets, and predictions of them."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d

from sktransfer._labels import is_labelled, labels_alone, read_columns
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.deep._base_fine_tune import _BaseFineTune
from sktransfer.deep._training.columns import ColumnsLoss
from sktransfer.deep._training.head import Rows
from sktransfer.deep._training.losses import SquaredLoss

# A target that varies by less than this share of its mean is rounding noise.
_SMALLEST_RELATIVE_SCALE = 1e-12

# Predictions of larger targets could exceed float64.
_LARGEST_TARGET = 1e304


class _BaseNetworkRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseFineTune):
    """Predict numbers with a linear head on a network, by the squared error.

    A subclass has the parameters in its own ``__init__``.
    """

    def predict(self, X):
        """Predict the target of each image.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            In the units, and with the dimensions, that y had in `fit`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self.target_ndim_ == 1 else outputs

    def _read_target(self, items, y, sample_weight):
        """Validate y and set ``target_ndim_``."""
        y, labelled = self._check_labelled(items, y)
        if np.ndim(y) == 2 and y.shape[1] > 1 and not is_labelled(y).all():
            self._refuse_missing(labelled)
            return self._read_columns(y, labelled, sample_weight)
        y = labels_alone(y, labelled, discrete=False) if labelled.all() else y
        if np.ndim(y) != 2:
            y = column_or_1d(y, warn=True)
        self._refuse_missing(labelled)
        y = self._check_targets(y)
        self.target_ndim_ = y.ndim
        table = y.reshape(len(y), -1).astype(np.float64)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean()
        standardized, mean, scale = _standardize(table, weight)
        return y, Rows(None, standardized, weight, sample_weight), SquaredLoss(mean, scale)

    def _read_columns(self, y, labelled, sample_weight):
        """The same for y of several columns with gaps in any of them: each has its own rows."""
        table, weight, losses = np.full(y.shape, np.nan), np.zeros(y.shape), []
        for place, (targets, there) in enumerate(read_columns(y, labelled, discrete=False)):
            column = self._check_targets(targets).astype(np.float64)[:, np.newaxis]
            given = np.ones(len(column)) if sample_weight is None else sample_weight[there]
            if not given.any():
                raise ValueError(
                    f"sample_weight is 0 in each row with a label in column {place} of y: expected "
                    "a weight above 0 in one of them."
                )
            weight[there, place] = given / given.mean()
            standardized, mean, scale = _standardize(column, weight[there, place])
            table[there, place] = standardized[:, 0]
            losses.append(SquaredLoss(mean, scale))
        self.target_ndim_ = 2
        return y, Rows(None, table, weight, sample_weight), ColumnsLoss(tuple(losses))

    def _check_targets(self, y):
        """Return targets as an array of numbers, or raise an error."""
        name = type(self).__name__
        options = {"dtype": "numeric", "ensure_2d": False, "estimator": name, "input_name": "y"}
        with np.errstate(over="ignore", invalid="ignore"):  # the sum of large values
            y = check_array(y, **options)
        largest = np.abs(y).max()
        if largest > _LARGEST_TARGET:
            raise ValueError(
                f"y has values up to {largest:.3g}, and {name} takes values up to "
                f"{_LARGEST_TARGET:g}: divide y by a constant."
            )
        return y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _standardize(table, weight):
    """Return columns with weighted mean 0 and standard deviation 1, and their former moments.

    Divided by a power of two, which changes no digit, squares of large and small values stay
    within float64.
    """
    exponent = np.frexp(np.abs(table).max(axis=0))[1]
    table = np.ldexp(table, -exponent)
    mean = np.average(table, axis=0, weights=weight)
    scale = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight))
    constant = scale <= _SMALLEST_RELATIVE_SCALE * np.abs(mean)
    standardized = (table - mean) / np.where(constant, 1.0, scale)
    scale = np.where(constant, 1.0, np.ldexp(scale, exponent))
    return standardized, np.ldexp(mean, exponent), scale
