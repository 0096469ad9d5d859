"""TransferJointAligner: components that bring the means together and leave out source rows."""

from functools import partial
from numbers import Integral

from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS

from sktransfer._kernels.components import domain_contrasts, joint_components, unit_contrasts
from sktransfer._progress import fit_step
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._base_component_aligner import _BaseComponentAligner


class TransferJointAligner(_BaseComponentAligner):
    """Reduce all domains to components of few source rows, with small differences of the means.

    Transfer joint matching (TJM) differs from `TransferComponentAligner` in the ridge on the
    coefficients of source rows. A penalty on the lengths of these coefficients, row by row (a group
    penalty), replaces it. Source rows that are not needed to describe the components get
    coefficients near 0 and shape them less. No label is read.

    It helps if, beside a shift of the means, part of the source adds nothing to the structure that
    the domains have in common. `n_components` must be small enough to leave that part out. It hurts
    in the same cases as `TransferComponentAligner`, such as different class proportions. It does
    not recognize rows that are foreign to the target. Source rows that alone describe a component
    with much variance are kept. Rows that the target describes as well are left out. A model
    trained on the embedded rows still sees every source row; see ``row_costs_``. Bring rows to a
    common scale first: standardize each domain, or scale the rows to unit length with
    :class:`~sklearn.preprocessing.Normalizer`.

    Parameters
    ----------
    n_components : int, default=20
        The number of components, clipped to the number of directions in which the rows vary. A
        number above that of the columns gives a warning, unless it is the default.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows.
    kernel_params : dict, default=None
        Additional arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" has none.
    ridge : float, default=1.0
        The cost of the coefficients, greater than 0, relative to the difference between the
        domains, which is scaled to a Frobenius norm of 1.
    n_iter : int, default=10
        The number of alternations of components and costs of the rows. 1: the components of
        `TransferComponentAligner`.

    Attributes
    ----------
    row_costs_ : dict of str to ndarray of shape (n_source,)
        For each source by name, the cost of each of its rows in the last iteration, in the order of
        the rows in `fit`. The greater the cost, the less the row shapes the components. A target
        row costs 1.
    n_components_ : int
        The number of columns of the result.
    eigenvalues_ : ndarray of shape (n_components_,)
        The smallest quotients of the last iteration, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        With the linear kernel: the matrix ``A`` of ``X @ A``.
    X_fit_ : ndarray of shape (n_samples, n_features)
        With another kernel: the rows of `fit`, source by source in the order of their names, the
        target last.
    dual_components_ : ndarray of shape (n_samples, n_components_)
        With another kernel: the coefficients of the rows of ``X_fit_``.
    mean_ : ndarray of shape (n_features,) or (n_samples,), or None
        If there was no source: the mean of the rows of `fit`, which is subtracted first. With
        another kernel, it is the mean of their similarities to the rows of ``X_fit_``. None with a
        source.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in standard deviations of the mapped rows. 0 if the
        sample holds all rows.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    TransferComponentAligner : One iteration of it.
    JointDistributionAligner : Brings the means of the classes together too.

    Notes
    -----
    With several sources, the difference is the mean of the differences of each source to the
    target. With ``sample_domain=None`` every row is a target row, and the result is the plain
    reduction of `TransferComponentAligner`. An iteration costs as much as
    `TransferComponentAligner`. The iterations do not descend one objective, because the components
    keep unit length. They run exactly as often as requested, and the costs of rows that are left
    out grow with each. If the values of the kernel are small relative to `ridge` (those of "rbf"
    are at most 1), the whole source is left out within a few iterations: lower `ridge`. Computed in
    float64; the output keeps the dtype of the input.

    Each iteration is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows (2,000 with a kernel matrix) of each domain, drawn by a hash of their values, and
    `transform` maps one lazily. A `TransferWarning` names its error if it is above 0.1. See
    :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    M. Long, J. Wang, G. Ding, J. Sun and P. S. Yu, "Transfer joint matching for unsupervised domain
    adaptation", CVPR 2014. https://doi.org/10.1109/CVPR.2014.183

    Examples
    --------
    Two of the source's rows vary in a feature that is constant in the target:

    >>> import numpy as np
    >>> from sktransfer import TransferJointAligner
    >>> X = np.array([[1.0, 0.1], [-1.0, 0.1], [0.1, 1.0], [0.1, -1.0], [1.0, 0.0], [-1.0, 0.0]])
    >>> sample_domain = ["old", "old", "old", "old", "target", "target"]
    >>> aligner = TransferJointAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> costs = aligner.row_costs_["old"]
    >>> bool(costs[:2].max() < costs[2:].min())
    True
    """

    _parameter_constraints: dict = {
        **_BaseComponentAligner._parameter_constraints,
        # Costs are those of rows, which the primal form has not.
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS)), callable],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, n_components=20, *, kernel="linear", kernel_params=None, ridge=1.0, n_iter=10
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.ridge = ridge
        self.n_iter = n_iter

    @property
    def _n_fit_steps(self):
        return self.n_iter if self.source_domains_ else 1

    def _components(self, kernel, codes):
        components, eigenvalues, costs = joint_components(
            kernel,
            codes >= 0,
            unit_contrasts(domain_contrasts(codes)),
            ridge=self.ridge,
            n_components=self.n_components,
            n_iter=self._n_fit_steps,
            turn=partial(fit_step, self, "turn"),
        )
        self.row_costs_ = {name: costs[codes == k] for k, name in enumerate(self.source_domains_)}
        return components, eigenvalues
