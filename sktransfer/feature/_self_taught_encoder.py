"""SelfTaughtEncoder: rows as sums of few atoms, which unlabelled source rows have taught."""

from functools import partial
from numbers import Integral, Real

import numpy as np

from sktransfer._kernels.rows import order_of_rows
from sktransfer._kernels.sparse_coding import centre_and_scale, learn_atoms, sparse_codes
from sktransfer._progress import fit_step
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.feature._base_encoder import _BaseEncoder

ENOUGH = 1e-3  # a turn that lowers the objective by less is the last


class SelfTaughtEncoder(_BaseEncoder):
    """Encode rows by the few atoms that they are made of, learned on unlabelled source rows.

    Self-taught learning: sparse coding on the source rows finds atoms of which each of them is a
    sum of few, strokes of characters or edges of images. Rows of every domain, target rows above
    all, are then encoded by how much of each atom they have (their activations), and a classifier
    is trained on that. The source needs no label, and its classes need not be the target's; the
    target's rows do not shape the atoms. No label is read.

    It helps where target labels are few, source rows many, and both are made of the same parts. It
    hurts where the parts differ (what no atom spans is lost), where `alpha` is large (rows lose
    detail, and at last everything), and mostly where there are enough target labels for the rows
    themselves to be learned from. Put principal components before it where rows are long, as the
    paper does with images; features of different units should be standardised.

    Parameters
    ----------
    n_components : int, default=100
        The number of atoms, clipped to the number of different rows that they are learned on. It
        may exceed the number of features.
    alpha : float, default=0.03
        What an activation costs, greater than 0. It is free of units: rows are centred and divided
        by their spread first, so that they have length 1 in the root mean square. An atom of which
        a row has a cosine below about `alpha` is not used. Half the paper's beta.
    max_iter : int, default=50
        The number of turns of codes and atoms, at most: learning ends when a turn lowers the
        objective by less than a thousandth.
    tol : float, default=1e-5
        How near to its optimum a code must come: the duality gap over the squared length of the
        row, greater than 0.
    random_state : int, RandomState instance or None, default=None
        Draws the rows that the atoms begin as.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        The atoms, of length 1 at most, float64.
    mean_ : ndarray of shape (n_features,)
        The mean of the rows that taught the atoms; it is taken off all rows.
    scale_ : float
        The root of their mean squared distance from it, by which all rows are divided.
    n_components_ : int
        The number of atoms.
    objective_ : list of float
        The mean over rows of the cost of a code and half the squared distance that is left, after
        each turn.
    n_iter_ : int
        The number of turns taken.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Their names, where `X` had names that are all strings.

    See Also
    --------
    sklearn.decomposition.DictionaryLearning : The same problem, for one domain.
    DenoisingEncoder : Learns from the rows of the target too.

    Notes
    -----
    With ``sample_domain=None``, where every row is a target row, the rows themselves are what there
    is to learn from: this is plain sparse coding. The codes are those of the lasso at its optimum,
    row by row; a row whose code is not within `tol` after many sweeps, as happens where many atoms
    are nearly parallel, gives scikit-learn's ConvergenceWarning. The objective has many local
    minima: another `random_state` gives other atoms, of about the same worth. Computed in float64;
    codes come back in the dtype of the rows.

    Each turn of `fit` is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    Encoding a row costs sweeps over the square of the number of atoms, some tens of them; learning,
    the same for each row and turn.

    References
    ----------
    R. Raina, A. Battle, H. Lee, B. Packer and A. Y. Ng, "Self-taught learning: transfer learning
    from unlabeled data", ICML 2007. https://doi.org/10.1145/1273496.1273592

    J. Mairal, F. Bach, J. Ponce and G. Sapiro, "Online dictionary learning for sparse coding", ICML
    2009. https://doi.org/10.1145/1553374.1553463

    Examples
    --------
    The source's rows lie along two directions, (1, 1) and (1, -1), and so a target row that is a
    sum of both is encoded by two activations, one that lies along the first by one:

    >>> import numpy as np
    >>> from sktransfer import SelfTaughtEncoder
    >>> X_old = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    >>> X = np.concatenate([X_old, [[2.0, 0.0], [3.0, 3.0]]])
    >>> sample_domain = ["old"] * 4 + ["target"] * 2
    >>> encoder = SelfTaughtEncoder(n_components=2, alpha=0.1, random_state=0).fit(
    ...     X, sample_domain=sample_domain
    ... )
    >>> np.sort(np.abs(encoder.transform(X[4:])), axis=1).round(2)
    array([[0.9, 0.9],
           [0. , 2.9]])
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=100,
        *,
        alpha=0.03,
        max_iter=50,
        tol=1e-5,
        random_state=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @property
    def _n_fit_steps(self):
        return self.max_iter

    def _fit_rows(self, X, y, domains):
        X_taught = X[~domains.is_target] if domains.sources else X
        X_taught = X_taught.astype(np.float64)[order_of_rows(X_taught)]
        self.mean_, self.scale_ = centre_and_scale(X_taught)
        self.components_, self.objective_ = learn_atoms(
            (X_taught - self.mean_) / self.scale_,
            n_atoms=self.n_components,
            alpha=self.alpha,
            max_iter=self.max_iter,
            tol=ENOUGH,
            random_state=generator(self.random_state),
            turn=partial(fit_step, self, "turn"),
        )
        self.n_components_ = self._n_features_out = len(self.components_)
        self.n_iter_ = len(self.objective_)

    def _encode(self, X):
        rows = (X.astype(np.float64) - self.mean_) / self.scale_
        return sparse_codes(rows, self.components_, alpha=self.alpha, tol=self.tol).astype(
            X.dtype, copy=False
        )
