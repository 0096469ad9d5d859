"""The rounds of boosting: a learner, its error on the target, its vote, new weights."""

from dataclasses import dataclass, field

import numpy as np

from sktransfer._kernels import boosting


@dataclass
class Rounds:
    """What the rounds that were kept have left.

    Attributes
    ----------
    learners : list of estimators
    errors, votes : list of float
        The error on target rows, and the weight of the vote; 1.0 where it has no logarithm.
    given : ndarray of shape (n_samples,)
        The weights of the rows in the last round that was kept.
    """

    learners: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    votes: list = field(default_factory=list)
    given: np.ndarray | None = None


def run_rounds(fit_round, weights, is_source, *, n_rounds, n_classes, learning_rate, reweigh):
    """Run the rounds until one has no error, or is no better than chance.

    Parameters
    ----------
    fit_round : callable
        Takes the weights (that sum to 1); gives the learner, its mistakes (or adjusted errors) on
        all rows, and the weights as the learner got them.
    weights : ndarray of shape (n_samples,)
        At the start.
    is_source : ndarray of shape (n_samples,), dtype bool
        Rows on which the error is not measured.
    n_rounds : int
        The most rounds.
    n_classes : int
        2 for a regressor: its error, too, is that of chance at one half.
    learning_rate : float
        Multiplies the vote.
    reweigh : callable
        Takes weights, mistakes and the vote; gives the weights of the next round.

    Returns
    -------
    rounds : Rounds
        At least one: a first round at chance is kept.
    """
    rounds = Rounds()
    for _ in range(n_rounds):
        learner, mistakes, given = fit_round(weights)
        error = boosting.target_error(given, mistakes, is_source)
        at_chance = boosting.is_no_better_than_chance(error, n_classes=n_classes)
        if at_chance and rounds.learners:
            break
        rounds.learners.append(learner)
        rounds.errors.append(error)
        rounds.given = given
        if at_chance or error == 0:  # -ln(beta_t) is of no use: no vote at all, or infinite
            rounds.votes.append(1.0)
            break
        vote = learning_rate * boosting.vote_weight(error, n_classes=n_classes)
        rounds.votes.append(vote)
        weights = reweigh(weights, mistakes, vote)
    return rounds
