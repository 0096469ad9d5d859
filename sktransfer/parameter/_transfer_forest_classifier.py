"""TransferForestClassifier: the trees of source forests, changed by target rows."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from sktransfer._random import generator
from sktransfer.parameter._base_transfer_forest import _BaseTransferForest
from sktransfer.parameter._labels_of_sources import _ReadsClasses


class TransferForestClassifier(_ReadsClasses, _BaseTransferForest):
    """Change each tree of source forests by target rows.

    SER grows the leaves of a source tree on the target rows and cuts subtrees that help none of
    them. STRUT keeps the features of the nodes and chooses their thresholds again. MIX is the union
    of both forests [1]_. Without a source it is :class:`~sklearn.ensemble.RandomForestClassifier`
    without bootstrap.

    It helps if the target has the structure of the source and other thresholds, as after a drift of
    a sensor. It hurts if target rows are few, because all leaves have the labels of target rows.
    With a handful of them the source alone, or :class:`TransferStackingClassifier`, is better.

    Parameters
    ----------
    source : tree, forest or list of these, default=None
        Fitted DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier or
        ExtraTreesClassifier of scikit-learn, for the same columns. They are read, never fitted
        again, and clones of this estimator share them. None: the source models are those of the
        source rows.
    method : {"ser", "strut", "mix"}, default="mix"
        How a tree is changed. "mix" has both trees for each of the sources.
    n_estimators : int, default=100
        The number of trees of a forest that is fitted here.
    source_estimator : tree or forest, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.ensemble.RandomForestClassifier` with `n_estimators` and without bootstrap,
        whose result does not depend on the order of rows.
    random_state : int, RandomState instance or None, default=None
        Seeds the forests that are fitted here, and the features that SER tries.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows and of the models in `source`.
    trees_ : list
        The trees, each with the arrays `left`, `right`, `feature`, `threshold` and `values`.
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
        If target rows have one class. The trees of the sources are then kept as they are.

    See Also
    --------
    TransferForestRegressor : The same for numbers.
    TransferStackingClassifier : Any classifier next to the scores of sources.

    Notes
    -----
    SER grows a leaf on the target rows that reach it, without limits, on the square root of the
    number of features at a time. From the leaves up, a subtree becomes a leaf if that makes no more
    errors on the target rows. A subtree that no target row reaches becomes a leaf with the source's
    class proportions. The program of the authors uses those of its parent node there.

    STRUT visits a source tree from the root. Among the thresholds at which the information gain on
    target rows has a local maximum, it takes that of the largest divergence gain,
    ``1 - sum_side n_side / n JSD(source_side, target_side)`` in bits. Its children change sides if
    that gains more. A node whose target rows have one class, or one value of the feature, becomes a
    leaf. A leaf that no target row reaches has the proportions of its parent.

    Every tree is changed by all target rows, as in the paper. Rows are compared in float32, as in
    scikit-learn.

    References
    ----------
    .. [1] N. Segev, M. Harel, S. Mannor, K. Crammer, R. El-Yaniv, "Learn on Source, Refine on
       Target: A Model Transfer Learning Framework with Random Forests", IEEE TPAMI 39(9), 2017.
       https://arxiv.org/abs/1511.01258

    Examples
    --------
    A drift has moved the thresholds of all columns:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sktransfer import TransferForestClassifier
    >>> rng = np.random.default_rng(1)
    >>> X_old, X, X_new = (rng.uniform(-1, 1, size=(n, 4)) for n in (1000, 100, 1000))
    >>> forest = RandomForestClassifier(50, random_state=0)
    >>> source = RandomForestClassifier(50, random_state=0)
    >>> source = source.fit(X_old, X_old[:, :3].prod(axis=1) > 0)
    >>> y, y_new = ((Z[:, :3] - 0.3).prod(axis=1) > 0 for Z in (X, X_new))
    >>> round(source.score(X_new, y_new), 2), round(forest.fit(X, y).score(X_new, y_new), 2)
    (0.68, 0.68)
    >>> model = TransferForestClassifier(source, random_state=0).fit(X, y)
    >>> round(model.score(X_new, y_new), 2)
    0.7
    """

    def _plain(self, rows):
        return RandomForestClassifier(
            self.n_estimators, bootstrap=False, random_state=generator(self.random_state)
        )

    def _tree(self, seed):
        return DecisionTreeClassifier(max_features="sqrt", random_state=seed)

    def _numbers(self, labels):
        return np.where(labels[:, None] == self.classes_, 1.0, 0.0)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The mean of the class proportions in the leaves, in the order of `classes_`.
        """
        return self._average(X)

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The class of the largest probability.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]
