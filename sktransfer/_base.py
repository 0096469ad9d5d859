"""The shared abstract bases: each public method written once, with a hook for the method itself."""

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sktransfer._domains import TARGET, hide_labels, read_sample_domain
from sktransfer._sklearn import _fit_context


class _BaseAligner(TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """A transformer that gives each domain a map into one space in which the domains agree.

    A concrete aligner writes `_fit_domains`, which learns the maps, and `_transform_domain`, which
    applies one. It never sees ``sample_domain``. Labels of target rows do not reach it, and labels
    of source rows only one that says so by `_reads_source_labels`.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__transform = {"sample_domain": True}

    # Fewest rows of a domain that the method's statistics need, when there is a source at all.
    _min_domain_rows = 1

    # Fewest rows that it can be fitted on when there is no source.
    _min_rows = 1

    # Whether `_fit_domains` takes the labels of source rows, where there are such rows.
    _reads_source_labels = False

    @abstractmethod
    def _fit_domains(self, sources, X_target):
        """Learn from `sources`, a dict name -> (n_source, n_features) array (empty: the plain
        method), and `X_target`, (n_target, n_features).

        One that reads source labels gets them third: the labels of all these rows, source by source
        and the target's last, where those of the target are missing; None without a source.
        """

    @abstractmethod
    def _transform_domain(self, X, name):
        """Map the rows `X` of the domain `name`, ``"target"`` or a source that fit has seen."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sample_domain=None):
        """Learn the map of each domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains, float64 or float32.
        y : None
            Ignored; here for API consistency.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted aligner.
        """
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=self._min_rows
        )
        domains = read_sample_domain(sample_domain, len(X))
        if domains.sources:
            domains.check_rows(self._min_domain_rows, estimator_name=type(self).__name__)
        sources, X_target = domains.split(X)
        self.source_domains_ = domains.sources
        if self._reads_source_labels:
            self._fit_domains(sources, X_target, self._source_labels(y, domains))
        else:
            self._fit_domains(sources, X_target)
        return self

    def _source_labels(self, y, domains):
        """Give the labels of all rows, those of one source after another and the target's last.

        Target labels are hidden here, once for all aligners.
        """
        if not domains.sources:
            return None
        if y is None:
            raise ValueError(
                f"{type(self).__name__} reads the labels of source rows, but y is None; pass y "
                "with a label for each source row (the labels of target rows are not read)."
            )
        check_consistent_length(domains.codes, y)
        y = column_or_1d(y, dtype=object) if isinstance(y, list | tuple) else column_or_1d(y)
        hidden = hide_labels(y, domains.is_target)
        return hidden[np.concatenate([domains.rows(name) for name in (*domains.sources, TARGET)])]

    def transform(self, X, *, sample_domain=None):
        """Map each row by the map of its domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of any domain that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`. None: every row is a target row, as new data are.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows, of the dtype of `X`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        domains = read_sample_domain(sample_domain, len(X), require_target=False)
        domains.check_known(self.source_domains_, estimator_name=type(self).__name__)
        if not domains.sources:
            return self._transform_domain(X, TARGET)
        parts = {
            name: self._transform_domain(X[domains.rows(name)], name)
            for name in (*domains.sources, TARGET)
        }
        mapped = np.empty((len(X), parts[TARGET].shape[1]), dtype=parts[TARGET].dtype)
        for name, part in parts.items():
            mapped[domains.rows(name)] = part
        return mapped

    def fit_transform(self, X, y=None, *, sample_domain=None):
        """Fit and map the same rows: ``fit(X, y, sample_domain=d).transform(X, sample_domain=d)``.

        scikit-learn's own ``fit_transform`` would drop `sample_domain` before `transform`, and
        every source row would be mapped as a target row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains.
        y : None
            Ignored; here for API consistency.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows.
        """
        return self.fit(X, y, sample_domain=sample_domain).transform(X, sample_domain=sample_domain)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
