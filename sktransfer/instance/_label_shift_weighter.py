"""LabelShiftWeighter: weight by class proportions in the target, estimated without labels."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

from sktransfer._kernels.label_shift import likely_shares, matching_weights
from sktransfer._kernels.rows import order_of_rows
from sktransfer._labels import is_labelled, read_classes
from sktransfer._messages import shown, warn
from sktransfer._random import generator
from sktransfer._sklearn import HasMethods, Interval, StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._base_classifier_weighter import _BaseClassifierWeighter
from sktransfer.instance._label_sums import _FitsLabelSums

LEAST_SHARE = 0.01  # of a class in the target; below it and far below that in the source: absent


class LabelShiftWeighter(_FitsLabelSums, _BaseClassifierWeighter):
    """Weight source rows by how much more frequent their class is in the target.

    Under label shift the class proportions differ in the target, and each class looks the same: a
    disease is rarer, its symptoms are not. The predictions of a classifier trained on source rows
    then determine the class proportions of the target rows. The weight of a source row is the
    proportion of its class in the target over that in the source. The labels of target rows are not
    read.

    It helps if only the class proportions differ. It hurts if the classes look different in the
    target: under covariate shift it mistakes the change of rows for a change of class proportions.
    It also hurts if the classifier barely separates the classes, because the estimate is then
    noisy. "em" needs probabilities that are calibrated on the source, and is then the better
    method. ``class_weight="balanced"`` violates this, because its probabilities are those of other
    proportions. So does a classifier that overfits its training rows. "bbse" has no such
    requirement.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier with `predict_proba`. None is ``LogisticRegression()``; scale the features
        first.
    method : {"em", "bbse"}, default="em"
        "em": the class proportions of maximum likelihood, found by the EM algorithm of [1]_.
        "bbse": the proportions that explain how often each class is predicted [2]_.
    cv : int, default=5
        The number of folds of the source rows, for the confusion matrix of "bbse".
    tol : float, default=1e-10
        The tolerance of "em", as a distance from the largest mean log-likelihood.
    max_iter : int, default=200
        The maximum number of Newton steps of "em".
    random_state : int, RandomState instance or None, default=None
        Draws the folds and seeds every `random_state` inside the classifier. None draws fresh
        entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. A source row
        without a label gets the mean of the class weights under its probabilities. It has the dtype
        of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    classes_ : ndarray of shape (n_classes,)
        The classes of the source rows. These and the next five are None without source rows.
    class_weights_ : ndarray of shape (n_classes,)
        The weight of a row of each class, before the scaling to mean 1.
    source_shares_, target_shares_ : ndarray of shape (n_classes,)
        The class proportions; those of the target are estimated.
    estimator_ : classifier
        Fitted on the labelled source rows.
    optimality_gap_ : float
        An upper bound of the distance of the mean log-likelihood of "em" to its maximum. None for
        "bbse", and if there is only one class.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. This method pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them (a quarter, if there
        are fewer than 40 rows). Several sources are also judged one by one. Also if the estimated
        proportion of a class is below 1 % (or one row) and below a tenth of its proportion in the
        source. Moved features cause this.
    ConvergenceWarning
        If `max_iter` steps of "em" leave a gap above `tol`.

    See Also
    --------
    DiscriminatorWeighter : For covariate shift, by a classifier between the domains.

    Notes
    -----
    `weigh` gives new source rows ``sum_k p(k | x) w_k``, which under label shift is the ratio of
    the two densities at the row. Sparse rows and missing values (NaN) are passed to the classifier.
    They are refused if its tags say that it does not accept them.

    `fit` also takes an array or a data frame of Dask, with `y` and ``sample_domain`` of Dask or in
    memory, and `weigh` returns lazy weights of one. The classifier is fitted on at most 10,000
    labelled source rows, drawn by a hash of their values and the seed, so that blocks do not
    matter. A second pass counts the classes and the predictions of all rows, those that the
    classifier has seen by classifiers of other folds. "em" takes a pass for each of a few Newton
    steps. There are no ``weights_`` then.

    Each fold is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to new
       a priori probabilities", Neural Computation 14, 2002.
       https://doi.org/10.1162/089976602753284446
    .. [2] Z. Lipton, Y.-X. Wang and A. Smola, "Detecting and correcting for label shift with black
       box predictors", ICML 2018. https://arxiv.org/abs/1802.03916

    Examples
    --------
    Half of the source rows are ill, and about a tenth of the target rows:

    >>> import numpy as np
    >>> from sktransfer import LabelShiftWeighter
    >>> rng = np.random.default_rng(0)
    >>> ill = np.repeat([True, False, True, False], [200, 200, 50, 450])
    >>> X = rng.normal(size=(900, 1)) + 3 * ill[:, None]
    >>> y = np.where(ill, "ill", "well").astype(object)
    >>> y[400:] = None
    >>> sample_domain = ["clinic"] * 400 + ["target"] * 500
    >>> weighter = LabelShiftWeighter().fit(X, y, sample_domain=sample_domain)
    >>> weighter.target_shares_.round(1)
    array([0.1, 0.9])
    >>> weighter.weights_[[0, 200]].round(1)
    array([0.2, 1.8])
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "method": [StrOptions({"em", "bbse"})],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _spread = "Check that the classes look the same in both domains"
    _learned = (
        "classes_",
        "class_weights_",
        "source_shares_",
        "target_shares_",
        "estimator_",
        "optimality_gap_",
    )

    def __init__(
        self,
        estimator=None,
        *,
        method="em",
        cv=5,
        tol=1e-10,
        max_iter=200,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @property
    def _needs(self):
        return replace(super()._needs, source_labels=True)

    def _source_ratio(self, X, y, domains):
        """Estimate the class proportions, and return the weights of the source rows."""
        labelled = is_labelled(y) & ~domains.is_target
        if not labelled.any():
            raise ValueError(
                "LabelShiftWeighter needs labels of source rows, and none of the "
                f"{np.sum(~domains.is_target)} source rows has one; pass them in y."
            )
        rows = X.astype(np.float64)
        codes = self._read_codes(read_classes(y, labelled))
        order = order_of_rows(rows[labelled], codes=codes)
        X_target = rows[domains.is_target]
        self._estimate(rows[labelled][order], codes[order], X_target[order_of_rows(X_target)])
        ratio = np.zeros(X.shape[0])
        ratio[~domains.is_target] = self._ratio(rows[~domains.is_target])
        ratio[labelled] = self.class_weights_[codes]
        self._warn_of_absent_classes(X_target.shape[0])
        return ratio[~domains.is_target]

    def _read_codes(self, labels):
        self.classes_, codes = np.unique(labels, return_inverse=True)
        return codes

    def _estimate(self, X, codes, X_target):
        """Store the classifier of the source rows, the class proportions and the class weights."""
        rng = generator(self.random_state)
        self._teach(X, codes, rng)
        self.source_shares_ = np.bincount(codes) / len(codes)
        probabilities = self._probabilities(X_target)
        if len(self.classes_) == 1:
            self._store_weights(np.ones(1))
        elif self.method == "em":
            rules = {"tol": self.tol, "max_iter": self.max_iter}
            self._store_likely(*likely_shares(probabilities, self.source_shares_, **rules))
        else:
            confusion = self._confusion(X, codes, rng)
            predicted = np.bincount(probabilities.argmax(axis=1), minlength=len(self.classes_))
            self._store_matching(confusion, predicted)

    def _teach(self, X, codes, rng):
        """Store the classifier, None if there is only one class."""
        self.estimator_ = None
        if len(self.classes_) > 1:
            (self.estimator_,) = self._clones(1, rng)
            self.estimator_.fit(X, self.classes_[codes])

    def _probabilities(self, X):
        """Return the probabilities of the classes at valid rows."""
        if self.estimator_ is None or not X.shape[0]:
            return np.ones((X.shape[0], len(self.classes_)))
        return self.estimator_.predict_proba(X)

    def _store_likely(self, shares, gap):
        """Store the proportions of "em"."""
        self._store_weights(shares / self.source_shares_, gap)
        self._warn_of_gap()

    def _store_matching(self, confusion, predicted):
        """Store the weights of "bbse" by counts of rows."""
        if np.linalg.matrix_rank(confusion) < len(self.classes_):
            raise ValueError(
                "LabelShiftWeighter(method='bbse') needs a classifier that separates the "
                f"classes, but the confusion matrix of {self._learner()!r} is singular; pass "
                "another estimator, or take method='em'."
            )
        shares = confusion / confusion.sum(), predicted / predicted.sum()
        self._store_weights(matching_weights(*shares))

    def _store_weights(self, class_weights, gap=None):
        self.class_weights_, self.optimality_gap_ = class_weights, gap
        shares = class_weights * self.source_shares_
        self.target_shares_ = shares / shares.sum()

    def _warn_of_gap(self):
        if self.optimality_gap_ > self.tol:
            warn(
                f"LabelShiftWeighter stopped after max_iter={self.max_iter} steps with an "
                f"optimality gap of {self.optimality_gap_:.1e}, above tol={self.tol}; increase "
                "max_iter.",
                ConvergenceWarning,
            )

    def _warn_of_absent_classes(self, n_target):
        """Warn of proportions near 0: a shift of the features looks like that."""
        shares = self.target_shares_
        absent = (shares < 0.1 * self.source_shares_) & (shares < max(LEAST_SHARE, 1 / n_target))
        if absent.any():
            warn(
                f"LabelShiftWeighter estimates a share of {shares[absent].max():.2g}, or less, in "
                f"the target for the classes {shown(self.classes_[absent].tolist())}, whose share "
                f"in the source is up to {self.source_shares_[absent].max():.2g}: the estimate is "
                "at its boundary, and their source rows get next to no weight. Features that moved "
                "cause this too. If the classes are not known to be absent, align the features "
                "first or use DiscriminatorWeighter.",
                TransferWarning,
            )

    def _confusion(self, X, codes, rng):
        """Return numbers of source rows by class (columns) and out-of-fold prediction (rows)."""
        n_classes = len(self.classes_)
        fewest = np.bincount(codes).min()
        if fewest < self.cv:
            raise ValueError(
                f"cv={self.cv!r} folds need as many source rows of each class, but class "
                f"{self.classes_[np.bincount(codes).argmin()]!r} has {fewest}; lower cv, or take "
                "method='em'."
            )
        confusion = np.zeros((n_classes, n_classes))
        folds = StratifiedKFold(self.cv, shuffle=True, random_state=rng).split(X, codes)
        others = self._clones(self.cv, rng)
        for other, (train, out) in self._tasks("fold", zip(others, list(folds), strict=True)):
            other.fit(X[train], self.classes_[codes[train]])
            np.add.at(confusion, (other.predict_proba(X[out]).argmax(axis=1), codes[out]), 1)
        return confusion

    def _fit_ratio(self, X_source, X_target):
        raise NotImplementedError("the weights come from labels: see _source_ratio")

    def _ratio(self, X):
        return self._probabilities(X) @ self.class_weights_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
