"""DomainAugmenter: one copy of the features for all domains, and one for each."""

from collections import Counter
from numbers import Integral, Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from sktransfer._base import _BaseAligner
from sktransfer._domains import TARGET
from sktransfer._kernels.augment import augment
from sktransfer._kernels.rows import order_of_rows, spread_rows, stacked
from sktransfer._needs import Needs
from sktransfer._onnx import kernel_refusal
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._kernel_values import DENSE_KERNELS, check_kernel


class DomainAugmenter(OneToOneFeatureMixin, _BaseAligner):
    """Copy the features: one copy that all domains share, and one for each domain.

    EasyAdapt: a row ``x`` of the first source becomes ``(x, x, 0, .., 0)``, a row of the second
    ``(x, 0, x, .., 0)``, and a target row ``(x, 0, .., 0, x)``. Each domain also has a column of
    ones, its intercept. A linear model trained on such rows learns the part that the domains have
    in common and the part in which each differs. Its penalty decides how much they differ. No label
    is read here, but the model needs labelled rows of the source and of the target.

    It helps if the target has some labelled rows and most features mean the same everywhere. The
    others may differ: the same word in other reviews, a sensor with the opposite sign. It hurts
    little. If the domains agree, it is slightly behind training on all rows together, because there
    are more coefficients to learn. If they have nothing in common, it is slightly behind the target
    rows alone. Without a labelled target row the target's copy is never trained. Trees and
    neighbors gain nothing from copies.

    Parameters
    ----------
    kernel : str or callable, default="linear"
        "linear" copies the features as they are. Any other name known to
        :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two rows, copies the
        features of that kernel, computed by :class:`~sklearn.kernel_approximation.Nystroem`. The
        inner product of two rows is then the kernel, times ``common_weight + 1`` within a domain
        and `common_weight` across domains (and 1 more within a domain if `intercepts`).
    kernel_params : dict, default=None
        Additional arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" has none.
    n_components : int or None, default=100
        For a kernel other than "linear": the number of rows drawn for the approximation, which is
        the number of features of each copy. If None or more than the number of rows, all rows are
        used, and the kernel is exact between these and any others.
    common_weight : float, default=1.0
        The weight of the common copy relative to that of the domain. The common copy is multiplied
        by the square root of this. 0 trains each domain by itself, and a large value trains all
        together. The paper uses 1.0.
    intercepts : bool, default=True
        Whether each domain has a column, after the copies, that is 1 in its rows and 0 in others.
        Without it a linear model has one intercept for all. If the targets of the domains differ by
        a constant, the model must then build that constant from the copies.
    random_state : int, RandomState instance or None, default=None
        For a kernel other than "linear": draws the rows for the approximation.

    Attributes
    ----------
    kernel_map_ : Nystroem or None
        For a kernel other than "linear": the fitted map to its features.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in standard deviations of the mapped rows. 0 if the
        sample holds all rows.
    source_domains_ : tuple of str
        The names of the source domains, sorted. Their copies are in this order, and the target's is
        last.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    CORALAligner : Needs no labelled target row.

    Notes
    -----
    With K sources the result has K + 2 times the features, and K + 1 columns of ones and zeros. `X`
    may be sparse. With the linear kernel the result is then sparse too; it has twice as many
    entries plus one per row, for any number of sources.

    With ``sample_domain=None`` every row is a target row. Rows are then not changed (a kernel other
    than "linear" replaces them by its features), and there are no copies or columns of ones.

    To train with the exact kernel, use :class:`~sklearn.svm.LinearSVC` or another linear model
    after ``DomainAugmenter(kernel="rbf", n_components=None)``. The semi-supervised form (EA++) adds
    rows to the training set, which a transformer cannot do, and is not implemented.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    H. Daume III, "Frustratingly easy domain adaptation", ACL 2007.
    https://aclanthology.org/P07-1033

    J. R. Finkel and C. D. Manning, "Hierarchical Bayesian domain adaptation", NAACL 2009 (the
    weight of the common copy). https://aclanthology.org/N09-1068

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import DomainAugmenter
    >>> X = np.array([[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
    >>> sample_domain = ["books", "dvds", "target"]
    >>> augmenter = DomainAugmenter()
    >>> augmenter.fit_transform(X, sample_domain=sample_domain)
    array([[2., 3., 2., 3., 0., 0., 0., 0., 1., 0., 0.],
           [4., 5., 0., 0., 4., 5., 0., 0., 0., 1., 0.],
           [6., 7., 0., 0., 0., 0., 6., 7., 0., 0., 1.]])
    >>> print(*augmenter.get_feature_names_out())
    x0 x1 books__x0 books__x1 dvds__x0 dvds__x1 target__x0 target__x1 books__1 dvds__1 target__1

    New rows are target rows:

    >>> augmenter.transform([[8.0, 9.0]])
    array([[8., 9., 0., 0., 0., 0., 8., 9., 0., 0., 1.]])
    """

    _parameter_constraints: dict = {
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS)), callable],
        "kernel_params": [dict, None],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "common_weight": [Interval(Real, 0, None, closed="left")],
        "intercepts": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        kernel="linear",
        kernel_params=None,
        n_components=100,
        common_weight=1.0,
        intercepts=True,
        random_state=None,
    ):
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.n_components = n_components
        self.common_weight = common_weight
        self.intercepts = intercepts
        self.random_state = random_state

    @property
    def _needs(self):
        return Needs(
            sparse=self.kernel not in DENSE_KERNELS,
            dense_because=f"kernel={self.kernel!r} takes no others",
            squares=self.kernel != "linear",
        )

    @property
    def _has_free_axes(self):
        return self.kernel != "linear"

    def _fit_domains(self, sources, X_target):
        self.kernel_map_ = None
        if self.kernel != "linear":
            self.kernel_map_ = self._fit_kernel([*sources.values(), X_target])
        elif self.kernel_params:
            raise ValueError(
                "kernel='linear' takes no arguments, but kernel_params="
                f"{self.kernel_params!r}; pass None, or the kernel that these are for."
            )

    def _fit_kernel(self, parts):
        """Fit the map to the kernel's features on a random sample of all rows."""
        X = stacked(parts).astype(np.float64)
        X = X[order_of_rows(X)]  # so that the order of the input has no effect
        n_components = min(X.shape[0], self.n_components or X.shape[0])
        params = self.kernel_params or {}
        some = spread_rows(X, n_components)
        K = pairwise_kernels(some, metric=self.kernel, filter_params=False, **params)
        check_kernel(K, some, estimator=self)
        rng = generator(self.random_state)
        nystroem = Nystroem(
            kernel=self.kernel,
            kernel_params=self.kernel_params,
            n_components=n_components,
            random_state=rng.randint(np.iinfo(np.int32).max),
        )
        return nystroem.set_output(transform="default").fit(X)

    @property
    def _no_onnx(self):
        return kernel_refusal(self.kernel)

    def _write_onnx(self, graph):
        name, rows = graph.domain, graph.rows
        if self.kernel_map_ is not None:
            landmarks, root = self.kernel_map_.components_, self.kernel_map_.normalization_
            values = graph.kernel(landmarks, self.kernel, **(self.kernel_params or {}))
            rows = graph.add("MatMul", values, root.T)
        if not self.source_domains_:
            return rows
        nothing = graph.add("Mul", rows, np.float64(0))
        domains = [*self.source_domains_, TARGET]
        copies = [graph.add("Mul", rows, np.sqrt(self.common_weight))]
        copies += [rows if each == name else nothing for each in domains]
        if self.intercepts:
            marks = np.zeros((1, len(domains)))
            first = graph.add("Slice", nothing, *(np.array([k]) for k in (0, 1, 1)))
            marks[0, domains.index(name)] = 1
            copies.append(graph.add("Add", first, marks))
        return graph.add("Concat", *copies, axis=1)

    def _transform_domain(self, X, name):
        if self.kernel_map_ is not None:
            X = self._kernel_features(X)
        if not self.source_domains_:
            return X.copy()
        names = (*self.source_domains_, TARGET)
        return augment(
            X,
            block=names.index(name),
            n_blocks=len(names),
            common_weight=self.common_weight,
            intercepts=self.intercepts,
        )

    def _kernel_features(self, X):
        if not X.shape[0]:  # a domain without rows, which Nystroem refuses
            return np.empty((0, len(self.kernel_map_.components_)), dtype=X.dtype)
        rows = X.astype(np.float64, copy=False)
        return self.kernel_map_.transform(rows).astype(X.dtype, copy=False)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns: a plain name is a common copy, ``domain__name`` another.

        A domain's column of ones is ``domain__1``.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features, if `fit` saw none. None: "x0", "x1" and so on.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype object

        Raises
        ------
        ValueError
            If a feature has the name of another feature's copy.
        """
        names = super().get_feature_names_out(input_features)
        if self.kernel_map_ is not None:
            names = self.kernel_map_.get_feature_names_out()
        domains = (*self.source_domains_, TARGET) if self.source_domains_ else ()
        copies = [f"{domain}__{name}" for domain in domains for name in names]
        ones = [f"{domain}__1" for domain in domains] if self.intercepts else []
        columns = [*names, *copies, *ones]
        twice = sorted({name for name, times in Counter(columns).items() if times > 1})
        if twice:
            raise ValueError(
                f"DomainAugmenter would name two columns alike, {twice}: a feature and the copy of "
                "another for a domain, or a domain's column of ones; rename these features of X."
            )
        return np.array(columns, dtype=object)
