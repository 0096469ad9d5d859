"""Fits of candidates, and their answers for rows that they have not seen."""

import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from sktransfer._learner import needs_groups
from sktransfer._magnitude import NUMERICAL_ERRORS
from sktransfer._messages import cause
from sktransfer._sklearn import _num_samples
from sktransfer._steps import fit_step, read_rows
from sktransfer.exceptions import TransferWarning


def fit_candidate(candidate, rows, judge):
    """Fit a clone of a candidate on `GuardRows`, and return it and the seconds."""
    if candidate.is_fitted:
        return candidate.estimator, candidate.seconds
    start = time.perf_counter()
    model = clone(candidate.estimator)
    try:
        if candidate.is_ours:
            model.fit(rows.X, rows.y, sample_domain=rows.sample_domain)
        else:
            fit_on_rows(model, rows.X, rows.y, rows.sample_domain, discrete=judge.is_discrete)
    except Exception as error:
        error.add_note(
            f"This is the fit of the candidate {candidate.name!r} on {len(rows.y)} rows."
        )
        raise
    return model, time.perf_counter() - start


def fit_on_rows(model, X, y, sample_domain, *, discrete, **params):
    """Fit a model on the rows that a transfer pipeline would pass to its last step.

    `params` are for its ``fit``.
    """
    read = read_rows(X, y, sample_domain, target_labels="use", last_step=model)
    if needs_groups(model):
        params = params | {"groups": sample_domain}
    return fit_step(model, X, read.for_step(model, y, discrete=discrete), {"fit": params})


def fit_all(candidates, rows, judge, *, n_jobs):
    """Fit the candidates on all rows.

    Parameters
    ----------
    candidates : list of Candidate
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    n_jobs : int or None

    Returns
    -------
    candidates : list of Candidate
        Those that could be fitted.
    models : list of estimator
    seconds : ndarray of shape (n_candidates,)
    left_out : dict of str -> str
        Why the others could not.
    """
    tasks = [(_try_to_fit, candidate, rows, judge) for candidate in candidates]
    found = list(zip(candidates, run(tasks, n_jobs=n_jobs), strict=True))
    left_out = {each.name: seconds for each, (model, seconds) in found if model is None}
    found = [(each, *fitted) for each, fitted in found if fitted[0] is not None]
    candidates, models, seconds = map(list, zip(*found, strict=True))
    return candidates, models, np.array(seconds), left_out


def _try_to_fit(candidate, rows, judge):
    """Return the fitted model and the seconds, or None and the reason why it cannot be fitted.

    Only warnings of candidates that cannot be left out reach the user.
    """
    try:
        with quiet() if candidate.may_fail else nullcontext():
            return fit_candidate(candidate, rows, judge)
    except (ValueError, TypeError, *NUMERICAL_ERRORS) as error:
        if not candidate.may_fail:
            raise
        return None, cause(error)


@contextmanager
def quiet():
    """Ignore warnings of fits that are experiments."""
    with warnings.catch_warnings():
        for category in (TransferWarning, ConvergenceWarning):
            warnings.simplefilter("ignore", category)
        yield


def fit_and_answer(candidate, rows, X, judge):
    """Fit a candidate on some rows without warnings, and return its answers for others and seconds.

    The warnings would be those of the fit on all rows, once for each fold. One of ours that cannot
    be fitted on so few rows (those of one class, for instance) answers that it does not know.
    """
    start = time.perf_counter()
    with quiet():
        try:
            answers = judge.answers(fit_candidate(candidate, rows, judge)[0], X)
        except (ValueError, *NUMERICAL_ERRORS):
            if not candidate.may_fail:
                raise
            answers = judge.unknown(rows, _num_samples(X))
    return answers, time.perf_counter() - start


def run(tasks, *, n_jobs):
    """Run (function, arguments) tasks, in parallel if the user asks for it."""
    if effective_n_jobs(n_jobs) == 1:
        return [function(*args) for function, *args in tasks]
    return Parallel(n_jobs=n_jobs)(delayed(function)(*args) for function, *args in tasks)


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
    for (m, r, out), (answer, spent) in zip(places, run(tasks, n_jobs=n_jobs), strict=True):
        answers[r, m, out] = answer
        seconds[m] += spent
    return answers, seconds
