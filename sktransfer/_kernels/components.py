"""Components in which domains agree: kernel embeddings that keep the variance and not the domain.

With the kernel ``K`` of all rows, centring ``H``, a contrast ``M = E E^T`` between the domains and
costs ``G`` of the rows (the identity, unless said), the components ``A``, (n_samples, k), are the
columns ``a`` of unit length with the smallest ``phi`` in

    (K M K + ridge G) a = phi K H K a,

and the rows become ``K A``. The quotients of the two sides are the squared difference between the
domains' means, plus the cost of the ridge, over the variance.

Pan, Tsang, Kwok and Yang, "Domain adaptation via transfer component analysis", IEEE Transactions on
Neural Networks 2011; Long et al., ICCV 2013 and CVPR 2014, for other ``M`` and ``G``.

The left side is ``ridge G`` and a few columns, so that its inverse square root is known in closed
form. With it the problem is an ordinary symmetric one, of which the largest ``1 / phi`` are wanted.

With a linear kernel and fewer features than rows nothing is squared, as offsets and scales of the
features would take all digits. With ``G^-1/2 X = Q R Q'`` in a triangular form, the ``a = G^-1/2 Q
c`` of coordinates ``c`` cost ``ridge |c|^2``. The ``1 / phi`` are then squared singular values.
"""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sktransfer._kernels.eigen import fix_signs, largest_eigenpairs, operator
from sktransfer._kernels.factors import (
    SHARE,
    leading_singular_vectors,
    orthogonal_factor,
    triangle_inverse,
)

EPS = np.finfo(np.float64).eps
CLEAR = 1e-6  # of the largest ``sqrt(1 / phi)``: far from rounding
ERROR = 1e-2  # of a component's values: the largest error by rounding


class Problem(NamedTuple):
    """The problem in coordinates ``c`` of the columns ``a``, in which the ridge is ``ridge * I``.

    ``pull`` maps ``E``, whose columns sum to 0, to the ``F`` with which the left side is ``F F^T +
    ridge I``, of the given ``size``. ``spread()`` is a matrix ``P`` with ``P^T P`` for the right
    side. ``lift`` gives the ``a`` of coordinates. ``rows()`` is the transpose of the matrix of
    ``pull``, (n_samples, size), to a constant. ``largest`` gives ``sqrt(1 / phi)``, in decreasing
    order, and coordinates, of ``F``, the ridge and the number wanted.
    """

    size: int
    pull: Callable
    spread: Callable
    lift: Callable
    rows: Callable
    largest: Callable


class LinearKernel:
    """``K = X X^T`` of rows with fewer features than there are rows; never formed.

    The mean ``m`` and the centered rows ``Z`` are kept apart, ``X = [1 Z] [m I]^T``, so that an
    offset takes no digits from the rows.
    """

    def __init__(self, X):
        self.mean = X.mean(axis=0)
        self.extended = np.empty((len(X), len(self.mean) + 1))
        self.extended[:, 0] = 1
        self.centred = np.subtract(X, self.mean, out=self.extended[:, 1:])  # Z
        self.n_samples = len(X)

    @cached_property
    def _factor(self):
        return orthogonal_factor(self.extended)

    @cached_property
    def rank(self):
        """The number of directions in which the rows vary, but for rounding of their entries."""
        upper = self._factor[0][1:, 1:]
        lengths = np.sqrt(np.sum(upper**2, axis=0) + self.n_samples * self.mean**2)
        values = np.linalg.svd(upper / np.where(lengths > 0, lengths, 1), compute_uv=False)
        return int(np.sum(values > 8 * EPS * np.sqrt(len(self.mean))))

    @property
    def _rounding(self):
        """The rounding of the values ``H K a`` of a component ``a`` of length 1."""
        return EPS * np.linalg.norm(self._plain.spread())

    def resolved(self, problem, values, coordinates, lengths):
        """Which components are more than rounding, of ``sqrt(1 / phi)``, coordinates and |a|."""
        deviations = np.linalg.norm(problem.spread() @ coordinates, axis=0) / lengths
        exact = values > EPS * problem.size * values[0]
        return exact & (deviations > self._rounding / ERROR)

    def problem(self, costs=None):
        """Give the problem, in coordinates of orthonormal columns of ``G^-1/2 X``.

        With ``G^-1/2 [1 Z] = Q U`` these come from the factorization of ``U [m I]^T``. The offset
        is in its first row alone, and its columns are in decreasing order of their length. No row
        of the triangle is then much larger than those before, and none loses digits to a later one.
        """
        if costs is None:
            return self._plain
        roots = np.sqrt(costs)[:, None]
        upper, lift = orthogonal_factor(self.extended / roots)
        return self._problem(upper, lambda c: lift(c) / roots)

    @cached_property
    def _plain(self):
        return self._problem(*self._factor)

    def _problem(self, upper, lift):
        joint = np.outer(upper[:, 0], self.mean) + upper[:, 1:]
        order = np.argsort(-np.einsum("ij,ij->j", joint, joint), kind="stable")
        turn, triangle = np.linalg.qr(joint[:, order])
        embedded = triangle[:, np.argsort(order)].T  # X^T a of the coordinates
        spread = self._factor[0][1:, 1:] @ embedded
        scatter = spread.T @ spread

        def largest(F, ridge, n_components):
            values, c = by_eigenvalues(lambda c: scatter @ c, F, ridge, n_components)
            if ridge * values[-1] ** 2 > SHARE * np.trace(scatter):
                return values, c
            return by_singular_values(spread, F, ridge, n_components)

        return Problem(
            size=len(triangle),
            pull=lambda E: embedded.T @ self._differences(E),
            spread=lambda: spread,
            lift=lambda c: lift(turn @ c),
            rows=lambda: self.centred @ embedded,
            largest=largest,
        )

    def _differences(self, contrasts):
        """``X^T E``, of which the columns sum to 0."""
        return self.centred.T @ contrasts

    def embed(self, A):
        """``K A``."""
        directions = self.centred.T @ A + np.outer(self.mean, A.sum(axis=0))
        return self.centred @ directions + self.mean @ directions


class DenseKernel:
    """A kernel matrix ``K``, (n_samples, n_samples), symmetric."""

    rank = None  # not known

    def __init__(self, K):
        self.K = K

    def resolved(self, problem, values, coordinates, lengths):
        """Which components are more than rounding of the eigenvalues ``1 / phi``."""
        return values**2 > EPS * problem.size * values[0] ** 2

    def problem(self, costs=None):
        """Give the problem, in ``c = G^1/2 a``."""
        shrink = np.ones(len(self.K)) if costs is None else 1 / np.sqrt(costs)

        def scatter(c):
            image = self.K @ (c.T * shrink).T
            return ((self.K @ (image - image.mean(axis=0))).T * shrink).T

        return Problem(
            size=len(self.K),
            pull=lambda E: (self.K @ E) * shrink[:, None],
            spread=lambda: (self.K - self.K.mean(axis=0)) * shrink,
            lift=lambda c: c * shrink[:, None],
            rows=lambda: self.K * shrink,
            largest=lambda F, ridge, n: by_eigenvalues(scatter, F, ridge, n),
        )

    def embed(self, A):
        """``K A``."""
        return self.K @ A


def by_singular_values(spread, F, ridge, n_components):
    """Those of ``P B^-1``, with the triangular ``B`` of ``B^T B = F F^T + ridge I``."""
    stacked = np.vstack([F.T, np.sqrt(ridge) * np.eye(len(F))])
    inverse = triangle_inverse(np.linalg.qr(stacked, mode="r").T).T
    values, vectors = leading_singular_vectors(spread @ inverse, n_components)
    return values, inverse @ vectors


def by_eigenvalues(scatter, F, ridge, n_components):
    """Those of the two sides' quotient, in which nothing of the left side's size is made."""
    pulled, lengths, _ = np.linalg.svd(F, full_matrices=False)
    weakened = pulled * (1 - 1 / np.sqrt(1 + lengths**2 / ridge))

    def half(c):
        """Multiply by the inverse square root of the left side, times ``sqrt(ridge)``."""
        return c - weakened @ (pulled.T @ c)

    quotient = operator(lambda c: half(scatter(half(c))), len(F))
    values, vectors = largest_eigenpairs(quotient, n_components)
    return np.sqrt(np.maximum(values, 0) / ridge), half(vectors)


def transfer_components(kernel, contrasts, *, ridge, n_components, costs=None):
    """Give the components, see the head of this module.

    Parameters
    ----------
    kernel : LinearKernel, DenseKernel or PrimalRows
        Of all rows.
    contrasts : ndarray of shape (n_samples, n_contrasts)
        ``E``, whose columns sum to 0; without a column, ``M`` is 0.
    ridge : float
        Greater than 0.
    n_components : int
        How many at most: components without variance are none.
    costs : ndarray of shape (n_samples,), default=None
        The diagonal of ``G``, positive. None: ones.

    Returns
    -------
    components : ndarray of shape (n_samples, k), or (n_features, k) of primal rows
        ``A``: columns of unit length, in increasing order of ``phi``, the entry of largest
        magnitude of each positive. One at least.
    eigenvalues : ndarray of shape (k,)
        ``phi``.

    Warns
    -----
    UserWarning
        If rounding has removed components that the rows have.
    """
    problem = kernel.problem(costs)
    n_wanted = min(n_components, problem.size)
    values, coordinates = problem.largest(problem.pull(contrasts), ridge, n_wanted)
    return lifted(kernel, problem, values, coordinates, n_components=n_components)


def lifted(kernel, problem, values, coordinates, *, n_components, of_all=True):
    """Return components and ``phi`` from coordinates and ``sqrt(1 / phi)``, without rounding noise.

    `of_all` says that there is a component to each direction in which the rows vary.
    """
    components = problem.lift(coordinates)
    lengths = np.linalg.norm(components, axis=0)
    lengths[lengths == 0] = 1
    kept = kernel.resolved(problem, values, coordinates, lengths)
    is_clear = kept.all() and values[-1] > CLEAR * values[0]
    if of_all and not is_clear and kernel.rank is not None:
        _warn_of_lost(np.sum(kept), n_components, kernel.rank)
    kept[0] |= not kept.any()
    components = fix_signs(components[:, kept] / lengths[kept])
    with np.errstate(divide="ignore"):
        return components, 1 / values[kept] ** 2


def _warn_of_lost(n_kept, n_components, rank):
    """Warn if there are fewer components than requested and than the rows have."""
    if n_kept < min(n_components, rank):
        warnings.warn(
            f"n_components={n_components!r} is clipped to {max(1, n_kept)}, though the rows vary in"
            f" {rank} directions, because the columns that vary most leave the others no "
            "digits; bring the features to a common scale first, with StandardScaler for instance.",
            UserWarning,
            stacklevel=2,
        )


def domain_contrasts(codes):
    """Give ``E`` such that ``K M K`` measures the difference between the domains' means.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), dtype int
        -1 for a target row, else the number of its source, from 0.

    Returns
    -------
    contrasts : ndarray of shape (n_samples, n_sources)
        One column a source, ``1 / n_source`` in its rows, ``-1 / n_target`` in the target's, all
        over the root of the number of sources.
    """
    n_sources = codes.max() + 1
    is_target = codes < 0
    columns = [_difference(codes == k, is_target) for k in range(n_sources)]
    return np.array(columns).reshape(n_sources, len(codes)).T / np.sqrt(max(n_sources, 1))


def unit_contrasts(contrasts):
    """Scale ``E`` such that ``M = E E^T`` has Frobenius norm 1."""
    norm = np.linalg.norm(contrasts.T @ contrasts)
    return contrasts / np.sqrt(norm) if norm > 0 else contrasts


def _difference(rows, other_rows):
    """The vector whose product with values is their mean in `rows` less that in `other_rows`."""
    return rows / rows.sum() - other_rows / other_rows.sum()


def joint_components(
    kernel, is_source, contrasts, *, ridge, n_components, n_iter, turn=nullcontext
):
    """Components that are sparse in the source's rows: transfer joint matching.

    ``sum_i |a_i|`` over the source's rows of ``A`` (the l2,1 norm) and half of ``sum_i |a_i|^2``
    over the target's are the cost of ``A``. It is minimized by turns: the components for given
    costs of the rows, then the costs ``1 / |a_i|`` for given components. Long, Wang, Ding, Sun and
    Yu, "Transfer joint matching for unsupervised domain adaptation", CVPR 2014.

    Parameters
    ----------
    kernel : LinearKernel or DenseKernel
    is_source : ndarray of shape (n_samples,), dtype bool
    contrasts : ndarray of shape (n_samples, n_contrasts)
    ridge, n_components : float, int
        As in `transfer_components`.
    n_iter : int
        How often the components are computed; once, with costs of 1, is `transfer_components`.
    turn : callable, default=nullcontext
        Returns the context manager in which a turn is computed, for a report of the progress.

    Returns
    -------
    components : ndarray of shape (n_samples, k)
    eigenvalues : ndarray of shape (k,)
    costs : ndarray of shape (n_samples,)
        Those of the last components.
    """
    costs = np.ones(len(is_source))
    for k in range(1, n_iter + 1):
        with turn():
            components, eigenvalues = transfer_components(
                kernel, contrasts, ridge=ridge, n_components=n_components, costs=costs
            )
        if k < n_iter:
            lengths = np.linalg.norm(components[is_source], axis=1)
            costs[is_source] = 1 / (lengths + EPS)
    return components, eigenvalues, costs


def class_contrasts(codes, classes):
    """Give ``E`` such that ``K M K`` measures the difference between the means of each class.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), dtype int
        -1 for a target row, else the number of its source, from 0.
    classes : ndarray of shape (n_samples,), dtype int
        The class code of each row, -1 if it is unknown.

    Returns
    -------
    contrasts : ndarray of shape (n_samples, n_columns)
        A column for each source and class with rows there and in the target, as in
        `domain_contrasts`.
    """
    n_sources, is_target = codes.max() + 1, codes < 0
    columns = [
        _difference((codes == k) & (classes == label), is_target & (classes == label))
        for k in range(n_sources)
        for label in np.intersect1d(classes[codes == k], classes[is_target])
        if label >= 0
    ]
    return np.array(columns).reshape(-1, len(codes)).T / np.sqrt(n_sources)


def joint_contrasts(codes, classes, *, mu):
    """The contrasts of domains and classes together, scaled to ``||M||_F = 1``.

    ``M = (1 - mu) C M_0 + mu sum_c M_c`` with the number C of classes of the sources. Long et al.,
    ICCV 2013 (mu = 1/2); Wang et al., ICDM 2017 (other mu).
    """
    n_classes = len(np.unique(classes[(codes >= 0) & (classes >= 0)]))
    marginal = np.sqrt((1 - mu) * n_classes) * domain_contrasts(codes)
    return unit_contrasts(np.hstack([marginal, np.sqrt(mu) * class_contrasts(codes, classes)]))
