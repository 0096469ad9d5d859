"""rank_backbones: which network, and which of its stages, suits the labelled rows."""

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from sktransfer._kernels.feature_scores import (
    log_expected_prediction,
    negative_conditional_entropy,
)
from sktransfer._kernels.ridge_probe import adjusted_p_values, probe
from sktransfer._messages import listed, shown
from sktransfer._random import generator
from sktransfer._sklearn import _num_samples
from sktransfer.transferability._backbone_candidates import read_features_of
from sktransfer.transferability._paired_interval import check_level
from sktransfer.transferability._probe_target import default_probe, read_target
from sktransfer.transferability._probing import check_numbers, compare_on_folds
from sktransfer.transferability._ranking import (
    BackboneRanking,
    RankedCandidate,
    sentence_of,
    sorted_candidates,
)
from sktransfer.transferability._ridge_probe import check_permutations


def rank_backbones(
    backbones: Any,
    X: Any,
    y: ArrayLike,
    *,
    preferred: str | None = None,
    estimator: Any = None,
    n_probed: int = 10,
    cv: int = 5,
    n_repeats: int = 3,
    prior: float = 0.5,
    eta: float = 0.25,
    n_permutations: int = 99,
    level: float = 0.9,
    random_state: Any = None,
) -> BackboneRanking:
    """Rank pretrained networks and their stages by a few labelled rows.

    Each stage of each network is a candidate. All get a ridge regression that predicts each row
    from the others, in closed form. The best ones, and the preferred one, get a cross-validated
    linear model on the same folds. Exponential weights of its log-loss say how to average them.

    It helps if a network must be chosen among several, and from some 10 rows a class to choose a
    stage. It hurts to trust the choice with fewer: then the last stage of a network known to be
    good is better than any choice by scores. That is why the preferred candidate has half of the
    weight before any row is seen.

    Parameters
    ----------
    backbones : str, PathLike, Backbone, module, transformer, list of these, or dict
        The networks, as `backbone` of `PretrainedFeatureExtractor`, each at all its stages. An
        extractor is a candidate at its own `stage` if that is set. Any other transformer is one
        candidate, fitted on the labelled rows without labels. A fitted classifier of another task
        is a candidate by its probabilities, and has a LEEP and an NCE. A dict also takes arrays of
        features of shape (n_samples, n_features), each a candidate.
    X : array-like of n_samples items, or None
        The images, texts or sounds; None if all candidates are arrays.
    y : array-like of shape (n_samples,)
        Classes (strings, booleans, whole numbers) or numbers. Rows without a label are not used.
    preferred : str, default=None
        The name of the candidate that is best as far as known. None: the last stage of the first
        network, so list the best known network first.
    estimator : classifier or regressor, default=None
        The model of the cross-validated probe; a classifier needs ``predict_proba``. None: a
        logistic regression with C = 0.1, or a ridge regression, on standardized features.
    n_probed : int, default=10
        Candidates on the short list, besides the preferred one.
    cv, n_repeats : int, default=5, 3
        Folds, at most, and their repetitions.
    prior : float, default=0.5
        The prior weight of the preferred candidate, from 0 to 1.
    eta : float, default=0.25
        How fast weights follow the scores: that of each row counts `eta` times.
    n_permutations : int, default=99
        Permutations of the labels for the p-values; 0 for none.
    level : float, default=0.9
        The level of the intervals.
    random_state : int, RandomState instance or None, default=None
        Draws the permutations and the folds.

    Returns
    -------
    ranking : BackboneRanking
        ``print`` it, or see its attributes.

    Raises
    ------
    ValueError
        If fewer than two rows are labelled, or all labels are equal. If a name occurs twice,
        `preferred` is no candidate, or features have another number of rows than `y`.

    See Also
    --------
    ridge_probe : The probe of all candidates.
    rank_sources : Ranks source domains.

    Notes
    -----
    A name is that of the network and of the stage, "glyphs stage4", or that of the network if it
    has one stage. The rows of features are cached as by `PretrainedFeatureExtractor`.

    *Chance.* All candidates see the same permutations of the labels. A p-value is the share of
    permutations with a candidate, any of them, that has at least this skill. It therefore allows
    for the choice of the best. If no p-value is at most 0.05, the sentence says that none is better
    than chance.

    *Weights* are ``prior_m exp(eta sum_i log p_m(y_i))`` of out-of-fold probabilities, averaged
    over the repetitions and smoothed by 2 %, as in `GuardedTransferClassifier`. With one row a
    class no row can be held out, and the weights are those of the prior.

    References
    ----------
    V. Vovk, "A game of prediction with expert advice", Journal of Computer and System Sciences 56,
    1998. D. G. Bonett, R. M. Price, "Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data", Journal of Educational and Behavioral Statistics 37, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import rank_backbones
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> noise = rng.normal(size=(60, 8))
    >>> features = {"early": noise, "late": noise + np.eye(3)[y] @ rng.normal(size=(3, 8))}
    >>> ranking = rank_backbones(features, None, y, random_state=0)
    >>> ranking.best
    'late'
    """
    check_numbers(n_probed=n_probed, cv=cv, n_repeats=n_repeats, prior=prior, eta=eta)
    check_permutations(n_permutations)
    check_level(level)
    target, rng = read_target(y), generator(random_state)
    found = read_features_of(backbones, X, target.rows, n_samples=_num_samples(y))
    preferred = _find_preferred(preferred, found)
    orders = [rng.permutation(len(target.rows)) for _ in range(n_permutations)]
    skills, p_values, seconds = _probe_all(found, target, orders)
    short = _short_list(found, skills, preferred, n_probed)
    model = default_probe(target.judge) if estimator is None else estimator
    figures, n_rows = compare_on_folds(
        {name: _fit_on(each.X, target.labels, model) for name, each in short.items()},
        target,
        preferred,
        prior=prior,
        eta=eta,
        cv=cv,
        n_repeats=n_repeats,
        level=level,
        generator=rng,
    )
    candidates = []
    for m, each in enumerate(found):
        known = dict(figures.get(each.name, {}))
        if each.is_output and target.judge.is_discrete:
            outputs = each.X / each.X.sum(axis=1, keepdims=True)
            known["leep"] = log_expected_prediction(outputs, target.truth)
            known["nce"] = negative_conditional_entropy(outputs.argmax(axis=1), target.truth)
        spent = each.seconds + seconds[m] + known.pop("seconds", 0.0)
        figure = {"n_features": each.X.shape[1], "skill": skills[m], "seconds": spent} | known
        p_value = p_values[m] if p_values is not None and n_rows else None
        candidates.append(RankedCandidate(name=each.name, p_value=p_value, **figure))
    candidates = sorted_candidates(candidates)
    said = {"n_rows": n_rows, "level": level}
    return BackboneRanking(
        candidates=candidates,
        preferred=preferred,
        score_name=target.judge.score_name,
        loss_name=target.judge.loss_name,
        sentence=sentence_of(candidates, preferred, target.judge, noun="candidate", **said),
        **said,
    )


def _find_preferred(preferred, found):
    """Return the name of the preferred candidate: the last stage of the first network."""
    names = [each.name for each in found]
    if preferred is None:
        return next(each.name for each in found if each.is_last)
    if preferred not in names:
        raise ValueError(
            f"preferred={shown(preferred)} is no candidate; expected one of {listed(names)}."
        )
    return preferred


def _probe_all(found, target, orders):
    """Return the skill of each candidate, its p-value if there are orders, and the seconds."""
    skills, permuted, seconds = [], [], []
    for each in found:
        start = time.perf_counter()
        error, _, errors = probe(each.X, target.values, orders)
        skills.append(float(target.skill(error)))
        permuted.append(target.skill(errors))
        seconds.append(time.perf_counter() - start)
    if not orders:
        return skills, None, seconds
    p_values = adjusted_p_values(np.array(skills), np.array(permuted))
    return skills, [float(p) for p in p_values], seconds


def _short_list(found, skills, preferred, n_probed):
    """Return the candidates of the largest skill and the preferred one, by name."""
    order = np.argsort(-np.array(skills), kind="stable")[:n_probed]
    chosen = [found[m] for m in np.sort(order)]
    known = next(each for each in found if each.name == preferred)
    return {each.name: each for each in [known, *(c for c in chosen if c is not known)]}


def _fit_on(X, labels, model):
    def fit(train, test):
        return clone(model).fit(X[train], labels[train]), X[test]

    return fit
