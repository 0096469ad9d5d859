"""The base of the encoders: features learned from rows of several domains, the same for each."""

from abc import abstractmethod

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin

from sktransfer._base import _BaseTransformer


class _BaseEncoder(ClassNamePrefixFeaturesOutMixin, _BaseTransformer):
    """A transformer that learns from which domain a row comes, and then maps all rows alike.

    A concrete encoder writes `_fit_rows`, which sets ``_n_features_out`` too, and `_encode`. One
    whose output begins with the input has a parameter `keep_input`.
    """

    _has_free_axes = True

    @abstractmethod
    def _encode(self, X):
        """Map the rows `X`, at least one."""

    def _map_rows(self, X, domains):
        return self._encode(X)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns: those of kept features, and numbered ones of the class.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features, if `fit` saw none. None: "x0", "x1" and so on.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype object
        """
        if not getattr(self, "keep_input", False):
            return super().get_feature_names_out(input_features)
        kept = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        n_added = self._n_features_out - len(kept)
        added = [f"{type(self).__name__.lower()}{k}" for k in range(n_added)]
        return np.array([*kept, *added], dtype=object)
