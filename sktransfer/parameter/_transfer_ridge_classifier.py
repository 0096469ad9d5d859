"""TransferRidgeClassifier: a ridge classifier whose coefficients stay near those of sources."""

import numpy as np
from sklearn.linear_model import RidgeClassifier

from sktransfer.parameter._base_linear_classifier import _PredictsByScores
from sktransfer.parameter._ridge import _BaseTransferRidge


class TransferRidgeClassifier(_PredictsByScores, _BaseTransferRidge):
    """Fit a ridge classifier that starts from source models and stays near them.

    It is `TransferRidge` on codes of classes, 1 for the class of a row and -1 for others. All
    classes share the weight of a source. The weights are chosen by the leave-one-out error on the
    target rows, which has a closed form [1]_. Without a source, or with weights of 0, it is
    :class:`~sklearn.linear_model.RidgeClassifier`.

    It helps if target rows are few and a source separates their classes. It hurts if so few target
    rows have labels that a misleading source looks right on them by chance. With one row nothing
    can be chosen, and a warning says so.

    Parameters
    ----------
    source : classifier or list of classifiers, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. None: the source models are those of the source rows.
    alpha : float or "auto", default="auto"
        The strength of the penalty. "auto" is chosen together with `beta` by the leave-one-out
        error, among 13 values relative to the variance of `X`. It is 1.0 without a source, or if
        all weights are 0.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source: a number, the same for each, or one each. "auto" chooses them.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalized.
    source_estimator : classifier, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.linear_model.RidgeClassifier` with this `fit_intercept`, and `alpha` if it
        is a number.

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
    alpha_ : float
        The strength of the penalty.
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
        If there is one target row or one class in them, so that all sources get equal weights.

    See Also
    --------
    TransferRidge : The formula, and how sources are read.
    TransferLogisticRegression : The same with the logistic loss, which gives probabilities.

    Notes
    -----
    A class that no target row has keeps the score of the sources,
    ``sum_k beta_k f_k + min(sum_k beta_k - 1, 0)``: -1 if all weights are 0.

    A source is read through its `decision_function`, else as 2 p - 1 for its probabilities p.
    Without both it is 1 for the class that it predicts and -1 for others. Its classes are matched
    by label. A class that it does not know gets 0.

    References
    ----------
    .. [1] T. Tommasi, F. Orabona, B. Caputo, "Safety in Numbers: Learning Categories from Few
       Examples with Multi Model Knowledge Transfer", CVPR 2010.
       https://doi.org/10.1109/CVPR.2010.5540064

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sktransfer import TransferRidgeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.normal(size=(n, 20)) for n in (500, 20, 500))
    >>> rule = rng.normal(size=20)
    >>> source = RidgeClassifier().fit(X_old, X_old @ rule > 0)
    >>> rule += 0.3 * rng.normal(size=20)
    >>> y, y_new = X @ rule > 0, X_new @ rule > 0
    >>> round(RidgeClassifier().fit(X, y).score(X_new, y_new), 2)
    0.69
    >>> round(TransferRidgeClassifier(source).fit(X, y).score(X_new, y_new), 2)
    0.83
    """

    def _plain(self, rows):
        return RidgeClassifier(alpha=self._default_alpha(), fit_intercept=self.fit_intercept)

    def _numbers(self, labels):
        return self._codes(labels, classes=self.classes_, low=-1.0)

    def _fit_correction(self, target, outputs, beta):
        shape = target.X.shape[1], outputs.shape[2]
        columns = self._columns_with_rows(target.labels, shape[1])
        if columns is None:
            self.alpha_ = self._default_alpha()
            beta = self._undecided(len(outputs)) if beta is None else beta
            return beta, np.zeros(shape), np.zeros(shape[1])
        numbers = self._numbers(target.labels)[:, columns]
        beta, found, found_intercepts = self._fit_numbers(
            target, numbers, outputs[:, :, columns], beta
        )
        coefficients, intercepts = np.zeros(shape), np.full(shape[1], min(beta.sum() - 1, 0.0))
        coefficients[:, columns], intercepts[columns] = found, found_intercepts
        return beta, coefficients, intercepts
