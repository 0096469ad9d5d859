"""Rehearsals: a source plays the target, with as many labelled rows as the target has.

They say how good a candidate is that cannot be scored on few target rows, or not well. With one
source only the model of target rows alone can be rehearsed. With several, each source is left out
in turn and all candidates are fitted on the others.
"""

import numpy as np

from sktransfer.transferability._fits import fit_and_answer, run

# Rehearsals of one source; all of them, about, with several; the sources that take part; the rows
# that are scored in each.
N_REPEATS, N_IN_ALL, MOST_SOURCES, MOST_ROWS = 4, 12, 20, 500


def rehearse(field, names, rows, judge, *, generator, n_jobs):
    """Return the mean score of each candidate in rehearsals.

    Parameters
    ----------
    field : Field
        Makes the candidates for other rows.
    names : list of str
        Of the candidates.
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    generator : RandomState
    n_jobs : int or None

    Returns
    -------
    scores : ndarray of shape (n_candidates,)
        NaN for a candidate that was not rehearsed.
    added : bool
        Whether all candidates were rehearsed, on several sources.
    seconds : ndarray of shape (n_candidates,)
    """
    sources = [name for name in rows.domains.sources if len(rows.labelled_source(name)) > 3]
    added = len(sources) > 1
    n_repeats = min(N_REPEATS, -(-N_IN_ALL // len(sources))) if added else N_REPEATS
    if len(sources) > MOST_SOURCES:
        sources = sorted(generator.choice(sources, MOST_SOURCES, replace=False))
    scores = {name: [] for name in names}
    tasks, owners = [], []
    for name in sources:
        source = field.fit_source(rows.without_source(name)) if added else None
        for seen, X, truth in _rehearsals(name, rows, judge, n_repeats, generator):
            found = field.candidates(seen, source)[0] if added else [field.target]
            taking_part = [candidate for candidate in found if candidate.name in scores]
            for candidate in taking_part:
                tasks.append((_score, candidate, seen, X, truth, judge))
                owners.append(candidate.name)
    seconds = dict.fromkeys(names, 0.0)
    for owner, (score, time) in zip(owners, run(tasks, n_jobs=n_jobs), strict=True):
        scores[owner].append(score)
        seconds[owner] += time
    means = [np.mean(each) if each else np.nan for each in scores.values()]
    return np.array(means), added, np.array(list(seconds.values()))


def _rehearsals(name, rows, judge, n_repeats, generator):
    """Yield the rows that are fitted on, the rows that are predicted, and their truth."""
    positions = rows.labelled_source(name)
    truth = judge.truth_of(rows, positions)
    truth_target = judge.truth_of(rows, rows.labelled_target)
    has_unlabelled = len(rows.unlabelled_target) > 0
    for _ in range(n_repeats):
        drawn = judge.rehearsal_rows(truth, truth_target, generator)
        rest = generator.permutation(np.setdiff1d(np.arange(len(positions)), drawn))[:MOST_ROWS]
        if not len(drawn) or not len(rest):
            continue
        others = positions[rest] if has_unlabelled else positions[:0]
        seen = rows.with_target(name, positions[drawn], others)
        yield seen, rows.rows_of(positions[rest]), truth[rest]


def _score(candidate, rows, X, truth, judge):
    try:
        answers, seconds = fit_and_answer(candidate, rows, X, judge)
    except ValueError as error:
        error.add_note(
            f"The candidate {candidate.name!r} was fitted in a rehearsal, in which a source plays "
            "the target; rehearse='never' leaves these out."
        )
        raise
    return judge.scores(answers, truth).mean(), seconds
