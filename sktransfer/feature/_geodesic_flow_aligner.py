"""GeodesicFlowAligner: features shared by all subspaces between the source's and the target's."""

from numbers import Integral

from sklearn.base import ClassNamePrefixFeaturesOutMixin

from sktransfer._domains import TARGET
from sktransfer._kernels.subspaces import (
    Subspace,
    SubspaceMap,
    flow_root,
    geodesic_flow,
    principal_subspace_of,
)
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval
from sktransfer.feature._base_streaming_aligner import _BaseStreamingAligner
from sktransfer.feature._clipping import store_n_components


class GeodesicFlowAligner(ClassNamePrefixFeaturesOutMixin, _BaseStreamingAligner):
    """Project on all the subspaces on the path from each source's to the target's.

    The geodesic flow kernel (GFK): the shortest path in the space of subspaces joins the principal
    subspaces of source and target. Rows are compared by ``x G x'^T``, the mean of their inner
    products in all the subspaces on that path. The output is ``(x - mean) G^1/2`` with the mean of
    the row's domain, in as many columns as the rank of ``G``. Ordinary inner products and Euclidean
    distances of the output are therefore those of the kernel. No label is read.

    It helps if the main directions of the domains differ gradually (pose, light, wear). Directions
    that both domains have count in full, and directions that only one has count in part. It hurts
    if the strongest variation is not that of the classes, or if a domain has too few rows to
    determine its axes. It also hurts with many components: as they fill the feature space, ``G``
    becomes the identity. Use at most half of the features. It does not match scales: standardize
    each domain first, or put a `MomentAligner` before it.

    Parameters
    ----------
    n_components : int, default=20
        The dimension of the subspaces. It is clipped to the number of features and to the number of
        directions in which the rows of each domain vary. A number above that of the columns gives a
        warning, unless it is the default.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each domain, "target" included, by name: ``maps_["amazon"](X)`` maps an array of
        shape (n_samples, n_features) to the common space. The maps differ only in their means.
    root_ : ndarray of shape (n_features, n_features_out)
        The matrix of all maps; ``root_ @ root_.T`` is ``G``.
    angles_ : dict of str to ndarray of shape (n_components_,)
        The principal angles between the subspace of each source and the target's, in radians, in
        increasing order. 0 is a common direction. ``pi / 2`` is a direction that the other subspace
        lacks.
    n_components_ : int
        The dimension of the subspaces. The result has between this number of columns and
        ``(number of sources + 1) * n_components_``.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    SubspaceAligner : Rotates the source's subspace into the target's in one step.
    MomentAligner : Matches the scales of the features.

    Notes
    -----
    The integral over the path is computed in closed form, without an array of shape (n_features,
    n_features). The output is in the basis that begins with the target's axes. Equal domains
    therefore give principal component analysis, and so does ``sample_domain=None``, which makes
    every row a target row. Multiplied by the transpose of that basis, the output is ``(x - mean)
    G^1/2`` in the original features. With several sources, ``G`` is the mean of their flows to the
    target.

    Each domain is centered with its own mean, in `fit` and in `transform`. A domain of fewer than
    two rows is an error. Computed in float64; the output keeps the dtype of the input.
    `partial_fit` takes the rows in batches, and `merge` joins parts that different machines have
    seen. Both continue only an earlier `partial_fit`. They keep sums, which are
    as large as the covariances or as the rows, if these are smaller (rows can then be read from
    them). `fit` keeps only the maps.

    `fit` also takes an array or a data frame of Dask, block by block, and `transform` maps one
    lazily.

    Under ``sklearn.config_context(array_api_dispatch=True)``, `X` may be a torch tensor or an array
    of any other library of the array API standard, on any device with double precision. The result
    is then of the same library.

    Sparse input is supported and is not made dense: it is centered implicitly. Its first axes are
    found by Lanczos iterations, which cost as much as the same number of products with the rows.
    Mapped rows are dense.

    References
    ----------
    B. Gong, Y. Shi, F. Sha and K. Grauman, "Geodesic flow kernel for unsupervised domain
    adaptation", CVPR 2012. https://doi.org/10.1109/CVPR.2012.6247911

    Examples
    --------
    The source varies along one line and the target along another, 60 degrees away:

    >>> import numpy as np
    >>> from sktransfer import GeodesicFlowAligner
    >>> line = np.array([[-1.0], [0.0], [1.0]])
    >>> X = np.concatenate([line * [[1.0, 0.0]], line * [[0.5, np.sqrt(0.75)]]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = GeodesicFlowAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> np.degrees(aligner.angles_["old"]).round(6)
    array([60.])

    The kernel is the mean over all lines in between. A row half way, at 30 degrees, counts most:

    >>> X_between = np.array([[np.sqrt(0.75), 0.5], [1.0, 0.0], [0.0, 1.0]])
    >>> (X_between @ aligner.root_ @ aligner.root_.T @ X_between.T).diagonal().round(2)
    array([0.91, 0.71, 0.29])
    """

    _parameter_constraints: dict = {"n_components": [Interval(Integral, 1, None, closed="left")]}

    _learned = ("maps_", "root_", "angles_", "n_components_")

    # One row varies in no direction.
    _needs = Needs(array_api=True, sparse=True, min_rows=2, min_domain_rows=2)

    _no_onnx = None

    def __init__(self, n_components=20):
        self.n_components = n_components

    def _learn(self, sources, target):
        spaces = {
            name: principal_subspace_of(part, self.n_components)
            for name, part in {**sources, TARGET: target}.items()
        }
        store_n_components(self, min(space.n_axes for space in spaces.values()))
        spaces = {
            name: Subspace(mean, axes[:, : self.n_components_])
            for name, (mean, axes) in spaces.items()
        }
        target = spaces[TARGET]
        flows = {name: geodesic_flow(spaces[name], target) for name in sources}
        self.angles_ = {name: flow.angles for name, flow in flows.items()}
        self.root_ = (
            flow_root([spaces[name] for name in sources], target, list(flows.values()))
            if sources
            else target.axes
        )
        self.maps_ = {name: SubspaceMap(space.mean, self.root_) for name, space in spaces.items()}

    def _write_onnx(self, graph):
        mean, matrix = self.maps_[graph.domain]
        return graph.affine(matrix, -mean @ matrix)

    def _transform_domain(self, X, name):
        return self.maps_[name](X)

    @property
    def _n_features_out(self):
        return self.root_.shape[1]
