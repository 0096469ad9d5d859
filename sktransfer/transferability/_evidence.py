"""Scores of candidates on held-out rows and in rehearsals, and the weights that follow."""

from dataclasses import dataclass

import numpy as np

from sktransfer._kernels.aggregate import exponential_weights, mix, total_scores


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores of candidates.

    Parameters
    ----------
    answers : ndarray of shape (n_repeats, n_candidates, n_rows, n_outputs)
        Out of fold.
    truth : ndarray of shape (n_rows,)
    folds : list of list of ndarray of int
        For each repetition, the positions among these rows that each fold held out.
    scores : ndarray of shape (n_candidates, n_rows)
        The mean over the repetitions.
    rehearsed : ndarray of shape (n_candidates,)
        The mean score of a rehearsed row; NaN without rehearsal.
    rehearsed_loss : ndarray of shape (n_candidates,)
        The loss that belongs to it.
    added : bool
        Whether rehearsals are added to the scores of rows, as with several sources.
    unscored : ndarray of shape (n_candidates,), dtype bool
        The candidates whose answers out of fold say nothing.
    prior : ndarray of shape (n_candidates,)
    eta : float
    best_only : bool
        Whether the best candidate gets all weight.
    """

    answers: np.ndarray
    truth: np.ndarray
    folds: list
    scores: np.ndarray
    rehearsed: np.ndarray
    rehearsed_loss: np.ndarray
    added: bool
    unscored: np.ndarray
    prior: np.ndarray
    eta: float
    best_only: bool

    def weights(self, rows=slice(None)):
        """Return the weight of each candidate by the scores of some rows."""
        totals = total_scores(
            self.scores[:, rows], self.rehearsed, added=self.added, unscored=self.unscored
        )
        known = np.isfinite(totals)
        totals = np.where(known, totals, totals[known].min() if known.any() else 0.0)
        if self.best_only:
            allowed = np.where(self.prior > 0, totals, -np.inf)
            return (np.arange(len(totals)) == allowed.argmax()).astype(float)
        return exponential_weights(totals, self.prior, eta=self.eta)

    def mixed_answers(self):
        """Return the answers of the mixture, with the weights by the other folds' rows.

        Returns
        -------
        answers : ndarray of shape (n_repeats, n_rows, n_outputs)
        """
        mixed = np.empty((*self.answers[:, 0].shape,))
        every = np.arange(len(self.truth))
        for answers, splits, found in zip(self.answers, self.folds, mixed, strict=True):
            for out in splits:
                weights = self.weights(np.setdiff1d(every, out))
                found[out] = mix(answers[:, out], weights)
        return mixed

    def wins(self, new, old, judge):
        """Return the mean over the repetitions of the wins less the losses of each row."""
        return judge.wins(new, old, self.truth).mean(axis=0)
