"""DirectStandardization: map spectra of one instrument to another, from shared specimens."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_consistent_length

from sktransfer._base import _BaseAligner
from sktransfer._containers import as_array, is_present
from sktransfer._domains import TARGET
from sktransfer._kernels.standardization import direct_map, piecewise_map, weighting
from sktransfer._messages import listed, warn
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.exceptions import TransferWarning

WEIGHTING_RIDGE = 1e-4  # with ridge="auto"


class DirectStandardization(OneToOneFeatureMixin, _BaseAligner):
    """Make rows of several instruments alike, from specimens that were measured on each.

    Domains are instruments, such as spectrometers, and `sample_pair` identifies the rows of the
    same specimen. The differences of these pairs are the effect of the instruments; all else is
    chemistry. No label is read.

    It helps if a handful of specimens can be measured on both instruments. It hurts if the shared
    specimens do not span the later variation, because a map is then extrapolated, and if specimens
    change between two measurements. More pairs are better than a more flexible map.

    Parameters
    ----------
    method : {"weighting", "direct", "piecewise"}, default="weighting"
        "weighting" shrinks the directions in which pairs differ, in the rows of all domains, so
        that a model fitted afterwards does not use them [1]_. "direct" maps rows to the instrument
        `reference`: each column is predicted from all columns [2]_. "piecewise" predicts it from
        the columns around it. These two keep a model of the reference as it is.
    reference : str, default="target"
        The domain to whose instrument rows are mapped: "target", or the name of a source. Its rows
        do not change with "direct" and "piecewise".
    window : int, default=2
        The columns on each side for "piecewise".
    ridge : float or "auto", default="auto"
        The penalty on the map, over the mean eigenvalue of the rows: large values leave a shift
        alone. "auto" is the best on pairs that are left out one by one. For "weighting", how much
        of the mean variance of the differences counts as harmless; small values remove all of it,
        and "auto" is 1e-4.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each domain by name, for an array of shape (n_samples, n_features) of float64.
        Empty if `fit` saw no source.
    n_pairs_ : dict of str to int
        The number of specimens that each domain and the reference have in common; empty without
        `sample_pair`.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If `sample_pair` is None, so that only the means of the domains are compared.

    See Also
    --------
    MomentAligner : Needs no pairs, and matches the mean and the scale of each column.

    Notes
    -----
    Several rows of a specimen in one domain count by their mean. Without `sample_pair` the means of
    the rows of each domain are the only pair. With fewer than three pairs, "direct" and "piecewise"
    shift alone. With ``sample_domain=None`` every row is a target row and nothing changes.

    References
    ----------
    .. [1] H. Martens, M. Hoy, B. M. Wise, R. Bro, P. B. Brockhoff, "Pre-whitening of data by
       covariance-weighted pre-processing", Journal of Chemometrics 17, 2003.
       https://doi.org/10.1002/cem.780
    .. [2] Y. Wang, D. J. Veltkamp, B. R. Kowalski, "Multivariate instrument standardization",
       Analytical Chemistry 63, 1991. https://doi.org/10.1021/ac00023a016

    Examples
    --------
    The new instrument adds 1 to the first column and halves the second one:

    >>> import numpy as np
    >>> from sktransfer import DirectStandardization
    >>> X = np.array([[1.0, 2.0], [2.0, 0.0], [3.0, 4.0], [2.0, 1.0], [3.0, 0.0], [4.0, 2.0]])
    >>> sample_domain = ["old"] * 3 + ["target"] * 3
    >>> aligner = DirectStandardization("direct", reference="old", ridge=1e-9)
    >>> aligner.fit(X, sample_domain=sample_domain, sample_pair=["a", "b", "c"] * 2)
    DirectStandardization(method='direct', reference='old', ridge=1e-09)
    >>> aligner.transform([[6.0, 3.0]]).round(3)
    array([[5., 6.]])
    """

    __metadata_request__fit = {"sample_domain": True, "sample_pair": True}

    _needs = Needs(dense_because="it subtracts means")

    _parameter_constraints: dict = {
        "method": [StrOptions({"weighting", "direct", "piecewise"})],
        "reference": [str],
        "window": [Interval(Integral, 0, None, closed="left")],
        "ridge": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    _no_onnx = None

    _fits_blocks = False  # few rows have a pair, and a sample hardly two of one specimen

    def __init__(self, method="weighting", *, reference="target", window=2, ridge="auto"):
        self.method = method
        self.reference = reference
        self.window = window
        self.ridge = ridge

    def fit(self, X, y=None, *, sample_domain=None, sample_pair=None):
        """Learn how the instruments differ.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains, float64 or float32.
        y : array-like of shape (n_samples,), default=None
            Ignored.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row, and
            nothing is transferred.
        sample_pair : array-like of shape (n_samples,), default=None
            The specimen of each row: rows of equal values are the same specimen. A missing value if
            the row has no pair. In a pipeline, ``directstandardization__sample_pair``.

        Returns
        -------
        self : object
            The fitted aligner.
        """
        self._given_pairs = sample_pair
        try:
            return super().fit(X, y, sample_domain=sample_domain)
        finally:
            del self._given_pairs

    def fit_transform(self, X, y=None, *, sample_domain=None, sample_pair=None):
        """Fit and map the same rows, each with its domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            Ignored.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        sample_pair : array-like of shape (n_samples,), default=None
            The specimen of each row, as in `fit`.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features)
            The mapped rows.
        """
        self._given_pairs = sample_pair
        try:
            return super().fit_transform(X, y, sample_domain=sample_domain)
        finally:
            del self._given_pairs

    def _fit_rows(self, X, y, domains):
        if self._given_pairs is not None:
            values = as_array(self._given_pairs, name="sample_pair")
            check_consistent_length(X, values)
            names = (*domains.sources, TARGET)
            self._given_pairs = {name: values[domains.rows(name)] for name in names}
        super()._fit_rows(X, y, domains)

    def _fit_domains(self, sources, X_target):
        self.maps_, self.n_pairs_ = {}, {}
        if not sources:
            return
        domains = {**sources, TARGET: X_target}
        if self.reference not in domains:
            raise ValueError(
                f"reference={self.reference!r} is no domain of sample_domain, which names "
                f"{listed(domains)}; pass one of these."
            )
        specimens = {name: self._specimens(name, X) for name, X in domains.items()}
        pairs = {name: self._pairs(specimens, name) for name in domains if name != self.reference}
        ridge = None if self.ridge == "auto" else self.ridge
        if self.method == "weighting":
            D = np.concatenate([T - S for S, T in pairs.values()])
            fitted = weighting(D, ridge=WEIGHTING_RIDGE if ridge is None else ridge)
            self.maps_ = dict.fromkeys(domains, fitted)
        elif self.method == "direct":
            self.maps_ = {name: direct_map(*pair, ridge=ridge) for name, pair in pairs.items()}
        else:
            self.maps_ = {
                name: piecewise_map(*pair, window=self.window, ridge=ridge)
                for name, pair in pairs.items()
            }
        if self._given_pairs is None:
            warn(
                "DirectStandardization compares the means of the domains alone, because "
                "sample_pair is None; pass the specimen of each row to fit, or use "
                "MomentAligner(with_std=False).",
                TransferWarning,
            )
            return
        self.n_pairs_ = {name: len(S) for name, (S, _) in pairs.items()}

    def _specimens(self, name, X):
        """Return a dict from each specimen of a domain to the mean of its rows."""
        X = X.astype(np.float64, copy=False)
        if self._given_pairs is None:
            return {None: X.mean(axis=0)}
        values, rows = self._given_pairs[name], {}
        for row in np.flatnonzero(is_present(values)):
            rows.setdefault(values[row], []).append(row)
        return {specimen: X[mine].mean(axis=0) for specimen, mine in rows.items()}

    def _pairs(self, specimens, name):
        """Return the specimens measured in a domain and in the reference, from each."""
        own, other = specimens[name], specimens[self.reference]
        shared = [specimen for specimen in own if specimen in other]
        if not shared:
            raise ValueError(
                f"sample_pair names no specimen that was measured in both {name!r} and "
                f"{self.reference!r}; give the rows of one specimen equal values, or leave out "
                "the domain."
            )
        return np.stack([own[k] for k in shared]), np.stack([other[k] for k in shared])

    def _write_onnx(self, graph):
        name = graph.domain
        return graph.by_map(self.maps_[name]) if name in self.maps_ else graph.given

    def _transform_domain(self, X, name):
        if name not in self.maps_:
            return X.copy()
        return self.maps_[name](X.astype(np.float64)).astype(X.dtype, copy=False)
