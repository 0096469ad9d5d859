"""Components in which domains agree: kernel embeddings that keep the variance and not the domain.

With the kernel ``K`` of all rows, centring ``H``, a contrast ``M = E E^T`` between the domains and
costs ``G`` of the rows (the identity, unless said), the components ``A``, (n_samples, k), are the
columns ``a`` of unit length with the smallest ``phi`` in

    (K M K + ridge G) a = phi K H K a,

and the rows become ``K A``. The quotients of the two sides are the squared difference between the
domains' means, plus what the ridge costs, over the variance.

Pan, Tsang, Kwok and Yang, "Domain adaptation via transfer component analysis", IEEE Transactions on
Neural Networks 2011; Long et al., ICCV 2013 and CVPR 2014, for other ``M`` and ``G``.

The left side is ``ridge G`` and a few columns: its inverse square root is known in closed form, and
with it the problem is an ordinary symmetric one, of which the largest ``1 / phi`` are wanted. With
a linear kernel and fewer features than rows it is solved for ``X^T A``, in the features.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sktransfer._kernels.eigen import fix_signs, largest_eigenpairs, operator

EPS = np.finfo(np.float64).eps


class Problem(NamedTuple):
    """The problem in coordinates ``c`` of the columns ``a``, in which the ridge is ``ridge * I``.

    ``pull`` maps ``E`` to the ``F`` with which the left side is ``F F^T + ridge I``, of the given
    ``size``; ``scatter`` multiplies by the right side; ``lift`` gives the ``a`` of coordinates.
    ``rows()`` is the transpose of the matrix of ``pull``, (n_samples, size).
    """

    size: int
    pull: Callable
    scatter: Callable
    lift: Callable
    rows: Callable


class LinearKernel:
    """``K = X X^T`` of rows with fewer features than there are rows; never formed."""

    def __init__(self, X):
        self.X = X
        self.scatter = _centred_scatter(X)

    def problem(self, costs=None):
        """Give the problem, in the principal axes of ``G^-1/2 X``."""
        return self._plain if costs is None else self._problem(self.X / costs[:, None])

    @cached_property
    def _plain(self):
        return self._problem(self.X)

    def _problem(self, weighted):
        """Give the problem for the rows `weighted`, ``G^-1 X``."""
        values, vectors = np.linalg.eigh(self.X.T @ weighted)
        kept = values > EPS * max(self.X.shape) * max(values[-1], 0)
        kept[-1] = True  # rows that are all 0 have no axis: any will do, of length 0
        roots, vectors = np.sqrt(np.maximum(values[kept], 0)), vectors[:, kept]
        axes = vectors * roots
        scatter = axes.T @ self.scatter @ axes
        return Problem(
            size=len(roots),
            pull=lambda E: axes.T @ (self.X.T @ E),
            scatter=lambda c: scatter @ c,
            lift=lambda c: weighted @ ((vectors / np.where(roots > 0, roots, 1)) @ c),
            rows=lambda: self.X @ axes,
        )

    def embed(self, A):
        """``K A``."""
        return self.X @ (self.X.T @ A)


class DenseKernel:
    """A kernel matrix ``K``, (n_samples, n_samples), symmetric."""

    def __init__(self, K):
        self.K = K

    def problem(self, costs=None):
        """Give the problem, in ``c = G^1/2 a``."""
        shrink = np.ones(len(self.K)) if costs is None else 1 / np.sqrt(costs)

        def scatter(c):
            image = self.K @ (c.T * shrink).T
            return ((self.K @ (image - image.mean(axis=0))).T * shrink).T

        return Problem(
            size=len(self.K),
            pull=lambda E: (self.K @ E) * shrink[:, None],
            scatter=scatter,
            lift=lambda c: c * shrink[:, None],
            rows=lambda: self.K * shrink,
        )

    def embed(self, A):
        """``K A``."""
        return self.K @ A


def transfer_components(kernel, contrasts, *, ridge, n_components, costs=None):
    """Give the components, see the head of this module.

    Parameters
    ----------
    kernel : LinearKernel or DenseKernel
        Of all rows.
    contrasts : ndarray of shape (n_samples, n_contrasts)
        ``E``; without a column, ``M`` is 0.
    ridge : float
        Greater than 0.
    n_components : int
        How many at most: components without variance are none.
    costs : ndarray of shape (n_samples,), default=None
        The diagonal of ``G``, positive. None: ones.

    Returns
    -------
    components : ndarray of shape (n_samples, k)
        ``A``: columns of unit length, in increasing order of ``phi``, the entry of largest
        magnitude of each positive. One at least.
    eigenvalues : ndarray of shape (k,)
        ``phi``.
    """
    problem = kernel.problem(costs)
    pulled, lengths, _ = np.linalg.svd(problem.pull(contrasts), full_matrices=False)
    weakened = pulled * (1 - 1 / np.sqrt(1 + lengths**2 / ridge))

    def half(c):
        """Multiply by the inverse square root of the left side, over ``sqrt(ridge)``."""
        return c - weakened @ (pulled.T @ c)

    quotient = operator(lambda c: half(problem.scatter(half(c))), problem.size)
    values, vectors = largest_eigenpairs(quotient, min(n_components, problem.size))
    n_kept = max(1, int(np.sum(values > EPS * problem.size * values[0])))
    components = problem.lift(half(vectors[:, :n_kept]))
    norms = np.linalg.norm(components, axis=0)
    components = fix_signs(components / np.where(norms > 0, norms, 1))
    with np.errstate(divide="ignore"):
        return components, ridge / np.maximum(values[:n_kept], 0)


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


def _centred_scatter(X):
    centred = X - X.mean(axis=0)
    return centred.T @ centred


def joint_components(kernel, is_source, contrasts, *, ridge, n_components, n_iter):
    """Components that are sparse in the source's rows: transfer joint matching.

    ``sum_i |a_i|`` over the source's rows of ``A`` (the l2,1 norm) and half of ``sum_i |a_i|^2``
    over the target's are the cost of ``A``. It is minimised by turns: the components for given
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

    Returns
    -------
    components : ndarray of shape (n_samples, k)
    eigenvalues : ndarray of shape (k,)
    costs : ndarray of shape (n_samples,)
        Those of the last components.
    """
    costs = np.ones(len(is_source))
    for turn in range(1, n_iter + 1):
        components, eigenvalues = transfer_components(
            kernel, contrasts, ridge=ridge, n_components=n_components, costs=costs
        )
        if turn < n_iter:
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
        The number of the class of each row, -1 where it is not known.

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
