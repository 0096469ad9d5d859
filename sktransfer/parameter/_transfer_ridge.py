"""TransferRidge: ridge regression whose coefficients stay near those of source models."""

from sklearn.linear_model import Ridge

from sktransfer.parameter._labels_of_sources import _ReadsNumbers
from sktransfer.parameter._ridge import _BaseTransferRidge


class TransferRidge(_ReadsNumbers, _BaseTransferRidge):
    """Fit ridge regression that starts from source models and stays near them.

    The penalty pulls the coefficients toward a weighted sum of the source models' coefficients
    instead of toward 0. The weights of the sources minimize the leave-one-out error on the target
    rows, which has a closed form [1]_. A prior of equal weights is added. The prior decides if rows
    are few. A source of weight 0 has no effect. Without a source, or with weights of 0, it is
    :class:`~sklearn.linear_model.Ridge`.

    It helps if target rows are few and a source predicts the target up to a factor and a small
    linear correction. It hurts if so few target rows have labels that a misleading source looks
    right on them by chance. With one row nothing can be chosen, and a warning says so. If a source
    differs from the target by more than a linear function, its weight becomes small and little is
    gained.

    Parameters
    ----------
    source : regressor or list of regressors, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. None: the source models are those of the source rows.
    alpha : float or "auto", default="auto"
        The strength of the penalty. "auto" is chosen together with `beta` by the leave-one-out
        error, among 13 values relative to the variance of `X`. It is 1.0 without a source, or if
        all weights are 0.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source: a number, the same for each, or one each. "auto" chooses them.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative. False lets a source that predicts
        the opposite help, at the price of more weights that fit by chance.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalized.
    source_estimator : regressor, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.linear_model.Ridge` with this `fit_intercept`, and `alpha` if it is a
        number.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, with those of linear sources. If a source is not linear, its output is
        added by `predict`.
    intercept_ : float
        The intercept, with those of linear sources.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source, in the order of `sources_`.
    alpha_ : float
        The strength of the penalty.
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
    TransferRidgeClassifier : The same for classes.
    DomainAugmenter : Fits source and target rows together, if the source rows are at hand.

    Notes
    -----
    With source functions f_k it minimizes, over w and b,
    ``sum_i s_i (y_i - sum_k beta_k f_k(x_i) - x_i w - b)^2 + alpha ||w||^2``, with `sample_weight`
    s. If each source is linear, ``f_k(x) = x w_k + b_k``, this is
    ``alpha ||w' - sum_k beta_k w_k||^2`` for the coefficients w' of the sum. A linear model of
    scikit-learn is read by its coefficients, also after StandardScaler, MinMaxScaler or
    MaxAbsScaler in a Pipeline; any other by its predictions.

    `beta` minimizes the leave-one-out error plus ``4 K v sum_k (beta_k - 1 / K)^2`` for K sources,
    with the leave-one-out variance v of the labels. This is a normal prior whose sum has the mean 1
    and the standard deviation 1/2.

    References
    ----------
    .. [1] T. Tommasi, F. Orabona, B. Caputo, "Safety in Numbers: Learning Categories from Few
       Examples with Multi Model Knowledge Transfer", CVPR 2010.
       https://doi.org/10.1109/CVPR.2010.5540064

    Examples
    --------
    A colleague's model knows the slopes, and six new rows correct them:

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sktransfer import TransferRidge
    >>> rng = np.random.default_rng(0)
    >>> X_old = rng.normal(size=(200, 5))
    >>> source = Ridge().fit(X_old, X_old @ [3.0, -2.0, 1.0, 0.0, 4.0])
    >>> X, X_new = rng.normal(size=(6, 5)), rng.normal(size=(100, 5))
    >>> rule = [3.0, -2.0, 1.0, 1.0, 4.0]
    >>> round(Ridge().fit(X, X @ rule).score(X_new, X_new @ rule), 2)
    0.57
    >>> model = TransferRidge(source).fit(X, X @ rule)
    >>> round(model.score(X_new, X_new @ rule), 2), model.source_weights_.round(1)
    (1.0, array([0.8]))
    """

    def _plain(self, rows):
        return Ridge(alpha=self._default_alpha(), fit_intercept=self.fit_intercept)

    def _keep(self, coefficients, intercepts):
        self.coef_, self.intercept_ = coefficients[:, 0], float(intercepts[0])

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
        return self._outputs(X)[:, 0]
