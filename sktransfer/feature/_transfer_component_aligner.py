"""TransferComponentAligner: components that keep the variance and bring the means together."""

from dataclasses import replace
from functools import partial, reduce
from numbers import Integral, Real

import numpy as np
from sklearn.neighbors import kneighbors_graph

from sktransfer._dask import sample_blocks
from sktransfer._kernels.component_sums import (
    LinearSums,
    PrimalSums,
    mean_differences,
    root_of,
    total_of,
)
from sktransfer._kernels.components import domain_contrasts, transfer_components, unit_contrasts
from sktransfer._kernels.eigen import fix_signs
from sktransfer._kernels.row_hashes import merged_samples
from sktransfer._kernels.rows import stacked
from sktransfer._kernels.streaming import sums
from sktransfer._kernels.supervised_components import (
    indicators,
    laplacian,
    supervised_components,
)
from sktransfer._labels import class_codes
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer._sums import _FitsBySums
from sktransfer.feature._base_component_aligner import PRIMAL, _BaseComponentAligner
from sktransfer.feature._clipping import store_n_components


class TransferComponentAligner(_FitsBySums, _BaseComponentAligner):
    """Reduce all domains to components with much variance and small differences of the means.

    Transfer component analysis (TCA): let ``K`` be the kernel of all rows and ``H`` the centering
    matrix. Let ``M`` be the matrix such that ``tr(A^T K M K A)`` is the squared difference between
    the means of the embedded domains (the maximum mean discrepancy). Rows become ``K A``. The
    columns of ``A`` are the unit vectors with the smallest ``phi`` in ``(K M K + ridge I) a = phi K
    H K a``. No label is read, unless `supervised`: semisupervised transfer component analysis
    (SSTCA) also makes rows depend on their labels and keeps neighbors together.

    It helps if some directions carry the difference between the domains and others the difference
    between the classes: the former are left out. It hurts if the class proportions differ, because
    bringing the means together then separates the classes. It also hurts if classes vary little
    relative to the rest, or if domains differ in more than their means while the kernel is linear.
    If `ridge` is large relative to the kernel's values, the result is plain reduction. Bring rows
    to a common scale first, as with any kernel: standardize each domain, or scale the rows to unit
    length with :class:`~sklearn.preprocessing.Normalizer`.

    Parameters
    ----------
    n_components : int, default=20
        The number of components, clipped to the number of directions in which the rows vary. A
        number above that of the columns gives a warning, unless it is the default.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows. "primal" is no kernel: the columns of ``A`` are combinations of the features and have
        unit length, ``(X^T M X + ridge I) a = phi X^T H X a``, and rows become ``X A``. The same
        `ridge` then counts more, and components stay closer to those of most variance.
    kernel_params : dict, default=None
        Additional arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" and "primal" have
        none.
    ridge : float, default=1.0
        The cost of the components' length, greater than 0. ``M`` is scaled to a Frobenius norm of
        1, so that `ridge` need not grow with the number of rows. With a larger value the means of
        the domains matter less. Pan et al. leave ``M`` unscaled: with one source, their ``mu`` is
        ``ridge * (1 / n_source + 1 / n_target)``.
    n_landmarks : int, default=None
        The maximum number of landmarks of Nystroem's method, drawn from all rows. Time and memory
        are then linear in the number of rows, for any kernel. None: the exact kernel.
    supervised : bool, default=False
        Whether to read the labels of source rows, and of target rows that have one. The following
        parameters apply only if `supervised`, except `random_state`.
    label_dependence : float, default=0.5
        ``gamma`` of Pan et al., in [0, 1]: the fraction of the variance that is measured between
        the classes. The rest is measured between the rows.
    locality : float, default=1.0
        ``lambda`` of Pan et al., not negative: the cost of separating neighbors. The Laplacian of
        their graph is scaled to a Frobenius norm of 1, as ``M`` is.
    n_neighbors : int, default=10
        The number of neighbors of each row in that graph, clipped to the number of rows.
    random_state : int, RandomState instance or None, default=None
        Draws the landmarks. None draws fresh entropy.

    Attributes
    ----------
    n_components_ : int
        The number of columns of the result.
    eigenvalues_ : ndarray of shape (n_components_,)
        ``phi``, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        With the linear kernel, or "primal": the matrix ``A`` of ``X @ A``.
    X_fit_ : ndarray of shape (n_samples, n_features)
        With another kernel: the rows of `fit`, source by source in the order of their names, the
        target last. With `n_landmarks`, and any kernel: the landmarks alone.
    dual_components_ : ndarray of shape (n_samples, n_components_)
        With another kernel: ``A``, for the rows of ``X_fit_``. With `n_landmarks`: the coefficients
        of the similarities to the landmarks.
    mean_ : ndarray of shape (n_features,) or (n_samples,), or None
        If there was no source: the mean of the rows of `fit`, which is subtracted first. With
        another kernel, it is the mean of their similarities to the rows of ``X_fit_``. None with a
        source.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    JointDistributionAligner : Brings the means of the classes together too.
    TransferJointAligner : Leaves out source rows that differ from the target's.
    sklearn.decomposition.KernelPCA : The result without a source.

    Notes
    -----
    With several sources, ``M`` is the mean of the matrices of each source against the target. With
    ``sample_domain=None`` every row is a target row and ``M`` is 0. The kernel is then centered
    first, so the components are the principal ones up to their lengths. With a source it is not
    centered, as published: only the variance is about the mean.

    With the linear kernel and fewer features than rows, time and memory are linear in the number of
    rows. Otherwise they grow with its square: set `n_landmarks` if there are many rows.
    `supervised` takes time in the cube of the number of rows (or of features or landmarks, if these
    are fewer) and a search for neighbors. The problem is solved to machine precision in its
    symmetric form, by Lanczos iterations if few of many components are requested. In each column of
    ``A`` the entry of largest magnitude is positive. Computed in float64; the output keeps the
    dtype of the input.

    With kernel "linear" or "primal", `partial_fit` takes the rows in batches, and `merge` joins
    parts that different machines have seen. Both continue only an earlier `partial_fit`, and keep
    sums as large as the covariances or as the rows, if these are smaller. Components of the linear
    kernel are those of `fit` up to their signs: in each column of ``components_`` the entry of
    largest magnitude is positive. If features are dependent but for a millionth, the last
    components have few digits, and `fit` in memory, which squares nothing, keeps them.

    `fit` also takes an array or a data frame of Dask, block by block, and `transform` maps one
    lazily. Kernels other than "linear" and "primal" then require `n_landmarks`. The landmarks are
    distinct rows, drawn by a hash of their values and the seed, so that blocks do not matter.

    Sparse input is supported if the kernel supports it. Only NumPy and SciPy
    are used: under ``array_api_dispatch`` tensors are refused, and there is no GPU implementation.

    References
    ----------
    S. J. Pan, I. W. Tsang, J. T. Kwok and Q. Yang, "Domain adaptation via transfer component
    analysis", IEEE Transactions on Neural Networks 2011; SSTCA is section IV.
    https://doi.org/10.1109/TNN.2010.2091281

    C. Williams and M. Seeger, "Using the Nystroem method to speed up kernel machines", NIPS 2000.
    https://papers.nips.cc/paper/2000/hash/19de10adbaa1b2ee13f77f679fa1483a-Abstract.html

    Examples
    --------
    Both features vary alike. The domains differ in the first, which is left out:

    >>> import numpy as np
    >>> from sktransfer import TransferComponentAligner
    >>> X = np.array([[5.0, -1.0], [6.0, 1.0], [7.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = TransferComponentAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> direction = aligner.components_.ravel()
    >>> abs(direction / np.linalg.norm(direction)).round(2)
    array([0., 1.])

    Without domains, the first is kept, because it varies most:

    >>> direction = TransferComponentAligner(n_components=1).fit(X).components_.ravel()
    >>> abs(direction / np.linalg.norm(direction)).round(2)
    array([1., 0.])
    """

    _parameter_constraints: dict = {
        **_BaseComponentAligner._parameter_constraints,
        "n_landmarks": [Interval(Integral, 1, None, closed="left"), None],
        "supervised": ["boolean"],
        "label_dependence": [Interval(Real, 0, 1, closed="both")],
        "locality": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=20,
        *,
        kernel="linear",
        kernel_params=None,
        ridge=1.0,
        n_landmarks=None,
        supervised=False,
        label_dependence=0.5,
        locality=1.0,
        n_neighbors=10,
        random_state=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.ridge = ridge
        self.n_landmarks = n_landmarks
        self.supervised = supervised
        self.label_dependence = label_dependence
        self.locality = locality
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    @property
    def _landmarks_at_most(self):
        return self.n_landmarks

    @property
    def _needs(self):
        reads = self.supervised
        return replace(super()._needs, source_labels=reads, target_labels=reads)

    _given = ("_landmarks", "_root")

    _learned = ("components_", "eigenvalues_", "mean_", "n_components_")

    def _fit_domains(self, sources, X_target, labels=None):
        self._forget()
        self._check_parameters()
        terms = ()
        if labels is not None:
            X = stacked([*sources.values(), X_target])
            terms = (indicators(self._classes_of(labels)), self._laplacian(X))
        super()._fit_domains(sources, X_target, *terms)

    def _check_parameters(self):
        super()._check_parameters()
        if self.kernel == PRIMAL and self.n_landmarks is not None:
            raise ValueError(
                f"n_landmarks={self.n_landmarks!r} are rows through which a kernel is seen, but "
                "kernel='primal' is none; pass n_landmarks=None, or kernel='linear'."
            )

    def _components(self, kernel, codes, *terms):
        contrasts = unit_contrasts(domain_contrasts(codes))
        rules = {"ridge": self.ridge, "n_components": self.n_components}
        if not terms:
            return transfer_components(kernel, contrasts, **rules)
        return supervised_components(
            kernel,
            contrasts,
            *terms,
            dependence=self.label_dependence,
            locality=self.locality,
            **rules,
        )

    def _check_by_sums(self, method):
        has_landmarks = self.n_landmarks is not None and not hasattr(self, "_landmarks")
        wrong = {
            "kernel": self.n_landmarks is None and self.kernel not in ("linear", PRIMAL),
            "n_landmarks": has_landmarks,
            "supervised": self.supervised,
        }
        found = [f"{name}={getattr(self, name)!r}" for name, is_wrong in wrong.items() if is_wrong]
        if found:
            remedy = "kernel='linear' or 'primal', supervised=False and n_landmarks=None"
            if method != "partial_fit":
                remedy = "kernel='linear' or 'primal', or n_landmarks, and supervised=False"
            raise ValueError(
                f"TransferComponentAligner.{method} learns from sums over rows, which do not "
                f"determine a fit with {', '.join(found)}; set {remedy}, or fit all rows at once."
            )

    def _fit_blocks(self, X, y, sample_domain):
        if self.n_landmarks is not None:
            self._check_parameters()
            seed = generator(self.random_state).randint(2**31 - 1)
            rules = {"n_rows": self.n_landmarks, "seed": seed}
            found = sample_blocks(X, sample_domain, estimator=self, **rules).values()
            merge = partial(merged_samples, n_rows=self.n_landmarks)
            self._landmarks = reduce(merge, found).rows if found else None
            self._root = self._root_of(self._landmarks)
        super()._fit_blocks(X, y, sample_domain)
        for name in self._given:
            vars(self).pop(name, None)

    def _sums_of(self, X):
        if self.n_landmarks is None:
            return super()._sums_of(X)
        return sums(self._similarities(X.astype(np.float64), self._landmarks) @ self._root)

    def _forget(self):
        super()._forget()
        for name in ("X_fit_", "dual_components_"):
            vars(self).pop(name, None)

    def _learn(self, sources, target):
        total = total_of([*sources.values(), target])
        differences = mean_differences(list(sources.values()), target)
        rules = {"ridge": self.ridge, "n_components": self.n_components}
        self.mean_ = None if sources else total.mean
        if self.kernel == PRIMAL:
            kernel = PrimalSums(root_of(total))
            components, self.eigenvalues_ = transfer_components(kernel, differences, **rules)
        else:
            mean = total.mean if sources else np.zeros_like(total.mean)
            kernel = LinearSums(total.n_samples, mean, root_of(total))
            components, self.eigenvalues_ = transfer_components(kernel, differences, **rules)
            components = fix_signs(kernel.directions(components))
        store_n_components(self, components.shape[1])
        if self.n_landmarks is None:
            self.components_ = components
            return
        self.X_fit_, self.dual_components_ = self._landmarks, self._root @ components
        if self.mean_ is not None:  # of the similarities, but for those that no feature shows
            self.mean_ = self.mean_ @ np.linalg.pinv(self._root)

    def _classes_of(self, labels):
        """Return the class code of each row, -1 if it has no label."""
        return class_codes(
            labels,
            reader="TransferComponentAligner(supervised=True)",
            instead="set supervised=False",
            whose="source or target",
        )[1]

    def _laplacian(self, X):
        n_neighbors = min(self.n_neighbors, X.shape[0] - 1)
        return laplacian(kneighbors_graph(X, n_neighbors, mode="distance"))
