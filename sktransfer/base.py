"""Bases and readers for estimators of your own.

A base writes the public methods: it validates the rows, reads ``sample_domain``, keeps column
names, and asks for metadata routing. A class of yours writes two hooks, or one. They see a sample
of a collection of Dask. An estimator that fits none of the bases takes ``sample_domain`` in its
`fit` and reads it by `read_sample_domain`. Check either with
:func:`sktransfer.utils.estimator_checks.check_transfer_estimator`.
"""

from sktransfer._base import _BaseAligner
from sktransfer._domains import Domains, read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._needs import Needs
from sktransfer.feature._base_encoder import _BaseEncoder
from sktransfer.instance._base_weighter import _BaseWeighter

__all__ = [
    "BaseAligner",
    "BaseEncoder",
    "BaseWeighter",
    "Domains",
    "Needs",
    "is_labelled",
    "labels_alone",
    "read_sample_domain",
]


class BaseAligner(_BaseAligner):
    """Base of an aligner: a transformer with a map for each domain into one space.

    A subclass writes two hooks:

    ``_fit_domains(sources, X_target)``
        Learn the maps. `sources` is a dict of source name -> array of shape (n_source, n_features),
        empty if every row is a target row. `X_target` has the shape (n_target, n_features). With
        ``_needs = Needs(source_labels=True)`` the hook takes a third argument: None without a
        source, else the labels of all these rows, source by source and the target's last (missing
        there).
    ``_transform_domain(X, name)``
        Return the mapped rows `X` of the domain `name`, which is ``"target"`` or a source.

    The class attribute ``_needs`` states which rows `fit` accepts and which labels it reads: see
    `Needs`. Parameters of the method are those of `__init__`, which only stores them. The results
    of the hooks are stored in attributes that end in an underscore.

    Attributes
    ----------
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    BaseEncoder : One map for all domains.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer.base import BaseAligner
    >>> class MeanAligner(BaseAligner):
    ...     def _fit_domains(self, sources, X_target):
    ...         mean = X_target.mean(axis=0)
    ...         self.shifts_ = {name: mean - X.mean(axis=0) for name, X in sources.items()}
    ...
    ...     def _transform_domain(self, X, name):
    ...         return X if name == "target" else X + self.shifts_[name]
    >>> X = np.array([[0.0], [2.0], [10.0], [12.0]])
    >>> sample_domain = ["lab", "lab", "target", "target"]
    >>> MeanAligner().fit_transform(X, sample_domain=sample_domain).ravel()
    array([10., 12., 10., 12.])
    """

    _parameter_constraints: dict = {}


class BaseEncoder(_BaseEncoder):
    """Base of an encoder: a transformer that learns from several domains and maps all rows alike.

    A subclass writes two hooks:

    ``_fit_rows(X, y, domains)``
        Learn from the rows `X` of all domains, and set ``_n_features_out``. `domains` is a
        `Domains`. `y` is None, unless ``_needs = Needs(source_labels=True)``: then it holds the
        labels of source rows, and those of target rows are missing. It is None without a source.
    ``_encode(X)``
        Return the encoded rows, of shape (n_rows, n_features_out) and of the dtype of `X`.

    The class attribute ``_needs`` states which rows `fit` accepts and which labels it reads: see
    `Needs`.

    Attributes
    ----------
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    BaseAligner : A map for each domain.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer.base import BaseEncoder
    >>> class KeepStable(BaseEncoder):
    ...     def _fit_rows(self, X, y, domains):
    ...         sources, X_target = domains.split(X)
    ...         means = np.array([rows.mean(axis=0) for rows in (*sources.values(), X_target)])
    ...         self.stable_ = np.ptp(means, axis=0) < 1.0
    ...         self._n_features_out = self.stable_.sum()
    ...
    ...     def _encode(self, X):
    ...         return X[:, self.stable_]
    >>> X = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 8.0], [1.0, 9.0]])
    >>> sample_domain = ["lab", "lab", "target", "target"]
    >>> KeepStable().fit_transform(X, sample_domain=sample_domain).ravel()
    array([0., 1., 0., 1.])
    """

    _parameter_constraints: dict = {}


class BaseWeighter(_BaseWeighter):
    """Base of a weighter: it gives each source row a weight, and reads no label.

    A subclass writes one hook:

    ``_fit_ratio(X_source, X_target)``
        Return the ratio of the target's density to the source's at the source rows: an array of
        shape (n_source,), not negative, up to a factor. The rows of all sources together come in
        float64, and in an order of their own, so that nothing depends on the user's order of rows.

    The class attribute ``_needs`` states which rows `fit` accepts: see `Needs`. It is
    ``Needs(sparse=True)`` by default.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows; the mean is 1 over the source rows.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 without a source.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer.base import BaseWeighter
    >>> class NearMeanWeighter(BaseWeighter):
    ...     def _fit_ratio(self, X_source, X_target):
    ...         return np.exp(-((X_source - X_target.mean(axis=0)) ** 2).sum(axis=1) / 2)
    >>> X = np.array([[0.0], [1.0], [2.0], [2.0]])
    >>> weighter = NearMeanWeighter().fit(X, sample_domain=["lab", "lab", "lab", "target"])
    >>> weighter.weights_.round(2)
    array([0.23, 1.04, 1.72, 1.  ])
    """

    _parameter_constraints: dict = {}
