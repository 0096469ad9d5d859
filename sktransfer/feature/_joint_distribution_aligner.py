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
    """Reduce all domains to components with little difference of the means of each class.

    Joint distribution adaptation (JDA): the components of `TransferComponentAligner`, where not
    only the means of the domains are to agree but also those of each class. The labels of source
    rows are read; those of target rows never are: a classifier that is trained on the embedded
    source rows labels the target rows, and components and labels are computed by turns.

    It helps where the classes moved each in its own way, and where most of the first labels are
    right. It hurts where they are not: wrong labels draw the classes to the wrong places, and the
    next labels confirm it. On the benchmark data of its paper the gain over
    `TransferComponentAligner` is below one point of accuracy. Bring rows to a common scale first:
    standardise each domain, or give the rows unit length with
    :class:`~sklearn.preprocessing.Normalizer`.

    Parameters
    ----------
    n_components : int, default=20
        The number of components, clipped to the number of directions in which the rows vary.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows. Or "primal", a form in the authors' code that is no kernel: the components are
        combinations of the features and have unit length, and `ridge` is the cost of the weights of
        features, not of rows. It then counts more, by about the number of rows times the variance
        of a feature: components stay nearer to the directions of most variance. That is more stable
        if the first labels are often wrong, as after a large drift.
    kernel_params : dict, default=None
        Further arguments of the kernel: ``{"gamma": 0.1}`` for "rbf". "linear" and "primal" take
        none.
    ridge : float, default=1.0
        The cost of the components' length, greater than 0, against differences between the means
        that are scaled to a Frobenius norm of 1.
    mu : float, default=0.5
        What the classes count against the domains as a whole, from 0 (the domains alone, as in
        `TransferComponentAligner`) to 1 (the classes alone). 0.5 is JDA, another value balanced
        distribution adaptation.
    n_iter : int, default=10
        How often components and labels are computed by turns, at most: when the labels no longer
        change, nothing does. In the first turn there are no labels, and the components are those of
        `TransferComponentAligner`.
    estimator : classifier, default=None
        Labels the target rows, fitted on the embedded source rows. None: the nearest neighbour of
        the rows at unit length.
    random_state : int, RandomState instance or None, default=None
        Seeds `estimator`, if it has a ``random_state``. None keeps the seeds that it has.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_target,)
        The labels that the last components gave the target rows of `fit`, in their order. None
        where there was no source.
    classes_ : ndarray of shape (n_classes,)
        The classes of the source rows. None where there was no source.
    n_iter_ : int
        The number of turns taken.
    n_components_ : int
        The number of columns of the result.
    eigenvalues_ : ndarray of shape (n_components_,)
        The quotients that are smallest, of the last turn, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        With the linear kernel, or "primal": the matrix that rows are multiplied by.
    X_fit_ : ndarray of shape (n_samples, n_features)
        With another kernel: the rows of `fit`, source by source in the order of their names, the
        target last.
    dual_components_ : ndarray of shape (n_samples, n_components_)
        With another kernel: the coefficients of the rows of ``X_fit_``.
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
    TransferComponentAligner : The first turn, which needs no label.
    TransferJointAligner : Leaves out source rows instead.

    Notes
    -----
    A source row without a label counts in the mean of its domain and of no class; a class without a
    labelled row in a source, or without a row of that label in the target, is left out for that
    turn. With several sources, each is compared with the target, and the mean taken. `y` is
    required where there are source rows, and ignored with ``sample_domain=None``, where every row
    is a target row and this is the plain reduction that `TransferComponentAligner` is then.

    Each turn costs what `TransferComponentAligner` costs, and a fit of `estimator`. Computed in
    float64; rows come back in their own dtype.

    Each turn is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    References
    ----------
    M. Long, J. Wang, G. Ding, J. Sun and P. S. Yu, "Transfer feature learning with joint
    distribution adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274

    J. Wang, Y. Chen, S. Hao, W. Feng and Z. Shen, "Balanced distribution adaptation for transfer
    learning", ICDM 2017. https://arxiv.org/abs/1807.00516

    Examples
    --------
    The classes 0 and 1 differ in the second feature, the domains lie apart in the first:

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
        """Give the labels of the target's rows by a classifier fitted on the source's."""
        if self.estimator is None:
            estimator = make_pipeline(Normalizer(), KNeighborsClassifier(1, algorithm="brute"))
        else:
            keep = self.random_state is None
            (estimator,) = seeded_clones(self.estimator, 1, generator=rng, keep_seeds=keep)
        with config_context(skip_parameter_validation=False):
            return estimator.fit(X_source, y_source).predict(X_target)
