"""AdaptiveSVR: a support vector machine that corrects source models of numbers."""

from numbers import Real

import numpy as np
from sklearn.svm import SVR

from sktransfer._sklearn import Interval
from sktransfer.parameter._adaptive_svm import _BaseAdaptiveSVM, fit_machine
from sktransfer.parameter._labels_of_sources import _ReadsNumbers
from sktransfer.parameter._machines_onnx import write_machine


class AdaptiveSVR(_ReadsNumbers, _BaseAdaptiveSVM):
    """Correct source models by a support vector machine on the numbers that they leave.

    The prediction is a weighted sum of the sources' predictions plus a function of a kernel. This
    function is as small as the target rows allow: the adaptive machine of [1]_ for numbers. Any
    fitted regressor can be a source. Without a source it is :class:`~sklearn.svm.SVR`.

    It helps if a source is right up to a smooth correction, which few target rows can teach. It
    hurts if target rows are so few that a misleading source looks right on them by chance. It also
    hurts if the correction is not smooth on the scale of the kernel.

    Parameters
    ----------
    source : regressor or list of regressors, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. None: the source models are those of the source rows.
    C : float, default=1.0
        The weight of errors against the size of the correction.
    kernel : {"linear", "poly", "rbf", "sigmoid"} or callable, default="rbf"
        As in :class:`~sklearn.svm.SVR`.
    degree : int, default=3
        The degree of "poly".
    gamma : {"scale", "auto"} or float, default="scale"
        As in :class:`~sklearn.svm.SVR`, but "scale" counts each row as often as it weighs.
    coef0 : float, default=0.0
        The constant of "poly" and "sigmoid".
    epsilon : float, default=0.1
        Errors up to this one do not count.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source: a number, the same for each, or one each. "auto" chooses them by
        the leave-one-out error of kernel ridge regression with the penalty 1 / C.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    tol : float, default=1e-9
        The tolerance of the solver. Rows that are not scaled may need a larger one.
    source_estimator : regressor, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.svm.SVR` with these parameters.

    Attributes
    ----------
    correction_ : SVR
        The function that is added to the sources.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source, in the order of `sources_`.
    sources_ : list of regressors
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
        If there is one target row, so that all sources get equal weights.

    See Also
    --------
    AdaptiveSVC : The same for classes.
    TransferRidge : A linear correction, with its penalty chosen too.

    References
    ----------
    .. [1] J. Yang, R. Yan, A. G. Hauptmann, "Cross-domain video concept detection using adaptive
       SVMs", ACM Multimedia 2007. https://doi.org/10.1145/1291233.1291276

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVR
    >>> from sktransfer import AdaptiveSVR
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.uniform(-3, 3, size=(n, 1)) for n in (200, 8, 500))
    >>> source = SVR(C=100).fit(X_old, np.sin(3 * X_old[:, 0]))
    >>> y, y_new = (np.sin(3 * rows[:, 0]) + rows[:, 0] / 2 for rows in (X, X_new))
    >>> round(SVR(C=10).fit(X, y).score(X_new, y_new), 2)
    0.54
    >>> round(AdaptiveSVR(source, C=10).fit(X, y).score(X_new, y_new), 2)
    0.97
    """

    _parameter_constraints: dict = {
        **_BaseAdaptiveSVM._parameter_constraints,
        "epsilon": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        source=None,
        *,
        C=1.0,
        kernel="rbf",
        degree=3,
        gamma="scale",
        coef0=0.0,
        epsilon=0.1,
        beta="auto",
        positive=True,
        tol=1e-9,
        source_estimator=None,
    ):
        self.source = source
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.epsilon = epsilon
        self.beta = beta
        self.positive = positive
        self.tol = tol
        self.source_estimator = source_estimator

    def _plain(self, rows):
        return self._machine(SVR, rows, epsilon=self.epsilon)

    def _learn(self, target, sources):
        self._sources, numbers = sources, target.labels[:, None]
        self.source_weights_ = beta = np.zeros(0)
        if sources:
            outputs = self._source_outputs(target.X, target.given_X, sources)
            self.source_weights_ = beta = self._weights(target, numbers, outputs)
            numbers = numbers - np.tensordot(beta, outputs, axes=1)
        self.correction_ = fit_machine(
            self._plain(target), target.X, numbers[:, 0], target.sample_weight
        )

    def _write_onnx(self, graph):
        return graph.sum([write_machine(graph, self.correction_), *self._onnx_sources(graph)])

    def predict(self, X):
        """Predict the number of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        rows, total = self._weighted_outputs(X)
        return self.correction_.predict(rows) + np.ravel(total)
