"""GeodesicFlowAligner: features that all subspaces between the source's and the target's share."""

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


class GeodesicFlowAligner(ClassNamePrefixFeaturesOutMixin, _BaseStreamingAligner):
    """Project on all the subspaces on the way from each source's to the target's.

    The geodesic flow kernel (GFK): the principal subspaces of source and target are joined by the
    shortest path in the space of subspaces, and rows are compared by the inner product
    ``x G x'^T``, the mean of their inner products in all the subspaces on the way. The rows are
    given such that ordinary inner products and Euclidean distances are those: ``(x - mean) G^1/2``,
    in as many columns as ``G`` has rank, with the mean of the row's domain. No label is read.

    It helps where the domains' main directions differ gradually (pose, light, wear): directions
    that both share count in full, those that only one has count in part. It hurts where the
    strongest variation is not that of the classes, where a domain has too few rows to know its
    axes, and with many components: as they fill the space of features, ``G`` becomes the identity.
    Half of the features is the most that is of use. It does not match scales: standardise each
    domain first, or put a `MomentAligner` before it.

    Parameters
    ----------
    n_components : int, default=20
        The dimension of the subspaces. It is clipped to the number of features and to the number of
        directions in which the rows of each domain vary.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each domain, "target" included, under its name: ``maps_["amazon"](X)`` maps an
        array of shape (n_samples, n_features) to the common space. They differ in their means.
    root_ : ndarray of shape (n_features, n_features_out)
        The matrix of all maps: ``root_ @ root_.T`` is ``G``.
    angles_ : dict of str to ndarray of shape (n_components_,)
        The principal angles between the subspace of each source and the target's, in radians, in
        increasing order: 0 is a direction that both have, pi / 2 one that is foreign to the other.
    n_components_ : int
        The dimension of the subspaces. The result has between this number of columns and
        ``(number of sources + 1) * n_components_``.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Their names, where `X` had names that are all strings.

    See Also
    --------
    SubspaceAligner : Turns the source's subspace into the target's in one step.
    MomentAligner : Matches the scales of the features.

    Notes
    -----
    The integral over the path is computed in closed form, and nothing of the size
    (n_features, n_features) is made of the flow. Rows come back in the basis that begins with the
    target's axes, so that equal domains, and ``sample_domain=None``, where every row is a target
    row, give principal component analysis; multiplied by the transpose of that basis they are
    ``(x - mean) G^1/2`` in the original features. With several sources, ``G`` is the mean of their
    flows to the target.

    Each domain is centred with its own mean, in training and in `transform`. A domain of fewer
    than two rows is an error. Computed in float64; the rows come back in their own dtype.
    `partial_fit` takes the rows in batches, and continues only what `partial_fit` began: the sums
    that it adds to are kept, as large as the covariances or as the rows (whichever are smaller;
    then rows can be read from them), while `fit` keeps the maps alone.

    Under ``sklearn.config_context(array_api_dispatch=True)`` rows may be tensors of torch, or
    arrays of any other library of the array API standard, on any device with double precision: what
    comes back is, too.

    Sparse rows are welcome, and are not made dense: they are centred in what is computed of them.
    Their first axes are found by Lanczos iterations, and cost what as many products with the rows
    do. Mapped rows are dense.

    References
    ----------
    B. Gong, Y. Shi, F. Sha and K. Grauman, "Geodesic flow kernel for unsupervised domain
    adaptation", CVPR 2012. https://doi.org/10.1109/CVPR.2012.6247911

    Examples
    --------
    The source varies along a line, the target along another, 60 degrees away:

    >>> import numpy as np
    >>> from sktransfer import GeodesicFlowAligner
    >>> line = np.array([[-1.0], [0.0], [1.0]])
    >>> X = np.concatenate([line * [[1.0, 0.0]], line * [[0.5, np.sqrt(0.75)]]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = GeodesicFlowAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> np.degrees(aligner.angles_["old"]).round(6)
    array([60.])

    The kernel is that of all lines in between. Half way, at 30 degrees, a row counts most:

    >>> X_between = np.array([[np.sqrt(0.75), 0.5], [1.0, 0.0], [0.0, 1.0]])
    >>> (X_between @ aligner.root_ @ aligner.root_.T @ X_between.T).diagonal().round(2)
    array([0.91, 0.71, 0.29])
    """

    _parameter_constraints: dict = {"n_components": [Interval(Integral, 1, None, closed="left")]}

    _learned = ("maps_", "root_", "angles_", "n_components_")

    # One row varies in no direction.
    _needs = Needs(array_api=True, sparse=True, min_rows=2, min_domain_rows=2)

    def __init__(self, n_components=20):
        self.n_components = n_components

    def _learn(self, sources, target):
        spaces = {
            name: principal_subspace_of(part, self.n_components)
            for name, part in {**sources, TARGET: target}.items()
        }
        self.n_components_ = min(space.n_axes for space in spaces.values())
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

    def _transform_domain(self, X, name):
        return self.maps_[name](X)

    @property
    def _n_features_out(self):
        return self.root_.shape[1]
