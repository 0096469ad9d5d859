"""A score of an adapted estimator without target labels, by weights whose noise is controlled."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold

from sktransfer._kernels.weighted_risk import controlled_risk
from sktransfer._sklearn import HasMethods, Interval, StrOptions
from sktransfer.instance import DiscriminatorWeighter
from sktransfer.model_selection._base_scorer import _BaseDomainScorer
from sktransfer.model_selection._judged_rows import features_of, judged_rows, losses_of


class DeepEmbeddedValidation(_BaseDomainScorer):
    """Score by weighted source rows, less the noise that the weights bring.

    As `ImportanceWeightedValidation`, with a control variate [1]_. The true weights have the mean
    1, so that the distance of their mean from 1 is noise. This noise partly cancels that of the
    weighted loss. Labels of target rows are never read.

    Each source row is weighted by a weighter that has not seen it. With the weights of rows that
    were learned from, whose mean is 1 by construction, nothing would be controlled.

    Use it as ``scoring=`` of a search, with ``cv=TransductiveFold()`` and scikit-learn's metadata
    routing, or call it with a fitted estimator.

    It helps in the cases of `ImportanceWeightedValidation`, if weights differ much. It hurts in the
    same cases, and with few held-out rows, on which the control itself is an estimate.

    Choosing among eleven candidates on 60 runs of real tasks and 52 of simulated shifts, it gained
    -0.5 and -2.1 points against no adaptation. It lost to it in 47 % and 54 % of the runs.

    Parameters
    ----------
    weighter : weighter, default=None
        Learns the ratio, and weights new rows by `weigh`. None: ``DiscriminatorWeighter(
        random_state=0)``, so that all candidates are weighted by the same draw.
    loss : {"zero_one", "log", "squared"} or None, default=None
        As in `ImportanceWeightedValidation`.
    cv : int, default=3
        The maximum number of folds of the source rows; each is weighted by a weighter of the other
        source rows and all target rows.
    random_state : int, RandomState instance or None, default=0
        Draws the folds. A number gives all candidates the same folds; None draws fresh entropy.

    Warns
    -----
    TransferWarning
        If few source rows take nearly all the weight, as the weighter says, and if source rows have
        no label.

    See Also
    --------
    ImportanceWeightedValidation : The same without the control.
    TransductiveFold : The splitter for it.

    Notes
    -----
    The paper's weights come from a network's features of its training rows, which a scorer does not
    get. The features are those that the last step of a pipeline gets, or `X` without a pipeline.

    References
    ----------
    .. [1] K. You, X. Wang, M. Long, M. Jordan, "Towards accurate model selection in deep
       unsupervised domain adaptation", ICML 2019. https://proceedings.mlr.press/v97/you19a.html

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import DeepEmbeddedValidation
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 1)) + np.repeat([[0.0], [1.5]], 200, axis=0)
    >>> y = np.where(X[:, 0] < 1, X[:, 0] > 0, 0.0)
    >>> sample_domain = np.repeat(["lab", "target"], 200)
    >>> model = LogisticRegression().fit([[-1.0], [1.0]], [0.0, 1.0])
    >>> round(DeepEmbeddedValidation()(model, X, y, sample_domain=sample_domain), 2)
    -0.57
    """

    _parameter_constraints: dict = {
        "weighter": [HasMethods(["fit", "weigh"]), None],
        "loss": [StrOptions({"zero_one", "log", "squared"}), None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, weighter=None, *, loss=None, cv=3, random_state=0):
        self.weighter = weighter
        self.loss = loss
        self.cv = cv
        self.random_state = random_state

    def _score_rows(self, estimator, X, y, domains):
        reader = type(self).__name__
        rows = judged_rows(estimator, X, y, domains)
        if rows.n_source < 2:
            raise ValueError(
                f"{reader} weights each labelled source row by a weighter of the others, but there "
                "is one such row: pass more, or use ImportanceWeightedValidation."
            )
        losses = losses_of(estimator, rows, self.loss, reader=reader)
        features = features_of(estimator, rows.X, rows.names, reader=reader)
        return -controlled_risk(losses, self._held_out_weights(features, rows))

    def _held_out_weights(self, features, rows):
        """Return the weight of each source row by a weighter that has not seen it."""
        weighter = DiscriminatorWeighter(random_state=0) if self.weighter is None else self.weighter
        n_folds, n_rows = min(self.cv, rows.n_source), len(rows.names)
        folds = KFold(n_folds, shuffle=True, random_state=self.random_state)
        weights = np.empty(rows.n_source)
        for _, out in folds.split(np.empty(rows.n_source)):
            seen = np.setdiff1d(np.arange(n_rows), out)
            fitted = clone(weighter).fit(
                features[seen], rows.y[seen], sample_domain=rows.names[seen]
            )
            weights[out] = fitted.weigh(features[out])
        return weights
