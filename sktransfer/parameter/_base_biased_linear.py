"""The base of the linear models whose coefficients stay near those of source models."""

from abc import abstractmethod
from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktransfer._messages import shown, warn
from sktransfer._rows import named_columns
from sktransfer._sklearn import StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.parameter._base_source_transfer import _BaseSourceTransfer


class _BaseBiasedLinear(_BaseSourceTransfer):
    """Adds a linear correction to a weighted sum of the sources' outputs.

    The penalty is on the correction, which for linear sources is the distance from their
    coefficients. A concrete one writes `_fit_plain` and `_fit_correction`.
    """

    _parameter_constraints: dict = {
        **_BaseSourceTransfer._parameter_constraints,
        "beta": [StrOptions({"auto"}), Real, "array-like"],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
    }

    @abstractmethod
    def _fit_plain(self, target):
        """Return the coefficients and the intercepts of scikit-learn's estimator."""

    @abstractmethod
    def _fit_correction(self, target, outputs, beta):
        """Choose what is not given and fit.

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

    def _given_beta(self, n_sources):
        """Return the weights that the user gave, None if they are to be chosen."""
        if isinstance(self.beta, str):
            return None
        beta = np.asarray(self.beta, dtype=np.float64)
        if beta.ndim == 0:
            return np.full(n_sources, float(beta))
        if beta.shape != (n_sources,):
            raise ValueError(
                f"beta={shown(self.beta)} has the shape {beta.shape}, but there are {n_sources} "
                "sources; pass one weight for each, a single number, or 'auto'."
            )
        return beta

    def _undecided(self, n_sources):
        """Warn that no row says how good the sources are, and return equal weights."""
        warn(
            f"{type(self).__name__} cannot choose the weight of a source, because there is a "
            "single target row or a single class in them; each of the sources "
            f"({n_sources}) gets the weight {1 / n_sources:.3g}. Label more target rows, or pass "
            "beta.",
            TransferWarning,
        )
        return np.full(n_sources, 1 / n_sources)

    @abstractmethod
    def _keep(self, coefficients, intercepts):
        """Store the coefficients in scikit-learn's layout."""

    def _outputs(self, X):
        """Return the outputs for rows, of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        rows = self._read_rows(X, reset=False)
        said = rows @ np.atleast_2d(self.coef_).T + self.intercept_
        for weight, source in self._functions:
            said = said + weight * source.outputs(rows, named_columns(X, rows))
        return said
