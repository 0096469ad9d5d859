"""The base of methods that cluster the target's rows."""

from abc import abstractmethod

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _BaseRowsEstimator

NOT_CLUSTERED = -1  # as of noise in scikit-learn


class _BaseClusterer(_BaseRowsEstimator):
    """A method that clusters target rows. A concrete one writes `_nearest` too.

    It is a clusterer by its tags only if it takes negative values, as scikit-learn's checks of
    clusterers pass them.
    """

    @abstractmethod
    def _nearest(self, X):
        """Return the cluster of each valid row of the target."""

    def _check_clusters(self, domains):
        """Raise ValueError if there are fewer target rows than clusters."""
        n_target = int(domains.is_target.sum())
        if n_target < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters!r} is more than the {n_target} target rows of X; "
                "choose fewer clusters, or add target rows."
            )

    def _store_labels(self, labels, rows, n_samples):
        self.labels_ = np.full(n_samples, NOT_CLUSTERED)
        self.labels_[rows] = labels

    def predict(self, X):
        """Return the cluster of each row of the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New rows of the target, or those of `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), dtype int
            The clusters, from 0 to ``n_clusters - 1``.
        """
        check_is_fitted(self)
        return self._nearest(self._read_rows(X, reset=False))

    def fit_predict(self, X, y=None, *, sample_domain=None):
        """Fit, and return the cluster of each target row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), dtype int
            The attribute `labels_`: -1 for a source row.
        """
        return self.fit(X, y, sample_domain=sample_domain).labels_
