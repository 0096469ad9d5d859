"""JointDistributionAligner: components that bring the means of the domains' classes together."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import is_regressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sktransfer._kernels.components import (
    domain_contrasts,
    joint_contrasts,
    transfer_components,
    unit_contrasts,
)
from sktransfer._labels import class_codes
from sktransfer._progress import fit_step
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import HasMethods, Interval
from sktransfer.feature._base_component_aligner import _BaseComponentAligner


class JointDistributionAligner(_BaseComponentAligner):
    """Reduce all domains to components with small differences between the means of each class.

    Joint distribution adaptation (JDA): as `TransferComponentAligner`, but the means of each class
    are brought together too, not only those of the domains. The labels of source rows are read, and
    those of target rows never are. A classifier trained on the embedded source rows labels the
    target rows, and components and labels are computed alternately.

    It helps if each class moved in its own way and most of the first labels are right. It hurts if
    they are not: wrong labels draw the classes to the wrong places, and the next labels confirm it.
    On the benchmark data of its paper the gain over `TransferComponentAligner` is below one point
    of accuracy. Bring rows to a common scale first: standardize each domain, or scale the rows to
    unit length with :class:`~sklearn.preprocessing.Normalizer`.

    Parameters
    ----------
    n_components : int, default=20
        The number of components, clipped to the number of directions in which the rows vary. A
        number above that of the columns gives a warning, unless it is the default.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows. "primal" is no kernel but a form found in the authors' code. The components are
        combinations of the features and have unit length. `ridge` is then the cost of the weights
        of features, not of rows. `ridge` then counts more, by about the number of rows times the
        variance of a feature, so components stay closer to the directions of most variance. This is
        more stable if the first labels are often wrong, as after a large drift.
    kernel_params : dict, default=None
        Additional arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" and "primal" have
        none.
    ridge : float, default=1.0
        The cost of the components' length, greater than 0, relative to the differences between the
        means, which are scaled to a Frobenius norm of 1.
    mu : float, default=0.5
        The weight of the classes relative to the domains as a whole, from 0 (the domains alone, as
        in `TransferComponentAligner`) to 1 (the classes alone). 0.5 is JDA; other values are
        balanced distribution adaptation.
    n_iter : int, default=10
        The maximum number of alternations of components and labels. They end early when the labels
        no longer change. In the first iteration there are no labels, and the components are those
        of `TransferComponentAligner`.
    estimator : classifier, default=None
        Labels the target rows, fitted on the embedded source rows. None: the nearest neighbor, with
        rows scaled to unit length.
    random_state : int, RandomState instance or None, default=None
        Seeds `estimator`, if it has a ``random_state``. None keeps the seeds that it has.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_target,)
        The labels of the target rows of `fit`, in their order, predicted from the last components.
        None if there was no source.
    classes_ : ndarray of shape (n_classes,)
        The classes of the source rows. None if there was no source.
    n_iter_ : int
        The number of iterations.
    n_components_ : int
        The number of columns of the result.
    eigenvalues_ : ndarray of shape (n_components_,)
        The smallest quotients of the last iteration, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        With the linear kernel, or "primal": the matrix ``A`` of ``X @ A``.
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
    TransferComponentAligner : The first iteration, which needs no label.
    TransferJointAligner : Leaves out source rows instead.

    Notes
    -----
    A source row without a label counts in the mean of its domain and of no class. A class without a
    labelled row in a source, or without a target row of that label, is left out for that iteration.
    With several sources, each is compared with the target, and the mean is used. `y` is required if
    there are source rows. It is ignored with ``sample_domain=None``: every row is then a target
    row, and the result is the plain reduction of `TransferComponentAligner`.

    An iteration costs as much as `TransferComponentAligner` and one fit of `estimator`. Computed in
    float64; the output keeps the dtype of the input.

    Each iteration is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows (2,000 with a kernel matrix) of each domain, drawn by a hash of their values, and
    `transform` maps one lazily. A `TransferWarning` names its error if it is above 0.1. See
    :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    M. Long, J. Wang, G. Ding, J. Sun and P. S. Yu, "Transfer feature learning with joint
    distribution adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274

    J. Wang, Y. Chen, S. Hao, W. Feng and Z. Shen, "Balanced distribution adaptation for transfer
    learning", ICDM 2017. https://arxiv.org/abs/1807.00516

    Examples
    --------
    The classes 0 and 1 differ in the second feature, and the domains differ in the first:

    >>> import numpy as np
    >>> from sktransfer import JointDistributionAligner
    >>> X_old = np.array([[5.0, 1.0], [6.0, 1.2], [5.0, -1.0], [6.0, -1.2]])
    >>> X = np.concatenate([X_old, X_old - [5.0, 0.1]])
    >>> sample_domain = ["old"] * 4 + ["target"] * 4
    >>> y = [0, 0, 1, 1, None, None, None, None]
    >>> aligner = JointDistributionAligner(n_components=1)
    >>> aligner.fit(X, y, sample_domain=sample_domain).pseudo_labels_
    array([0, 0, 1, 1])
    """

    _parameter_constraints: dict = {
        **_BaseComponentAligner._parameter_constraints,
        "mu": [Interval(Real, 0, 1, closed="both")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "estimator": [HasMethods(["fit", "predict"]), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=20,
        *,
        kernel="linear",
        kernel_params=None,
        ridge=1.0,
        mu=0.5,
        n_iter=10,
        estimator=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.ridge = ridge
        self.mu = mu
        self.n_iter = n_iter
        self.estimator = estimator
        self.random_state = random_state

    @property
    def _needs(self):
        return replace(super()._needs, source_labels=True)

    @property
    def _n_fit_steps(self):
        return self.n_iter

    def _components(self, kernel, codes, labels):
        if self.estimator is not None and is_regressor(self.estimator):
            raise ValueError(f"estimator={self.estimator!r} is a regressor; pass a classifier.")
        contrasts = unit_contrasts(domain_contrasts(codes))
        found = self._solve(kernel, contrasts)
        self.n_iter_, self.classes_, self.pseudo_labels_ = 1, None, None
        if labels is None:
            return found
        self.classes_, classes = class_codes(
            labels, reader="JointDistributionAligner", instead="use TransferComponentAligner"
        )
        labelled = np.flatnonzero(classes >= 0)
        y = self.classes_[classes[labelled]]
        rng = generator(self.random_state)
        while True:
            before = classes[codes < 0]
            rows = kernel.embed(found[0])
            self.pseudo_labels_ = self._label(rows[labelled], y, rows[codes < 0], rng=rng)
            classes[codes < 0] = np.searchsorted(self.classes_, self.pseudo_labels_)
            if self.n_iter_ == self.n_iter or (classes[codes < 0] == before).all():
                return found
            self.n_iter_ += 1
            found = self._solve(kernel, joint_contrasts(codes, classes, mu=self.mu))

    def _solve(self, kernel, contrasts):
        with fit_step(self, "turn"):
            return transfer_components(
                kernel, contrasts, ridge=self.ridge, n_components=self.n_components
            )

    def _label(self, X_source, y_source, X_target, *, rng):
        """Return labels of the target rows by a classifier fitted on the source rows."""
        if self.estimator is None:
            estimator = make_pipeline(Normalizer(), KNeighborsClassifier(1, algorithm="brute"))
        else:
            keep = self.random_state is None
            (estimator,) = seeded_clones(self.estimator, 1, generator=rng, keep_seeds=keep)
        with config_context(skip_parameter_validation=False):
            return estimator.fit(X_source, y_source).predict(X_target)
