"""Algorithm without target labels: a vote in which the source alone keeps half the weight."""

import numpy as np

from sktransfer.transferability._candidates import SHARES
from sktransfer.transferability._fits import fit_all
from sktransfer.transferability._gate import look_at_domains
from sktransfer.transferability._outcome import Outcome, described, read_prior
from sktransfer.transferability._shift_report import NONE
from sktransfer.transferability._shift_report import SHARES as OTHER_SHARES


def vote(settings, field, rows, judge, generator):
    """Fit the candidates, test how the domains differ, and choose the weights.

    Parameters and result are those of `weigh`. Without a shift the source alone predicts. If other
    class proportions explain the shift, the candidate for them does. Otherwise the source alone has
    the weight ``source_weight``, and the others share the rest: those for other class proportions
    were just refused and have no vote.
    """
    if settings.method == "best":
        raise ValueError(
            "method='best' chooses by labels of target rows, but none may be read; pass some, or "
            "method='average'."
        )
    source = field.fit_source(rows)
    found, left_out = field.unlabelled_candidates(rows, source)
    candidates, models, seconds, failed = fit_all(found, rows, judge, n_jobs=settings.n_jobs)
    names = [candidate.name for candidate in candidates]
    prior = read_prior(settings, names)
    shares = names.index(SHARES) if field.is_auto and SHARES in names else None
    shift = None
    if not (prior[0] and prior[1:].any()):  # nothing to weigh against no transfer
        weights = challenger = prior / prior.sum()
        decision = described(weights, names, "vote")
    else:
        shift, spent = look_at_domains(
            field,
            source.estimator,
            rows,
            judge,
            with_shares=shares is not None,
            generator=generator,
        )
        seconds[0] += spent
        decision, weights, challenger = _choose(settings.source_weight, prior, shift, shares)
    if settings.method == "strict":
        decision, weights = "source alone", (np.arange(len(names)) == 0).astype(float)
    return Outcome(
        names=names,
        models=models,
        weights=weights,
        challenger=challenger,
        decision=decision,
        lines=[{"name": n, "seconds": float(s)} for n, s in zip(names, seconds, strict=True)],
        left_out=left_out | failed,
        shift=shift,
    )


def _choose(source_weight, prior, shift, shares):
    """Return the decision, the weights, and those that queried labels keep or reject."""
    alone = np.eye(len(prior))
    family = None if shift is None else shift.family
    if family == NONE:
        return "source alone", alone[0], alone[0]
    if family == OTHER_SHARES:
        return "other shares", alone[shares], alone[shares]
    voters = prior.copy()
    if shares is not None and voters[1:].sum() > voters[shares]:
        voters[shares] = 0
    others = voters * (np.arange(len(voters)) > 0)
    weights = source_weight * alone[0] + (1 - source_weight) * others / others.sum()
    return "vote", weights, voters / voters.sum()
