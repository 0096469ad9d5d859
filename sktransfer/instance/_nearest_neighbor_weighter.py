"""NearestNeighborWeighter: how many target rows are nearest to a source row."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances_argmin

from sktransfer._kernels.density_ratio import neighbor_counts
from sktransfer._kernels.rows import ranks_of_sparse_rows
from sktransfer._sklearn import Interval
from sktransfer.instance._base_weighter import _BaseWeighter


class NearestNeighborWeighter(_BaseWeighter):
    """Weigh each source row by the number of target rows to which it is the nearest one.

    The ratio of the two densities is taken to be constant in the cell of each source row (its
    Voronoi cell): one source row is in it, and so many target rows. Laplace smoothing leaves every
    row some weight. There is no width to choose, and no label is read.

    It helps under covariate shift in few features, quickly, and with next to nothing to tune. It
    hurts where the rule from features to labels differs between the domains; and a weight counts
    rows, so it is noisy, more so with few target rows (look at `effective_sample_size_`). In many
    features a few source rows are the nearest to all others. It gives no weights to rows that `fit`
    has not seen. Scale the features first.

    Parameters
    ----------
    smoothing : float, default=1.0
        Added to each count; 1 is the paper's. 0 leaves no weight to rows to which no target row is
        near, and a large value makes all weights alike.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, those of all sources together. Of the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 where there are none.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool for this method.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has them.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them; of fewer than 40 rows,
        below a quarter. Several sources are also judged one by one.

    See Also
    --------
    ULSIFWeighter : A smooth ratio.

    Notes
    -----
    Source rows that are equal share the target rows near them. Sparse rows are welcome.

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
