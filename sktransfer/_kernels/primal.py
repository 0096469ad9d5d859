"""Components that are combinations of features: the primal form of the problem of components.

With rows ``X``, (n_samples, n_features), and the notation of :mod:`sktransfer._kernels.components`,
the columns ``a`` of ``A``, (n_features, k), have unit length and the smallest ``phi`` in

    (X^T M X + ridge I) a = phi X^T H X a,

and the rows become ``X A``. With a linear kernel the cost of a direction ``a`` of features is not
``ridge |a|^2`` but ``ridge a^T (X^T X)^-1 a``. The ridge counts more here, by about the sum of the
squares of the rows along ``a``: components stay nearer to the directions of most variance.

This is the form ``primal`` of the code of Long, Wang, Ding, Sun and Yu, "Transfer feature learning
with joint distribution adaptation", ICCV 2013, https://doi.org/10.1109/ICCV.2013.274.
"""

import numpy as np
from scipy.sparse import issparse

from sktransfer._kernels.components import (
    EPS,
    ERROR,
    Problem,
    by_eigenvalues,
    by_singular_values,
)
from sktransfer._kernels.factors import SHARE, orthogonal_factor


class PrimalRows:
    """Rows whose features are combined, in place of a kernel: see the head of this module.

    With fewer features than rows the coordinates of ``a`` are its entries. Otherwise they are those
    in an orthonormal basis of the span of the centered rows: no solution has a part outside of it.
    """

    rank = None  # not known

    def __init__(self, X):
        self.X = X
        self.mean = np.asarray(X.mean(axis=0)).ravel()
        if X.shape[1] < X.shape[0]:
            self.rows = (X.toarray() if issparse(X) else X) - self.mean
            self.root, self.basis = orthogonal_factor(self.rows)[0], None
        else:
            self.rows, self.root, self.basis = self._from_products()

    def _from_products(self):
        """Give the coordinates of centered rows, a root of their scatter, and the dual basis."""
        if issparse(self.X):
            products = (self.X @ self.X.T).toarray()
            products = products - products.mean(axis=0)
            products -= products.mean(axis=1, keepdims=True)
        else:
            centred = self.X - self.mean
            products = centred @ centred.T
        values, vectors = np.linalg.eigh(products)
        kept = values > EPS * len(values) * max(values[-1], 0)
        kept[-1] = True
        roots = np.sqrt(np.maximum(values[kept], 0))
        dual = vectors[:, kept] / np.where(roots > 0, roots, np.inf)
        return vectors[:, kept] * roots, np.diag(roots), dual

    def problem(self, costs=None):
        """Give the problem; `costs` of rows have no meaning here."""
        assert costs is None
        scatter = self.root.T @ self.root

        def largest(F, ridge, n_components):
            values, c = by_eigenvalues(lambda c: scatter @ c, F, ridge, n_components)
            if ridge * values[-1] ** 2 > SHARE * np.trace(scatter):
                return values, c
            return by_singular_values(self.root, F, ridge, n_components)

        return Problem(
            size=self.root.shape[1],
            pull=self._differences,
            spread=lambda: self.root,
            lift=self._lift,
            rows=lambda: self.rows,
            largest=largest,
        )

    def _differences(self, contrasts):
        return self.rows.T @ contrasts

    def _lift(self, coordinates):
        """Give the vectors of features; those of dual coefficients sum to 0, which centers X."""
        return coordinates if self.basis is None else self.X.T @ (self.basis @ coordinates)

    def resolved(self, problem, values, coordinates, lengths):
        """Which components are more than rounding, of ``sqrt(1 / phi)``, coordinates and |a|."""
        deviations = np.linalg.norm(self.root @ coordinates, axis=0) / lengths
        exact = values > EPS * problem.size * values[0]
        return exact & (deviations > EPS * np.linalg.norm(self.root) / ERROR)

    def embed(self, A):
        """``X A``."""
        return self.X @ A
