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
        if self.kernel == "linear" and self.kernel_params:
            raise ValueError(
                "kernel='linear' takes no arguments, but kernel_params="
                f"{self.kernel_params!r}; pass None, or the kernel that these are for."
            )
        parts = [*sources.values(), X_target]
        codes = np.repeat([*range(len(sources)), -1], [len(part) for part in parts])
        X = np.concatenate(parts).astype(np.float64, copy=False)
        kernel = self._kernel_of(X, centred=not sources)
        components, self.eigenvalues_ = self._components(kernel, codes, *labels)
        self._store(X, components)

    def _kernel_of(self, X, *, centred):
        """The kernel of the rows; `centred`, that of their features less the mean of these."""
        self.mean_ = None
        if self.kernel == "linear":
            self.mean_ = X.mean(axis=0) if centred else None
            rows = self._less_mean(X)
            return LinearKernel(rows) if X.shape[1] < len(X) else DenseKernel(rows @ rows.T)
        K = self._similarities(X)
        self.mean_ = K.mean(axis=0) if centred else None
        K = self._less_mean(K)
        return DenseKernel(K - K.mean(axis=1, keepdims=True) if centred else K)

    def _less_mean(self, values):
        return values if self.mean_ is None else values - self.mean_

    def _similarities(self, X, Y=None):
        params = self.kernel_params or {}
        return pairwise_kernels(X, Y, metric=self.kernel, filter_params=False, **params)

    def _store(self, X, components):
        """Keep what new rows are mapped with: a matrix, or rows and their coefficients."""
        for name in ("components_", "X_fit_", "dual_components_"):
            vars(self).pop(name, None)
        if self.kernel == "linear":
            self.components_ = self._less_mean(X).T @ components
        else:
            if self.mean_ is not None:  # the rest of the centring, once for all rows to come
                components = components - components.mean(axis=0)
            self.X_fit_, self.dual_components_ = X, components
        self.n_components_ = components.shape[1]

    def _transform_domain(self, X, name):
        rows = X.astype(np.float64, copy=False)
        if self.kernel == "linear":
            mapped = self._less_mean(rows) @ self.components_
        elif len(rows):
            similarities = self._similarities(rows, self.X_fit_)
            mapped = self._less_mean(similarities) @ self.dual_components_
        else:
            mapped = np.empty((0, self.n_components_))
        return mapped.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return self.n_components_
