"""Answers of candidates for labelled target rows that they have not seen."""

import numpy as np

from sktransfer.transferability._fits import fit_and_answer, run


def out_of_fold(candidates, rows, judge, folds, *, n_jobs):
    """Return the answers of each candidate for the labelled target rows in each repetition.

    Parameters
    ----------
    candidates : list of Candidate
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    folds : Folds
        Of ``rows.labelled_target``.
    n_jobs : int or None

    Returns
    -------
    answers : ndarray of shape (n_repeats, n_candidates, n_scored, n_outputs)
    seconds : ndarray of shape (n_candidates,)
    """
    positions = rows.labelled_target
    parts = [
        (r, out, rows.without(positions[out]), rows.rows_of(positions[out]))
        for r, splits in enumerate(folds.splits)
        for out in splits
    ]
    at_once = (slice(None), folds.scored, rows, rows.rows_of(positions[folds.scored]))
    tasks, places = [], []
    for m, candidate in enumerate(candidates):
        for r, out, seen, X in [at_once] if candidate.is_fitted and parts else parts:
            tasks.append((fit_and_answer, candidate, seen, X, judge))
            places.append((m, r, np.searchsorted(folds.scored, out)))
    seconds = np.zeros(len(candidates))
    shape = len(folds.splits), len(candidates), len(folds.scored), judge.n_outputs
    answers = np.empty(shape)
    for (m, r, out), (answer, time) in zip(places, run(tasks, n_jobs=n_jobs), strict=True):
        answers[r, m, out] = answer
        seconds[m] += time
    return answers, seconds
