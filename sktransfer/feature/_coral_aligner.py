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
    covariance and coloured with the target's, ``x -> (x - mean_s) A + mean_t`` with
    ``A^T (cov_s + ridge I) A = cov_t + ridge I``. Rows of the target are left as they are, so what
    is then trained on the mapped source rows is applied to target rows, new ones included, without
    a map. No label is read.

    It helps where the domains differ by what a linear map undoes: units, gains, offsets, the
    mixture or blur of channels, with about the same classes in about the same proportions. It
    hurts where the class proportions differ (the means of the mixtures are then matched, and
    classes with them pulled apart), where a domain has few rows for its number of features and
    `ridge` is small (noise is whitened into signal), and it cannot help where the domains differ by
    a rotation, which covariances alone do not determine. Scale the features first: `ridge` is in
    units of their variance.

    Parameters
    ----------
    ridge : float, default=1.0
        Added to the diagonal of every covariance matrix, in squared units of the features; 1.0 is
        the paper's value, for features of unit variance. The larger it is, the closer are the maps
        to a mere shift of the mean. 0 matches the covariances exactly, and needs more rows than
        features in every domain and no feature that is a linear function of others.
    map : {"coral", "monge", "cholesky"}, default="coral"
        Which of the linear maps that match the covariances. With symmetric square roots ``C^1/2``,
        Cholesky factors ``L``, and `ridge` added to both covariances:

        - "coral": ``cov_s^-1/2 cov_t^1/2``, the published one.
        - "monge": ``cov_s^-1/2 (cov_s^1/2 cov_t cov_s^1/2)^1/2 cov_s^-1/2``, symmetric, the one
          that moves the rows least (optimal transport between Gaussians).
        - "cholesky": ``L_s^-T L_t^T``, the cheapest where rows outnumber features; it depends on
          the order of the features.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each source domain, under its name: ``maps_["amazon"](X)`` maps an array of shape
        (n_samples, n_features) to the target's space. Empty when `fit` saw no source.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Their names, where `X` had names that are all strings.

    See Also
    --------
    make_transfer_pipeline : A pipeline that carries ``sample_domain`` to each step that takes it.

    Notes
    -----
    Covariances are computed in float64 (with ``n_samples - 1``) and the rows come back in their own
    dtype. A domain that has no more rows than features costs time in the square of its rows times
    the features and memory in their product; no (n_features, n_features) array is made for it
    (unless "monge" meets two domains that together have as many rows as there are features).

    `partial_fit` takes the rows in batches, and continues only what `partial_fit` began. The sums
    that it adds to are kept, as large as a covariance or as the rows (and with fewer rows than
    features the centred rows can be read from them). `fit` keeps the maps alone, of which no row
    can be read.

    With ``sample_domain=None`` every row is a target row and the aligner is the identity.

    Under ``sklearn.config_context(array_api_dispatch=True)`` rows may be tensors of torch, or
    arrays of any other library of the array API standard, on any device with double precision: what
    comes back is, too.

    Sparse rows are refused, as less their mean they are dense: reduce them first, with
    :class:`~sklearn.decomposition.TruncatedSVD` for instance, or pass ``X.toarray()``.

    References
    ----------
    B. Sun, J. Feng and K. Saenko, "Return of frustratingly easy domain adaptation", AAAI 2016.
    https://arxiv.org/abs/1511.05547

    G. Peyre and M. Cuturi, "Computational optimal transport", Foundations and Trends in Machine
    Learning 2019, remark 2.31. https://arxiv.org/abs/1803.00567

    Examples
    --------
    The second sensor reads in other units and with an offset:

    >>> import numpy as np
    >>> from sktransfer import CORALAligner
    >>> X = np.array([[1.0], [2.0], [3.0], [10.0], [30.0], [50.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = CORALAligner(ridge=0)
    >>> aligner.fit_transform(X, sample_domain=sample_domain).ravel()
    array([10., 30., 50., 10., 30., 50.])

    New rows are target rows, and stay as they are:

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
        """Raise ValueError where the covariance of a domain, with its ridge, has no inverse."""
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

    def _transform_domain(self, X, name):
        return copied(X) if name == TARGET else self.maps_[name](X)
