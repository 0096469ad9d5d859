"""One fit of a candidate, and its answers."""

import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from sktransfer._magnitude import NUMERICAL_ERRORS
from sktransfer._messages import cause
from sktransfer._random import seeded_clones
from sktransfer._steps import fit_step, read_rows
from sktransfer.exceptions import TransferWarning


def fit_candidate(model, rows, *, is_ours, discrete):
    """Fit a model on `GuardRows`, and return it and the seconds."""
    start = time.perf_counter()
    if is_ours:
        model.fit(rows.X, rows.y, sample_domain=rows.sample_domain)
    else:
        read = read_rows(rows.X, rows.y, rows.sample_domain, target_labels="use")
        fit_step(model, rows.X, read.for_step(model, rows.y, discrete=discrete), {"fit": {}})
    return model, time.perf_counter() - start


def clones(candidate, n_clones, *, generator, keep_seeds):
    """Return clones of a candidate with seeds of their own; a fitted one is returned itself."""
    if candidate.is_fitted:
        return [candidate.estimator] * n_clones
    kept = {"generator": generator, "keep_seeds": keep_seeds}
    return list(seeded_clones(candidate.estimator, n_clones, **kept))


def fit_all(candidates, rows, judge, *, generator, keep_seeds, n_jobs):
    """Fit the candidates on all rows.

    Parameters
    ----------
    candidates : list of Candidate
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    generator : RandomState
    keep_seeds : bool
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
    tasks = []
    for candidate in candidates:
        (model,) = clones(candidate, 1, generator=generator, keep_seeds=keep_seeds)
        tasks.append((_try_to_fit, candidate, model, rows, judge.is_discrete))
    found = list(zip(candidates, run(tasks, n_jobs=n_jobs), strict=True))
    left_out = {each.name: seconds for each, (model, seconds) in found if model is None}
    found = [(each, *fitted) for each, fitted in found if fitted[0] is not None]
    candidates, models, seconds = map(list, zip(*found, strict=True))
    return candidates, models, np.array(seconds), left_out


def _try_to_fit(candidate, model, rows, discrete):
    """Return the fitted model and the seconds, or None and the reason why it cannot be fitted.

    Only warnings of candidates that cannot be left out reach the user.
    """
    if candidate.is_fitted:
        return model, 0.0
    try:
        with _quiet() if candidate.may_fail else nullcontext():
            return fit_candidate(model, rows, is_ours=candidate.is_ours, discrete=discrete)
    except (ValueError, TypeError, *NUMERICAL_ERRORS) as error:
        if not candidate.may_fail:
            raise
        return None, cause(error)


@contextmanager
def _quiet():
    """Ignore warnings of fits that are experiments."""
    with warnings.catch_warnings():
        for category in (TransferWarning, ConvergenceWarning):
            warnings.simplefilter("ignore", category)
        yield


def fit_and_answer(candidate, model, rows, X, judge):
    """Fit a model on some rows without warnings, and return its answers for others and seconds.

    The warnings would be those of the fit on all rows, once for each fold.
    """
    start = time.perf_counter()
    with _quiet():
        if not candidate.is_fitted:
            fit_candidate(model, rows, is_ours=candidate.is_ours, discrete=judge.is_discrete)
        answers = judge.answers(model, X)
    return answers, time.perf_counter() - start


def run(tasks, *, n_jobs):
    """Run (function, arguments) tasks, in parallel if the user asks for it."""
    if effective_n_jobs(n_jobs) == 1:
        return [function(*args) for function, *args in tasks]
    return Parallel(n_jobs=n_jobs)(delayed(function)(*args) for function, *args in tasks)
