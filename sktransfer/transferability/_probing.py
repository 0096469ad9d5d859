"""Candidates on the same folds of labelled target rows: their scores, differences and weights."""

import time
from numbers import Integral, Real

import numpy as np

from sktransfer._kernels.aggregate import exponential_weights
from sktransfer._kernels.intervals import paired_interval
from sktransfer._messages import shown
from sktransfer.transferability._comparison import Difference
from sktransfer.transferability._fits import quiet


def check_numbers(*, prior, eta, **counts):
    """Raise ValueError for a parameter out of range."""
    for name, value in counts.items():
        least = 2 if name == "cv" else 1
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}={shown(value)}: expected an integer of {least} or more.")
    if isinstance(prior, bool) or not isinstance(prior, Real) or not 0 <= prior <= 1:
        raise ValueError(f"prior={shown(prior)}: expected a number from 0 to 1.")
    if isinstance(eta, bool) or not isinstance(eta, Real) or not 0 <= eta < np.inf:
        raise ValueError(f"eta={shown(eta)}: expected a number of 0 or more.")


def compare_on_folds(fits, target, preferred, *, prior, eta, cv, n_repeats, level, generator):
    """Score candidates out of fold, and weigh them.

    Parameters
    ----------
    fits : dict of str -> callable
        ``fit(train, test)`` returns a model fitted without the rows `test`, and the rows for it to
        answer; both are positions among the rows of `target`.
    target : ProbeTarget
    preferred : str
        The candidate that has the prior weight `prior`; the others share the rest.
    prior, eta : float
    cv, n_repeats : int
    level : float
    generator : RandomState

    Returns
    -------
    figures : dict of str -> dict
        The weight of each candidate, its score and loss, the difference of its score to that of the
        preferred one, and the seconds.
    n_rows : int
        Rows that are scored; 0 if too few are labelled.
    """
    judge, names = target.judge, list(fits)
    folds = judge.folds(target.truth, cv=cv, n_repeats=n_repeats, generator=generator)
    shares = np.full(len(names), (1 - prior) / max(len(names) - 1, 1))
    shares[names.index(preferred)] = prior if len(names) > 1 else 1.0
    if not folds.alone:
        return {name: {"weight": float(s)} for name, s in zip(names, shares, strict=True)}, 0
    answers, seconds = _out_of_fold(fits, target, folds)
    truth = target.truth[folds.scored]
    scores = judge.scores(answers, truth).mean(axis=0)
    scores, _ = judge.comparable(scores, np.full(len(names), np.nan), False)
    weights = exponential_weights(scores.sum(axis=1), shares, eta=eta)
    figures = {}
    for m, name in enumerate(names):
        each = [judge.summary(repeat, truth) for repeat in answers[:, m]]
        score, loss = np.mean(each, axis=0).tolist()
        wins = judge.wins(answers[:, m], answers[:, names.index(preferred)], truth).mean(axis=0)
        difference = None if name == preferred else paired_interval(wins, level=level)
        figures[name] = {
            "weight": float(weights[m]),
            "score": score,
            "loss": loss,
            "difference": None if difference is None else Difference(*difference),
            "seconds": float(seconds[m]),
        }
    return figures, len(truth)


def _out_of_fold(fits, target, folds):
    """Return answers (n_repeats, n_candidates, n_scored, n_outputs), and seconds by candidate."""
    shape = len(folds.splits), len(fits), len(folds.scored), target.judge.n_outputs
    answers, seconds = np.empty(shape), np.zeros(len(fits))
    every = np.arange(len(target.truth))
    with quiet():
        for repeat, splits in enumerate(folds.splits):
            for test in splits:
                train, places = np.setdiff1d(every, test), np.searchsorted(folds.scored, test)
                for m, (name, fit) in enumerate(fits.items()):
                    start = time.perf_counter()
                    try:
                        answers[repeat, m, places] = target.judge.answers(*fit(train, test))
                    except Exception as error:
                        error.add_note(f"This is a probe of the candidate {name!r}.")
                        raise
                    seconds[m] += time.perf_counter() - start
    return answers, seconds
