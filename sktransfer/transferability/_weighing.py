"""Algorithm with target labels: exponential weights on held-out scores, with rehearsal."""

from dataclasses import dataclass, replace

import numpy as np

from sktransfer._kernels.aggregate import exponential_weights, mix, total_scores
from sktransfer._kernels.intervals import paired_interval
from sktransfer.transferability._fits import fit_all, out_of_fold
from sktransfer.transferability._outcome import Outcome, described, read_prior
from sktransfer.transferability._rehearsal import rehearse


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


def weigh(settings, field, rows, judge, generator):
    """Fit and weigh the candidates.

    Parameters
    ----------
    settings : estimator
        The guarded estimator, whose parameters are read.
    field : Field
    rows : GuardRows
    judge : ClassJudge or NumberJudge
    generator : RandomState

    Returns
    -------
    outcome : Outcome
    """
    found, left_out = field.candidates(rows, field.fit_source(rows))
    candidates, models, seconds, failed = fit_all(found, rows, judge, n_jobs=settings.n_jobs)
    names = [candidate.name for candidate in candidates]
    left_out = left_out | failed
    prior = read_prior(settings, names)
    if len(candidates) == 1:
        one = np.ones(1)
        lines = [{"name": names[0], "seconds": float(seconds[0])}]
        found = {"names": names, "models": models, "weights": one, "challenger": one}
        return Outcome(**found, lines=lines, decision="target alone", left_out=left_out)
    evidence, spent = gather(settings, field, candidates, prior, rows, judge, generator)
    weights = evidence.weights()
    lines = _lines(evidence, names, seconds + spent, judge, settings.level)
    guard = _difference(evidence, evidence.mixed_answers(), judge, settings.level)
    outcome = Outcome(
        names=names,
        models=models,
        weights=weights,
        challenger=weights,
        lines=lines,
        decision=described(weights, names, "average"),
        left_out=left_out,
        difference=guard[0],
        interval=guard[1],
        n_rows=len(evidence.truth),
    )
    return _strict(outcome) if settings.method == "strict" else outcome


def gather(settings, field, candidates, prior, rows, judge, generator):
    """Return the `Evidence` of the candidates, and the seconds that each took."""
    truth = judge.truth_of(rows, rows.labelled_target)
    folds = judge.folds(truth, cv=settings.cv, n_repeats=settings.n_repeats, generator=generator)
    answers, seconds = out_of_fold(candidates, rows, judge, folds, n_jobs=settings.n_jobs)
    rehearsed, added = np.full(len(candidates), np.nan), False
    if settings.rehearse == "auto":
        names = [candidate.name for candidate in candidates]
        rehearsed, added, spent = rehearse(
            field, names, rows, judge, generator=generator, n_jobs=settings.n_jobs
        )
        seconds = seconds + spent
    truth = truth[folds.scored]
    scores = judge.scores(answers, truth).mean(axis=0) if len(answers) else answers[..., 0].sum(0)
    losses = judge.loss_of(rehearsed)
    scores, rehearsed = judge.comparable(scores, rehearsed, added)
    unscored = np.zeros(len(candidates), dtype=bool)
    unscored[0] = not folds.alone
    splits = [[np.searchsorted(folds.scored, out) for out in outs] for outs in folds.splits]
    evidence = Evidence(
        answers,
        truth,
        splits,
        scores,
        rehearsed,
        losses,
        added,
        unscored,
        prior,
        settings.eta,
        settings.method == "best",
    )
    return evidence, seconds


def _difference(evidence, new, judge, level):
    """Return the difference of new answers to no transfer, and its interval; None if unknown."""
    if evidence.unscored[0] or not len(evidence.truth):
        return None, None
    wins = evidence.wins(new, evidence.answers[:, 0], judge)
    difference, low, high = paired_interval(wins, level=level)
    return difference, (low, high)


def _lines(evidence, names, seconds, judge, level):
    """Return the figures of each candidate for the report."""
    lines = []
    for m, name in enumerate(names):
        line = {"name": name, "seconds": float(seconds[m])}
        if np.isfinite(evidence.rehearsed[m]):
            line["rehearsed"] = float(evidence.rehearsed_loss[m])
        if not evidence.unscored[m] and len(evidence.truth):
            each = [judge.summary(answers, evidence.truth) for answers in evidence.answers[:, m]]
            line["score"], line["loss"] = np.mean(each, axis=0).tolist()
        if m:
            difference, interval = _difference(evidence, evidence.answers[:, m], judge, level)
            line["difference"], line["interval"] = difference, interval
        lines.append(line)
    return lines


def _strict(outcome):
    """Return the outcome without transfer, unless the interval is above 0."""
    if outcome.interval is not None and outcome.interval[0] > 0:
        return outcome
    return replace(outcome, weights=outcome.no_transfer, decision="target alone")
