"""The base of biased ridge regression of numbers and of classes: the square loss."""

from numbers import Real

import numpy as np
from sklearn.linear_model import Ridge

from sktransfer._kernels.leave_one_out import choose_by_leave_one_out, row_space
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.parameter._base_biased_linear import _BaseBiasedLinear

# Strengths of the penalty that are tried, relative to the mean variance along the axes of the rows.
# With weaker ones, rows nearly determine their own predictions, and leaving one out says little.
_RELATIVE_ALPHAS = np.logspace(-2, 4, 13)


class _BaseTransferRidge(_BaseBiasedLinear):
    """Ridge regression of the labels that the sources leave unexplained."""

    _parameter_constraints: dict = {
        **_BaseBiasedLinear._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(
        self,
        source=None,
        *,
        alpha="auto",
        beta="auto",
        positive=True,
        fit_intercept=True,
        source_estimator=None,
    ):
        self.source = source
        self.alpha = alpha
        self.beta = beta
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.source_estimator = source_estimator

    def _default_alpha(self):
        return 1.0 if isinstance(self.alpha, str) else self.alpha

    def _numbers(self, labels):
        """Return labels as numbers to predict, of shape (n_rows, n_columns)."""
        return labels[:, None]

    def _fit_plain(self, target):
        self.alpha_ = self._default_alpha()
        return self._ridge(target, self._numbers(target.labels), self.alpha_)

    def _ridge(self, target, numbers, alpha):
        """Return the coefficients and the intercepts of scikit-learn's Ridge."""
        ridge = Ridge(alpha=alpha, fit_intercept=self.fit_intercept)
        ridge.fit(target.X, numbers, sample_weight=target.sample_weight)
        intercepts = np.zeros(numbers.shape[1]) + ridge.intercept_
        return ridge.coef_.reshape(numbers.shape[1], -1).T, intercepts

    def _fit_correction(self, target, outputs, beta):
        return self._fit_numbers(target, self._numbers(target.labels), outputs, beta)

    def _fit_numbers(self, target, numbers, outputs, beta):
        """Choose the parameters that are not given, and fit numbers (n_rows, n_columns)."""
        alpha = self._default_alpha()
        if beta is None or isinstance(self.alpha, str):
            alpha, beta = self._choose(target, numbers, outputs, beta)
        self.alpha_ = alpha if beta.any() else self._default_alpha()
        rest = numbers - np.tensordot(beta, outputs, axes=1)
        return beta, *self._ridge(target, rest, self.alpha_)

    def _choose(self, target, numbers, outputs, beta):
        """Return the penalty and the weights of sources of least leave-one-out error."""
        space = row_space(target.X, target.weights, fit_intercept=self.fit_intercept)
        alphas = [self._default_alpha()]
        if isinstance(self.alpha, str) and space.scale > 0:
            alphas = space.scale * _RELATIVE_ALPHAS
        alpha, beta, n_decided = choose_by_leave_one_out(
            space, numbers, outputs, alphas=alphas, beta=beta, positive=self.positive
        )
        if not n_decided and beta is None:
            beta = self._undecided(len(outputs))
        return float(alpha), beta
