"""TransferStackingClassifier: any classifier on target rows next to outputs of source models."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.metaestimators import available_if

from sktransfer._kernels.offset_logistic import probabilities, responses, weights_of_scores
from sktransfer._learner import innermost_learner
from sktransfer.parameter._base_transfer_stacking import _BaseTransferStacking
from sktransfer.parameter._labels_of_sources import _ReadsClasses


def _gives_probabilities(self):
    """Tell whether there are probabilities: those of the classifier, or of the scores."""
    estimator = getattr(self, "estimator_", None)
    estimator = self.estimator if estimator is None else estimator
    return self.mode == "residual" or estimator is None or hasattr(estimator, "predict_proba")


class TransferStackingClassifier(_ReadsClasses, _BaseTransferStacking):
    """Fit any classifier on target rows, with the outputs of source models as more columns.

    It is stacking [1]_ in which the first models come from sources. They have seen no target row,
    so that their outputs on target rows are out-of-fold as they are. With ``mode="residual"`` a
    regressor learns a correction of the sources' log-odds. Without a source it is the classifier
    itself, or the correction of equal probabilities.

    It helps if the relation of the sources to the target is not a factor and a linear correction.
    Trees find the region in which a source is right. It hurts if target rows are fewer than the
    classifier needs to find that the output of a source matters. Then ``mode="residual"`` keeps the
    source, or :class:`TransferLogisticRegression` fits the relation with few numbers.

    Parameters
    ----------
    estimator : classifier, or regressor in "residual", default=None
        Fitted on the target rows. None is :class:`~sklearn.linear_model.LogisticRegression`, in
        "residual" :class:`~sklearn.linear_model.Ridge`.
    source : classifier or list of classifiers, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. They must not have seen the target rows. None: the source
        models are those of the source rows.
    mode : {"outputs", "residual"}, default="outputs"
        "outputs": the columns of `X`, and the scores of each source. "residual": the columns of
        `X` alone, and numbers by which the log-odds ``sum_k beta_k f_k(x)`` are to change.
    beta : float, array-like of shape (n_sources,) or "auto", default="auto"
        The weight of each source in "residual". "auto" chooses them by the log-loss on the target
        rows, with a weak pull toward equal weights.
    positive : bool, default=True
        Whether chosen weights of sources must not be negative.
    source_estimator : classifier, default=None
        Fitted on the rows of each source domain, a clone for each. None is `estimator`, in
        "residual" :class:`~sklearn.linear_model.LogisticRegression`.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the estimators. None draws fresh entropy and keeps the
        seeds that they have.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows and of the models in `source`.
    estimator_ : classifier, list of regressors or None
        The fitted classifier. In "residual", a regressor for each class that target rows have (one
        for two classes). None if they have one class, which leaves the sources as they are.
    source_weights_ : ndarray of shape (n_sources,)
        The weight of each source in "residual", in the order of `sources_`; NaN in "outputs",
        in which the classifier weights them by itself.
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
        If there is one class in target rows, so that the sources alone answer, with equal weights.

    See Also
    --------
    TransferStackingRegressor : The same for numbers.
    TransferLogisticRegression : A linear correction, with weights chosen by leave-one-out.

    Notes
    -----
    Sources are read as for :class:`TransferRidgeClassifier`: a column for two classes, else one for
    each class. In "outputs" a class that no target row has is never predicted. In "residual" it
    keeps the score of the sources.

    A correction h of the log-odds F is one step of the logistic loss. The loss has a quadratic
    bound with a fixed curvature [2]_. With the sources' probabilities p, h is then the least
    squares fit of ``4 (y - p)`` for two classes and of ``2 (y_c - p_c)`` for each of several. Any
    regressor does that.

    Sparse rows and missing values are taken if `estimator` and `source_estimator` take them. In
    "outputs" the estimator gets arrays without names of columns if there is a source.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
       https://doi.org/10.1016/S0893-6080(05)80023-1
    .. [2] D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of
       Statistical Mathematics 44, 1992. https://doi.org/10.1007/BF00048682

    Examples
    --------
    The source holds on one side only, which a tree finds:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sktransfer import TransferStackingClassifier
    >>> rng = np.random.default_rng(0)
    >>> X_old, X, X_new = (rng.uniform(-1, 1, size=(n, 3)) for n in (500, 40, 500))
    >>> source = RandomForestClassifier(random_state=0).fit(X_old, X_old.prod(axis=1) > 0)
    >>> y, y_new = ((Z.prod(axis=1) > 0) ^ (Z[:, 0] > 0.5) for Z in (X, X_new))
    >>> forest = RandomForestClassifier(random_state=0)
    >>> round(source.score(X_new, y_new), 2), round(forest.fit(X, y).score(X_new, y_new), 2)
    (0.75, 0.61)
    >>> round(TransferStackingClassifier(forest, source).fit(X, y).score(X_new, y_new), 2)
    0.84
    """

    def _default_estimator(self):
        return Ridge() if self.mode == "residual" else LogisticRegression()

    def _kind_of_estimator(self):
        return "regressor" if self.mode == "residual" else "classifier"

    def _source_model(self, rows):
        if self.mode == "residual" and self.source_estimator is None:
            return LogisticRegression()
        return super()._source_model(rows)

    def _learn(self, target, sources):
        if self.mode == "residual" and is_classifier(innermost_learner(self._estimator())):
            raise ValueError(
                "mode='residual' fits numbers, the classes that the sources leave, but "
                f"estimator={self.estimator!r} is a classifier; pass a regressor, for example "
                "HistGradientBoostingRegressor(), or mode='outputs'."
            )
        self._sources, self.estimator_ = sources, None
        self.source_weights_ = np.full(len(sources), np.nan)
        seen = np.isin(self.classes_, target.labels)
        if seen.sum() < 2:
            given = self._given_beta(len(sources))
            self.source_weights_ = self._undecided(len(sources)) if given is None else given
        elif self.mode == "residual":
            self._learn_rest(target, sources, np.flatnonzero(seen))
        else:
            rows = self._rows_for(target.X, target.given_X)
            self.estimator_ = self._fit_part(rows, target.labels, target)

    def _learn_rest(self, target, sources, seen):
        """Fit a regressor for each class that target rows have; one for two classes."""
        codes = np.where(target.labels[:, None] == self.classes_, 1.0, 0.0)
        n_columns = 1 if len(self.classes_) == 2 else len(self.classes_)
        self._columns = np.arange(1) if n_columns == 1 else seen
        codes = codes[:, 1:] if n_columns == 1 else codes[:, seen]
        offset = np.zeros(codes.shape)
        if sources:
            outputs = self._outputs_of(sources, target.X, target.given_X)[:, :, self._columns]
            beta = self._given_beta(len(sources))
            if beta is None:
                options = {"positive": self.positive}
                beta = weights_of_scores(outputs, codes, target.weights, **options)
            self.source_weights_, offset = beta, np.tensordot(beta, outputs, axes=1)
        rows = self._rows_for(target.X, target.given_X)
        self.estimator_ = [
            self._fit_part(rows, column, target) for column in responses(codes, offset).T
        ]

    def _scores(self, rows, given_X):
        """Return the log-odds of the classes, of shape (n_rows, n_columns)."""
        n_columns = 1 if len(self.classes_) == 2 else len(self.classes_)
        scores = np.zeros((rows.shape[0], n_columns)) + self._weighted_sources(rows, given_X)
        for column, part in enumerate(self.estimator_ or ()):
            scores[:, self._columns[column]] += np.ravel(part.predict(given_X))
        return scores

    def _answers_itself(self):
        """Tell whether a classifier answers, no scores of sources."""
        return self.mode == "outputs" and self.estimator_ is not None

    def _write_onnx(self, graph):
        if self._answers_itself():
            labels, said = self._onnx_answers(graph)
            known = np.asarray(self.estimator_.classes_)[:, None] == self.classes_
            if _gives_probabilities(self):
                said = graph.affine(known, np.zeros(len(self.classes_)), rows=said)
            return labels, said
        n_classes = len(self.classes_)
        n_columns = 1 if n_classes == 2 else n_classes
        nothing = graph.affine(np.zeros((self.n_features_in_, n_columns)), np.zeros(n_columns))
        parts = [nothing, *self._onnx_sources(graph)]
        for place, part in zip(self._columns if self.estimator_ else (), self.estimator_ or ()):
            (said,) = graph.answers(part)
            parts.append(graph.affine(np.eye(n_columns)[[place]], np.zeros(n_columns), rows=said))
        scores = graph.sum(parts)
        if n_classes == 2:  # the logistic function is the softmax of half of the scores
            scores = graph.add("Mul", graph.both_classes(scores), np.float64(0.5))
        return graph.best_label(scores, self.classes_), graph.add("Softmax", scores, axis=1)

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
        rows, given_X = self._read_new(X)
        if self._answers_itself():
            return self.estimator_.predict(self._rows_for(rows, given_X))
        scores = self._scores(rows, given_X)
        return self._best_class(scores[:, 0] if scores.shape[1] == 1 else scores)

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; 0 for a class that `estimator_` does not know.
        """
        rows, given_X = self._read_new(X)
        if self._answers_itself():
            found = self.estimator_.predict_proba(self._rows_for(rows, given_X))
            said = np.zeros((rows.shape[0], len(self.classes_)))
            said[:, np.searchsorted(self.classes_, self.estimator_.classes_)] = found
            return said
        said = probabilities(self._scores(rows, given_X))
        return np.hstack([1 - said, said]) if said.shape[1] == 1 else said
