"""Nystroem's features: a kernel of many rows through its values at a few of them, the landmarks.

``k(x, y)`` is approximated by ``k(x, L) K_LL^+ k(L, y)``, the inner product of the projections of
``x`` and ``y`` on the span of the landmarks in feature space. C. Williams and M. Seeger, "Using the
Nystroem method to speed up kernel machines", NIPS 2000,
https://papers.nips.cc/paper/2000/hash/19de10adbaa1b2ee13f77f679fa1483a-Abstract.html.
"""

import numpy as np


def inverse_root(K, *, cutoff):
    """Give ``R`` with ``R R^T = K^+``, so that the rows of ``k(x, L) R`` have the inner products.

    Parameters
    ----------
    K : ndarray of shape (n_landmarks, n_landmarks)
        The kernel of the landmarks, symmetric.
    cutoff : float
        Eigenvalues up to this share of the largest are taken for 0.

    Returns
    -------
    root : ndarray of shape (n_landmarks, rank)
        One column at least; in increasing order of the eigenvalues.
    """
    values, vectors = np.linalg.eigh(K)
    kept = values > cutoff * max(values[-1], 0)
    kept[-1] = True  # a kernel that is 0 has no direction: any will do, of length 0
    roots = np.sqrt(np.maximum(values[kept], 0))
    return vectors[:, kept] / np.where(roots > 0, roots, np.inf)
