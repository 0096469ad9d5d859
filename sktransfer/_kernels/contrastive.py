"""How well rows of a class lie together and those of other classes apart, by the angles of pairs.

Rows are arrays of the array API standard, of NumPy or torch; each result is an array without
dimensions.
"""

from array_api_compat import array_namespace, device

# Of a row of zeros, whose cosine with any other is 0.
_SMALLEST_LENGTH = 1e-12


def cosines(X):
    """Return the cosines of all pairs of rows, of shape (n, n); 0 for a row of zeros."""
    xp = array_namespace(X)
    lengths = xp.sqrt(xp.sum(X**2, axis=1, keepdims=True) + _SMALLEST_LENGTH**2)
    X = X / lengths
    return X @ X.T


def pair_loss(X, y, *, weight):
    r"""Return the squared error of cosines as answers to the question of an equal class.

    With :math:`s_{ij} = 1` for rows of one class, and 0 for others, it is the mean of
    :math:`(\cos(x_i, x_j) - s_{ij})^2` over the pairs of one class, plus that over pairs of two
    classes, divided by 2: the mean over all pairs if both kinds are equally frequent. The pair has
    the weight :math:`w_i w_j`. If one of the kinds is absent, it is the mean of the other. Equal
    rows have 1/2, and no smaller value than 1/4 is possible if all cosines are equal.

    L. Tunstall et al., "Efficient few-shot learning without prompts", 2022,
    https://arxiv.org/abs/2209.11055.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Two rows or more.
    y : array of shape (n_samples,)
        Class numbers.
    weight : array of shape (n_samples,)
        Weights of the rows, 0 or more.

    Returns
    -------
    loss : array of shape ()
    """
    xp, n = array_namespace(X), X.shape[0]
    same = xp.astype(y[:, None] == y[None, :], X.dtype)
    weight = weight[:, None] * weight[None, :]
    weight = weight * (1 - xp.eye(n, dtype=X.dtype, device=device(X)))
    errors = (cosines(X) - same) ** 2
    loss, n_kinds = xp.zeros((), dtype=X.dtype, device=device(X)), 0
    for of_kind in (weight * same, weight * (1 - same)):
        total = xp.sum(of_kind)
        loss = loss + xp.sum(of_kind * errors) / xp.where(total > 0, total, xp.ones_like(total))
        n_kinds = n_kinds + xp.astype(total > 0, X.dtype)
    return loss / xp.where(n_kinds > 0, n_kinds, xp.ones_like(n_kinds))
