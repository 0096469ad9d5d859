"""TransferredDiscriminantAnalysis: directions that part source classes and target clusters."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin
from sklearn.cluster import KMeans

from sktransfer._base import _BaseTransformer
from sktransfer._domains import TARGET
from sktransfer._kernels.discriminant_clusters import (
    centers_of,
    class_offsets,
    discriminant_clusters,
    leading_directions,
    nearest_centers,
    whitening_map,
)
from sktransfer._kernels.rows import order_of_rows
from sktransfer._labels import class_codes
from sktransfer._needs import Needs
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.cluster._base_clusterer import _BaseClusterer


class TransferredDiscriminantAnalysis(
    ClassNamePrefixFeaturesOutMixin, _BaseClusterer, ClusterMixin, _BaseTransformer
):
    """Cluster target rows along directions that part labelled source classes.

    The start is the discriminant analysis of the labelled sources. By turns, the target's rows are
    then clustered along the directions, and the directions are computed from source classes and
    target clusters. Distances are in units of the covariance within source classes. Source classes
    may be other ones than those of the target: known persons for pictures of unknown ones. Labels
    of target rows are not read.

    It helps if rows of one class vary much, and in the same directions in both domains. It hurts if
    the classes of the target differ in directions in which source classes vary: k-means of the
    target alone is then better. It was so with handwritten digits.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters of target rows.
    n_components : int or None, default=None
        The number of directions. None: ``n_clusters - 1``, at least 1. It is at most `n_features`,
        and at most the number of source classes and target clusters together, less one for each
        domain.
    source_weight : float, default=1.0
        The weight of the covariance between source classes. That between target clusters has 1.
    ridge : float, default=0.1
        Added to the diagonal of the covariance within source classes, in units of its mean. A large
        one leaves the rows as they are, but for their scale.
    n_init : int, default=10
        The number of random starts of k-means along the first directions.
    max_iter : int, default=100
        The largest number of turns.
    random_state : int, RandomState instance or None, default=None
        Draws the starts of k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), dtype int
        The cluster of each row of `fit`: -1 for a source row.
    components_ : ndarray of shape (n_components_, n_features_in_)
        The directions. A row is mapped to ``(X - mean of its domain) @ components_.T``.
    means_ : dict of str to ndarray of shape (n_features_in_,)
        The mean of each domain, that of the target under ``"target"``.
    cluster_centers_ : ndarray of shape (n_clusters, n_components_)
        The mean of each cluster, along the directions.
    objective_ : list of float
        The sum of the variances between clusters and between classes along the directions, after
        each turn. It never decreases.
    n_components_ : int
        The number of directions.
    n_iter_ : int
        The number of turns.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    Raises
    ------
    ValueError
        If there are fewer target rows than clusters, or a source but none of its rows has a label.

    See Also
    --------
    SelfTaughtClustering : Clusters of counts, without any label.
    TransferComponentAligner : Directions for a classifier of the source's classes.

    Notes
    -----
    Covariances are taken within each domain, so that an offset between domains is no difference
    between classes. Sources have equal weights in the covariance between classes. Source rows
    without a label are left out. With ``sample_domain=None`` there are no classes: the start is
    k-means along the principal components of the target, and distances are those of its rows.

    Only the abstract of the paper could be read. Clusters as labels, the joint analysis with other
    labelled classes, and the turns are from there. The covariance within classes from the source
    alone, its ridge, the weight and the start are choices made here.

    References
    ----------
    Z. Wang, Y. Song, C. Zhang, "Transferred dimensionality reduction", ECML PKDD 2008.
    https://doi.org/10.1007/978-3-540-87481-2_36

    Examples
    --------
    The source's classes differ in the second column. So do the target's, of which k-means sees the
    first alone:

    >>> import numpy as np
    >>> from sktransfer import TransferredDiscriminantAnalysis
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 40)
    >>> X = rng.normal(size=(80, 2)) * [9, 0.5] + np.outer(y, [0, 4])
    >>> sample_domain = ["old"] * 40 + ["target"] * 40
    >>> model = TransferredDiscriminantAnalysis(n_clusters=2, random_state=0)
    >>> labels = model.fit_predict(X, y, sample_domain=sample_domain)
    >>> pairs, counts = np.unique([labels[40:], y[40:]], axis=1, return_counts=True)
    >>> counts
    array([20, 20])
    """

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "source_weight": [Interval(Real, 0, None, closed="neither")],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _needs = Needs(
        dense_because="it subtracts means",
        source_labels=True,
    )

    _fits_blocks = False  # each row is to get a label

    def __init__(
        self,
        n_clusters=8,
        *,
        n_components=None,
        source_weight=1.0,
        ridge=0.1,
        n_init=10,
        max_iter=100,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.source_weight = source_weight
        self.ridge = ridge
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit_rows(self, X, y, domains):
        self._check_clusters(domains)
        X = X.astype(np.float64)
        self.means_ = {
            name: X[domains.rows(name)].mean(axis=0) for name in (*domains.sources, TARGET)
        }
        rows = domains.rows(TARGET)
        rows = rows[order_of_rows(X[rows])]  # the order of the input means nothing
        target = X[rows] - self.means_[TARGET]
        sources = self._labelled_sources(X, y, domains)
        root, fixed = np.eye(X.shape[1]), np.empty((0, X.shape[1]))
        if sources:
            within = [
                rows - centers_of(rows, codes, codes.max() + 1)[codes] for rows, codes in sources
            ]
            root = whitening_map(within, ridge=self.ridge)
            between = [class_offsets(rows @ root, codes) for rows, codes in sources]
            fixed = np.concatenate(between) * np.sqrt(self.source_weight / len(between))
        target = target @ root
        n_components = self.n_clusters - 1 if self.n_components is None else self.n_components
        n_components = max(n_components, 1)
        start, _ = leading_directions(fixed if len(fixed) else target, n_components)
        kmeans = KMeans(
            self.n_clusters,
            n_init=self.n_init,
            random_state=generator(self.random_state),
        )
        labels = kmeans.fit(target @ start).labels_
        labels = np.unique(labels, return_inverse=True)[1]  # equal rows leave clusters empty
        directions, labels, self.objective_ = discriminant_clusters(
            target, labels, fixed, n_components, max_iter=self.max_iter
        )
        self.components_ = (root @ directions).T
        self.n_components_ = self._n_features_out = len(self.components_)
        self.n_iter_ = len(self.objective_)
        self.cluster_centers_ = centers_of(target @ directions, labels, labels.max() + 1)
        self._store_labels(labels, rows, X.shape[0])

    def _labelled_sources(self, X, y, domains):
        """Return the centered labelled rows of each source, with the codes of their classes."""
        if not domains.sources:
            return []
        _, codes = class_codes(y, reader=type(self).__name__, instead="leave sample_domain out")
        parts = []
        for name in domains.sources:
            rows = domains.rows(name)
            rows = rows[codes[rows] >= 0]
            if len(rows):
                rows = rows[order_of_rows(X[rows], codes=codes[rows])]
                classes = np.unique(codes[rows], return_inverse=True)[1]
                parts.append((X[rows] - X[rows].mean(axis=0), classes))
        return parts

    def _embedded(self, X, name):
        return (X.astype(np.float64) - self.means_[name]) @ self.components_.T

    _no_onnx = None

    def _write_onnx(self, graph):
        rows = graph.add("Sub", graph.rows, self.means_[graph.domain])
        return graph.add("MatMul", rows, self.components_.T)

    def _nearest(self, X):
        return nearest_centers(self._embedded(X, TARGET), self.cluster_centers_)[0]

    def _map_rows(self, X, domains):
        mapped = np.empty((X.shape[0], self.n_components_), dtype=X.dtype)
        for name in (*domains.sources, TARGET):
            rows = domains.rows(name)
            mapped[rows] = self._embedded(X[rows], name)
        return mapped
