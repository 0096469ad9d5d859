"""CORALAligner: give the source features the mean and covariance of the target features."""

from numbers import Real

from sklearn.base import OneToOneFeatureMixin

from sktransfer._domains import TARGET
from sktransfer._kernels.arrays import copied
from sktransfer._kernels.coral import coral_maps, moments_of, numerical_rank
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._base_streaming_aligner import _BaseStreamingAligner


class CORALAligner(OneToOneFeatureMixin, _BaseStreamingAligner):
    """Give the source features the mean and the covariance of the target features.

    Correlation alignment (CORAL): the rows of each source domain are whitened with their own
    covariance and colored with the target's, ``x -> (x - mean_s) A + mean_t`` with ``A^T (cov_s +
    ridge I) A = cov_t + ridge I``. Target rows are not changed. A model trained on the mapped
    source rows therefore applies to target rows directly, new ones included. No label is read.

    It helps if the domains differ by something that a linear map can undo: units, gains, offsets,
    mixed or blurred channels. The classes should be about the same, in about the same proportions.
    It hurts if the class proportions differ: matching the means then pulls the classes apart. It
    also hurts if a domain has few rows for its number of features and `ridge` is small, because
    noise is then whitened into signal. It cannot help if the domains differ by a rotation, which
    covariances alone do not determine. Scale the features first: `ridge` is in units of their
    variance.

    Parameters
    ----------
    ridge : float, default=1.0
        Added to the diagonal of every covariance matrix, in squared units of the features. The
        paper uses 1.0, for features of unit variance. With a larger value the maps come closer to a
        shift of the mean. 0 matches the covariances exactly. It requires more rows than features in
        every domain and no feature that is a linear function of others.
    map : {"coral", "monge", "cholesky"}, default="coral"
        The choice among the linear maps that match the covariances. With symmetric square roots
        ``C^1/2``, Cholesky factors ``L``, and `ridge` added to both covariances:

        - "coral": ``cov_s^-1/2 cov_t^1/2``, the published map.
        - "monge": ``cov_s^-1/2 (cov_s^1/2 cov_t cov_s^1/2)^1/2 cov_s^-1/2``, the symmetric map that
          moves the rows least (optimal transport between Gaussians).
        - "cholesky": ``L_s^-T L_t^T``, the cheapest map if there are more rows than features. It
          depends on the order of the features.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each source domain by name: ``maps_["amazon"](X)`` maps an array of shape
        (n_samples, n_features) to the target's space. Empty if `fit` saw no source.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    make_transfer_pipeline : A pipeline that carries ``sample_domain`` to each step that takes it.

    Notes
    -----
    Covariances are computed in float64 (with ``n_samples - 1``). The mapped rows keep the dtype of
    the input. If a domain has no more rows than features, time grows with the square of its rows
    times the features, and memory with their product. No (n_features, n_features) array is
    allocated for it, except if "monge" meets two domains that together have as many rows as there
    are features.

    `partial_fit` takes the rows in batches, and `merge` joins parts that different machines have
    seen. Both continue only an earlier `partial_fit`. They keep sums, which are
    as large as a covariance or as the rows. With fewer rows than features, the centered rows can be
    read from them. `fit` keeps only the maps, from which no row can be read.

    With ``sample_domain=None`` every row is a target row and the aligner is the identity.

    `fit` also takes an array or a data frame of Dask, block by block, and `transform` maps one
    lazily.

    Under ``sklearn.config_context(array_api_dispatch=True)``, `X` may be a torch tensor or an array
    of any other library of the array API standard, on any device with double precision. The result
    is then of the same library.

    Sparse input is not supported, because centering would make it dense. Reduce it first, with
    :class:`~sklearn.decomposition.TruncatedSVD` for instance, or pass ``X.toarray()``.

    References
    ----------
    B. Sun, J. Feng and K. Saenko, "Return of frustratingly easy domain adaptation", AAAI 2016.
    https://arxiv.org/abs/1511.05547

    G. Peyre and M. Cuturi, "Computational optimal transport", Foundations and Trends in Machine
    Learning 2019, remark 2.31. https://arxiv.org/abs/1803.00567

    Examples
    --------
    The old sensor has other units and an offset:

    >>> import numpy as np
    >>> from sktransfer import CORALAligner
    >>> X = np.array([[1.0], [2.0], [3.0], [10.0], [30.0], [50.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = CORALAligner(ridge=0)
    >>> aligner.fit_transform(X, sample_domain=sample_domain).ravel()
    array([10., 30., 50., 10., 30., 50.])

    New rows are target rows and are not changed:

    >>> aligner.transform([[20.0]])
    array([[20.]])
    """

    _parameter_constraints: dict = {
        "ridge": [Interval(Real, 0, None, closed="left")],
        "map": [StrOptions({"coral", "monge", "cholesky"})],
    }

    _needs = Needs(
        array_api=True,
        dense_because="it subtracts means",
        min_domain_rows=2,  # a covariance divides by n - 1
    )

    _no_onnx = None

    def __init__(self, *, ridge=1.0, map="coral"):
        self.ridge = ridge
        self.map = map

    def _learn(self, sources, target):
        if not sources:
            self.maps_ = {}
            return
        domains = {name: moments_of(part) for name, part in {**sources, TARGET: target}.items()}
        self._check_ranks(domains)
        target = domains.pop(TARGET)
        maps = coral_maps(list(domains.values()), target, ridge=self.ridge, kind=self.map)
        self.maps_ = dict(zip(domains, maps, strict=True))

    def _check_ranks(self, domains):
        """Raise ValueError if the covariance of a domain, with its ridge, has no inverse."""
        n_features = self.n_features_in_
        ranks = {name: numerical_rank(each, ridge=self.ridge) for name, each in domains.items()}
        found = ", ".join(
            f"{name!r} has rank {rank}" for name, rank in ranks.items() if rank < n_features
        )
        if found:
            raise ValueError(
                f"CORALAligner(ridge={self.ridge!r}) needs covariances of full rank, which is "
                f"{n_features}, the number of features: {found}; increase ridge or keep fewer "
                "features."
            )

    def _write_onnx(self, graph):
        name = graph.domain
        return graph.given if name == TARGET else graph.by_map(self.maps_[name])

    def _transform_domain(self, X, name):
        return copied(X) if name == TARGET else self.maps_[name](X)
