"""The base of the linear models whose coefficients stay near those of source models."""

from abc import abstractmethod

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sktransfer._rows import named_columns
from sktransfer.parameter._base_weighted_sources import _BaseWeightedSources


class _BaseBiasedLinear(_BaseWeightedSources):
    """Adds a linear correction to a weighted sum of the sources' outputs.

    The penalty is on the correction, which for linear sources is the distance from their
    coefficients. A concrete one writes `_fit_plain` and `_fit_correction`.
    """

    _parameter_constraints: dict = {
        **_BaseWeightedSources._parameter_constraints,
        "fit_intercept": ["boolean"],
    }

    @abstractmethod
    def _fit_plain(self, target):
        """Return the coefficients and the intercepts of scikit-learn's estimator."""

    @abstractmethod
    def _fit_correction(self, target, outputs, beta):
        """Choose the parameters that are not given, and fit.

        Parameters
        ----------
        target : TargetRows
        outputs : ndarray of shape (n_sources, n_rows, n_columns)
            The outputs of the sources on these rows.
        beta : ndarray of shape (n_sources,) or None
            Given weights; None chooses them.

        Returns
        -------
        beta : ndarray of shape (n_sources,)
        coefficients : ndarray of shape (n_features, n_columns)
        intercepts : ndarray of shape (n_columns,)
            Of the correction.
        """

    def _learn(self, target, sources):
        beta = self._given_beta(len(sources))
        if not sources:
            self.source_weights_ = np.zeros(0)
            self._functions = []
            self._keep(*self._fit_plain(target))
            return
        parts = [source.linear_part() for source in sources]
        outputs = np.array(
            [
                source.outputs(target.X, target.given_X)
                if part is None
                else target.X @ part[0] + part[1]
                for source, part in zip(sources, parts, strict=True)
            ]
        )
        beta, coefficients, intercepts = self._fit_correction(target, outputs, beta)
        self.source_weights_ = beta
        self._functions = []
        for weight, source, part in zip(beta, sources, parts, strict=True):
            if part is not None:
                coefficients = coefficients + weight * part[0]
                intercepts = intercepts + weight * part[1]
            elif weight:
                self._functions.append((weight, source))
        self._keep(coefficients, intercepts)

    @abstractmethod
    def _keep(self, coefficients, intercepts):
        """Store the coefficients in scikit-learn's layout."""

    @property
    def _no_onnx(self):
        refusals = (source.onnx_refusal() for _, source in self._functions)
        return next(filter(None, refusals), None)

    def _write_onnx(self, graph):
        said = graph.affine(np.atleast_2d(self.coef_).T, np.atleast_1d(self.intercept_))
        for weight, source in self._functions:
            said = graph.add("Add", said, graph.add("Mul", source.write_onnx(graph), weight))
        if is_classifier(self) and len(self.classes_) == 2:
            return graph.both_classes(said)
        return said

    def _outputs(self, X):
        """Return the outputs for rows, of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        rows = self._read_rows(X, reset=False)
        said = rows @ np.atleast_2d(self.coef_).T + self.intercept_
        for weight, source in self._functions:
            said = said + weight * source.outputs(rows, named_columns(X, rows))
        return said
