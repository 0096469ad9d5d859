"""PrototypeClassifier: the nearest class mean."""

from numbers import Real

import numpy as np

from sktransfer._kernels import prototypes
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.few_shot._base_prototypes import _BasePrototypes

DISTANCES = {
    "euclidean": prototypes.squared_distances,
    "cosine": prototypes.cosine_distances,
}


class PrototypeClassifier(_BasePrototypes):
    """Predict the class whose mean is nearest.

    The prototype of a class is the mean of its target rows [1]_. Source rows, of other classes,
    show how rows vary. Their mean is subtracted before rows get unit length [2]_, and their
    covariance within classes can be whitened. Without a source row it is the nearest mean of the
    rows as they are, scaled to unit length by default.

    It helps if each class has one to some ten labelled rows, in features of a network that has
    learned from other classes. It hurts if a class is spread over several groups of rows, whose
    mean lies between them. It also hurts if the length of a row says more than its direction: pass
    ``normalize=False`` then.

    Parameters
    ----------
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance of a row to a prototype: the squared Euclidean distance, or 1 minus the cosine.
    center : bool, default=True
        Whether the mean of the source rows is subtracted.
    whiten : bool, default=False
        Whether the covariance of the labelled source rows about the means of their classes is made
        the identity. It is shrunk as by :func:`~sklearn.covariance.ledoit_wolf`.
    normalize : bool, default=True
        Whether rows are scaled to unit length, after the steps above.
    temperature : float, default=1.0
        Probabilities are proportional to ``exp(-distance / temperature)``. It has the unit of the
        distance and does not change predictions.
    candidates : {"target", "all"}, default="target"
        The classes that can be predicted: those of labelled target rows, or also those of source
        rows alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    candidate_classes_ : ndarray of shape (n_candidates,)
        The classes that can be predicted.
    prototypes_ : ndarray of shape (n_candidates, n_features)
        The mean of the mapped rows of each of `candidate_classes_`: of its target rows, or of its
        source rows if it has no target row.
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

    See Also
    --------
    sklearn.neighbors.NearestCentroid : The same without a source and with ``normalize=False``.

    Notes
    -----
    Source rows without a label count for the mean, not for the whitening. Target rows without a
    label are left out.

    References
    ----------
    .. [1] J. Snell, K. Swersky, R. Zemel, "Prototypical Networks for Few-shot Learning", NIPS 2017.
       https://arxiv.org/abs/1703.05175
    .. [2] Y. Wang, W.-L. Chao, K. Q. Weinberger, L. van der Maaten, "SimpleShot: Revisiting
       Nearest-Neighbor Classification for Few-Shot Learning", 2019.
       https://arxiv.org/abs/1911.04623

    Examples
    --------
    The second column varies within the classes of the source, so that it says little about a class:

    >>> import numpy as np
    >>> from sktransfer import PrototypeClassifier
    >>> X = [[0, 0], [0, 9], [2, 1], [2, 8], [4, 2], [4, 7], [1, 5], [3, 2]]
    >>> y = ["a", "a", "b", "b", "c", "c", "new", "newer"]
    >>> sample_domain = ["old"] * 6 + ["target"] * 2
    >>> for whiten in (False, True):
    ...     model = PrototypeClassifier(whiten=whiten, normalize=False)
    ...     print(model.fit(X, y, sample_domain=sample_domain).predict([[1.3, 3], [2.7, 6]]))
    ['newer' 'new']
    ['new' 'newer']
    """

    _parameter_constraints: dict = {
        **_BasePrototypes._parameter_constraints,
        "metric": [StrOptions(set(DISTANCES))],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        metric="euclidean",
        center=True,
        whiten=False,
        normalize=True,
        temperature=1.0,
        candidates="target",
    ):
        self.metric = metric
        self.center = center
        self.whiten = whiten
        self.normalize = normalize
        self.temperature = temperature
        self.candidates = candidates

    def _learn(self, rows):
        self._learn_map(rows)
        self.prototypes_ = prototypes.class_means(self._map(rows.shots), rows.shot_codes)

    def _write_onnx(self, graph):
        rows = self._onnx_rows(graph)
        if self.metric == "euclidean":
            distances = graph.squared_distances(self.prototypes_, rows=rows)
        else:
            means = prototypes.unit_rows(self.prototypes_)
            distances = graph.add("Neg", graph.add("MatMul", graph.unit_rows(rows), means.T))
        scores = graph.add("Div", distances, np.float64(-self.temperature))
        return self._onnx_probabilities(graph, scores)

    def _log_scores(self, X):
        distances = DISTANCES[self.metric](self._map(X), self.prototypes_)
        return (distances.min(axis=1, keepdims=True) - distances) / self.temperature
