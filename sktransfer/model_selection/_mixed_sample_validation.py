"""A score of an adapted classifier without labels: whether mixtures keep the main row's class."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from sktransfer._kernels.unlabelled_scores import draw_partners
from sktransfer._messages import cause
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.model_selection._base_scorer import _BaseTargetScorer
from sktransfer.model_selection._judged_rows import target_predictions


class MixedSampleValidation(_BaseTargetScorer):
    """Score by whether a mixture of two target rows is predicted as the larger part of it.

    Each target row is mixed with another one, which has a little less weight. The score is the
    share of mixtures that are predicted as the row with the larger weight is [1]_. Partners of the
    same predicted class test whether a class holds together, those of another class whether the
    border is half way between classes. No label is read.

    Use it as ``scoring=`` of a search, with ``cv=TransductiveFold()`` and scikit-learn's metadata
    routing, or call it with a fitted classifier.

    It was made for networks. With linear models the mixtures of one class never leave it, so that
    this part is constant. The other part favors candidates with answers far from the border. It
    hurts if classes differ in size, because the border is then not half way.

    Choosing among eleven candidates on 60 runs of real tasks and 52 of simulated shifts, it gained
    -6.5 and -1.3 points against no adaptation. It lost to it in 73 % and 48 % of the runs.

    Parameters
    ----------
    share : float, default=0.55
        The share of the main row in a mixture, above a half and below 1.
    partners : {"both", "same", "other"}, default="both"
        The predicted class of the partners: "same", "other", or the mean of both scores.
    random_state : int, RandomState instance or None, default=0
        Draws the partners. A number gives candidates with the same predictions the same partners;
        None draws fresh entropy.

    Warns
    -----
    TransferWarning
        If all target rows are predicted to be of one class; with partners of other classes, of
        which there are none, the score is then 0.

    See Also
    --------
    select_by_agreement : A choice among fitted candidates by their vote.

    Notes
    -----
    Rows of `X` are mixed before all steps of a pipeline, and must be numbers. In the paper "both"
    is the mean rank among the candidates, which no scorer of one estimator can know. The partner of
    the same class may be the row itself, so that a class of one row has a partner.

    References
    ----------
    .. [1] D. Hu, J. Liang, J. Liew, C. Xue, S. Bai, X. Wang, "Mixed samples as probes for
       unsupervised model selection in domain adaptation", NeurIPS 2023.
       https://openreview.net/forum?id=ackajXqei2

    Examples
    --------
    The border at 0 is half way between the classes, that at 1.5 is not:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import MixedSampleValidation
    >>> X = [[-2.2], [-2.0], [-1.8], [1.8], [2.0], [2.2]]
    >>> for border in (0, 1.5):
    ...     model = LogisticRegression().fit([[border - 1.0], [border + 1.0]], [0, 1])
    ...     score = MixedSampleValidation()(model, X, None, sample_domain=["target"] * 6)
    ...     print(border, round(score, 2))
    0 1.0
    1.5 0.75
    """

    _parameter_constraints: dict = {
        "share": [Interval(Real, 0.5, 1, closed="neither")],
        "partners": [StrOptions({"both", "same", "other"})],
        "random_state": ["random_state"],
    }

    def __init__(self, share=0.55, *, partners="both", random_state=0):
        self.share = share
        self.partners = partners
        self.random_state = random_state

    def _score_target(self, estimator, X):
        reader = type(self).__name__
        predicted = target_predictions(estimator, X, reader=reader)
        rows = _numbers(X, reader)
        _, codes = np.unique(predicted, return_inverse=True)
        partners = dict(zip(("same", "other"), draw_partners(codes, generator(self.random_state))))
        used = partners if self.partners == "both" else {self.partners: partners[self.partners]}
        agreed = [
            0.0 if rest is None else np.mean(self._predict(estimator, X, rows, rest) == predicted)
            for rest in used.values()
        ]
        return np.mean(agreed)

    def _predict(self, estimator, X, rows, partners):
        mixed = self.share * rows + (1 - self.share) * rows[partners]
        return np.asarray(estimator.predict(_like(X, mixed)))


def _numbers(X, reader):
    """Return rows that can be mixed, or raise an error."""
    try:
        return check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan")
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{reader} mixes rows of X, and cannot mix these ({cause(error)}): pass rows of "
            "numbers, or use select_by_agreement, which reads predictions alone."
        ) from error


def _like(X, rows):
    """Return rows in a data frame with the columns of `X`, if `X` is one."""
    if issparse(X) or not hasattr(X, "columns"):
        return rows
    key = "columns" if hasattr(X, "iloc") else "schema"
    return type(X)(rows, **{key: list(X.columns)})
