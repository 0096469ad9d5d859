"""How far apart two domains are in a minibatch, for the gradient of a network's weights.

Rows are arrays of the array API standard, of NumPy or torch; each result is an array without
dimensions. A number that no gradient passes (`scale`, `weight`) is an argument: compute it of
detached rows.
"""

from array_api_compat import array_namespace, device

# Widths of the kernels, times the mean squared distance: d^2 is divided by 2^-2 ... 2^2 of it.
POWERS = (-2, -1, 0, 1, 2)

# The width of JAN's one kernel of probabilities: exp(-d^2 / 1.68).
PROBABILITY_SCALE = 1.68

# Within the logarithm of an entropy.
_TINY = 1e-12


def coral_loss(X_source, X_target):
    r"""Return :math:`\|C_s - C_t\|_F^2 / (4 d^2)`, with covariances by n - 1.

    B. Sun and K. Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV
    Workshops 2016, https://arxiv.org/abs/1607.01719.

    Parameters
    ----------
    X_source, X_target : array of shape (n_samples, n_features)
        Two rows or more each; the numbers of rows may differ.

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(X_source)
    gap = _covariance(X_source) - _covariance(X_target)
    return xp.sum(gap**2) / (4 * X_source.shape[1] ** 2)


def _covariance(X):
    centered = X - array_namespace(X).mean(X, axis=0)
    return centered.T @ centered / (X.shape[0] - 1)


def pair_distances(X):
    """Return the squared distances of all pairs of rows, of shape (n, n), none negative."""
    xp = array_namespace(X)
    X = X - xp.mean(X, axis=0)  # a common offset costs digits
    lengths = xp.sum(X**2, axis=1)
    squared = lengths[:, None] + lengths[None, :] - 2 * (X @ X.T)
    return xp.where(squared > 0, squared, xp.zeros_like(squared))


def mean_of_pairs(squared):
    """Return the mean over all pairs of different rows; 1 if all rows are equal."""
    xp, n = array_namespace(squared), squared.shape[0]
    mean = xp.sum(squared) / (n * n - n)
    return xp.where(mean > 0, mean, xp.ones_like(mean))


def gaussians(squared, *, scale):
    r"""Return :math:`\sum_{i=-2}^{2} \exp(-d^2 / (2^i b))` of squared distances and the scale b."""
    xp = array_namespace(squared)
    return sum(xp.exp(-squared / (scale * 2.0**power)) for power in POWERS)


def mean_discrepancy(kernel, n_source):
    r"""Return the unbiased square of the maximum mean discrepancy.

    It is the mean of :math:`k(s_i, s_j)` and that of :math:`k(t_i, t_j)` over :math:`i \ne j`, less
    twice the mean of :math:`k(s_i, t_j)`. It may be negative, and is 0 on average if the domains
    are equal.

    A. Gretton et al., "A kernel two-sample test", JMLR 13, 2012,
    https://jmlr.org/papers/v13/gretton12a.html.

    Parameters
    ----------
    kernel : array of shape (n, n)
        Of the source rows and, after them, the target rows; two or more of each.
    n_source : int

    Returns
    -------
    squared : array of shape ()
    """
    xp = array_namespace(kernel)
    across = xp.mean(kernel[:n_source, n_source:])
    within = [kernel[:n_source, :n_source], kernel[n_source:, n_source:]]
    return sum(map(_mean_off_diagonal, within)) - 2 * across


def _mean_off_diagonal(square):
    xp, n = array_namespace(square), square.shape[0]
    others = 1 - xp.eye(n, dtype=square.dtype, device=device(square))
    return xp.sum(square * others) / (n * n - n)


def dan_loss(squared, n_source, *, scale):
    """Return the squared discrepancy of features, by five kernels.

    M. Long, Y. Cao, J. Wang and M. I. Jordan, "Learning transferable features with deep adaptation
    networks", ICML 2015, https://arxiv.org/abs/1502.02791.

    Parameters
    ----------
    squared : array of shape (n, n)
        `pair_distances` of the features of source rows and, after them, target rows.
    n_source : int
    scale : float or array of shape ()
        `mean_of_pairs` of the same distances, through which no gradient passes.

    Returns
    -------
    loss : array of shape ()
    """
    return mean_discrepancy(gaussians(squared, scale=scale), n_source)


def jan_loss(squared, squared_probability, n_source, *, scale):
    """Return the squared discrepancy of features and probabilities together.

    The kernel of two rows is the product of that of `dan_loss` and a Gaussian of the probabilities.

    M. Long, H. Zhu, J. Wang and M. I. Jordan, "Deep transfer learning with joint adaptation
    networks", ICML 2017, https://arxiv.org/abs/1605.06636.

    Parameters
    ----------
    squared, squared_probability : array of shape (n, n)
        `pair_distances` of the features, and of the probabilities of the classes.
    n_source : int
    scale : float or array of shape ()
        As for `dan_loss`.

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(squared)
    of_probability = xp.exp(-squared_probability / PROBABILITY_SCALE)
    return mean_discrepancy(gaussians(squared, scale=scale) * of_probability, n_source)


def softmax(logits):
    """Return the probabilities, of shape (n_samples, n_classes)."""
    xp = array_namespace(logits)
    exponential = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
    return exponential / xp.sum(exponential, axis=1, keepdims=True)


def certainty_weight(probability):
    """Return ``1 + exp(-H)`` of each row, with a mean of 1, for the entropy H of its classes."""
    xp = array_namespace(probability)
    entropy = -xp.sum(probability * xp.log(probability + _TINY), axis=1)
    weight = 1 + xp.exp(-entropy)
    return weight / xp.mean(weight)


def class_confusion(probability, *, weight):
    r"""Return the share of confusion between classes: MCC.

    With :math:`C = P^T \mathrm{diag}(w) P` whose rows are divided by their sums it is
    :math:`(\sum C - \mathrm{tr}\, C) / n_{classes}`: 0 if each row is certain, and
    :math:`1 - 1 / n_{classes}` if each row has equal probabilities.

    Y. Jin, X. Wang, M. Long and J. Wang, "Minimum class confusion for versatile domain
    adaptation", ECCV 2020, https://arxiv.org/abs/1912.03699.

    Parameters
    ----------
    probability : array of shape (n_samples, n_classes)
        Of target rows: `softmax` of logits that are divided by the temperature.
    weight : array of shape (n_samples,)
        `certainty_weight` of the same, through which no gradient passes.

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(probability)
    together = (probability * weight[:, None]).T @ probability
    total = xp.sum(together, axis=1, keepdims=True)
    together = together / xp.where(total > 0, total, xp.ones_like(total))
    return (xp.sum(together) - xp.linalg.trace(together)) / probability.shape[1]
