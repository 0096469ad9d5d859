"""Linear maps that give the rows of one domain the mean and the covariance of another.

With ``Cs = cov(source) + ridge * I`` and ``Ct`` likewise (``ddof=1``), every
``A = Cs^-1/2 Q Ct^1/2`` with an orthogonal ``Q`` satisfies ``A^T Cs A = Ct``, and no other matrix
does. Three of them have a name here:

- ``"coral"``: ``Q = I``. Sun, Feng and Saenko, "Return of frustratingly easy domain adaptation",
  AAAI 2016, https://arxiv.org/abs/1511.05547.
- ``"monge"``: the symmetric one, ``A = Cs^-1/2 (Cs^1/2 Ct Cs^1/2)^1/2 Cs^-1/2``, which moves the
  rows least: the optimal transport between Gaussians. Peyre and Cuturi, "Computational optimal
  transport", 2019, remark 2.31, https://arxiv.org/abs/1803.00567.
- ``"cholesky"``: ``A = Ls^-T Lt^T`` with ``Cs = Ls Ls^T`` and ``Ct = Lt Lt^T``: no eigenvalues.

A domain with no more rows than features has ``C = ridge * I + B^T B``; ``B`` contains its centered
rows over ``sqrt(n - 1)``. All formulas are then written with ``B``, exactly, and no (n_features,
n_features) array is allocated. No map stores ``B`` itself, from which rows could be read. It is
first rotated, ``Q B`` with an orthogonal ``Q``, into a factor that the covariance determines.

Everything here is computed in float64 by the library that the arrays are of, on their device.
SciPy's LAPACK beside NumPy's would bring a second pool of threads, and the two slow each other.
"""

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from sktransfer._kernels.arrays import EPS, add_to_diagonal, empty, float64, in_dtype_of
from sktransfer._kernels.streaming import sums

BLOCK = 128  # features at a time in a low-rank Cholesky factor; the result does not depend on it


class Moments(NamedTuple):
    """Mean and covariance of one domain, the covariance in the cheaper of two forms.

    With more rows than features, ``scatter`` is the covariance and ``factor`` is None. Otherwise
    ``factor``, (n_samples, n_features), has ``covariance = factor^T factor``, and ``scatter`` is
    ``factor factor^T``, which has the same non-zero eigenvalues. ``n_samples`` counts the rows of
    ``factor``, if there is one.
    """

    mean: np.ndarray
    scatter: np.ndarray
    factor: np.ndarray | None
    n_samples: int


class Dense(NamedTuple):
    """The operator ``x -> x @ matrix``, in the dtype of ``x``."""

    matrix: np.ndarray

    def __call__(self, X):
        return X @ in_dtype_of(self.matrix, X)


class LowRank(NamedTuple):
    """The operator ``x -> scale * x + (x @ left) @ right``, in float64."""

    scale: float
    left: np.ndarray
    right: np.ndarray

    def __call__(self, X):
        X = float64(X)
        return self.scale * X + (X @ self.left) @ self.right


class LowRankCholesky(NamedTuple):
    """``x -> x @ L^T``, or ``x -> x @ L^-T`` if `inverse`, for ``L L^T = ridge * I + B^T B``.

    ``L`` is lower triangular. Its diagonal blocks are ``diagonal``; below them, its block (j, i) is
    ``B_j^T W_i``, with the columns ``B_j`` of `factor` and ``W_i`` of `below`. In float64.
    """

    factor: np.ndarray
    below: np.ndarray
    diagonal: tuple
    inverse: bool

    def __call__(self, X):
        xp, mapped = array_namespace(X), empty(X.shape, X)
        carried = empty((X.shape[0], self.factor.shape[0]), X)
        carried[...] = 0.0
        stop = 0
        for corner in self.diagonal:
            here = slice(stop, stop := stop + corner.shape[0])
            before = carried @ self.factor[:, here]
            if self.inverse:
                mapped[:, here] = xp.linalg.solve(corner, (X[:, here] - before).T).T
                carried += mapped[:, here] @ self.below[:, here].T
            else:
                mapped[:, here] = float64(X[:, here]) @ corner.T + before
                carried += float64(X[:, here]) @ self.below[:, here].T
        return mapped


class AffineMap(NamedTuple):
    """The map ``x -> (x - mean_source) A + mean_target``, a callable.

    ``operators``, applied one after another, are ``A``. Rows come back in their own dtype.
    """

    mean_source: np.ndarray
    operators: tuple
    mean_target: np.ndarray

    def __call__(self, X):
        mapped = X - in_dtype_of(self.mean_source, X)
        for operator in self.operators:
            mapped = operator(mapped)
        return in_dtype_of(mapped + self.mean_target, X)


def moments(X):
    """Mean and covariance (``ddof=1``) of rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64 or float32
        Two rows at least.

    Returns
    -------
    domain : Moments
        In float64.
    """
    return moments_of(sums(X))


def moments_of(domain):
    """Mean and covariance (``ddof=1``) of the rows of which these are the sums.

    Parameters
    ----------
    domain : Sums
        Of two rows at least.

    Returns
    -------
    domain : Moments
    """
    share = 1 / (domain.n_samples - 1)
    if domain.rows is None:
        return Moments(domain.mean, domain.scatter * share, None, domain.n_samples)
    factor = domain.rows * share**0.5
    return Moments(domain.mean, factor @ factor.T, factor, factor.shape[0])


def numerical_rank(domain, *, ridge):
    """Rank of ``covariance + ridge * I``, to rounding error.

    Eigenvalues are computed only if `ridge` alone does not settle it.

    Parameters
    ----------
    domain : Moments
    ridge : float

    Returns
    -------
    rank : int
    """
    xp, n_features = array_namespace(domain.mean), domain.mean.shape[0]
    precision = EPS * max(domain.n_samples, n_features)
    if ridge > precision * float(xp.linalg.trace(domain.scatter)):
        return n_features
    values = xp.linalg.eigvalsh(domain.scatter)
    return int(xp.sum(xp.astype(values > precision * values[-1], xp.int64)))


def coral_maps(sources, target, *, ridge, kind):
    """Give the map of each source onto the target.

    Parameters
    ----------
    sources : sequence of Moments
    target : Moments
    ridge : float
        Added to the diagonal of every covariance; all of them must then have full rank.
    kind : {"coral", "monge", "cholesky"}

    Returns
    -------
    maps : list of AffineMap
    """
    if kind == "monge":
        chains = [_monge(source, target, ridge=ridge) for source in sources]
    else:
        whiten, colour = {"coral": (_inverse_root, _root), "cholesky": (_unchain, _chain)}[kind]
        coloured = colour(target, ridge=ridge)
        chains = [
            _compose(
                whiten(source, ridge=ridge),
                coloured,
                dense=source.factor is None and target.factor is None,
            )
            for source in sources
        ]
    return [
        AffineMap(source.mean, operators, target.mean)
        for source, operators in zip(sources, chains, strict=True)
    ]


def _compose(first, second, *, dense):
    """Return the two operators, or their product if both are dense."""
    return (Dense(first.matrix @ second.matrix),) if dense else (first, second)


def _root(domain, *, ridge):
    """The operator ``(covariance + ridge * I)^1/2``.

    In low rank, with ``B B^T = U diag(e) U^T`` and ``W = U^T B``, any ``f(ridge * I + B^T B)`` is
    ``f(ridge) I + W^T diag(g) W`` with ``g = (f(e + ridge) - f(ridge)) / e``, written here such
    that nothing cancels for small ``e``.
    """
    values, vectors = _spectrum(domain)
    roots = (values + ridge) ** 0.5
    if domain.factor is None:
        return Dense((vectors * roots) @ vectors.T)
    return _low_rank(domain, vectors, ridge**0.5, 1 / (roots + ridge**0.5))


def _inverse_root(domain, *, ridge):
    """The operator ``(covariance + ridge * I)^-1/2``; see `_root`."""
    values, vectors = _spectrum(domain)
    roots = (values + ridge) ** 0.5
    if domain.factor is None:
        return Dense((vectors / roots) @ vectors.T)
    base = ridge**0.5
    return _low_rank(domain, vectors, 1 / base, -1 / (roots * base * (roots + base)))


def _spectrum(domain):
    """Eigenvalues, none negative, and eigenvectors of ``scatter``."""
    xp = array_namespace(domain.scatter)
    values, vectors = xp.linalg.eigh(domain.scatter)
    return xp.clip(values, 0, None), vectors


def _low_rank(domain, vectors, scale, weights):
    basis = vectors.T @ domain.factor
    return LowRank(scale, basis.T, weights[:, None] * basis)


def _chain(domain, *, ridge):
    """Return the operator ``x -> x @ L^T`` with ``covariance + ridge * I = L L^T`` (Cholesky)."""
    if domain.factor is None:
        xp = array_namespace(domain.scatter)
        return Dense(xp.linalg.cholesky(add_to_diagonal(domain.scatter, ridge)).T)
    return _low_rank_cholesky(_principal(domain), ridge, inverse=False)


def _unchain(domain, *, ridge):
    """The operator ``x -> x @ L^-T``, the inverse of `_chain`."""
    if domain.factor is None:
        xp = array_namespace(domain.scatter)
        return Dense(xp.linalg.inv(xp.linalg.cholesky(add_to_diagonal(domain.scatter, ridge))).T)
    return _low_rank_cholesky(_principal(domain), ridge, inverse=True)


def _low_rank_cholesky(factor, ridge, *, inverse):
    """Cholesky factor of ``ridge * I + factor^T factor``, a block of features at a time.

    The remaining inner product of two later columns b, c after these blocks is ``b^T rest c``.
    """
    xp, below, diagonal = array_namespace(factor), empty(factor.shape, factor), []
    rest = xp.eye(factor.shape[0], dtype=xp.float64, device=device(factor))
    for start in range(0, factor.shape[1], BLOCK):
        here = slice(start, min(start + BLOCK, factor.shape[1]))
        left_over = rest @ factor[:, here]
        corner = xp.linalg.cholesky(add_to_diagonal(factor[:, here].T @ left_over, ridge))
        below[:, here] = xp.linalg.solve(corner, left_over.T).T
        rest -= below[:, here] @ below[:, here].T
        diagonal.append(corner)
    return LowRankCholesky(factor, below, tuple(diagonal), inverse)


def _principal(domain):
    """The principal axes, times the deviations along them: a factor that holds no row."""
    return _spectrum(domain)[1].T @ domain.factor


def _monge(source, target, *, ridge):
    """The operators, one in all, of the symmetric map of `source` onto `target`.

    If the two domains together have fewer rows than features, the map is the identity on the
    orthogonal complement of their rows. It is computed in an orthonormal basis of these.
    """
    if source.n_samples + target.n_samples >= source.mean.shape[0]:
        return (Dense(_monge_matrix(_covariance(source), _covariance(target), ridge=ridge)),)
    xp = array_namespace(source.factor)
    rows = xp.concat([_principal(source), _principal(target)])
    basis, coordinates = xp.linalg.qr(rows.T)
    coordinates_source = coordinates[:, : source.n_samples]
    coordinates_target = coordinates[:, source.n_samples :]
    matrix = _monge_matrix(
        coordinates_source @ coordinates_source.T,
        coordinates_target @ coordinates_target.T,
        ridge=ridge,
    )
    return (LowRank(1.0, basis, add_to_diagonal(matrix, -1) @ basis.T),)


def _monge_matrix(covariance_source, covariance_target, *, ridge):
    """``L^-T (L^T Ct L)^1/2 L^-1`` with ``Cs = L L^T``: the positive A with A Cs A = Ct."""
    xp = array_namespace(covariance_source)
    lower = xp.linalg.cholesky(add_to_diagonal(covariance_source, ridge))
    middle = lower.T @ add_to_diagonal(covariance_target, ridge) @ lower
    values, vectors = xp.linalg.eigh(middle)
    half = xp.linalg.solve(lower.T, vectors * xp.clip(values, 0, None) ** 0.25)
    return half @ half.T


def _covariance(domain):
    return domain.scatter if domain.factor is None else domain.factor.T @ domain.factor
