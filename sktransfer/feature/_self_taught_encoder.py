"""SelfTaughtEncoder: rows as sums of few atoms learned on unlabelled source rows."""

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
    """Encode rows as sums of few atoms, which are learned on unlabelled source rows.

    Self-taught learning: sparse coding on the source rows finds atoms such that each row is a sum
    of few of them. Atoms are, for example, strokes of characters or edges of images. Rows of every
    domain are then encoded by the amount of each atom (their activations), and a classifier is
    trained on these. The source needs no label, and its classes may differ from the target's.
    Target rows do not shape the atoms. No label is read.

    It helps if target labels are few, source rows are many, and both consist of the same parts. It
    hurts if the parts differ, because directions that no atom spans are lost. It hurts if `alpha`
    is large, because rows lose detail, and usually if there are enough target labels to learn from
    the rows themselves. Apply principal component analysis first if rows have many features, as the
    paper does with images. Standardize features of different units.

    Parameters
    ----------
    n_components : int, default=100
        The number of atoms, clipped to the number of distinct rows that they are learned on. It may
        exceed the number of features.
    alpha : float, default=0.03
        The cost of an activation, greater than 0. It has no unit: rows are centered and divided by
        their spread first, so that their root mean squared length is 1. If a row has a cosine below
        about `alpha` with an atom, it does not use that atom. It is half the paper's beta.
    max_iter : int, default=50
        The maximum number of alternations of codes and atoms. Learning ends when an iteration
        lowers the objective by less than a thousandth.
    tol : float, default=1e-5
        The tolerance of a code: the duality gap over the squared length of the row, greater than 0.
    random_state : int, RandomState instance or None, default=None
        Draws the rows that initialize the atoms.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        The atoms, of length 1 at most, float64.
    mean_ : ndarray of shape (n_features,)
        The mean of the rows that the atoms were learned on, which is subtracted from all rows.
    scale_ : float
        Their root mean squared distance from the mean, by which all rows are divided.
    n_components_ : int
        The number of atoms.
    objective_ : list of float
        The objective after each iteration: the mean over rows of the cost of a code plus half the
        squared residual.
    n_iter_ : int
        The number of iterations.
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
    sklearn.decomposition.DictionaryLearning : The same problem, for one domain.
    DenoisingEncoder : Learns from the rows of the target too.

    Notes
    -----
    With ``sample_domain=None`` every row is a target row; atoms are then learned on these rows,
    which is plain sparse coding. The codes are those of the lasso at its optimum, row by row. If a
    code is not within `tol` after many sweeps, as happens if many atoms are nearly parallel,
    scikit-learn's ConvergenceWarning is raised. The objective has many local minima: another
    `random_state` gives other atoms of about the same quality. Computed in float64; the codes have
    the dtype of the input.

    Each iteration of `fit` is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    Encoding a row costs some tens of sweeps over the square of the number of atoms. Learning costs
    the same for each row and iteration.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    R. Raina, A. Battle, H. Lee, B. Packer and A. Y. Ng, "Self-taught learning: transfer learning
    from unlabeled data", ICML 2007. https://doi.org/10.1145/1273496.1273592

    J. Mairal, F. Bach, J. Ponce and G. Sapiro, "Online dictionary learning for sparse coding", ICML
    2009. https://doi.org/10.1145/1553374.1553463

    Examples
    --------
    The source's rows lie along two directions, (1, 1) and (1, -1). A target row that is a sum of
    both is therefore encoded by two activations, and a row along the first by one:

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

    _no_onnx = "the code of each row is found by iterations"

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
