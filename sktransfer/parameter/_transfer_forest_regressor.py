"""TransferForestRegressor: the trees of source forests of numbers, changed by target rows."""

from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from sktransfer._random import generator
from sktransfer.parameter._base_transfer_forest import _BaseTransferForest
from sktransfer.parameter._labels_of_sources import _ReadsNumbers

# The share of the features that a node tries, without which trees without bootstrap are the same.
_TRIED = 1 / 3


class TransferForestRegressor(_ReadsNumbers, _BaseTransferForest):
    """Change each tree of source forests of numbers by target rows.

    It is :class:`TransferForestClassifier` for numbers. The paper [1]_ has classes alone: see Notes
    for the counterpart of each step. Without a source it is
    :class:`~sklearn.ensemble.RandomForestRegressor` without bootstrap, a third of the features at a
    time.

    It helps if the target has the structure of the source and other thresholds, as after a drift of
    a sensor. It hurts if target rows are few, because all leaves have the numbers of target rows.
    With a handful of them the source alone, or :class:`TransferStackingRegressor` with
    ``mode="residual"``, is better.

    Parameters
    ----------
    source : tree, forest or list of these, default=None
        Fitted DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor or
        ExtraTreesRegressor of scikit-learn, for the same columns. They are read, never fitted
        again, and clones of this estimator share them. None: the source models are those of the
        source rows.
    method : {"ser", "strut", "mix"}, default="mix"
        How a tree is changed. "mix" has both trees for each of the sources.
    n_estimators : int, default=100
        The number of trees of a forest that is fitted here.
    source_estimator : tree or forest, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.ensemble.RandomForestRegressor` with `n_estimators`, a third of the
        features and without bootstrap, whose result does not depend on the order of rows.
    random_state : int, RandomState instance or None, default=None
        Seeds the forests that are fitted here, and the features that SER tries.

    Attributes
    ----------
    trees_ : list
        The trees, each with the arrays `left`, `right`, `feature`, `threshold` and `values`.
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
        If all target rows have the same number. The trees of the sources are then kept as they are.

    See Also
    --------
    TransferForestClassifier : The method, for classes.
    TransferStackingRegressor : Any regressor next to the outputs of sources.

    Notes
    -----
    These choices for numbers are ours, not the paper's. Errors are squared errors, and the gain is
    the reduction of variance. The divergence is the squared Hellinger distance of two normal
    distributions, that of a source child and that of a target child. Their means and variances are
    relative to the mean and the variance of the node, of the source or of the target. A gain or an
    offset of the labels thus changes no threshold. The distribution of a source child is that of
    the leaves below it. A variance counts as 1 % of that of the node at least.

    References
    ----------
    .. [1] N. Segev, M. Harel, S. Mannor, K. Crammer, R. El-Yaniv, "Learn on Source, Refine on
       Target: A Model Transfer Learning Framework with Random Forests", IEEE TPAMI 39(9), 2017.
       https://arxiv.org/abs/1511.01258

    Examples
    --------
    A drift has moved the thresholds of all columns, and has a gain:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sktransfer import TransferForestRegressor
    >>> def rule(X, drift):
    ...     jumps = (X[:, 3] > drift) + 2 * X[:, 2] * (X[:, 1] > drift)
    ...     return np.sin(4 * (X[:, 0] - drift)) + jumps
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.uniform(-1, 1, size=(n, 4)) for n in (1000, 60, 1000))
    >>> forest = RandomForestRegressor(50, random_state=0)
    >>> source = RandomForestRegressor(50, random_state=0).fit(X_old, rule(X_old, 0))
    >>> y, y_new = (2 * rule(Z, 0.3) for Z in (X, X_new))
    >>> round(source.score(X_new, y_new), 2), round(forest.fit(X, y).score(X_new, y_new), 2)
    (0.32, 0.65)
    >>> model = TransferForestRegressor(source, method="strut").fit(X, y)
    >>> round(model.score(X_new, y_new), 2)
    0.71
    """

    def _plain(self, rows):
        return RandomForestRegressor(
            self.n_estimators,
            max_features=_TRIED,
            bootstrap=False,
            random_state=generator(self.random_state),
        )

    def _tree(self, seed):
        return DecisionTreeRegressor(max_features=_TRIED, random_state=seed)

    def _numbers(self, labels):
        return labels.astype(float)[:, None]

    def predict(self, X):
        """Predict the number of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The mean of the means in the leaves.
        """
        return self._average(X)[:, 0]
