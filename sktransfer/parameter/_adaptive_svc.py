"""AdaptiveSVC: support vector machines that correct source models of classes."""

from itertools import combinations

import numpy as np
from sklearn.svm import SVC, SVR
from sklearn.utils.validation import check_is_fitted

from sktransfer._sklearn import _ovr_decision_function
from sktransfer.parameter._adaptive_svm import _BaseAdaptiveSVM, fit_machine, fit_margins
from sktransfer.parameter._labels_of_sources import _ReadsClasses
from sktransfer.parameter._machines_onnx import write_decisions, write_machine, write_votes


class AdaptiveSVC(_ReadsClasses, _BaseAdaptiveSVM):
    """Correct source models by a support vector machine on the margins that they leave.

    The decision function is a weighted sum of those of the sources plus a function of a kernel.
    This function is as small as the margins of the target rows allow [1]_. Any fitted classifier
    can be a source. Without a source, or with weights of 0, it is :class:`~sklearn.svm.SVC`.

    It helps if a source is right up to a smooth correction, which few target rows can teach. It
    hurts if target rows are so few that a misleading source looks right on them by chance. It also
    hurts if the correction is not smooth on the scale of the kernel.

    Parameters
    ----------
    source : classifier or list of classifiers, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. None: the source models are those of the source rows.
    C : float, default=1.0
        The weight of violated margins against the size of the correction.
    kernel : {"linear", "poly", "rbf", "sigmoid"} or callable, default="rbf"
        As in :class:`~sklearn.svm.SVC`.
    degree : int, default=3
        The degree of "poly".
    gamma : {"scale", "auto"} or float, default="scale"
        As in :class:`~sklearn.svm.SVC`, but "scale" counts each row as often as it weighs.
    coef0 : float, default=0.0
        The constant of "poly" and "sigmoid".
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source: a number, the same for each, or one each. "auto" chooses them by
        the leave-one-out error of kernel ridge regression with the penalty 1 / C on the codes -1
        and 1 of the classes.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    tol : float, default=1e-9
        The tolerance of the solver. Rows that are not scaled may need a larger one.
    source_estimator : classifier, default=None
        Fitted on the rows of each source domain, a clone for each. None is
        :class:`~sklearn.svm.SVC` with these parameters.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows and of the models in `source`.
    corrections_ : list of SVR or None
        For each pair of classes, (0, 1), (0, 2), ..., the function that is added to half the
        difference of the sources' scores. None if target rows do not have both classes. Empty
        without a source.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source, in the order of `sources_`.
    sources_ : list of classifiers
        The models in `source`, then one for each source domain, by name.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If there is one target row or one class in them, so that all sources get equal weights.

    See Also
    --------
    AdaptiveSVR : The same for numbers.
    TransferLogisticRegression : A linear correction, with probabilities.

    Notes
    -----
    Sources are read as for `TransferRidgeClassifier`. Several classes are told apart pair by pair,
    as in :class:`~sklearn.svm.SVC`. The sources decide a pair of which target rows have one class
    at most. In ``predict`` equal numbers of votes are decided by the sums of the scores.

    References
    ----------
    .. [1] J. Yang, R. Yan, A. G. Hauptmann, "Cross-domain video concept detection using adaptive
       SVMs", ACM Multimedia 2007. https://doi.org/10.1145/1291233.1291276

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.svm import SVC
    >>> from sktransfer import AdaptiveSVC
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.uniform(-1, 1, size=(n, 2)) for n in (500, 10, 500))
    >>> source = RandomForestClassifier(random_state=0).fit(X_old, X_old.prod(axis=1) > 0)
    >>> y, y_new = (rows.prod(axis=1) > 0.1 for rows in (X, X_new))
    >>> round(SVC().fit(X, y).score(X_new, y_new), 2)
    0.8
    >>> round(AdaptiveSVC(source).fit(X, y).score(X_new, y_new), 2)
    0.86
    """

    def __init__(
        self,
        source=None,
        *,
        C=1.0,
        kernel="rbf",
        degree=3,
        gamma="scale",
        coef0=0.0,
        beta="auto",
        positive=True,
        tol=1e-9,
        source_estimator=None,
    ):
        self.source = source
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.beta = beta
        self.positive = positive
        self.tol = tol
        self.source_estimator = source_estimator

    def _plain(self, rows):
        return self._machine(SVC, rows)

    def _learn(self, target, sources):
        self._sources, self._alone = sources, None
        if not sources:
            self.source_weights_, self.corrections_ = np.zeros(0), []
            alone = self._plain(target)
            self._alone = fit_machine(alone, target.X, target.labels, target.sample_weight)
            return
        places = np.searchsorted(self.classes_, target.labels)
        outputs = self._source_outputs(target.X, target.given_X, sources)
        self.source_weights_ = beta = self._choose(target, places, outputs)
        scores = self._scores(np.tensordot(beta, outputs, axes=1), len(places))
        self.corrections_ = [
            self._correct(target, places, scores, pair)
            for pair in combinations(range(len(self.classes_)), 2)
        ]

    def _choose(self, target, places, outputs):
        """Return the weights of sources."""
        seen = np.unique(places)
        if len(seen) < 2:
            beta = self._given_beta(len(outputs))
            return self._undecided(len(outputs)) if beta is None else beta
        codes = np.where(places[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        if len(self.classes_) == 2:
            return self._weights(target, codes[:, 1:], outputs)
        return self._weights(target, codes[:, seen], outputs[:, :, seen])

    def _scores(self, total, n_rows):
        """Return the weighted scores of all classes; those of two classes are opposite."""
        n_classes = len(self.classes_)
        total = np.zeros((n_rows, 1 if n_classes == 2 else n_classes)) + total
        return np.hstack([-total, total]) if n_classes == 2 else total

    def _correct(self, target, places, scores, pair):
        """Return the correction for a pair of classes, None if rows do not have both."""
        rows = np.flatnonzero(np.isin(places, pair))
        if len(np.unique(places[rows])) < 2:
            return None
        weight = None if target.sample_weight is None else target.sample_weight[rows]
        return fit_margins(
            self._machine(SVR, target),
            target.X[rows],
            np.where(places[rows] == pair[1], 1.0, -1.0),
            (scores[rows, pair[1]] - scores[rows, pair[0]]) / 2,
            weight,
        )

    def _write_onnx(self, graph):
        if self._alone is not None:
            return write_decisions(graph, self._alone)
        pairs = list(combinations(range(len(self.classes_)), 2))
        nothing = graph.add("Mul", graph.sum_of_columns(graph.rows), np.float64(0))
        corrections = [
            nothing if correction is None else write_machine(graph, correction)
            for correction in self.corrections_
        ]
        sources = self._onnx_sources(graph)
        if len(pairs) == 1:
            return graph.both_classes(graph.sum(corrections + sources))
        said = graph.add("Concat", *corrections, axis=1)
        if sources:  # each pair gets half of the difference of its classes
            first, second = (np.eye(len(self.classes_))[list(places)] for places in zip(*pairs))
            halves = graph.add("MatMul", graph.sum(sources), (second - first).T / 2)
            said = graph.add("Add", said, halves)
        return write_votes(graph, said, pairs)

    def decision_function(self, X):
        """Return the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of `classes_`. With two classes, the score of the second. Otherwise the
            votes of the pairs, and less than half a vote for the sum of their scores.
        """
        rows, total = self._weighted_outputs(X)
        if self._alone is not None:
            return self._alone.decision_function(rows)
        scores, n_classes = self._scores(total, rows.shape[0]), len(self.classes_)
        pairs = np.empty((rows.shape[0], len(self.corrections_)))
        for k, (first, second) in enumerate(combinations(range(n_classes), 2)):
            correction = self.corrections_[k]
            pairs[:, k] = (scores[:, second] - scores[:, first]) / 2
            pairs[:, k] += 0 if correction is None else correction.predict(rows)
        return (
            pairs[:, 0] if n_classes == 2 else _ovr_decision_function(pairs > 0, pairs, n_classes)
        )

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        check_is_fitted(self)
        if self._alone is not None:
            return self._alone.predict(self._read_rows(X, reset=False))
        return self._best_class(self.decision_function(X))
