"""rank_sources: which source domain helps on the labelled target rows."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import clone

from sktransfer._containers import take
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._labels import is_labelled
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown
from sktransfer._random import generator
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.transferability._baselines import Pooled, TargetOnly
from sktransfer.transferability._paired_interval import check_level
from sktransfer.transferability._probe_target import default_probe, read_target
from sktransfer.transferability._probing import check_numbers, compare_on_folds
from sktransfer.transferability._ranking import (
    RankedCandidate,
    SourceRanking,
    sentence_of,
    sorted_candidates,
)

NO_SOURCE, ALL_SOURCES = "no source", "all sources"


def rank_sources(
    X: Any,
    y: ArrayLike,
    *,
    sample_domain: ArrayLike,
    estimator: Any = None,
    cv: int = 5,
    n_repeats: int = 3,
    prior: float = 0.5,
    eta: float = 0.5,
    level: float = 0.9,
    random_state: Any = None,
) -> SourceRanking:
    """Rank source domains by how much their rows help on the labelled target rows.

    A model is fitted on the rows of each source and on labelled target rows, which share the weight
    equally, and on all sources. It is scored on held-out target rows and compared with target rows
    alone. Exponential weights of the log-loss say how to average these models.

    It helps to find a source that hurts, and the nearest of many. It hurts if a source is only
    useful after an alignment, or together with others: then use `compare_transfer` with pipelines.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
        Rows of all domains.
    y : array-like of shape (n_samples,)
        Classes (strings, booleans, whole numbers) or numbers; a missing value if a row has none.
    sample_domain : array-like of shape (n_samples,)
        ``"target"`` for a target row, else the name of the row's source.
    estimator : classifier or regressor, default=None
        The model, which takes ``sample_weight``; a classifier needs ``predict_proba``. None: a
        logistic regression with C = 0.1, or a ridge regression, on standardized features.
    cv, n_repeats : int, default=5, 3
        Folds of the labelled target rows, at most, and their repetitions.
    prior : float, default=0.5
        The prior weight of no source, from 0 to 1.
    eta : float, default=0.5
        How fast weights follow the scores: that of each row counts `eta` times.
    level : float, default=0.9
        The level of the intervals.
    random_state : int, RandomState instance or None, default=None
        Draws the folds.

    Returns
    -------
    ranking : SourceRanking
        ``print`` it, or see its attributes.

    Raises
    ------
    ValueError
        If there is no source with a labelled row, or fewer than two target rows are
        labelled.

    See Also
    --------
    compare_transfer : Compares pipelines, and shows how much a source adds to the others.
    rank_backbones : Ranks pretrained networks.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import pack_domains, rank_sources
    >>> rng = np.random.default_rng(0)
    >>> def measure(n_rows, sign):
    ...     Z = rng.normal(size=(n_rows, 8))
    ...     return Z, (sign * Z[:, 0] > 0).astype(int)
    >>> X, y, sample_domain = pack_domains(
    ...     {"same": measure(100, 1), "opposite": measure(100, -1)}, target=measure(20, 1)
    ... )
    >>> ranking = rank_sources(X, y, sample_domain=sample_domain, random_state=0)
    >>> [each.name for each in ranking.candidates]
    ['same', 'no source', 'all sources', 'opposite']
    """
    check_numbers(cv=cv, n_repeats=n_repeats, prior=prior, eta=eta)
    check_level(level)
    refuse_lazy("rank_sources", X=X, y=y)
    domains = read_sample_domain(sample_domain, _num_samples(X))
    target, labelled = read_target(y, used=domains.is_target), is_labelled(y)
    X = X.tocsr() if issparse(X) else X
    usable = {name: domains.rows(name)[labelled[domains.rows(name)]] for name in domains.sources}
    usable = {name: rows for name, rows in usable.items() if len(rows)}
    if not usable:
        raise ValueError(
            "sample_domain names no source with a labelled row; there is none to rank."
        )
    if len(usable) > 1:
        usable[ALL_SOURCES] = np.concatenate(list(usable.values()))
    if NO_SOURCE in usable or list(domains.sources).count(ALL_SOURCES):
        raise ValueError(
            f"A source is called {shown(NO_SOURCE)} or {shown(ALL_SOURCES)}; rename it, as the "
            "ranking uses these names."
        )
    model = default_probe(target.judge) if estimator is None else estimator
    fits = {NO_SOURCE: _fit(X, y, target.rows, np.arange(0), TargetOnly(model))}
    pooled = Pooled(model, target_share=0.5)
    fits |= {name: _fit(X, y, target.rows, rows, pooled) for name, rows in usable.items()}
    options = {"prior": prior, "eta": eta, "cv": cv, "n_repeats": n_repeats, "level": level}
    figures, n_rows = compare_on_folds(
        fits, target, NO_SOURCE, generator=generator(random_state), **options
    )
    candidates = [RankedCandidate(name=name, **figure) for name, figure in figures.items()]
    candidates = sorted_candidates(candidates)
    said = {"n_rows": n_rows, "level": level}
    return SourceRanking(
        candidates=candidates,
        preferred=NO_SOURCE,
        score_name=target.judge.score_name,
        loss_name=target.judge.loss_name,
        sentence=sentence_of(candidates, NO_SOURCE, target.judge, noun="source", **said),
        **said,
    )


def _fit(X, y, target_rows, source_rows, model):
    """Return a function that fits a model on source rows and on some target rows."""

    def fit(train, test):
        rows = np.concatenate([source_rows, target_rows[train]])
        names = np.repeat(["source", TARGET], [len(source_rows), len(train)])
        fitted = clone(model).fit(_safe_indexing(X, rows), take(y, rows), sample_domain=names)
        return fitted, _safe_indexing(X, target_rows[test])

    return fit
