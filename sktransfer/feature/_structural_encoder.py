"""StructuralEncoder: directions in which features have the same weights for many pivots."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError

from sktransfer._domains import TARGET
from sktransfer._kernels.structural import (
    information,
    mean_square_length,
    predictors,
    shared_directions,
    shared_frequency,
)
from sktransfer._labels import class_codes
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._base_encoder import _BaseEncoder
from sktransfer.feature._clipping import store_n_components


class StructuralEncoder(_BaseEncoder):
    """Add the directions in which features predict the same pivots.

    Structural correspondence learning (SCL), which is alternating structure optimization (ASO) on
    unlabelled rows: pivots are features that are frequent in every domain, such as "excellent" or
    "waste". A linear function of the other features predicts each pivot, learned from rows of all
    domains, labelled or not. Features that predict the same pivots, in any domain, have similar
    weights. The projections on the first singular vectors of these weights are appended to the
    row's features. There, words of one domain lie close to words of another.

    It helps if domains use different features for the same thing and the pivots occur with both. It
    hurts if pivots are frequent but uninformative about the classes (choose them by
    ``"mutual_information"``), or if the added block is large relative to the row (`scale`). It adds
    little if most features are common to the domains. It is made for features such as words, which
    are 0 if absent: if no feature is ever 0, pass the pivots by name.

    Parameters
    ----------
    n_components : int, default=50
        The number of directions, clipped to the number of pivots, to the number of other features,
        and to the rank of the weights. A number above that of the columns gives a warning, unless
        it is the default.
    pivots : {"frequency", "mutual_information"} or array-like of int, default="frequency"
        The choice of the pivots, or their columns:

        - "frequency": the features that are non-zero in the largest fraction of rows, in the domain
          with the smallest such fraction. No label is read.
        - "mutual_information": among features that are non-zero in `min_rows` rows of every domain,
          those whose presence is most informative about the class, on source rows. **This reads the
          labels of source rows** and requires `y`. Labels of target rows are never read.

    n_pivots : int, default=500
        The number of pivots, if they are chosen; clipped to half the number of features.
    min_rows : int, default=10
        For "mutual_information": the number of rows of every domain in which a pivot must be
        non-zero. If fewer than `n_pivots` features meet it, others follow by frequency.
    ridge : float, default=1.0
        The regularization of the predictors, greater than 0, in units of the mean sum of squares of
        a feature. The number of rows and a common factor of the features therefore have no effect.
    scale : float, default=0.5
        The length of the added block relative to that of the rows, both as root mean square over
        the rows of `fit`. The default is the largest of 0.1, 0.2, 0.3, 0.5 and 1 that lost no
        accuracy, to a tenth of a point. The guide names the data on which it was chosen.
    keep_input : bool, default=True
        Whether the input's features come first in the output, under their own names.

    Attributes
    ----------
    pivots_ : ndarray of shape (n_pivots_,), dtype int
        The columns of the pivots, in increasing order.
    components_ : ndarray of shape (n_features, n_components_)
        The scaled projection, ``X @ components_``, in float64; 0 in the rows of pivots.
    mean_ : ndarray of shape (n_components_,)
        The mean of the projections over the rows of `fit`, which is subtracted.
    singular_values_ : ndarray of shape (n_components_,)
        The singular values of the predictors' weights, in decreasing order.
    n_components_ : int
        The number of directions.
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
    DenoisingEncoder : Restores every feature from all others, layer upon layer.

    Notes
    -----
    The papers fit a classifier with a modified Huber loss for the presence of each pivot. Here
    ridge regression predicts the standardized value of each pivot. One factorization serves all
    pivots, nothing is iterated, and features that are no words are covered too. The papers leave
    out negative weights, which belong to the classifiers of rare words; here they count.

    `X` may be sparse; the result is then a CSR array with `keep_input`, and an ndarray without.
    With ``sample_domain=None`` every row is a target row, and the pivots are chosen by frequency.
    Computed in float64. The cost is that of two decompositions. One is a factorization of the size
    of the rows, or of the features that are no pivots if these are fewer. The other is a singular
    value decomposition of the weights.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    R. K. Ando and T. Zhang, "A framework for learning predictive structures from multiple tasks and
    unlabeled data", JMLR 2005. https://www.jmlr.org/papers/v6/ando05a.html

    J. Blitzer, R. McDonald and F. Pereira, "Domain adaptation with structural correspondence
    learning", EMNLP 2006. https://aclanthology.org/W06-1615/

    J. Blitzer, M. Dredze and F. Pereira, "Biographies, Bollywood, boom-boxes and blenders", ACL
    2007, for the choice by mutual information. https://aclanthology.org/P07-1056/

    Examples
    --------
    Columns: "good", "bad" (the pivots), "gripping" and "dull" of books, "sturdy" and "leaky" of
    kitchenware. The words of kitchenware are projected close to those of books:

    >>> import numpy as np
    >>> from sktransfer import StructuralEncoder
    >>> books = [[1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]] * 5
    >>> kitchen = [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1]] * 5
    >>> sample_domain = ["books"] * 10 + ["target"] * 10
    >>> encoder = StructuralEncoder(n_components=1, pivots=[0, 1], keep_input=False)
    >>> X = np.array(books + kitchen, dtype=float)
    >>> encoder.fit(X, sample_domain=sample_domain).transform(np.eye(6)[2:]).ravel().round(1)
    array([-0.7,  0.7, -0.7,  0.7])
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "pivots": [StrOptions({"frequency", "mutual_information"}), "array-like"],
        "n_pivots": [Interval(Integral, 1, None, closed="left")],
        "min_rows": [Interval(Integral, 0, None, closed="left")],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "scale": [Interval(Real, 0, None, closed="neither")],
        "keep_input": ["boolean"],
    }

    _no_onnx = None

    def __init__(
        self,
        n_components=50,
        *,
        pivots="frequency",
        n_pivots=500,
        min_rows=10,
        ridge=1.0,
        scale=0.5,
        keep_input=True,
    ):
        self.n_components = n_components
        self.pivots = pivots
        self.n_pivots = n_pivots
        self.min_rows = min_rows
        self.ridge = ridge
        self.scale = scale
        self.keep_input = keep_input

    @property
    def _needs(self):
        return Needs(
            sparse=True,
            min_features=2,  # a pivot, and a feature that predicts it
            source_labels=isinstance(self.pivots, str) and self.pivots == "mutual_information",
        )

    def _fit_rows(self, X, y, domains):
        n_features = X.shape[1]
        self.pivots_ = self._choose(X, y, domains)
        others = np.setdiff1d(np.arange(n_features), self.pivots_)
        Y = X[:, self.pivots_]
        Y = (Y.toarray() if sparse.issparse(Y) else Y).astype(np.float64)
        try:
            weights = predictors(X[:, others].astype(np.float64), Y, ridge=self.ridge)
        except LinAlgError:
            raise ValueError(
                f"StructuralEncoder(ridge={self.ridge!r}) finds features that are functions of "
                "others, to machine precision; increase ridge, or scale the features."
            ) from None
        directions, self.singular_values_ = shared_directions(
            weights, n_components=self.n_components
        )
        components = np.zeros((n_features, directions.shape[1]))
        components[others] = directions
        self._store(X, components)

    def _store(self, X, components):
        """Store the scaled components, and the mean of the projections."""
        projected = np.asarray(X @ components)
        mean = projected.mean(axis=0)
        length = mean_square_length(projected - mean)
        factor = self.scale * np.sqrt(mean_square_length(X) / length) if length > 0 else 1.0
        self.components_ = factor * components
        self.mean_ = factor * mean
        store_n_components(self, components.shape[1])
        self._n_features_out = self.n_components_ + (X.shape[1] if self.keep_input else 0)

    def _choose(self, X, y, domains):
        """Return the columns of the pivots."""
        if not isinstance(self.pivots, str):
            return self._read_pivots(X.shape[1])
        present = X != 0
        rows = [domains.rows(name) for name in (*domains.sources, TARGET)]
        counts = np.array([_count(present[part]) for part in rows])
        score = shared_frequency(counts, np.array([len(part) for part in rows]))
        if self.pivots == "mutual_information" and domains.sources:
            telling = np.min(counts, axis=0) >= self.min_rows
            score[telling] = 2 + self._tell_classes(present, y)[telling]
        n_pivots = min(self.n_pivots, X.shape[1] // 2)
        return np.sort(np.argsort(-score, kind="stable")[:n_pivots])

    def _tell_classes(self, present, y):
        """Return the mutual information of each feature's presence and the class on labelled source
        rows."""
        classes, codes = class_codes(
            y,
            reader="StructuralEncoder(pivots='mutual_information')",
            instead="pass pivots='frequency'",
        )
        rows = [np.flatnonzero(codes == k) for k in range(len(classes))]
        counts = np.array([_count(present[part]) for part in rows])
        sizes = np.array([len(part) for part in rows])
        return information(counts, sizes)

    def _read_pivots(self, n_features):
        pivots = np.unique(np.asarray(self.pivots))
        if (
            pivots.dtype.kind not in "iu"
            or not 0 < len(pivots) < n_features
            or pivots[0] < 0
            or pivots[-1] >= n_features
        ):
            raise ValueError(
                f"pivots={self.pivots!r}: expected some, not all, of the columns 0 to "
                f"{n_features - 1} of X; name those, or pass 'frequency'."
            )
        return pivots

    def _write_onnx(self, graph):
        projected = graph.affine(self.components_, -self.mean_)
        return graph.add("Concat", graph.rows, projected, axis=1) if self.keep_input else projected

    def _encode(self, X):
        projected = (np.asarray(X @ self.components_) - self.mean_).astype(X.dtype, copy=False)
        if not self.keep_input:
            return projected
        if sparse.issparse(X):
            return sparse.hstack([X, projected], format="csr", dtype=X.dtype)
        return np.concatenate([X, projected], axis=1)


def _count(present):
    """Return the number of rows in which each feature is present."""
    return np.asarray(present.sum(axis=0)).ravel().astype(float)
