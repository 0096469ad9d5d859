"""Scores of a source model by its outputs on labelled target rows: LEEP and NCE."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from sktransfer._kernels.feature_scores import (
    log_expected_prediction,
    negative_conditional_entropy,
)
from sktransfer._lazy import refuse_lazy
from sktransfer.transferability._feature_scores import read_codes


def leep_score(probabilities: ArrayLike, y: ArrayLike) -> float:
    """Compute LEEP: how well the source's probabilities predict the target's classes.

    The share of each target class among rows of a source class is taken from these rows. The score
    is the mean log probability that a row's class gets by these shares.

    It helps to rank source tasks that have about as many classes each. It hurts with few rows and
    many source classes, because the shares fit the rows that they are judged on. Compare with
    `rank_backbones` on the same probabilities, which holds rows out.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_source_classes)
        The source model's ``predict_proba`` for labelled target rows: not negative, rows sum to 1.
    y : array-like of shape (n_samples,)
        Classes of the target; two or more.

    Returns
    -------
    score : float
        In nats, at most 0; larger is better. At least minus the entropy of `y`.

    Raises
    ------
    ValueError
        If rows of `probabilities` do not sum to 1, or `y` has fewer than two classes or a missing
        value.

    See Also
    --------
    nce_score : The same with the most probable source class alone.
    nleep_score : The same with clusters of features, for networks without a head.

    References
    ----------
    C. V. Nguyen, T. Hassner, M. Seeger, C. Archambeau, "LEEP: A New Measure to Evaluate
    Transferability of Learned Representations", ICML 2020. https://arxiv.org/abs/2002.12462

    Examples
    --------
    A source model that separates the classes, and one that does not:

    >>> from sktransfer.transferability import leep_score
    >>> y = ["cat", "cat", "dog", "dog"]
    >>> leep_score([[1, 0], [1, 0], [0, 1], [0, 1]], y)
    0.0
    >>> round(leep_score([[0.5, 0.5]] * 4, y), 3)
    -0.693
    """
    refuse_lazy("leep_score", probabilities=probabilities, y=y)
    probabilities = check_array(probabilities, dtype=np.float64, input_name="probabilities")
    check_consistent_length(probabilities, y)
    sums = probabilities.sum(axis=1)
    wrong = (probabilities < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{wrong.sum()} of {len(sums)} rows of probabilities hold a negative number or do not "
            f"sum to 1, such as row {row} with the sum {sums[row]:.3g}; pass the output of "
            "predict_proba, not scores before a softmax."
        )
    return log_expected_prediction(probabilities / sums[:, None], read_codes(y))


def nce_score(source_labels: ArrayLike, y: ArrayLike) -> float:
    """Compute NCE: minus the entropy of the target's classes, given the source's.

    It helps to rank source tasks by labels alone: those that rows have in both tasks, or that a
    source model predicts. It hurts with few rows and many source classes, as `leep_score` does.

    Parameters
    ----------
    source_labels : array-like of shape (n_samples,)
        The class of each row in the source task.
    y : array-like of shape (n_samples,)
        Classes of the target; two or more.

    Returns
    -------
    score : float
        In nats, at most 0; larger is better. 0 if the source's class determines the target's.

    Raises
    ------
    ValueError
        If labels are missing, or `y` has fewer than two classes.

    References
    ----------
    A. T. Tran, C. V. Nguyen, T. Hassner, "Transferability and Hardness of Supervised Classification
    Tasks", ICCV 2019. https://arxiv.org/abs/1908.08142

    Examples
    --------
    >>> from sktransfer.transferability import nce_score
    >>> nce_score(["tabby", "siamese", "pug", "pug"], ["cat", "cat", "dog", "dog"])
    0.0
    """
    check_consistent_length(source_labels, y)
    source_codes = read_codes(source_labels, n_least=1)
    return negative_conditional_entropy(source_codes, read_codes(y))
