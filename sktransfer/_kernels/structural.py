"""Structure that predictors of pivots share.

Pivots are features that mean the same in all domains. Each is predicted from the other features by
least squares. The left singular vectors of the matrix of these predictors, one column a pivot, are
directions in which features count alike for many pivots.

Ando and Zhang, "A framework for learning predictive structures from multiple tasks and unlabeled
data", JMLR 2005. Blitzer, McDonald and Pereira, "Domain adaptation with structural correspondence
learning", EMNLP 2006.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import issparse

from sktransfer._kernels.eigen import fix_signs

EPS = np.finfo(np.float64).eps


def shared_frequency(counts, n_rows):
    """Return the frequency of each feature in the domain with the lowest frequency.

    Parameters
    ----------
    counts : ndarray of shape (n_domains, n_features)
        The rows in which each feature is not 0.
    n_rows : ndarray of shape (n_domains,)
        Those that there are.

    Returns
    -------
    frequencies : ndarray of shape (n_features,)
        From 0 to 1.
    """
    return np.min(counts / n_rows[:, None], axis=0)


def information(counts, n_rows):
    """The mutual information between the presence of each feature and the class, in nats.

    ``sum over classes c and presence f of p(f, c) log(p(f, c) / (p(f) p(c)))``.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_features)
        The rows of each class in which each feature is not 0.
    n_rows : ndarray of shape (n_classes,)
        The rows of each class, one at least.

    Returns
    -------
    nats : ndarray of shape (n_features,)
    """
    total = n_rows.sum()
    share = n_rows[:, None] / total
    found = np.zeros(counts.shape[1])
    for joint in (counts / total, (n_rows[:, None] - counts) / total):
        expected = share * joint.sum(axis=0)
        ratio = np.divide(joint, expected, out=np.ones_like(joint), where=joint > 0)
        found += np.sum(joint * np.log(ratio), axis=0)
    return found


def predictors(X, Y, *, ridge):
    """Give the weights of the least squares prediction of the columns of `Y` from `X`.

    With both centered, and each column of ``Y`` divided by its standard deviation, ``W = (X^T X + r
    I)^-1 X^T Y``, with ``r`` equal to `ridge` times the mean of the diagonal of ``X^T X``. One
    factorization, of the smaller of ``X^T X`` and ``X X^T``, serves all columns. For sparse rows
    only the products are centered: a mean far beyond the spread costs digits there.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_pivots)
    ridge : float
        Positive, without unit.

    Returns
    -------
    weights : ndarray of shape (n_features, n_pivots), float64

    Raises
    ------
    LinAlgError
        When the matrix to factorise is not positive definite to machine precision.
    """
    Y = Y - Y.mean(axis=0)
    deviations = np.sqrt(np.mean(Y**2, axis=0))
    Y /= np.where(deviations > 0, deviations, 1)
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if not issparse(X):
        X, mean = X - mean, np.zeros_like(mean)
    product = np.asarray(X.T @ Y)  # Y is centred, which centres X
    if X.shape[1] <= X.shape[0]:
        gram = _dense(X.astype(np.float64).T @ X) - X.shape[0] * np.outer(mean, mean)
        return _solve(gram, product, ridge=ridge, n_features=X.shape[1])
    side = np.asarray(X @ mean)
    gram = _dense(X.astype(np.float64) @ X.T) - side[:, None] - side + mean @ mean
    duals = _solve(gram, Y, ridge=ridge, n_features=X.shape[1])
    return np.asarray(X.T @ duals)  # they sum to 0 as Y does, which centres X again


def shared_directions(weights, *, n_components):
    """Give the first left singular vectors, those without a singular value left out.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_pivots)
    n_components : int

    Returns
    -------
    directions : ndarray of shape (n_features, k)
        Orthonormal columns, the entry of largest magnitude of each positive. One at least.
    singular_values : ndarray of shape (k,)
    """
    vectors, values, _ = np.linalg.svd(weights, full_matrices=False)
    n_kept = max(1, int(np.sum(values > EPS * max(weights.shape) * values[0])))
    n_kept = min(n_kept, n_components)
    return fix_signs(vectors[:, :n_kept]), values[:n_kept]


def mean_square_length(X):
    """The mean squared length of rows."""
    if issparse(X):
        X = X.astype(np.float64)
        return float(X.multiply(X).sum()) / X.shape[0]
    return float(np.einsum("ij,ij", X, X, dtype=np.float64)) / X.shape[0]


def _solve(gram, right, *, ridge, n_features):
    scale = np.trace(gram) / n_features
    gram[np.diag_indices_from(gram)] += ridge * scale if scale > 0 else 1.0
    return cho_solve(cho_factor(gram, overwrite_a=True), right)


def _dense(product):
    return product.toarray() if issparse(product) else product
