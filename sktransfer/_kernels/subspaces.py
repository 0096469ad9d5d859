"""Principal subspaces of domains, the map that turns one into another, and the flow between them.

A domain's ``P``, (n_features, k) with orthonormal columns, are its first principal axes.

- Alignment: ``x -> x Ps Ps^T Pt``, the coordinates in the source's subspace turned to the target's
  axes; ``M = Ps^T Pt`` minimizes ``||Ps M - Pt||``. Fernando, Habrard, Sebban and Tuytelaars,
  "Unsupervised visual domain adaptation using subspace alignment", ICCV 2013.
- Geodesic flow: with ``Phi(t)`` the subspace at time t on the geodesic from ``Ps`` to ``Pt``,
  ``G = int_0^1 Phi(t) Phi(t)^T dt``. Gong, Shi, Sha and Grauman, "Geodesic flow kernel for
  unsupervised domain adaptation", CVPR 2012.
"""

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace
from scipy.sparse import issparse

from sktransfer._kernels.arrays import EPS, diagonal, empty, in_dtype_of, sinc
from sktransfer._kernels.eigen import fix_signs, largest_eigenpairs, operator
from sktransfer._kernels.streaming import sums

BLOCK = 512  # rows mapped at a time, such that the centred ones stay in a cache
COLUMNS = 64  # multiplied by sparse rows at a time, as each makes a dense one as wide as a row


class Subspace(NamedTuple):
    """Mean, (n_features,), and principal axes, (n_features, k), of a domain, in float64."""

    mean: np.ndarray
    axes: np.ndarray

    @property
    def n_axes(self):
        """The number of axes."""
        return self.axes.shape[1]


class SubspaceMap(NamedTuple):
    """The map ``x -> (x - mean) @ matrix``, a callable.

    Rows come back in their own dtype; the arithmetic is float64, as large means would else cancel.
    """

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, X):
        mapped = empty((X.shape[0], self.matrix.shape[1]), self.matrix)
        for start in range(0, X.shape[0], BLOCK):
            rows = slice(start, min(start + BLOCK, X.shape[0]))
            block = X[rows, :].toarray() if issparse(X) else X[rows, :]
            mapped[rows, :] = (block - self.mean) @ self.matrix
        return mapped.astype(X.dtype, copy=False) if issparse(X) else in_dtype_of(mapped, X)


def principal_subspace(X, n_axes):
    """Give the mean and the first principal axes of rows.

    The eigenvectors of the covariance, or of the Gram matrix of the centered rows if that is
    smaller. Sparse rows are multiplied as they are, and neither matrix is computed. Axes along
    which the rows vary only by rounding are dropped.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features), dtype float64 or float32
        Two rows at least.
    n_axes : int
        How many axes at most.

    Returns
    -------
    subspace : Subspace
        One axis at least, in decreasing order of variance.
    """
    return principal_subspace_of(sums(X), n_axes)


def principal_subspace_of(domain, n_axes):
    """`principal_subspace` of rows of which these are the sums.

    Parameters
    ----------
    domain : Sums
    n_axes : int

    Returns
    -------
    subspace : Subspace
    """
    n_samples, n_features = domain.n_samples, domain.mean.shape[0]
    xp = array_namespace(domain.mean)
    scatter, axes_of = _scatter(domain)
    values, vectors = largest_eigenpairs(scatter, min(n_axes, n_samples - 1, n_features))
    precision = EPS * max(n_samples, n_features)
    vectors = vectors[:, : max(1, int(xp.sum(xp.astype(values > precision * values[0], xp.int64))))]
    if axes_of is not None:  # the QR factorization restores the orthogonality that rounding took
        vectors = fix_signs(xp.linalg.qr(axes_of(vectors))[0])
    return Subspace(domain.mean, vectors)


def _scatter(domain):
    """Return the scatter, or the Gram matrix of the centered rows if that is smaller, as stored.

    Also return the factor that turns its eigenvectors into axes; None if they are the axes.
    """
    rows = domain.rows
    if rows is None:
        return domain.scatter, None
    if not issparse(rows):
        return rows @ rows.T, lambda c: rows.T @ c
    if rows.shape[0] > rows.shape[1]:
        return _in_blocks(lambda v: rows.T @ _less_mean(rows @ v), rows.shape[1]), None

    def axes_of(c):
        return rows.T @ _less_mean(c)  # of centred rows: the mean is multiplied by 0

    return _in_blocks(lambda c: _less_mean(rows @ axes_of(c)), rows.shape[0]), axes_of


def _in_blocks(multiply, size):
    """The symmetric operator of `multiply`, of `COLUMNS` columns at a time."""

    def by_blocks(c):
        if c.ndim == 1 or c.shape[1] <= COLUMNS:
            return multiply(c)
        starts = range(0, c.shape[1], COLUMNS)
        return np.concatenate([multiply(c[:, k : k + COLUMNS]) for k in starts], axis=1)

    return operator(by_blocks, size)


def _less_mean(columns):
    return columns - columns.mean(axis=0)


def alignment(source, target):
    """Give the map of the source's rows to the coordinates of the target's rows in their axes.

    Parameters
    ----------
    source, target : Subspace

    Returns
    -------
    fitted : SubspaceMap
        Its matrix is ``Ps Ps^T Pt``, of shape (n_features, axes of the target).
    """
    return SubspaceMap(source.mean, source.axes @ (source.axes.T @ target.axes))


class Flow(NamedTuple):
    """The geodesic flow between two subspaces, as ``G = basis @ weights @ basis^T``.

    ``basis``, (n_features, 2k), holds the principal vectors of the source and the directions in
    which each moves. ``weights``, (2k, 2k), holds the integrals over time of the products of their
    coefficients ``cos(t * angle)`` and ``sin(t * angle)``. ``angles``, (k,), are the principal
    angles, in increasing order.
    """

    basis: np.ndarray
    weights: np.ndarray
    angles: np.ndarray


def geodesic_flow(source, target):
    """Give the flow from one subspace to another, of as many axes.

    With the singular value decomposition ``Ps^T Pt = U cos(angles) V^T`` the geodesic is ``Phi(t) =
    Ps U cos(t angles) + Q sin(t angles)`` with ``Q sin(angles) = Pt V - Ps U cos(angles)``, so that
    no complement of ``Ps`` is needed. Over time,

    - ``cos^2`` integrates to ``(1 + sin(2 angle) / (2 angle)) / 2``,
    - ``cos sin`` to ``sin(angle)^2 / (2 angle)``,
    - ``sin^2`` to ``(1 - sin(2 angle) / (2 angle)) / 2``.

    Parameters
    ----------
    source, target : Subspace
        Of equal shapes.

    Returns
    -------
    flow : Flow
    """
    xp = array_namespace(source.axes)
    left, cosines, right = xp.linalg.svd(source.axes.T @ target.axes)
    start = source.axes @ left
    step = target.axes @ right.T - start * cosines
    sines = xp.linalg.vector_norm(step, axis=0)
    angles = xp.atan2(sines, cosines)
    direction = step / xp.where(sines > 0, sines, xp.ones_like(sines))
    double, mixed = sinc(2 * angles), sinc(angles) * xp.sin(angles) / 2
    parts = (1 + double) / 2, mixed, (1 - double) / 2
    upper, beside, lower = (diagonal(part) for part in parts)
    weights = xp.concat(
        [xp.concat([upper, beside], axis=1), xp.concat([beside, lower], axis=1)], axis=0
    )
    return Flow(xp.concat([start, direction], axis=1), weights, angles)


def flow_root(sources, target, flows):
    """Give a matrix whose product with its transpose is the mean of the flows' ``G``.

    Its columns are those of ``G^1/2`` in an orthonormal basis of the span of the subspaces. The
    target's axes come first, then the components of the sources' axes outside of them, in
    decreasing order. With equal subspaces it is the target's axes.

    Parameters
    ----------
    sources : sequence of Subspace
    target : Subspace
    flows : sequence of Flow
        From each of the `sources` to the `target`.

    Returns
    -------
    root : ndarray of shape (n_features, rank)
        The rank is at most that of all axes together.
    """
    xp, basis = array_namespace(target.axes), _span(sources, target)
    all_coordinates = [basis.T @ flow.basis for flow in flows]
    inner = sum(
        coordinates @ flow.weights @ coordinates.T / len(flows)
        for coordinates, flow in zip(all_coordinates, flows, strict=True)
    )
    values, vectors = xp.linalg.eigh(inner)
    return basis @ ((vectors * xp.sqrt(xp.clip(values, 0, None))) @ vectors.T)


def _span(sources, target):
    """An orthonormal basis of all axes, the target's first."""
    xp = array_namespace(target.axes)
    outside = xp.concat([source.axes for source in sources], axis=1)
    for _ in range(2):  # a second time removes the remainder of rounding
        outside = outside - target.axes @ (target.axes.T @ outside)
    vectors, lengths, _ = xp.linalg.svd(outside, full_matrices=False)
    # Less than this far outside is rounding; G feels the square of it.
    n_outside = int(xp.sum(xp.astype(lengths > 1e-10, xp.int64)))
    return xp.concat([target.axes, fix_signs(vectors[:, :n_outside])], axis=1)
