"""The rounds of boosting: base estimator, error on the target, vote, new weights."""

from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from sktransfer._kernels import boosting


@dataclass
class Rounds:
    """The result of the rounds that were kept so far.

    Attributes
    ----------
    learners : list of estimators
    errors, votes : list of float
        The error on target rows, and the weight of the vote.
    given : ndarray of shape (n_samples,)
        The weights of the rows in the last round that was kept.
    chance : float or None
        The error of chance, if the first round was not below it.
    """

    learners: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    votes: list = field(default_factory=list)
    given: np.ndarray | None = None
    chance: float | None = None

    def attributes(self):
        """Return the attributes of a booster of these rounds."""
        return {
            "estimators_": list(self.learners),
            "estimator_errors_": np.array(self.errors),
            "estimator_weights_": np.array(self.votes),
        }


def run_rounds(
    fit_round,
    weights,
    is_source,
    *,
    kept,
    numbers,
    n_classes,
    learning_rate,
    reweigh,
    n_target=None,
    goes_on=False,
):
    """Run the rounds until one has no error, or is no better than chance.

    Parameters
    ----------
    Takes the weights (which sum to 1). Returns the fitted estimator, its mistakes (or adjusted
    errors) on all rows, and the weights as the estimator got them.
    weights : ndarray of shape (n_samples,)
        The initial weights.
    is_source : ndarray of shape (n_samples,), dtype bool
        The rows on which the error is not measured.
    kept : Rounds
        Empty; the rounds are added to it. At least one is added: a first round at chance is kept.
    numbers : iterable
        One entry for each possible round.
    n_classes : int
        2 for a regressor: its error, too, is at chance at one half.
    learning_rate : float
        Multiplies the vote.
    reweigh : callable
        Takes weights, mistakes and the vote; returns the weights of the next round.
    n_target : float or None, default=None
        The number of rows on which the error is measured: `boosting.error_of_none` then determines
        the vote of a round without error. None: such a round votes 1.0, as in scikit-learn's
        AdaBoost. It also votes 1.0 if it is the only round.
    goes_on : bool, default=False
        Whether the rounds continue after one without error on target rows, as long as it makes
        mistakes on source rows, whose weights then still decrease.

    Returns
    -------
    kept : Rounds
    """
    with ExitStack() as ends:
        if hasattr(numbers, "close"):  # the task of the last round ends here, also after a break
            ends.callback(numbers.close)
        for _ in numbers:
            learner, mistakes, given = fit_round(weights)
            error = boosting.target_error(given, mistakes, is_source)
            at_chance = boosting.is_no_better_than_chance(error, n_classes=n_classes)
            if at_chance and kept.learners:
                break
            ends = error == 0 and not (goes_on and mistakes.any())
            seen = error
            if error == 0 and n_target is not None and not (ends and not kept.learners):
                seen = boosting.error_of_none(kept.errors, n_rows=n_target)
            kept.learners.append(learner)
            kept.errors.append(error)
            kept.given = given
            if at_chance and error > 0:
                kept.chance = 1 - 1 / n_classes
            if at_chance or seen == 0:  # -ln(beta_t) is no vote at all, or infinite: the only voter
                kept.votes.append(1.0)
                break
            vote = learning_rate * boosting.vote_weight(seen, n_classes=n_classes)
            kept.votes.append(vote)
            if ends:
                break
            weights = reweigh(weights, mistakes, vote)
    return kept
