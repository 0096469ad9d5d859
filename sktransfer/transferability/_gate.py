"""Two tests before the vote: is there a shift, and is it one of class proportions?"""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sktransfer._kernels.label_shift import likely_shares, temperature, tempered
from sktransfer._kernels.two_samples import c2st, p_after_shares
from sktransfer.transferability._fits import fit_and_answer
from sktransfer.transferability._shift_report import METHODS, NONE, SHARES, ShiftReport
from sktransfer.transferability._shift_tests import MOST_ROWS

# A test that exceeds LEVEL sees no difference; class proportions that differ by less are
# the same.
LEVEL, LEAST_VARIATION, N_FOLDS = 0.05, 0.1, 5

# Rows of each domain from which a test that sees no difference says something.
LEAST_ROWS = 100


def look_at_domains(field, source, rows, judge, *, with_shares, generator):
    """Test the labelled source rows against the target rows.

    Parameters
    ----------
    field : Field
    source : SourceOnly
        Fitted on the source rows.
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    with_shares : bool
        Whether class proportions are looked at.
    generator : RandomState

    Returns
    -------
    report : ShiftReport or None
        Its family is "none", "class proportions", or None for any other shift. None if X holds no
        numbers, or too few rows.
    seconds : float
        That fits of the source model took.
    """
    of_source = _some(rows.labelled_source(), generator)
    of_target = _some(rows.unlabelled_target, generator)
    if not rows.is_numeric or min(len(of_source), len(of_target)) < 2:
        return None, 0.0
    X_source, X_target = rows.numbers_of(of_source), rows.numbers_of(of_target)
    test = c2st(X_source, X_target, generator=generator)
    report = ShiftReport(
        source=None,
        n_source=len(of_source),
        n_target=len(of_target),
        level=LEVEL,
        p_shift=test.p_value,
        auc=test.size,
        family=NONE if test.p_value > LEVEL else None,
    )
    enough = min(len(of_source) // 2, len(of_target)) >= LEAST_ROWS  # half of them is drawn again
    if report.family == NONE or not with_shares or not enough:
        return report, 0.0
    codes = judge.truth_of(rows, of_source)
    there = np.bincount(codes, minlength=judge.n_outputs) / len(codes)
    shares, seconds = _target_shares(field, source, rows, judge, of_source, codes, generator)
    if np.abs(shares - there).sum() / 2 <= LEAST_VARIATION:
        return report, seconds
    left = p_after_shares(X_source, codes, X_target, shares, generator=generator)
    family = SHARES if left > LEVEL else None
    methods = METHODS.get(family, ())
    return replace(report, p_after_shares=left, family=family, methods=methods), seconds


def _some(positions, generator):
    """Return the positions, or a draw of them if there are too many for a test."""
    if len(positions) <= MOST_ROWS:
        return positions
    return positions[np.sort(generator.permutation(len(positions))[:MOST_ROWS])]


def _target_shares(field, source, rows, judge, positions, codes, generator):
    """Estimate the class proportions of the target by calibrated answers of the source model.

    The seconds that its fits on folds took come second.
    """
    shares = np.bincount(codes, minlength=judge.n_outputs) / len(codes)
    seconds, answers = 0.0, judge.answers(source, rows.rows_of(rows.unlabelled_target))
    n_folds = min(N_FOLDS, np.bincount(codes)[np.unique(codes)].min())
    if n_folds > 1:
        fresh, held_out = field.source, np.empty((len(codes), judge.n_outputs))
        seed = generator.randint(np.iinfo(np.int32).max)
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(codes, codes)
        for _, out in folds:
            seen, X = rows.without(positions[out]), rows.rows_of(positions[out])
            held_out[out], spent = fit_and_answer(fresh, seen, X, judge)
            seconds += spent
        answers = tempered(answers, temperature(held_out, codes))
    there = shares > 0
    found = np.zeros(len(shares))
    found[there], _ = likely_shares(answers[:, there], shares[there], tol=1e-8, max_iter=200)
    return found, seconds
