"""TransferStackingRegressor: any regressor on target rows next to the outputs of source models."""

import numpy as np
from sklearn.linear_model import Ridge

from sktransfer._kernels.leave_one_out import combination
from sktransfer.parameter._base_transfer_stacking import _BaseTransferStacking
from sktransfer.parameter._labels_of_sources import _ReadsNumbers


class TransferStackingRegressor(_ReadsNumbers, _BaseTransferStacking):
    """Fit any regressor on target rows, with the outputs of source models as more columns.

    It is stacking [1]_ in which the first models come from sources. They have seen no target row,
    so that their outputs on target rows are out-of-fold as they are. With ``mode="residual"`` the
    regressor learns the numbers that a weighted sum of the sources leaves. Without a source it is
    the regressor itself.

    It helps if the relation of the sources to the target is not a factor and a linear correction.
    Trees find the region in which a source is right. It hurts if target rows are fewer than the
    regressor needs to find that the output of a source matters. Then ``mode="residual"`` keeps the
    source, or :class:`TransferRidge` fits the relation with few numbers.

    Parameters
    ----------
    estimator : regressor, default=None
        Fitted on the target rows. None is :class:`~sklearn.linear_model.Ridge`.
    source : regressor or list of regressors, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. They must not have seen the target rows. None: the source
        models are those of the source rows.
    mode : {"outputs", "residual"}, default="outputs"
        "outputs": the columns of `X`, and one more for each source. "residual": the columns of `X`
        alone, and the numbers ``y - sum_k beta_k f_k(x)``.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source in "residual". "auto" chooses them by least squares on the target
        rows, with the prior of :class:`TransferRidge`.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    source_estimator : regressor, default=None
        Fitted on the rows of each source domain, a clone for each. None is `estimator`.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the estimators. None draws fresh entropy and keeps the
        seeds that they have.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source in "residual", in the order of `sources_`; NaN in "outputs",
        in which the regressor weights them by itself.
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
        If there is one target row in "residual", so that all sources get equal weights.

    See Also
    --------
    TransferStackingClassifier : The same for classes.
    TransferRidge : A linear correction, with weights chosen by leave-one-out.

    Notes
    -----
    Sparse rows and missing values are taken if `estimator` and `source_estimator` take them. In
    "outputs" the estimator gets arrays without names of columns if there is a source.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
       https://doi.org/10.1016/S0893-6080(05)80023-1

    Examples
    --------
    The source holds on one side only, which a tree finds:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sktransfer import TransferStackingRegressor
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.uniform(-1, 1, size=(n, 3)) for n in (500, 40, 500))
    >>> source = RandomForestRegressor(random_state=0).fit(X_old, np.sin(5 * X_old).sum(axis=1))
    >>> y, y_new = (np.where(Z[:, 0] > 0, np.sin(5 * Z).sum(axis=1), 2.0) for Z in (X, X_new))
    >>> forest = RandomForestRegressor(random_state=0)
    >>> round(source.score(X_new, y_new), 2), round(forest.fit(X, y).score(X_new, y_new), 2)
    (-0.91, 0.72)
    >>> round(TransferStackingRegressor(forest, source).fit(X, y).score(X_new, y_new), 2)
    0.84
    """

    def _default_estimator(self):
        return Ridge()

    def _kind_of_estimator(self):
        return "regressor"

    def _learn(self, target, sources):
        self._sources, numbers = sources, target.labels
        self.source_weights_ = np.full(len(sources), np.nan)
        if self.mode == "residual" and sources:
            outputs = self._outputs_of(sources, target.X, target.given_X)[:, :, 0]
            self.source_weights_ = self._choose(target, numbers, outputs)
            numbers = numbers - self.source_weights_ @ outputs
        rows = self._rows_for(target.X, target.given_X)
        self.estimator_ = self._fit_part(rows, numbers, target)

    def _choose(self, target, numbers, outputs):
        """Return the weights of sources, given or chosen."""
        beta = self._given_beta(len(outputs))
        if beta is not None:
            return beta
        if len(numbers) == 1:
            return self._undecided(len(outputs))
        root = np.sqrt(target.weights)
        return combination(root * numbers, root * outputs, positive=self.positive)

    def _write_onnx(self, graph):
        *_, said = self._onnx_answers(graph)
        return graph.sum([said, *(self._onnx_sources(graph) if self.mode == "residual" else [])])

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
        rows, given_X = self._read_new(X)
        said = np.asarray(self.estimator_.predict(self._rows_for(rows, given_X)))
        if self.mode == "residual":
            said = said + self._weighted_sources(rows, given_X)[:, 0]
        return said
