"""Algorithm with target labels: exponential weights on held-out scores, with rehearsal."""

from dataclasses import replace

import numpy as np

from sktransfer._kernels.intervals import paired_interval
from sktransfer.transferability._evidence import Evidence
from sktransfer.transferability._fits import fit_all
from sktransfer.transferability._out_of_fold import out_of_fold
from sktransfer.transferability._outcome import Outcome
from sktransfer.transferability._prior import described, read_prior
from sktransfer.transferability._rehearsal import rehearse


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
