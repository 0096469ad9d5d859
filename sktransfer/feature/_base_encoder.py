"""The base of the encoders: features learned from rows of several domains, the same for each."""

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sktransfer._base import refuse_missing
from sktransfer._containers import text_columns_named
from sktransfer._domains import read_sample_domain
from sktransfer._magnitude import (
    NUMERICAL_ERRORS,
    check_magnitude,
    check_result,
    numerical_error,
)
from sktransfer._progress import begin_fit
from sktransfer._sklearn import _fit_context
from sktransfer._whole import whole_fit


class _BaseEncoder(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """A transformer that learns from which domain a row comes, and then maps all rows alike.

    A concrete encoder writes `_fit_rows`, which sets ``_n_features_out`` too, and `_encode`. One
    whose output begins with the input has a parameter `keep_input`.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__transform = {"sample_domain": True}

    # What `validate_data` is to accept.
    _accept_sparse = False

    # Fewest columns and rows that the method makes sense with.
    _min_features = 1
    _min_rows = 1

    # How many times, at most, `_fit_rows` enters `fit_step`: subtasks for callbacks.
    _n_fit_steps = 0

    @abstractmethod
    def _fit_rows(self, X, y, domains):
        """Learn from the rows `X`, an array or CSR, of the `domains`; `y` is as the user gave it.

        Labels of target rows are not to be read.
        """

    @abstractmethod
    def _encode(self, X):
        """Map the rows `X`, one at least."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sample_domain=None):
        """Learn the encoding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains, float64 or float32; a sparse matrix where the class says so.
        y : array-like of shape (n_samples,), default=None
            Labels of source rows, where the class says that it reads them; else ignored. Those of
            target rows are never read.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        with whole_fit(self):
            X = self._validate(
                X, ensure_min_samples=self._min_rows, ensure_min_features=self._min_features
            )
            domains = read_sample_domain(sample_domain, X.shape[0])
            self.source_domains_ = domains.sources
            end_fit = begin_fit(self, X, y, n_steps=self._n_fit_steps)
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # transform checks its result
                    self._fit_rows(X, y, domains)
            except NUMERICAL_ERRORS as error:
                raise numerical_error(error, self, X) from error
            end_fit()
        return self

    def transform(self, X, *, sample_domain=None):
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of any domain.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`: checked, though rows of all domains are encoded
            alike.

        Returns
        -------
        X_encoded : ndarray of shape (n_samples, n_features_out)
            The encoded rows, of the dtype of `X`; a CSR matrix where the class says so.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
        domains.check_known(self.source_domains_, estimator_name=type(self).__name__)
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = self._encode(X)
        check_result(encoded, X, self)
        return encoded

    def fit_transform(self, X, y=None, *, sample_domain=None):
        """Fit and encode the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.

        Returns
        -------
        X_encoded : ndarray of shape (n_samples, n_features_out)
            The encoded rows.
        """
        return self.fit(X, y, sample_domain=sample_domain).transform(X, sample_domain=sample_domain)

    def get_feature_names_out(self, input_features=None):
        """Name the columns: the input's, where it is kept, by its own names, others by the class.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features, where `fit` saw none. None: "x0", "x1" and so on.

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

    def _validate(self, X, **options):
        with text_columns_named(X, type(self).__name__):
            X = validate_data(
                self,
                X,
                dtype=[np.float64, np.float32],
                accept_sparse=self._accept_sparse,
                ensure_all_finite="allow-nan",
                **options,
            )
        refuse_missing(X, self, first="SimpleImputer()")
        check_magnitude(X, self)
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
