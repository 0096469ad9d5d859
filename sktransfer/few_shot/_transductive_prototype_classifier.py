"""TransductivePrototypeClassifier: class means that unlabelled target rows have moved."""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sktransfer._kernels import prototypes
from sktransfer._kernels.balanced import refined_prototypes
from sktransfer._messages import warn
from sktransfer._sklearn import Interval
from sktransfer.few_shot._base_prototypes import _BasePrototypes


class TransductivePrototypeClassifier(_BasePrototypes):
    """Predict the nearest class mean, after unlabelled target rows have moved the means.

    The unlabelled target rows in `fit` are softly assigned to the classes, such that the classes
    have nearly equal numbers of them. Each mean is computed again with the rows assigned to it,
    until the assignments stay [1]_. Without such rows it is `PrototypeClassifier` with the
    Euclidean distance.

    It helps if each class has one to five labelled rows and the rows to predict are available in
    `fit`, with classes about equally frequent. It hurts if their proportions differ much, because
    rows are then moved to rare classes: decrease `balance`. It also hurts if the first predictions
    are mostly wrong, because the means then move to rows of other classes.

    Parameters
    ----------
    balance : float, default=0.5
        How strongly the classes are pulled toward equal numbers of the unlabelled rows: from 0,
        not at all, to 1, exactly equal numbers.
    temperature : float, default=0.1
        Rows are assigned in proportion to ``exp(-distance / temperature)``, for the squared
        Euclidean distance after the steps below. Without `normalize` it has the unit of its square.
    center : bool, default=True
        Whether the mean of the source rows is subtracted.
    whiten : bool, default=False
        Whether the covariance of the labelled source rows about the means of their classes is made
        the identity.
    normalize : bool, default=True
        Whether rows are scaled to unit length, after the steps above.
    candidates : {"target", "all"}, default="target"
        The classes that can be predicted: those of labelled target rows, or also those of source
        rows alone.
    max_iter : int, default=300
        How often the means are computed, at most.
    tol : float, default=1e-3
        The iterations end when no assignment changes by more.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    candidate_classes_ : ndarray of shape (n_candidates,)
        The classes that can be predicted.
    prototypes_ : ndarray of shape (n_candidates, n_features)
        The means of the mapped rows, those that are assigned softly included.
    bias_ : ndarray of shape (n_candidates,)
        Added to ``-distance / temperature`` so that the classes have their proportions; of mean
        0, and zeros with ``balance=0``.
    n_iter_ : int
        How often the means were computed; 1 without unlabelled target rows.
    offset_ : ndarray of shape (n_features,)
        The mean of the source rows; zeros without a source row or with ``center=False``.
    whitening_ : ndarray of shape (n_features, n_features) or None
        The matrix that whitens rows; None if they are not whitened.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations are not enough.

    See Also
    --------
    PrototypeClassifier : The same without unlabelled rows.

    Notes
    -----
    The predictions for the unlabelled rows of `fit` are their last assignments. New rows are
    predicted one by one, with the same means and biases.

    References
    ----------
    .. [1] Y. Hu, V. Gripon, S. Pateux, "Leveraging the Feature Distribution in Transfer-based
       Few-Shot Learning", ICANN 2021. https://arxiv.org/abs/2006.03806

    Examples
    --------
    The labelled rows lie at the border of their classes, and the others show their centers:

    >>> import numpy as np
    >>> from sktransfer import PrototypeClassifier, TransductivePrototypeClassifier
    >>> X = np.array([[0.0], [3.0], [0.5], [1.0], [1.5], [2.0], [4.0], [5.0], [6.0], [7.0]])
    >>> y = np.array(["a", "b", *[None] * 8], dtype=object)
    >>> PrototypeClassifier(normalize=False).fit(X, y).predict([[2.0]])
    array(['b'], dtype='<U1')
    >>> model = TransductivePrototypeClassifier(normalize=False).fit(X, y)
    >>> model.prototypes_.round(1).ravel(), model.predict([[2.0]])
    (array([1., 5.]), array(['a'], dtype='<U1'))
    """

    _parameter_constraints: dict = {
        **_BasePrototypes._parameter_constraints,
        "balance": [Interval(Real, 0, 1, closed="both")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        balance=0.5,
        temperature=0.1,
        center=True,
        whiten=False,
        normalize=True,
        candidates="target",
        max_iter=300,
        tol=1e-3,
    ):
        self.balance = balance
        self.temperature = temperature
        self.center = center
        self.whiten = whiten
        self.normalize = normalize
        self.candidates = candidates
        self.max_iter = max_iter
        self.tol = tol

    def _learn(self, rows):
        self._learn_map(rows)
        shots = self._map(rows.shots)
        if len(rows.unlabelled) == 0:
            self.prototypes_ = prototypes.class_means(shots, rows.shot_codes)
            self.bias_, self.n_iter_ = np.zeros(len(self.prototypes_)), 1
            return
        found = refined_prototypes(
            shots,
            rows.shot_codes,
            self._map(rows.unlabelled),
            balance=self.balance,
            temperature=self.temperature,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.prototypes_, self.bias_, self.n_iter_ = found.prototypes, found.bias, found.n_iter
        if found.change > self.tol:
            warn(
                f"TransductivePrototypeClassifier did not converge in max_iter={self.max_iter} "
                f"iterations: an assignment still changes by {found.change:.2g}; increase max_iter,"
                " tol or temperature.",
                ConvergenceWarning,
            )

    def _write_onnx(self, graph):
        rows = self._onnx_rows(graph)
        distances = graph.squared_distances(self.prototypes_, rows=rows)
        scores = graph.add("Div", distances, np.float64(-self.temperature))
        return self._onnx_probabilities(graph, graph.add("Add", scores, self.bias_))

    def _log_scores(self, X):
        distances = prototypes.squared_distances(self._map(X), self.prototypes_)
        return self.bias_ + (distances.min(axis=1, keepdims=True) - distances) / self.temperature
