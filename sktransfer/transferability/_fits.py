"""One fit of a candidate, and its answers."""

import time
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

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


def fit_and_answer(candidate, model, rows, X, judge):
    """Fit a model on some rows without warnings, and return its answers for others and seconds.

    The warnings would be those of the fit on all rows, once for each fold.
    """
    start = time.perf_counter()
    with warnings.catch_warnings():
        for category in (TransferWarning, ConvergenceWarning):
            warnings.simplefilter("ignore", category)
        if not candidate.is_fitted:
            fit_candidate(model, rows, is_ours=candidate.is_ours, discrete=judge.is_discrete)
        answers = judge.answers(model, X)
    return answers, time.perf_counter() - start


def run(tasks, *, n_jobs):
    """Run (function, arguments) tasks, in parallel if the user asks for it."""
    return Parallel(n_jobs=n_jobs)(delayed(function)(*args) for function, *args in tasks)
