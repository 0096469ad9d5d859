"""TransferLogisticRegression: logistic regression whose coefficients stay near those of sources."""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sktransfer._kernels.leave_one_out import row_space
from sktransfer._kernels.offset_logistic import (
    choose_by_leave_one_out,
    fit_with_offset,
    probabilities,
)
from sktransfer._messages import warn
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.parameter._base_biased_linear import _BaseBiasedLinear
from sktransfer.parameter._base_linear_classifier import _PredictsByScores

# Penalties that are tried, relative to the mean curvature of the loss along the axes of the rows.
# With weaker ones, approximate leave-one-out is too optimistic.
_RELATIVE_PENALTIES = np.logspace(-2, 4, 7)


class TransferLogisticRegression(_PredictsByScores, _BaseBiasedLinear):
    """Fit logistic regression that starts from source models and stays near them.

    The penalty pulls the coefficients toward a weighted sum of the source models' coefficients
    instead of toward 0. The weights of the sources are chosen by the log-loss of approximate
    leave-one-out predictions [1]_ on the target rows. A source of weight 0 has no effect. Without a
    source, or with weights of 0, it is :class:`~sklearn.linear_model.LogisticRegression`.

    It helps if target rows are few and a source separates their classes. It hurts if so few target
    rows have labels that a misleading source looks right on them by chance. With rows of one class
    only nothing can be chosen, and a warning says so.

    Parameters
    ----------
    source : classifier or list of classifiers, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. None: the source models are those of the source rows.
    C : float or "auto", default="auto"
        The inverse of the strength of the penalty. "auto" is chosen together with `beta` by the
        approximate leave-one-out log-loss, among 7 values relative to the size of `X`. It is 1.0
        without a source, or if all weights are 0.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source: a number, the same for each, or one each. "auto" chooses them.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalized.
    source_estimator : classifier, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.linear_model.LogisticRegression` with these parameters.
    tol : float, default=1e-4
        The largest entry of the gradient of the mean loss at which iterations end.
    max_iter : int, default=1000
        The most iterations of L-BFGS.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows and of the models in `source`.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The coefficients, with those of linear sources. If a source is not linear, its scores are
        added by `decision_function`.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The intercepts, with those of linear sources.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source, in the order of `sources_`.
    C_ : float
        The inverse of the strength of the penalty.
    n_iter_ : ndarray of shape (1,)
        The number of iterations of the last fit.
    sources_ : list of classifiers
        The models in `source`, then one for each source domain, by name.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If the target rows are of one class, so that all sources get equal weights.
    ConvergenceWarning
        If `max_iter` iterations are not enough.

    See Also
    --------
    TransferRidgeClassifier : The same with the square loss, without iterations.

    Notes
    -----
    With source scores f_k it minimizes
    ``sum_i s_i loss(y_i, sum_k beta_k f_k(x_i) + x_i W + b) + ||W||^2 / (2 C)``, with
    `sample_weight` s. Sources are read as for `TransferRidgeClassifier`. A small penalty
    on the distance of `beta` from equal weights keeps it finite if target rows can be separated.

    If only some of the classes have target rows, the loss is that among these. The scores of the
    others stay those of the sources, ``sum_k beta_k f_k``.

    References
    ----------
    .. [1] K. Rahnama Rad, A. Maleki, "A scalable estimate of the out-of-sample prediction error via
       approximate leave-one-out cross-validation", JRSS B 82(4), 2020.
       https://arxiv.org/abs/1801.10243

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import TransferLogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.normal(size=(n, 20)) for n in (500, 20, 500))
    >>> rule = rng.normal(size=20)
    >>> source = LogisticRegression().fit(X_old, X_old @ rule > 0)
    >>> rule += 0.3 * rng.normal(size=20)
    >>> y, y_new = X @ rule > 0, X_new @ rule > 0
    >>> round(LogisticRegression().fit(X, y).score(X_new, y_new), 2)
    0.78
    >>> round(TransferLogisticRegression(source).fit(X, y).score(X_new, y_new), 2)
    0.86
    """

    _parameter_constraints: dict = {
        **_BaseBiasedLinear._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        source=None,
        *,
        C="auto",
        beta="auto",
        positive=True,
        fit_intercept=True,
        source_estimator=None,
        tol=1e-4,
        max_iter=1000,
    ):
        self.source = source
        self.C = C
        self.beta = beta
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.source_estimator = source_estimator
        self.tol = tol
        self.max_iter = max_iter

    def _default_C(self):
        return 1.0 if isinstance(self.C, str) else self.C

    def _plain(self, rows):
        return LogisticRegression(
            C=self._default_C(),
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )

    def _fit_plain(self, target):
        model = self._plain(target).fit(target.X, target.labels, sample_weight=target.sample_weight)
        self.C_, self.n_iter_ = self._default_C(), model.n_iter_
        return model.coef_.T, model.intercept_

    def _fit_correction(self, target, outputs, beta):
        n_features, n_columns = target.X.shape[1], outputs.shape[2]
        self.C_, self.n_iter_ = self._default_C(), np.zeros(1, dtype=int)
        coefficients = np.zeros((n_features + 1, n_columns))
        columns = self._columns_with_rows(target.labels, n_columns)
        if columns is None:
            beta = self._undecided(len(outputs)) if beta is None else beta
            return beta, coefficients[:-1], coefficients[-1]
        codes = self._codes(target.labels, classes=self.classes_, low=0.0)[:, columns]
        outputs = outputs[:, :, columns]
        if beta is None or isinstance(self.C, str):
            C, beta = self._choose(target, codes, outputs, beta)
            self.C_ = C if beta.any() else self._default_C()
        found, n_iter, converged = fit_with_offset(
            target.X,
            codes,
            np.tensordot(beta, outputs, axes=1),
            target.weights,
            penalty=1 / self.C_,
            fit_intercept=self.fit_intercept,
            start=np.zeros((n_features + 1, len(columns))),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        coefficients[:, columns] = found
        self.n_iter_ = np.array([n_iter])
        if not converged:
            warn(
                f"TransferLogisticRegression did not converge in max_iter={self.max_iter} "
                "iterations; scale X, for example with StandardScaler, or increase max_iter.",
                ConvergenceWarning,
            )
        return beta, coefficients[:-1], coefficients[-1]

    def _choose(self, target, codes, outputs, beta):
        """Return C and the weights of sources of least approximate leave-one-out log-loss."""
        space = row_space(target.X, np.ones(len(codes)), fit_intercept=False)
        penalties = [1 / self._default_C()]
        if isinstance(self.C, str) and space.scale > 0:
            penalties = space.scale / 4 * _RELATIVE_PENALTIES[::-1]
        penalty, beta = choose_by_leave_one_out(
            space.vectors * np.sqrt(space.squares),
            codes,
            outputs,
            target.weights,
            penalties=penalties,
            beta=beta,
            positive=self.positive,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        return float(1 / penalty), beta

    def _write_decisions(self, graph):
        return super()._write_onnx(graph)

    def _write_onnx(self, graph):
        scores = super()._write_onnx(graph)
        if len(self.classes_) == 2:  # the logistic function is the softmax of half of the scores
            scores = graph.add("Mul", scores, np.float64(0.5))
        return graph.add("Softmax", scores, axis=1)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        said = probabilities(self._outputs(X))
        return np.hstack([1 - said, said]) if said.shape[1] == 1 else said

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return np.log(self.predict_proba(X))
