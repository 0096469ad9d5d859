"""compare_transfer: whether transfer helps here, by cross-validation on target rows."""

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from sktransfer._messages import listed
from sktransfer._named_estimators import named_estimators
from sktransfer.transferability._baselines import Pooled, SourceOnly, TargetOnly
from sktransfer.transferability._comparison import (
    ComparedModel,
    ComparedSource,
    TransferComparison,
)
from sktransfer.transferability._paired_interval import check_level
from sktransfer.transferability._plain import hides_labels, with_labels, without_transfer
from sktransfer.transferability._scores import ROW_SCORES, find_score
from sktransfer.transferability._target_splits import target_splits
from sktransfer.transferability._trials import Trial, read_data, run_trials

BASELINES = {"target only": TargetOnly, "source only": SourceOnly, "pooled": Pooled}


def compare_transfer(
    pipelines: Any,
    X: Any,
    y: Any,
    *,
    sample_domain: ArrayLike,
    estimator: Any = None,
    cv: Any = None,
    scoring: Any = None,
    level: float = 0.9,
    by_source: bool = True,
    n_jobs: int | None = None,
) -> TransferComparison:
    """Compare pipelines with no transfer, on the same folds of labelled target rows.

    Three baselines are fitted on each fold: a model of the target rows only, of the source rows
    only, and of all rows as one domain. The pipelines are fitted on the same rows. All are scored
    on target rows that none has seen.

    It helps whenever some target rows are labelled: without it, a gain over a weak baseline, or
    over luck, passes for a gain by transfer. It misleads if labelled rows are no random sample of
    the target, or depend on each other. With some 20 labelled rows an interval of accuracy excludes
    0 only if the difference is some 30 points. "undecided" is then the usual answer, and an honest
    one.

    Parameters
    ----------
    pipelines : estimator, list of estimators or of (str, estimator) tuples, or dict
        The pipelines to compare, of classifiers or of regressors. Each gets the rows of all
        domains and `sample_domain`, as in `make_transfer_pipeline`. An estimator that does not take
        `sample_domain` is fitted on all labelled rows as one domain.
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
        Rows of all domains.
    y : array-like of shape (n_samples,)
        Labels; a missing value if a row has none.
    sample_domain : array-like of shape (n_samples,)
        ``"target"`` for a target row, else the name of its source domain (or integers: negative
        target, positive source).
    estimator : estimator, default=None
        The model that the baselines are fitted with. None: the first pipeline without its transfer,
        which is without the middle steps that take `sample_domain`. A last step that takes it is
        fitted as if every row was a target row.
    cv : int, splitter or iterable, default=None
        Folds that test labelled target rows only. A number is that of the folds of a
        :class:`~sktransfer.RepeatedTargetFold` of 3 repetitions, seeded with 0. None: 10 folds, or
        as many as the smallest class has rows (for numbers: half as many as there are rows).
    scoring : str or callable, default=None
        A score as in scikit-learn. None: the accuracy, or the negative mean squared error of
        regressors.
    level : float, default=0.9
        The level of the intervals.
    by_source : bool, default=True
        Whether each pipeline is also fitted on each source alone and without each source, if there
        are several.
    n_jobs : int or None, default=None
        The number of fits at the same time. Times of fits are longer then.

    Returns
    -------
    comparison : TransferComparison
        A table; ``print`` it, or see its attributes.

    Raises
    ------
    ValueError
        If there is no source row, if fewer than two target rows are labelled, if `cv` tests other
        rows, or if classifiers and regressors are mixed.

    Warns
    -----
    TransferWarning
        If a class has one labelled target row. There are no intervals then.

    See Also
    --------
    paired_interval : The interval for differences of accuracy.
    CompareTransferDisplay : A picture of the differences.

    Notes
    -----
    *Intervals.* Each row's score is averaged over the repetitions first, as each row counts once.
    For accuracy the interval is `paired_interval`. For ``"neg_log_loss"``, ``"neg_brier_score"``,
    ``"neg_mean_squared_error"`` and ``"neg_mean_absolute_error"``, which are means over rows as
    well, it is Student's with the correction of Nadeau and Bengio [1]_. Any other score has no
    value for a single row, and no interval.

    *The best baseline* is chosen on the rows that are scored, so that its score is too good and
    differences to it are too small. The interval allows for the choice: it is for the difference to
    the baseline that is best in truth. Its lower end is the smallest of the lower ends to each
    baseline, since a pipeline that is better than the best is better than each. Its upper end is
    the smallest of the upper ends at a level that allows for three of them. It does not allow for a
    choice among several pipelines: of many, some end above 0 by chance.

    *The gap* is the negative-transfer gap [2]_: the score of the same pipeline fitted without a
    source, minus its score with all sources. Above 0, the sources did harm. A pipeline with
    ``target_labels="ignore"`` is compared with itself fitted on source rows as if they were the
    target's. A fitted model inside of a pipeline (``source=``) is a source that stays.

    *Sources.* The gain of a source is the score with all sources minus that without it. The level
    of the interval is for one source, not for all at once.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine Learning 52,
       2003. https://doi.org/10.1023/A:1024068626366
    .. [2] Z. Wang, Z. Dai, B. Poczos, J. Carbonell, "Characterizing and Avoiding Negative
       Transfer", CVPR 2019. https://arxiv.org/abs/1811.09751

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import CORALAligner, compare_transfer, make_transfer_pipeline, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab, X_field = rng.normal(size=(80, 2)), rng.normal(size=(20, 2))
    >>> y_lab, y_field = X_lab[:, 0] > 0, X_field[:, 0] > 0
    >>> X, y, sample_domain = pack_domains(
    ...     {"lab": (X_lab, y_lab)}, target=(5 * X_field + 20, y_field)
    ... )
    >>> pipe = make_transfer_pipeline(CORALAligner(ridge=1e-6), LogisticRegression())
    >>> comparison = compare_transfer({"coral": pipe}, X, y, sample_domain=sample_domain)
    >>> comparison.best_baseline.name
    'target only'
    """
    check_level(level)
    named = named_estimators(pipelines, parameter="pipelines", reserved=tuple(BASELINES))
    base = without_transfer(next(iter(named.values()))) if estimator is None else estimator
    discrete = _kind(base, named)
    data = read_data(X, y, sample_domain, discrete=discrete)
    score_name, score = find_score(scoring, discrete=discrete)
    _check_method(score_name, score, {"estimator": base, **named})
    splits, is_honest = target_splits(cv, data)
    by_source = by_source and len(data.domains.sources) > 1
    scores = run_trials(
        _trials(named, base, data.domains.sources, by_source=by_source),
        data,
        splits,
        score,
        has_interval=is_honest,
        n_jobs=n_jobs,
    )
    sizes = scores["baseline", "target only"].sizes
    return TransferComparison(
        score_name=score_name,
        level=level,
        n_rows=sizes.n_rows,
        n_fits=sizes.n_folds,
        models=tuple(_compared_models(named, base, scores, level)),
        sources=tuple(_compared_sources(named, scores, data, level)) if by_source else (),
        estimator=base,
        notes=_notes(score_name, score, is_honest),
    )


def _kind(base, named):
    """Return whether all are classifiers, or raise an error if only some are."""
    discrete = is_classifier(base)
    other = [name for name, each in named.items() if is_classifier(each) != discrete]
    if other:
        raise ValueError(
            f"The baselines are fitted with a {'classifier' if discrete else 'regressor'}, but "
            f"{', '.join(map(repr, other))} of pipelines is not one; compare classifiers with "
            "classifiers and regressors with regressors."
        )
    return discrete


def _check_method(score_name, score, models):
    """Raise ValueError if a model has not the method that the score reads."""
    lacking = [name for name, each in models.items() if not hasattr(each, score.method)]
    if lacking:
        raise ValueError(
            f"scoring={score_name!r} reads {score.method}, which is no method of "
            f"{listed(lacking)}; pass classifiers that have it, for example by "
            "CalibratedClassifierCV, or another score."
        )


def _trials(named, base, sources, *, by_source):
    """Return every fit that is to be made on each fold, by its part and the name of its model."""
    trials = {("baseline", name): Trial(kind(base), sources) for name, kind in BASELINES.items()}
    for name, pipeline in named.items():
        trials["pipeline", name] = Trial(pipeline, sources)
        alone = SourceOnly if hides_labels(pipeline) else TargetOnly
        if pipeline is not base:  # which is a baseline already
            plain = alone(with_labels(pipeline))
            trials["no transfer", name] = Trial(plain, sources, may_fail=True)
        for some in _subsets(sources) if by_source else ():
            trials["sources", name, some] = Trial(pipeline, some)
    return trials


def _subsets(sources):
    """Return each source alone, and all but each."""
    alone = [(source,) for source in sources]
    without = [tuple(other for other in sources if other != source) for source in sources]
    return dict.fromkeys([*alone, *without])  # of two sources these are the same


def _compared_models(named, base, scores, level):
    baselines = {name: scores["baseline", name] for name in BASELINES}
    for name, each in baselines.items():
        yield ComparedModel(name, each.mean, each.error, each.seconds)
    for name, pipeline in named.items():
        part, of = ("baseline", "target only") if pipeline is base else ("no transfer", name)
        each, plain = scores["pipeline", name], scores.get((part, of))
        yield ComparedModel(
            name,
            each.mean,
            each.error,
            each.seconds,
            each.minus_best(baselines.values(), level=level),
            {other: each.minus(baselines[other], level=level) for other in baselines},
            None if plain is None else plain.minus(each, level=level),
        )


def _compared_sources(named, scores, data, level):
    sources = data.domains.sources
    for name in named:
        for source in sources:
            others = tuple(other for other in sources if other != source)
            alone, without = scores["sources", name, (source,)], scores["sources", name, others]
            gain = scores["pipeline", name].minus(without, level=level)
            yield ComparedSource(name, source, alone.mean, without.mean, gain)


def _notes(score_name, score, is_honest):
    notes = []
    if not score.is_by_row:
        notes.append(
            f"{score_name} has no value for a single row, so there is no interval; these scores "
            f"have one: {', '.join(ROW_SCORES)}."
        )
    if not is_honest:
        notes.append("No interval: a class has one labelled target row.")
    return tuple(notes)
