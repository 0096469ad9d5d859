"""Losses of discriminators of domains and of second heads, and of the networks against them.

Rows are arrays of the array API standard, of NumPy or torch; each result is an array without
dimensions. A number that no gradient passes (`weight`, `label`, `soft`) is an argument: compute it
of detached rows.
"""

from array_api_compat import array_namespace, device


def domain_loss(logit_source, logit_target, *, weight_source=None, weight_target=None):
    r"""Return :math:`-\overline{\log d}_S - \overline{\log(1 - d)}_T` of logits of being a source.

    It is 2 log 2 if all logits are 0.

    Y. Ganin et al., "Domain-adversarial training of neural networks", JMLR 17, 2016,
    https://jmlr.org/papers/v17/15-239.html.

    Parameters
    ----------
    logit_source, logit_target : array of shape (n_samples,)
        The numbers of rows may differ.
    weight_source, weight_target : array of shape (n_samples,) or None
        With a mean of 1 in each domain.

    Returns
    -------
    loss : array of shape ()
    """
    of_source = _weighted_mean(_softplus(-logit_source), weight_source)
    return of_source + _weighted_mean(_softplus(logit_target), weight_target)


def inverted_loss(logit_target):
    r"""Return :math:`-\overline{\log d}_T`: target rows learn to look like source rows.

    Its gradient is large if the discriminator is right, unlike that of the negative of
    `domain_loss`.

    E. Tzeng, J. Hoffman, K. Saenko and T. Darrell, "Adversarial discriminative domain adaptation",
    CVPR 2017, https://arxiv.org/abs/1702.05464.

    Parameters
    ----------
    logit_target : array of shape (n_samples,)

    Returns
    -------
    loss : array of shape ()
    """
    return array_namespace(logit_target).mean(_softplus(-logit_target))


def _softplus(x):
    xp = array_namespace(x)
    return xp.logaddexp(x, xp.zeros_like(x))


def _weighted_mean(losses, weight):
    return array_namespace(losses).mean(losses if weight is None else weight * losses)


def domain_confusion(logits):
    r"""Return :math:`-\frac{1}{D} \sum_d \log q_d`, a mean over the rows, of logits of D domains.

    Its minimum, log D, is at equal probabilities.

    E. Tzeng, J. Hoffman, T. Darrell and K. Saenko, "Simultaneous deep transfer across domains and
    tasks", ICCV 2015, https://arxiv.org/abs/1510.02192.

    Parameters
    ----------
    logits : array of shape (n_samples, n_domains)

    Returns
    -------
    loss : array of shape ()
    """
    return -array_namespace(logits).mean(log_softmax(logits))


def log_softmax(logits):
    """Return the logarithms of the probabilities, of shape (n_samples, n_classes)."""
    return logits - _log_sum(logits)


def _log_sum(logits):
    """The logarithm of the sum of exponentials, (n_samples, 1)."""
    xp = array_namespace(logits)
    largest = xp.max(logits, axis=1, keepdims=True)
    return largest + xp.log(xp.sum(xp.exp(logits - largest), axis=1, keepdims=True))


def soft_label_loss(logits, soft, *, temperature):
    r"""Return :math:`-\sum_k l_k \log \mathrm{softmax}(g / \tau)_k`, a mean over the rows.

    E. Tzeng et al., as for `domain_confusion`.

    Parameters
    ----------
    logits : array of shape (n_samples, n_classes)
        Of target rows with a label.
    soft : array of shape (n_samples, n_classes)
        For each row the mean of :math:`\mathrm{softmax}(g / \tau)` of source rows of its class.
    temperature : float

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(logits)
    return -xp.mean(xp.sum(soft * log_softmax(logits / temperature), axis=1))


def margin_disparity(other_source, other_target, label_source, label_target, *, margin):
    r"""Return the loss of MDD's second head, :math:`g'`, for the labels c that the first one gives.

    It is :math:`-\gamma \, \overline{\log p'_c}_S - \overline{\log (1 - p'_c)}_T`, with the
    probabilities :math:`p' = \mathrm{softmax}(g')`: small if the second head agrees with the first
    in the source and disagrees in the target.

    Y. Zhang, T. Liu, M. Long and M. I. Jordan, "Bridging theory and algorithm for domain
    adaptation", ICML 2019, https://arxiv.org/abs/1904.05801.

    Parameters
    ----------
    other_source, other_target : array of shape (n_samples, n_classes)
        Logits of the second head, for two classes or more.
    label_source, label_target : array of shape (n_samples, n_classes)
        1 for the class of the largest logit of the first head, else 0.
    margin : float
        The logarithm of the margin is :math:`\log \gamma`.

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(other_source)
    agree = xp.sum(label_source * log_softmax(other_source), axis=1)
    nothing = xp.full_like(other_target, -xp.inf)
    rest = _log_sum(xp.where(label_target > 0, nothing, other_target))
    disagree = (rest - _log_sum(other_target))[:, 0]
    return -margin * xp.mean(agree) - xp.mean(disagree)


def target_disparity(other_source, other_target, source, target, *, margin):
    r"""Return the loss of a second head of a regression: disparity discrepancy.

    It is :math:`\gamma \, \overline{|g' - g|}_S - \overline{|g' - g|}_T`, means over rows and
    outputs: small if the second head agrees with the first in the source and not in the target.

    Y. Zhang et al., as for `margin_disparity`.

    Parameters
    ----------
    other_source, other_target : array of shape (n_samples, n_outputs)
        Outputs of the second head.
    source, target : array of shape (n_samples, n_outputs)
        Outputs of the first head, through which no gradient passes.
    margin : float

    Returns
    -------
    loss : array of shape ()
    """
    xp = array_namespace(other_source)
    of_source = xp.mean(xp.abs(other_source - source))
    return margin * of_source - xp.mean(xp.abs(other_target - target))


def one_hot(numbers, n_classes, like):
    """Return an array of shape (n, n_classes), with 1 in the column of each row's number, else 0.

    Its kind is that of `like`.
    """
    xp = array_namespace(like)
    columns = xp.arange(n_classes, device=device(like))
    return xp.astype(numbers[:, None] == columns[None, :], like.dtype)
