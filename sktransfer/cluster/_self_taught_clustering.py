"""SelfTaughtClustering: clusters of target rows, by clusters of features shared with other rows."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse

from sktransfer._kernels.co_clusters import divergence_costs, grouped, shared_co_clusters
from sktransfer._kernels.rows import order_of_rows
from sktransfer._needs import Needs
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.cluster._base_clusterer import _BaseClusterer


class SelfTaughtClustering(_BaseClusterer):
    """Cluster target rows of counts, with feature clusters that source rows without labels share.

    Rows and features are clustered together so that the clusters keep as much mutual information
    as they can. The target and the sources have row clusters of their own and the same feature
    clusters. Features of which the target has seen little are grouped by the source. No label is
    read.

    It helps if target rows are few and sparse, and the source has the same groups of features. It
    hurts if they group otherwise there, such as pixels of other shapes or words of other topics.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters of target rows.
    n_source_clusters : int or None, default=None
        The number of clusters of source rows. None: `n_clusters`.
    n_feature_clusters : int, default=20
        The number of clusters of features, at most `n_features`.
    source_weight : float, default=1.0
        The weight of the source's loss of information. 0: the target alone.
    n_init : int, default=10
        The number of random starts. The result with the smallest loss is kept.
    max_iter : int, default=100
        The largest number of iterations of a start.
    random_state : int, RandomState instance or None, default=None
        Draws the rows and features that clusters start from.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), dtype int
        The cluster of each row of `fit`: -1 for a source row.
    source_labels_ : ndarray of shape (n_samples,), dtype int
        The cluster of each source row: -1 for a target row.
    feature_labels_ : ndarray of shape (n_features_in_,), dtype int
        The cluster of each feature.
    objective_ : list of float
        The loss of information, in nats, after each iteration of the best start. It never
        increases.
    n_iter_ : int
        The number of iterations of the best start.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    Raises
    ------
    ValueError
        If `X` has negative values, if a domain has no value above 0, or if there are fewer target
        rows than clusters.

    See Also
    --------
    TransferredDiscriminantAnalysis : Clusters of any numbers, with labels of the source.
    SelfTaughtEncoder : Features from source rows without labels.

    Notes
    -----
    All sources are one table. With ``sample_domain=None`` there is no source, and this is
    co-clustering by information (Dhillon, Mallela, Modha, KDD 2003). If distinct rows are fewer
    than clusters, some clusters are not used. A row of zeros has no distribution and may get any
    cluster.

    The definition of the loss and the example of its approximation are those of the paper, of
    which only these pages could be read. The start by distant seeds, as in k-means++, the
    restarts, and the new seed of an empty cluster are choices made here.

    References
    ----------
    W. Dai, Q. Yang, G.-R. Xue, Y. Yu, "Self-taught clustering", ICML 2008.
    https://doi.org/10.1145/1390156.1390182

    Examples
    --------
    The words 0 and 1 never occur together in the target, nor 2 and 3. The source shows which belong
    together:

    >>> import numpy as np
    >>> from sktransfer import SelfTaughtClustering
    >>> X_target = np.array([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]])
    >>> X_old = np.array([[1, 1, 0, 0], [2, 1, 0, 0], [0, 0, 1, 2], [0, 0, 1, 1]])
    >>> X = np.concatenate([X_old, X_target])
    >>> sample_domain = ["old"] * 4 + ["target"] * 4
    >>> clustering = SelfTaughtClustering(2, n_feature_clusters=2, random_state=0)
    >>> labels = clustering.fit_predict(X, sample_domain=sample_domain)
    >>> labels[4:] == labels[4]
    array([ True,  True, False, False])
    """

    _needs = Needs(sparse=True)

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_source_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "n_feature_clusters": [Interval(Integral, 1, None, closed="left")],
        "source_weight": [Interval(Real, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        n_source_clusters=None,
        n_feature_clusters=20,
        source_weight=1.0,
        n_init=10,
        max_iter=100,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_source_clusters = n_source_clusters
        self.n_feature_clusters = n_feature_clusters
        self.source_weight = source_weight
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit_rows(self, X, y, domains):
        self._check_clusters(domains)
        parts = {"target": domains.is_target}
        if domains.sources:
            parts["source"] = ~domains.is_target
        places, tables = [], []
        for whose, mask in parts.items():
            rows = np.flatnonzero(mask)
            rows = rows[order_of_rows(X[rows])]  # the order of the input means nothing
            places.append(rows)
            tables.append(_joint(X[rows], whose, type(self).__name__))
        n_features = min(self.n_feature_clusters, X.shape[1])
        n_source = self.n_clusters if self.n_source_clusters is None else self.n_source_clusters
        counts = [self.n_clusters, n_source][: len(tables)]
        rng = generator(self.random_state)
        runs = [
            shared_co_clusters(
                tables,
                [1.0, self.source_weight][: len(tables)],
                counts,
                n_features,
                max_iter=self.max_iter,
                generator=rng,
            )
            for _ in range(self.n_init)
        ]
        labels, self.feature_labels_, self.objective_ = min(runs, key=lambda run: run[2][-1])
        self.n_iter_ = len(self.objective_)
        labels = [_without_gaps(each) for each in labels]
        self._store_labels(labels[0], places[0], X.shape[0])
        self.source_labels_ = np.full(X.shape[0], -1)
        if domains.sources:
            self.source_labels_[places[1]] = labels[1]
        by_row = grouped(tables[0], labels[0], labels[0].max() + 1)
        self._cluster_masses = grouped(by_row.T, self.feature_labels_, n_features).T

    def _nearest(self, X):
        _check_counts(X, type(self).__name__)
        X = X / max(X.max(), 1e-300)
        masses = grouped(X.T, self.feature_labels_, self._cluster_masses.shape[1]).T
        return divergence_costs([masses], [1.0], [self._cluster_masses]).argmin(axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def _joint(X, whose, name):
    """Return the rows as a table whose sum is 1."""
    _check_counts(X, name)
    X = (csr_array(X) if issparse(X) else X).astype(np.float64)
    largest = X.max()
    if largest == 0:
        raise ValueError(
            f"{name} reads counts, but the {whose} rows of X are all 0; pass rows with a value "
            "above 0."
        )
    X = X / largest
    return X / X.sum()


def _check_counts(X, name):
    smallest = X.min()
    if smallest < 0:
        raise ValueError(
            f"Negative values in data passed to X of {name}, which reads counts, but the smallest "
            f"is {smallest:.3g}; pass counts, or subtract the minimum of each column."
        )


def _without_gaps(labels):
    """Return labels from 0, in their order, without those that no row has."""
    return np.unique(labels, return_inverse=True)[1]
