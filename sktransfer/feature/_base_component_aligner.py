"""The base of the aligners that embed rows by components of a kernel."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from sktransfer._base import _BaseAligner
from sktransfer._kernels.components import DenseKernel, LinearKernel
from sktransfer._kernels.nystroem import inverse_root
from sktransfer._kernels.primal import PrimalRows
from sktransfer._kernels.rows import draw_rows, order_of_rows, stacked
from sktransfer._needs import Needs
from sktransfer._onnx import kernel_refusal
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._clipping import store_n_components
from sktransfer.feature._kernel_values import DENSE_KERNELS, check_kernel

PRIMAL = "primal"  # no kernel: combinations of features
SAMPLED_WITH_KERNEL = 2_000  # rows of each domain of a lazy collection: 0.1 GB for two domains
CUTOFF = 1e-12  # of the landmarks' kernel: smaller values are rounding


class _BaseComponentAligner(ClassNamePrefixFeaturesOutMixin, _BaseAligner):
    """Embed the rows of all domains by one set of components of their kernel.

    A concrete aligner has the parameters `n_components`, `kernel`, `kernel_params` and `ridge`, and
    writes `_components`.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "kernel": [StrOptions({*PAIRWISE_KERNEL_FUNCTIONS, PRIMAL}), callable],
        "kernel_params": [dict, None],
        "ridge": [Interval(Real, 0, None, closed="neither")],
    }

    _has_free_axes = True

    _landmarks_at_most = None  # None: the kernel of all rows itself

    @property
    def _needs(self):
        return Needs(
            sparse=self.kernel not in DENSE_KERNELS,
            dense_because=f"kernel={self.kernel!r} takes no others",
            min_rows=2,  # one row has no variance
            returns_squares=self.kernel != PRIMAL,  # a kernel is a product of rows
        )

    def _sample_size(self, n_features):
        has_matrix = self.kernel in ("linear", PRIMAL) and n_features <= SAMPLED_WITH_KERNEL
        return super()._sample_size(n_features) if has_matrix else SAMPLED_WITH_KERNEL

    @property
    def _no_onnx(self):
        return None if self.kernel == PRIMAL else kernel_refusal(self.kernel)

    def _write_onnx(self, graph):
        _ = graph.domain  # refuses one that fit has not seen; all rows are mapped alike
        if hasattr(self, "components_"):
            mean = np.zeros(self.n_features_in_) if self.mean_ is None else self.mean_
            return graph.affine(self.components_, -mean @ self.components_)
        values = graph.kernel(self.X_fit_, self.kernel, **(self.kernel_params or {}))
        if self.mean_ is not None:
            values = graph.add("Sub", values, self.mean_)
        return graph.add("MatMul", values, self.dual_components_)

    @abstractmethod
    def _components(self, kernel, codes):
        """Return the components and eigenvalues of rows of the domains `codes` (-1: target)."""

    def _check_parameters(self):
        if self.kernel in ("linear", PRIMAL) and self.kernel_params:
            raise ValueError(
                f"kernel={self.kernel!r} takes no arguments, but kernel_params="
                f"{self.kernel_params!r}; pass None, or the kernel that these are for."
            )

    def _fit_domains(self, sources, X_target, *labels):
        self._check_parameters()
        parts = [*sources.values(), X_target]
        codes = np.repeat([*range(len(sources)), -1], [part.shape[0] for part in parts])
        X = stacked(parts).astype(np.float64, copy=False)
        for name in ("components_", "X_fit_", "dual_components_"):
            vars(self).pop(name, None)
        if self._landmarks_at_most is not None:
            self._fit_through_landmarks(X, codes, *labels, centred=not sources)
            return
        kernel = self._kernel_of(X, centred=not sources)
        components, self.eigenvalues_ = self._components(kernel, codes, *labels)
        self._store(X, components)

    def _fit_through_landmarks(self, X, codes, *labels, centred):
        """Embed by the linear kernel of Nystroem features; memory is linear in the number of
        rows."""
        # Drawn from sorted rows, so that they do not depend on the order of the input.
        rows, rng = X[order_of_rows(X)], generator(self.random_state)
        landmarks = draw_rows(rows, self._landmarks_at_most, generator=rng)
        root = self._root_of(landmarks)
        rows = self._similarities(X, landmarks)
        self.mean_ = rows.mean(axis=0) if centred else None
        rows = self._less_mean(rows) @ root
        components, self.eigenvalues_ = self._components(LinearKernel(rows), codes, *labels)
        self.X_fit_, self.dual_components_ = landmarks, root @ (rows.T @ components)
        store_n_components(self, components.shape[1])

    def _root_of(self, landmarks):
        """Return the matrix that makes similarities to the landmarks features."""
        K = self._similarities(landmarks)
        if self.kernel != "linear":
            check_kernel(K, landmarks, estimator=self)
        return inverse_root(K, cutoff=CUTOFF)

    def _kernel_of(self, X, *, centred):
        """Return the kernel of the rows; if `centred`, the kernel of their centered features."""
        self.mean_ = None
        if self.kernel == PRIMAL:
            self.mean_ = X.mean(axis=0) if centred else None
            return PrimalRows(X)
        if self.kernel == "linear":
            self.mean_ = X.mean(axis=0) if centred else None
            if X.shape[1] < X.shape[0]:
                return LinearKernel(self._less_mean(X.toarray() if issparse(X) else X))
            if issparse(X):
                K = (X @ X.T).toarray()
                return DenseKernel(_centred(K) if centred else K)
            rows = self._less_mean(X)
            return DenseKernel(rows @ rows.T)
        K = self._similarities(X)
        check_kernel(K, X, estimator=self)
        self.mean_ = K.mean(axis=0) if centred else None
        return DenseKernel(_centred(K) if centred else K)

    def _less_mean(self, values):
        return values if self.mean_ is None else values - self.mean_

    def _similarities(self, X, Y=None):
        params = self.kernel_params or {}
        return pairwise_kernels(X, Y, metric=self.kernel, filter_params=False, **params)

    def _store(self, X, components):
        """Store the map of new rows: a matrix, or training rows and their coefficients."""
        if self.kernel == PRIMAL:
            self.components_ = components
        elif self.kernel == "linear":
            # Components of centered rows are centered, so that sparse rows may stay sparse.
            rows = X if issparse(X) else self._less_mean(X)
            self.components_ = rows.T @ components
        else:
            if self.mean_ is not None:  # the rest of the centring, once for all rows to come
                components = components - components.mean(axis=0)
            self.X_fit_, self.dual_components_ = X, components
        store_n_components(self, components.shape[1])

    def _transform_domain(self, X, name):
        rows = X.astype(np.float64, copy=False)
        if hasattr(self, "components_"):
            if issparse(rows):
                mapped = rows @ self.components_
                mapped -= 0 if self.mean_ is None else self.mean_ @ self.components_
            else:
                mapped = self._less_mean(rows) @ self.components_
        elif rows.shape[0]:
            similarities = self._similarities(rows, self.X_fit_)
            mapped = self._less_mean(similarities) @ self.dual_components_
        else:
            mapped = np.empty((0, self.n_components_))
        return mapped.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return self.n_components_


def _centred(K):
    """Return the kernel matrix, centered in its feature space."""
    K = K - K.mean(axis=0)
    return K - K.mean(axis=1, keepdims=True)
