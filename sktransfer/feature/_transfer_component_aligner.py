"""TransferComponentAligner: components that keep the variance and bring the means together."""

from sktransfer._kernels.components import domain_contrasts, transfer_components, unit_contrasts
from sktransfer.feature._base_component_aligner import _BaseComponentAligner


class TransferComponentAligner(_BaseComponentAligner):
    """Reduce all domains to components with much variance and little difference of the means.

    Transfer component analysis (TCA): with the kernel ``K`` of all rows, centring ``H`` and ``M``
    such that ``tr(A^T K M K A)`` is the squared difference between the means of the embedded
    domains (the maximum mean discrepancy), rows become ``K A``, where the columns of ``A`` are the
    unit vectors with the smallest ``phi`` in ``(K M K + ridge I) a = phi K H K a``. No label is
    read.

    It helps where some directions carry what differs between the domains and others what differs
    between the classes: the former are left out. It hurts where the class proportions differ (the
    means of the mixtures are then brought together, and classes with them apart), where classes
    vary little against the rest, and where domains differ in more than their means while the
    kernel is linear. A `ridge` that is large against the kernel's values makes it plain reduction.
    Bring rows to a common scale first, as with any kernel: standardise each domain, or give the
    rows unit length with :class:`~sklearn.preprocessing.Normalizer`.

    Parameters
    ----------
    n_components : int, default=20
        The number of components, clipped to the number of directions in which the rows vary.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows.
    kernel_params : dict, default=None
        Further arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" takes none.
    ridge : float, default=1.0
        The cost of the components' length, greater than 0; ``M`` is scaled to a Frobenius norm of
        1, so that it need not grow with the rows. The larger it is, the less do the means of the
        domains matter. Pan et al. leave ``M`` unscaled: with one source, their ``mu`` is ``ridge *
        (1 / n_source + 1 / n_target)``.

    Attributes
    ----------
    n_components_ : int
        The number of columns of the result.
    eigenvalues_ : ndarray of shape (n_components_,)
        ``phi``, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        With the linear kernel: the matrix that rows are multiplied by.
    X_fit_ : ndarray of shape (n_samples, n_features)
        With another kernel: the rows of `fit`, source by source in the order of their names, the
        target last.
    dual_components_ : ndarray of shape (n_samples, n_components_)
        With another kernel: ``A``, for the rows of ``X_fit_``.
    mean_ : ndarray of shape (n_features,) or (n_samples,), or None
        Where there is no source: what is taken off rows first (with another kernel, off their
        similarities to the rows of ``X_fit_``), the mean of those of `fit`. None with a source.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Their names, where `X` had names that are all strings.

    See Also
    --------
    JointDistributionAligner : Brings the means of the classes together too.
    TransferJointAligner : Leaves out source rows that are unlike the target's.
    sklearn.decomposition.KernelPCA : What remains of it without a source.

    Notes
    -----
    With several sources, ``M`` is the mean of those of each source against the target. With
    ``sample_domain=None``, where every row is a target row, ``M`` is 0, and the kernel is centred
    first: the components are then the principal ones, to a length of their own. With a source it is
    not, as published: only the variance is about the mean.

    With the linear kernel and fewer features than rows, cost and memory are linear in the rows;
    else they grow with their square. For another kernel on many rows, put
    :class:`~sklearn.kernel_approximation.Nystroem` before it and keep the linear one. The problem
    is solved as the symmetric one that it is equal to, to machine precision, by Lanczos iterations
    where few components of many are wanted. Signs are such that in each column of ``A`` the entry
    of largest magnitude is positive. Computed in float64; rows come back in their own dtype.

    References
    ----------
    S. J. Pan, I. W. Tsang, J. T. Kwok and Q. Yang, "Domain adaptation via transfer component
    analysis", IEEE Transactions on Neural Networks 2011. https://doi.org/10.1109/TNN.2010.2091281

    Examples
    --------
    Both features vary alike; in the first the domains lie apart, and it is left out:

    >>> import numpy as np
    >>> from sktransfer import TransferComponentAligner
    >>> X = np.array([[5.0, -1.0], [6.0, 1.0], [7.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = TransferComponentAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> direction = aligner.components_.ravel()
    >>> abs(direction / np.linalg.norm(direction)).round(2)
    array([0., 1.])

    Without domains it is the first that varies most:

    >>> direction = TransferComponentAligner(n_components=1).fit(X).components_.ravel()
    >>> abs(direction / np.linalg.norm(direction)).round(2)
    array([1., 0.])
    """

    _parameter_constraints: dict = {**_BaseComponentAligner._parameter_constraints}

    def __init__(self, n_components=20, *, kernel="linear", kernel_params=None, ridge=1.0):
        self.n_components = n_components
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.ridge = ridge

    def _components(self, kernel, codes):
        return transfer_components(
            kernel,
            unit_contrasts(domain_contrasts(codes)),
            ridge=self.ridge,
            n_components=self.n_components,
        )
