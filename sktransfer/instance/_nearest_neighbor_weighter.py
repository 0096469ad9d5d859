"""NearestNeighborWeighter: the number of target rows nearest to each source row."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances_argmin

from sktransfer._kernels.density_ratio import neighbor_counts
from sktransfer._kernels.rows import ranks_of_sparse_rows
from sktransfer._sklearn import Interval
from sktransfer.instance._base_weighter import _BaseWeighter


class NearestNeighborWeighter(_BaseWeighter):
    """Weight each source row by the number of target rows that it is nearest to.

    The ratio of the two densities is assumed constant in the Voronoi cell of each source row. The
    cell contains one source row and this number of target rows. Laplace smoothing leaves every row
    some weight. There is no width to choose, and no label is read.

    It helps under covariate shift with few features; it is fast and has almost nothing to tune. It
    hurts if the rule from features to labels differs between the domains. A weight is a count of
    rows, so it is noisy, more so with few target rows (look at `effective_sample_size_`). With many
    features, a few source rows are the nearest to all others. It gives no weights to rows that
    `fit` has not seen, except after a fit of a collection of Dask. Scale the features first.

    Parameters
    ----------
    smoothing : float, default=1.0
        Added to each count; the paper uses 1. With 0, rows that are nearest to no target row get no
        weight. A large value makes all weights equal.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in units of the mean weight. 0 if the sample holds
        all rows.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. This method pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them (a quarter, if there
        are fewer than 40 rows). Several sources are also judged one by one. Or if the
        domains do not overlap: the nearest source row and target row are farther apart than half of
        the rows in each domain.

    See Also
    --------
    ULSIFWeighter : A smooth ratio.

    Notes
    -----
    Equal source rows divide the target rows near them between them. Sparse input is supported.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    source rows and 10,000 target rows, drawn by a hash of their values, and `weigh` returns lazy
    weights. A row has the weight of the nearest source row of the sample. A `TransferWarning` names
    its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    M. Loog, "Nearest neighbor-based importance weighting", MLSP 2012.
    https://doi.org/10.1109/MLSP.2012.6349714

    Examples
    --------
    Three target rows are nearest to the second source row, and none to the first:

    >>> from sktransfer import NearestNeighborWeighter
    >>> X = [[0.0], [5.0], [4.0], [5.0], [6.0]]
    >>> sample_domain = ["survey", "survey", "target", "target", "target"]
    >>> NearestNeighborWeighter().fit(X, sample_domain=sample_domain).weights_
    array([0.4, 1.6, 1. , 1. , 1. ])
    """

    _parameter_constraints: dict = {"smoothing": [Interval(Real, 0, None, closed="left")]}

    _spread = "Scale the features, or increase smoothing"

    def __init__(self, *, smoothing=1.0):
        self.smoothing = smoothing

    def _fit_ratio(self, X_source, X_target):
        if issparse(X_source):
            place = ranks_of_sparse_rows(X_source)
            places = X_source[np.unique(place, return_index=True)[1]]
            nearest = pairwise_distances_argmin(X_target, places)
            return neighbor_counts(nearest, place, smoothing=self.smoothing)
        places, place = np.unique(X_source, axis=0, return_inverse=True)
        # Lest a common offset costs digits; and a few rows far out do not move a median.
        center = np.median(np.concatenate([X_source, X_target]), axis=0)
        nearest = pairwise_distances_argmin(X_target - center, places - center)
        return neighbor_counts(nearest, place.ravel(), smoothing=self.smoothing)
