"""Components in which domains agree, labels are told apart and neighbors stay together (SSTCA).

With the notation of :mod:`sktransfer._kernels.components`, the columns ``a`` of ``A`` have the
smallest ``phi`` in

    (K (M + locality N) K + ridge I) a = phi K H (dependence Y Y^T + (1 - dependence) I) H K a,

with ``Y``, (n_samples, n_classes), 1 if a row is labelled with a class and 0 otherwise: ``tr(A^T K
H Y Y^T H K A)`` measures how much the rows depend on their labels (Hilbert-Schmidt independence
criterion). ``N`` is the Laplacian of a graph of neighbors: ``tr(A^T K N K A)`` is the sum over its
edges of weight times squared distance of the embedded ends.

Pan, Tsang, Kwok and Yang, "Domain adaptation via transfer component analysis", IEEE Transactions on
Neural Networks 2011, section IV.
"""

import numpy as np

from sktransfer._kernels.components import lifted
from sktransfer._kernels.factors import leading_singular_vectors, triangle_inverse


def indicators(classes):
    """``Y``: 1 if a row has the class of the column.

    Parameters
    ----------
    classes : ndarray of shape (n_samples,), dtype int
        From 0; -1 for a row without a label.

    Returns
    -------
    Y : ndarray of shape (n_samples, n_classes)
    """
    return (classes[:, None] == np.arange(classes.max() + 1)).astype(np.float64)


def laplacian(distances):
    """The Laplacian of a graph of neighbors, scaled to Frobenius norm 1.

    Two rows are joined if one is a neighbor of the other, by an edge of weight ``exp(-d^2 / (2
    s^2))``, with ``s`` the median distance of neighbors.

    Parameters
    ----------
    distances : CSR array of shape (n_samples, n_samples)
        In each row the distances to the row's neighbors; also those that are 0 are stored.

    Returns
    -------
    N : CSR array of shape (n_samples, n_samples)
        Symmetric, its rows sum to 0.
    """
    width = np.median(distances.data)
    weights = distances.copy()
    weights.data = np.exp(-((distances.data / (width if width > 0 else 1.0)) ** 2) / 2)
    weights = weights.maximum(weights.T)
    N = -weights.tocsr()
    N.setdiag(0)
    N.setdiag(-np.asarray(N.sum(axis=1)).ravel())
    norm = np.sqrt((N.data**2).sum())
    return N / norm if norm > 0 else N


def supervised_components(kernel, contrasts, Y, N, *, dependence, locality, ridge, n_components):
    """Give the components, see the head of this module.

    Parameters
    ----------
    kernel : LinearKernel or DenseKernel
        Of all rows.
    contrasts : ndarray of shape (n_samples, n_contrasts)
        ``E`` with ``M = E E^T``.
    Y : ndarray of shape (n_samples, n_classes)
    N : CSR array of shape (n_samples, n_samples)
    dependence : float
        In [0, 1].
    locality : float
        Not negative.
    ridge : float
        Greater than 0.
    n_components : int
        How many at most: components without variance are none.

    Returns
    -------
    components : ndarray of shape (n_samples, k)
        ``A``: columns of unit length, in increasing order of ``phi``, the entry of largest
        magnitude of each positive. One at least.
    eigenvalues : ndarray of shape (k,)
        ``phi``.
    """
    problem = kernel.problem()
    apart, labels = problem.pull(contrasts), problem.pull(Y - Y.mean(axis=0))
    left = apart @ apart.T + locality * problem.pull(N @ problem.rows())
    left.flat[:: problem.size + 1] += ridge
    inverse = triangle_inverse(np.linalg.cholesky((left + left.T) / 2)).T
    shares = np.sqrt([1 - dependence, dependence])
    right = np.vstack([shares[0] * problem.spread(), shares[1] * labels.T])
    n_wanted = min(n_components, problem.size)
    values, vectors = leading_singular_vectors(right @ inverse, n_wanted)
    return lifted(
        kernel,
        problem,
        values,
        inverse @ vectors,
        n_components=n_components,
        of_all=dependence < 1,
    )
