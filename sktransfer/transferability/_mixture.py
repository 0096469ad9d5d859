"""Answers of several models by their weights, with a limit to the rows that change."""

from dataclasses import dataclass

import numpy as np

from sktransfer._kernels.aggregate import mix


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights of models, the first of which is no transfer.

    Parameters
    ----------
    weights : ndarray of shape (n_models,)
    least_margin : float, default=None
        A row whose prediction would change by a smaller margin keeps that of no transfer. None: no
        such limit.
    changed : float, default=None
        The share of the unlabelled target rows of the fit whose prediction changes; None without
        such rows.
    """

    weights: np.ndarray
    least_margin: float | None = None
    changed: float | None = None

    @property
    def needed(self):
        """The mask of the models whose answers are used."""
        needed = self.weights > 0
        needed[0] |= self.least_margin is not None
        return needed

    def answers(self, answers, judge):
        """Return the answers of the mixture.

        Parameters
        ----------
        answers : list of ndarray of shape (n_rows, n_outputs)
            Those of the models; None for one that is not needed.
        judge : ClassJudge or NumberJudge
        """
        new, old = mix(answers, self.weights), answers[0]
        if self.least_margin is None:
            return new
        too_small = judge.margins(new, old) < self.least_margin
        return np.where((too_small & (judge.distance(new, old) > 0))[:, None], old, new)

    def write_answers(self, graph, answers):
        """Write the nodes of `answers`; one that is not needed is None."""
        pairs = zip(self.weights, answers, strict=True)
        new = graph.sum([graph.add("Mul", each, weight) for weight, each in pairs if weight])
        if self.least_margin is None:
            return new
        old = answers[0]
        best = graph.add("ArgMax", old, axis=1, keepdims=1)
        its_own = graph.add("ArgMax", new, axis=1, keepdims=1)
        both = [graph.add("GatherElements", new, place, axis=1) for place in (its_own, best)]
        is_small = graph.add("Less", graph.add("Sub", *both), np.float64(self.least_margin))
        differs = graph.add("Not", graph.add("Equal", its_own, best))
        return graph.add("Where", graph.add("And", is_small, differs), old, new)


def mixture(weights, answers, judge, *, max_change):
    """Return a `Mixture` that changes at most a share of the unlabelled target rows.

    Parameters
    ----------
    weights : ndarray of shape (n_models,)
    answers : list of ndarray of shape (n_rows, n_outputs), or None
        Those of all models for the unlabelled target rows; None if there is no such row.
    judge : ClassJudge or NumberJudge
    max_change : float or None
        The rows that change with the largest margins stay.
    """
    if answers is None:
        return Mixture(weights)
    new, old = mix(answers, weights), answers[0]
    differs = judge.distance(new, old) > 0
    if max_change is None or differs.mean() <= max_change:
        return Mixture(weights, changed=float(differs.mean()))
    margins = np.sort(judge.margins(new, old)[differs])[::-1]
    n_kept = int(max_change * len(differs))
    least = np.nextafter(margins[n_kept], np.inf)  # above that of the first row that is too many
    return Mixture(weights, float(least), float((margins >= least).sum() / len(differs)))
