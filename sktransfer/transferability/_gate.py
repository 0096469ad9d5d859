"""Two tests before the vote: is there a shift, and is it one of class proportions?"""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sktransfer._kernels.label_shift import likely_shares, temperature, tempered
from sktransfer._kernels.two_samples import c2st, p_after_shares
from sktransfer.transferability._fits import fit_and_answer

# A test that exceeds LEVEL sees no difference; shares that differ by less count as the same.
LEVEL, LEAST_VARIATION, N_FOLDS = 0.05, 0.1, 5

# Rows of each domain from which a test that sees no difference says something.
LEAST_ROWS = 100


@dataclass(frozen=True)
class Shift:
    """How the domains differ, seen without target labels; None stands for what was not tested.

    Parameters
    ----------
    p_shift : float or None
        The p-value of a test that both domains have one distribution.
    auc : float or None
        How well a classifier separates the domains: 0.5 not at all, 1 without error.
    p_after_shares : float or None
        The p-value of the same test after source rows were drawn with the target's shares.
    shares : ndarray of shape (n_classes,) or None
        The estimated class proportions of the target.
    shares_distance : float or None
        Total variation between them and those of the source.
    """

    p_shift: float | None = None
    auc: float | None = None
    p_after_shares: float | None = None
    shares: np.ndarray | None = None
    shares_distance: float | None = None

    @property
    def has_none(self):
        """Whether a test was made and saw no shift."""
        return self.p_shift is not None and self.p_shift > LEVEL

    @property
    def is_of_shares(self):
        """Whether other class proportions explain the shift."""
        if self.p_after_shares is None:
            return False
        return self.p_after_shares > LEVEL and self.shares_distance > LEAST_VARIATION


def look_at_domains(field, source, rows, judge, *, with_shares, generator):
    """Return the `Shift` between the labelled source rows and the target rows.

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
    """
    of_source, of_target = rows.labelled_source(), rows.unlabelled_target
    if not rows.is_numeric or min(len(of_source), len(of_target)) < 2:
        return Shift()
    X_source, X_target = rows.numbers_of(of_source), rows.numbers_of(of_target)
    test = c2st(X_source, X_target, generator=generator)
    found = {"p_shift": test.p_value, "auc": test.size}
    enough = min(len(of_source) // 2, len(of_target)) >= LEAST_ROWS  # half of them is drawn again
    if test.p_value > LEVEL or not with_shares or not enough:
        return Shift(**found)
    codes = judge.truth_of(rows, of_source)
    shares = np.bincount(codes, minlength=judge.n_outputs) / len(codes)
    found["shares"] = _target_shares(field, source, rows, judge, codes, shares, generator)
    found["shares_distance"] = float(np.abs(found["shares"] - shares).sum() / 2)
    if found["shares_distance"] > LEAST_VARIATION:
        found["p_after_shares"] = p_after_shares(
            X_source, codes, X_target, found["shares"], generator=generator
        )
    return Shift(**found)


def _target_shares(field, source, rows, judge, codes, shares, generator):
    """Estimate the class proportions of the target by calibrated answers of the source model."""
    positions = rows.labelled_source()
    answers = judge.answers(source, rows.rows_of(rows.unlabelled_target))
    n_folds = min(N_FOLDS, np.bincount(codes)[np.unique(codes)].min())
    if n_folds > 1:
        fresh, held_out = field.source, np.empty((len(codes), judge.n_outputs))
        seed = generator.randint(np.iinfo(np.int32).max)
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(codes, codes)
        for _, out in folds:
            seen, X = rows.without(positions[out]), rows.rows_of(positions[out])
            held_out[out], _ = fit_and_answer(fresh, seen, X, judge)
        answers = tempered(answers, temperature(held_out, codes))
    there = shares > 0
    found = np.zeros(len(shares))
    found[there], _ = likely_shares(answers[:, there], shares[there], tol=1e-8, max_iter=200)
    return found
