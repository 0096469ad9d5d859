"""The base of the adaptive support vector machines of classes and of numbers."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.validation import check_is_fitted

from sktransfer._kernels.leave_one_out import choose_by_leave_one_out, kernel_space
from sktransfer._magnitude import largest_value
from sktransfer._onnx import kernel_refusal
from sktransfer._rows import named_columns
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.parameter._base_weighted_sources import _BaseWeightedSources

# The most steps of the solver, if rows are few: without a limit some kernels never reach `tol`.
_MOST_STEPS = 1_000_000

# The most times that a tube of the solver is made ten times wider.
_WIDENINGS = 6


class _BaseAdaptiveSVM(_BaseWeightedSources):
    """Adds a support vector machine to a weighted sum of the sources' functions."""

    _parameter_constraints: dict = {
        **_BaseWeightedSources._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="neither")],
        "kernel": [StrOptions({"linear", "poly", "rbf", "sigmoid"}), callable],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def _machine(self, kind, rows, **params):
        """Return a machine of scikit-learn with the kernel of this estimator for `TargetRows`."""
        machine = kind(
            C=self.C,
            kernel=self.kernel,
            degree=self.degree,
            gamma=self._gamma_for(rows),
            coef0=self.coef0,
            tol=self.tol,
            max_iter=max(_MOST_STEPS, 100 * len(rows.labels)),
            **params,
        )
        machine.random_state = 0  # not used, but without it a seed is drawn from NumPy's generator
        return machine

    def _fit_source(self, domain, rows):
        try:
            return super()._fit_source(domain, rows)
        except ValueError as error:
            raise _explained(error, rows.X) from None

    def _gamma_for(self, rows):
        """Return the value of `gamma`; rows count by their weights."""
        if not isinstance(self.gamma, str):
            return self.gamma
        n_features = rows.X.shape[1]
        if self.gamma == "auto":
            return 1 / n_features
        shares = rows.weights / rows.weights.sum()
        squares = rows.X.multiply(rows.X) if issparse(rows.X) else rows.X**2
        variance = (shares @ squares).mean() - (shares @ rows.X).mean() ** 2
        return 1 / (n_features * variance) if variance > 0 else 1.0

    def _source_outputs(self, X, given_X, sources):
        """Return the outputs of sources, of shape (n_sources, n_rows, n_columns)."""
        return np.array([source.outputs(X, given_X) for source in sources])

    def _weights(self, target, numbers, outputs):
        """Return the weights of sources: those given, or those of a least squares machine."""
        beta = self._given_beta(len(outputs))
        if beta is not None:
            return beta
        options = {"gamma": self._gamma_for(target), "degree": self.degree, "coef0": self.coef0}
        if callable(self.kernel):
            gram = np.asarray(self.kernel(target.X, target.X), dtype=np.float64)
        else:
            gram = pairwise_kernels(target.X, metric=self.kernel, filter_params=True, **options)
        _, beta, n_decided = choose_by_leave_one_out(
            kernel_space(gram, target.weights),
            numbers,
            outputs,
            alphas=[1 / self.C],
            beta=None,
            positive=self.positive,
        )
        return beta if n_decided else self._undecided(len(outputs))

    @property
    def _no_onnx(self):
        refusals = (source.onnx_refusal() for source in self._sources)
        return kernel_refusal(self.kernel) or next(filter(None, refusals), None)

    def _weighted_outputs(self, X):
        """Return the valid rows and the weighted sum of the sources' functions on them."""
        check_is_fitted(self)
        rows, total = self._read_rows(X, reset=False), 0.0
        for weight, source in zip(self.source_weights_, self._sources, strict=True):
            if weight:
                total = total + weight * source.outputs(rows, named_columns(X, rows))
        return rows, total


def fit_machine(machine, X, y, sample_weight):
    """Fit a machine, or raise an error that names `X` if its solver overflows."""
    try:
        return machine.fit(X, y, sample_weight=sample_weight)
    except ValueError as error:
        raise _explained(error, X) from None


def _explained(error, X):
    """Return an error that names `X` for one of a solver that overflowed, any other as it is."""
    return _too_large(X) if "coefficients or intercepts are not finite" in str(error) else error


def _too_large(X):
    return ValueError(
        f"The largest absolute value of X is {largest_value(X):.3g}, and values of its kernel are "
        "too large for the solver of a support vector machine; rescale X, for example with "
        "StandardScaler."
    )


def fit_margins(machine, X, signs, offsets, sample_weight):
    """Fit the hinge loss of ``offset + f(x)`` for a function f of a kernel.

    With the margins ``m = 1 - sign * offset`` its dual is that of epsilon-SVR on the values ``sign
    * (epsilon + m)``. This needs an epsilon so large that no prediction leaves its tube on the
    other side [1]_.

    Parameters
    ----------
    machine : SVR
        Its `epsilon` is set here.
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)
    signs : ndarray of shape (n_rows,)
        -1 or 1, the class of each row.
    offsets : ndarray of shape (n_rows,)
    sample_weight : ndarray of shape (n_rows,) or None

    Returns
    -------
    machine : SVR
        Fitted; it predicts f.

    References
    ----------
    .. [1] J. Yang, R. Yan, A. G. Hauptmann, "Cross-domain video concept detection using adaptive
       SVMs", ACM Multimedia 2007. The dual with shifted margins is its equation 6.
    """
    margins = 1 - signs * offsets
    epsilon = 10 * (1 + np.abs(margins).max())
    for _ in range(_WIDENINGS):
        machine.set_params(epsilon=epsilon)
        fit_machine(machine, X, signs * (epsilon + margins), sample_weight)
        if (signs * machine.predict(X) < margins + 2 * epsilon).all():
            return machine
        epsilon *= 10
    raise _too_large(X)
