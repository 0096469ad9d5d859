"""SubspaceAligner: rotate the principal axes of each source into those of the target."""

from numbers import Integral

from sklearn.base import ClassNamePrefixFeaturesOutMixin

from sktransfer._domains import TARGET
from sktransfer._kernels.subspaces import SubspaceMap, alignment, principal_subspace_of
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval
from sktransfer.feature._base_streaming_aligner import _BaseStreamingAligner
from sktransfer.feature._clipping import store_n_components


class SubspaceAligner(ClassNamePrefixFeaturesOutMixin, _BaseStreamingAligner):
    """Reduce each domain to its principal axes, and rotate those of the sources to the target's.

    Target rows are reduced to their first principal components. A source's rows are reduced to
    theirs and rotated by the matrix that brings its axes closest to the target's. Source rows
    become ``(x - mean_s) Ps Ps^T Pt`` and target rows ``(x - mean_t) Pt``. The columns of ``Ps``
    and ``Pt`` are the axes. No label is read.

    It helps if the classes vary along the first axes of both domains and these axes are rotated
    relative to each other. The same kind of image from another camera is an example. It hurts if
    the strongest variation is not that of the classes, which is then lost or mixed with noise of
    the other domain. It hurts if an axis of the source is nearly orthogonal to all of the target's,
    because its content is then shrunk to nothing. It also hurts if a domain has too few rows to
    determine its axes. It does not match scales: standardize each domain first, or put a
    `MomentAligner` before it.

    Parameters
    ----------
    n_components : int, default=20
        The number of axes of each domain, and of columns of the result. It is clipped to the number
        of features and to the number of directions in which the target's rows vary. A number above
        that of the columns gives a warning, unless it is the default. A source whose rows vary in
        fewer directions has fewer axes.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each domain, "target" included, by name: ``maps_["amazon"](X)`` maps an array of
        shape (n_samples, n_features) to one of shape (n_samples, n_components_).
    n_components_ : int
        The number of columns of the result.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    GeodesicFlowAligner : Uses all the subspaces on the path from the source's to the target's.
    MomentAligner : Matches the scales of the features.

    Notes
    -----
    Each domain is centered with its own mean, in `fit` and in `transform`. With
    ``sample_domain=None`` every row is a target row, and the result is principal component
    analysis. In each column of ``Pt`` the entry of largest magnitude is positive.

    A domain of fewer than two rows is an error. Computed in float64; the output keeps the dtype of
    the input. The cost is that of one covariance per domain (or, with fewer rows than features, one
    Gram matrix) and of its first eigenvectors. `partial_fit` takes the rows in batches, and
    `merge` joins parts that different machines have seen. Both continue only an earlier
    `partial_fit`. They keep sums, which are as large as the covariance
    or as the rows, if these are smaller (rows can then be read from them). `fit` keeps only the
    maps.

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
    B. Fernando, A. Habrard, M. Sebban and T. Tuytelaars, "Unsupervised visual domain adaptation
    using subspace alignment", ICCV 2013. https://doi.org/10.1109/ICCV.2013.368

    Examples
    --------
    The second camera is rotated by a right angle, so that variation along x becomes variation along
    y:

    >>> import numpy as np
    >>> from sktransfer import SubspaceAligner
    >>> X = np.array([[-2.0, 0.1], [0.0, -0.1], [2.0, 0.1], [0.1, -2.0], [-0.1, 0.0], [0.1, 2.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = SubspaceAligner(n_components=2)
    >>> aligned = aligner.fit_transform(X, sample_domain=sample_domain)
    >>> aligned.shape
    (6, 2)

    With one component and axes at a right angle, nothing of the source is left:

    >>> aligner = SubspaceAligner(n_components=1)
    >>> abs(aligner.fit_transform(X, sample_domain=sample_domain)).round(1).ravel()
    array([0., 0., 0., 2., 0., 2.])
    """

    _parameter_constraints: dict = {"n_components": [Interval(Integral, 1, None, closed="left")]}

    _learned = ("maps_", "n_components_")

    # One row varies in no direction.
    _needs = Needs(array_api=True, sparse=True, min_rows=2, min_domain_rows=2)

    _no_onnx = None

    def __init__(self, n_components=20):
        self.n_components = n_components

    def _learn(self, sources, target):
        target = principal_subspace_of(target, self.n_components)
        store_n_components(self, target.n_axes)
        self.maps_ = {
            name: alignment(principal_subspace_of(source, self.n_components), target)
            for name, source in sources.items()
        }
        self.maps_[TARGET] = SubspaceMap(target.mean, target.axes)

    def _write_onnx(self, graph):
        mean, matrix = self.maps_[graph.domain]
        return graph.affine(matrix, -mean @ matrix)

    def _transform_domain(self, X, name):
        return self.maps_[name](X)

    @property
    def _n_features_out(self):
        return self.n_components_
