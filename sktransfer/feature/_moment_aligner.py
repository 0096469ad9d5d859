"""MomentAligner: give each source feature the mean and the scale of the target's."""

from sklearn.base import OneToOneFeatureMixin

from sktransfer._domains import TARGET
from sktransfer._kernels.arrays import copied
from sktransfer._kernels.moment import moment_map_of
from sktransfer._kernels.streaming import feature_sums, merged_features
from sktransfer._messages import shown, warn
from sktransfer._needs import Needs
from sktransfer.exceptions import TransferWarning
from sktransfer.feature._base_streaming_aligner import _BaseStreamingAligner


class MomentAligner(OneToOneFeatureMixin, _BaseStreamingAligner):
    """Give each source feature the mean and the standard deviation of the target's.

    Each source domain is standardized with its own means and standard deviations and rescaled with
    the target's, feature by feature: ``x -> (x - mean_s) * std_t / std_s + mean_t``. Target rows
    are not changed. No label is read. This is the simplest aligner, and the baseline that the
    others must beat.

    It helps if the domains differ by units, gains and offsets of single features, and as a first
    step before any other aligner. Only two numbers per feature are estimated, so it works with few
    rows and many features. It hurts if the class proportions differ: matching the means then pulls
    the classes apart. It also hurts if the offset between the domains is the very difference
    between the classes. It does nothing about changes that affect several features together.

    Parameters
    ----------
    with_std : bool, default=True
        Whether to match the standard deviations. False: only the means are matched.

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
    CORALAligner : Matches the covariances between features too.

    Notes
    -----
    Missing values (NaN) are ignored, as in :class:`~sklearn.preprocessing.StandardScaler`:
    statistics are those of the observed values, and missing values stay missing. Impute after this
    aligner and not before: an imputed value is then one of the target's. A feature without a value
    in a domain is not changed by the maps of this domain, and a `TransferWarning` names it.

    Statistics are computed in float64 (standard deviations with ``n_samples - 1``), and the output
    keeps the dtype of the input. A feature that is constant in a source is set to the target's mean
    there. A feature that is constant in the target becomes constant in every source.

    `partial_fit` takes the rows in batches, and `merge` joins parts that different machines have
    seen. Both continue only an earlier `partial_fit`. They keep sums, two
    numbers per feature, while `fit` keeps only the maps. With standard deviations, a domain of
    fewer than two rows is an error. With ``sample_domain=None`` every row is a target row and the
    aligner is the identity.

    `fit` also takes an array or a data frame of Dask, block by block, and `transform` maps one
    lazily.

    Under ``sklearn.config_context(array_api_dispatch=True)``, `X` may be a torch tensor or an array
    of any other library of the array API standard, on any device with double precision. The result
    is then of the same library.

    Sparse input is not supported, because centering would make it dense. Reduce it first, with
    :class:`~sklearn.decomposition.TruncatedSVD` for instance, or pass ``X.toarray()``.

    References
    ----------
    S. Schneider, E. Rusak, L. Eck, O. Bringmann, W. Brendel and M. Bethge, "Improving robustness
    against common corruptions by covariate shift adaptation", NeurIPS 2020, does so with the
    statistics of a network's inner layers. https://arxiv.org/abs/2006.16971

    Examples
    --------
    The old station measures in degrees Celsius, the target in Fahrenheit:

    >>> import numpy as np
    >>> from sktransfer import MomentAligner
    >>> X = np.array([[0.0], [10.0], [20.0], [32.0], [50.0], [68.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = MomentAligner()
    >>> aligner.fit_transform(X, sample_domain=sample_domain).ravel()
    array([32., 50., 68., 32., 50., 68.])

    New rows are target rows and are not changed:

    >>> aligner.transform([[20.0]])
    array([[20.]])
    """

    _parameter_constraints: dict = {"with_std": ["boolean"]}

    _no_onnx = None

    _sums_of = staticmethod(feature_sums)
    _merged = staticmethod(merged_features)

    def __init__(self, *, with_std=True):
        self.with_std = with_std

    @property
    def _needs(self):
        return Needs(
            array_api=True,
            dense_because="it subtracts means",
            missing=True,
            min_domain_rows=2 if self.with_std else 1,  # a standard deviation divides by n - 1
        )

    def _learn(self, sources, target):
        if sources:
            self._warn_of_empty({**sources, TARGET: target})
        self.maps_ = {
            name: moment_map_of(source, target, scale=self.with_std)
            for name, source in sources.items()
        }

    def _warn_of_empty(self, domains):
        """Warn of features without a value in a domain."""
        empty = {
            name: [k for k, count in enumerate(each.n_present) if count == 0]
            for name, each in domains.items()
        }
        found = [
            f"columns {shown(columns)} in {name!r}" for name, columns in empty.items() if columns
        ]
        if found:
            warn(
                f"MomentAligner finds no value of X in {'; '.join(found[:5])}; it leaves these as "
                "they are, so that the domains may differ in them; drop these columns, or give "
                "these domains values.",
                TransferWarning,
            )

    def _write_onnx(self, graph):
        name = graph.domain
        if name == TARGET:
            return graph.given
        mean_source, scale, mean_target = self.maps_[name]
        moved = graph.add("Mul", graph.add("Sub", graph.rows, mean_source), scale)
        return graph.add("Add", moved, mean_target)

    def _transform_domain(self, X, name):
        return copied(X) if name == TARGET else self.maps_[name](X)
