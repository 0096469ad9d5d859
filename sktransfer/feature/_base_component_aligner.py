"""The base of the aligners that embed rows by components of a kernel."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from sktransfer._base import _BaseAligner
from sktransfer._kernels.components import DenseKernel, LinearKernel
from sktransfer._sklearn import Interval, StrOptions


class _BaseComponentAligner(ClassNamePrefixFeaturesOutMixin, _BaseAligner):
    """Embed the rows of all domains by one set of components of their kernel.

    A concrete aligner has the parameters `n_components`, `kernel`, `kernel_params` and `ridge`, and
    writes `_components`.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS)), callable],
        "kernel_params": [dict, None],
        "ridge": [Interval(Real, 0, None, closed="neither")],
    }

    _min_rows = 2  # one row has no variance

    @abstractmethod
    def _components(self, kernel, codes):
        """Give the components and eigenvalues of rows of the domains `codes` (-1: target)."""

    def _fit_domains(self, sources, X_target, *labels):
        parts = [*sources.values(), X_target]
        codes = np.repeat([*range(len(sources)), -1], [len(part) for part in parts])
        X = np.concatenate(parts).astype(np.float64, copy=False)
        components, self.eigenvalues_ = self._components(self._kernel_of(X), codes, *labels)
        self._store(X, components)

    def _kernel_of(self, X):
        if self.kernel == "linear" and X.shape[1] < len(X):
            return LinearKernel(X)
        return DenseKernel(self._similarities(X))

    def _similarities(self, X, Y=None):
        params = self.kernel_params or {}
        return pairwise_kernels(X, Y, metric=self.kernel, filter_params=False, **params)

    def _store(self, X, components):
        """Keep what new rows are mapped with: a matrix, or rows and their coefficients."""
        for name in ("components_", "X_fit_", "dual_components_"):
            vars(self).pop(name, None)
        if self.kernel == "linear":
            self.components_ = X.T @ components
        else:
            self.X_fit_, self.dual_components_ = X, components
        self.n_components_ = components.shape[1]

    def _transform_domain(self, X, name):
        rows = X.astype(np.float64, copy=False)
        if self.kernel == "linear":
            mapped = rows @ self.components_
        elif len(rows):
            mapped = self._similarities(rows, self.X_fit_) @ self.dual_components_
        else:
            mapped = np.empty((0, self.n_components_))
        return mapped.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return self.n_components_
