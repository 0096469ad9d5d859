"""Answers of candidates for labelled target rows that they have not seen."""

import numpy as np

from sktransfer.transferability._fits import clones, fit_and_answer, run


def out_of_fold(candidates, rows, judge, folds, *, generator, keep_seeds, n_jobs):
    """Return the answers of each candidate for the labelled target rows in each repetition.

    A candidate that cannot be scored, and one that cannot be fitted, has answers of NaN.

    Parameters
    ----------
    candidates : list of Candidate
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    folds : Folds
        Of ``rows.labelled_target``.
    generator : RandomState
    keep_seeds : bool
    n_jobs : int or None

    Returns
    -------
    answers : ndarray of shape (n_repeats, n_candidates, n_scored, n_outputs)
    seconds : ndarray of shape (n_candidates,)
    """
    held_out = [(r, out) for r, splits in enumerate(folds.splits) for out in splits]
    positions = rows.labelled_target
    parts = [(rows.without(positions[out]), rows.rows_of(positions[out])) for _, out in held_out]
    tasks, places = [], []
    for m, candidate in enumerate(candidates):
        models = clones(candidate, len(held_out), generator=generator, keep_seeds=keep_seeds)
        once = candidate.is_fitted and held_out
        if once:  # no target row changes it
            tasks.append(
                (
                    fit_and_answer,
                    candidate,
                    models[0],
                    None,
                    rows.rows_of(positions[folds.scored]),
                    judge,
                )
            )
            places.append((m, slice(None), folds.scored))
            continue
        for (r, out), model, (seen, X) in zip(held_out, models, parts, strict=True):
            tasks.append((fit_and_answer, candidate, model, seen, X, judge))
            places.append((m, r, out))
    found = run(tasks, n_jobs=n_jobs)
    seconds = np.zeros(len(candidates))
    shape = len(folds.splits), len(candidates), len(folds.scored), judge.n_outputs
    answers = np.full(shape, np.nan)
    for (m, r, out), (answer, time) in zip(places, found, strict=True):
        answers[r, m, np.searchsorted(folds.scored, out)] = answer
        seconds[m] += time
    return answers, seconds
