"""Boosting for transfer: numbers to predict, and several sources, with few labels of the target.

Each table has the source, the target, both in one pool, weights from the features, and boosting
(TrAdaBoost.R2 and its two-stage form; MultiSource and TaskTrAdaBoost beside TrAdaBoost), all with
the same learner. The labelled target rows are drawn at random, the test is other rows of the
target, and figures are means (standard deviations) over the draws. Settings are the same in every
row and were fixed beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._data import (
    AMAZON_REVIEWS,
    SOURCES,
    load_amazon_reviews,
    load_office_caltech_surf,
    load_school,
)
from benchmarks._runner import Table
from benchmarks._source_draws import (
    N_LABELLED,
    N_SOURCE_SCHOOLS,
    count_terms,
    draw_borders,
    draw_classes,
    draw_friedman,
    draw_schools,
)
from benchmarks.office_caltech import standardise
from sktransfer import (
    MultiSourceTrAdaBoostClassifier,
    TaskTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TwoStageTrAdaBoostRegressor,
    ULSIFWeighter,
    WeightedTransferRegressor,
)

N_ROUNDS = 10
TREE = DecisionTreeRegressor(max_depth=5)


def _transferred(model, draw):
    X, y, sample_domain = draw.pooled()
    return model.fit(X, y, sample_domain=sample_domain)


def regressors(seed):
    """Give name -> function of a draw that gives a fitted regressor; boosting of one tree in all.

    TrAdaBoost.R2 has the rounds of the others twice, because its first half does not vote.
    """
    seeded = {"estimator": TREE, "random_state": seed}
    boosted = AdaBoostRegressor(n_estimators=N_ROUNDS, loss="linear", **seeded)
    tree = clone(TREE).set_params(random_state=seed)
    weighter = ULSIFWeighter(random_state=seed)
    return {
        "mean of the target labels": lambda draw: _Mean(draw.labelled[1].mean()),
        "source only, AdaBoost.R2": lambda draw: clone(boosted).fit(*draw.source()),
        "target only, tree": lambda draw: clone(tree).fit(*draw.labelled),
        "target only, AdaBoost.R2": lambda draw: clone(boosted).fit(*draw.labelled),
        "pooled, AdaBoost.R2": lambda draw: clone(boosted).fit(*draw.pooled()[:2]),
        "uLSIF weights, AdaBoost.R2": lambda draw: _transferred(
            WeightedTransferRegressor(boosted, weighter, random_state=seed), draw
        ),
        "TrAdaBoost.R2": lambda draw: _transferred(
            TrAdaBoostRegressor(n_estimators=2 * N_ROUNDS, **seeded), draw
        ),
        "two-stage TrAdaBoost.R2": lambda draw: _transferred(
            TwoStageTrAdaBoostRegressor(n_estimators=N_ROUNDS, n_steps=10, n_folds=5, **seeded),
            draw,
        ),
    }


@dataclass(frozen=True)
class _Mean:
    """Predicts one number."""

    value: float

    def predict(self, X):
        return np.full(len(X), self.value)


def root_mean_square(model, X, y):
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


def percent_wrong(model, X, y):
    """The share of wrong classes, in percent."""
    return 100 * float(np.mean(model.predict(X) != y))


def classifiers(seed, *, learner):
    """Give name -> function of a draw that gives a fitted classifier."""
    boosted = AdaBoostClassifier(learner, n_estimators=N_ROUNDS, random_state=seed)
    seeded = {"estimator": learner, "n_estimators": N_ROUNDS, "random_state": seed}
    return {
        "best source, by target labels": lambda draw: _best_source(learner, draw),
        "sources only": lambda draw: clone(learner).fit(*draw.source()),
        "target only": lambda draw: clone(learner).fit(*draw.labelled),
        "target only, AdaBoost": lambda draw: clone(boosted).fit(*draw.labelled),
        "pooled": lambda draw: clone(learner).fit(*draw.pooled()[:2]),
        "pooled, target as heavy as all sources": lambda draw: _balanced(learner, draw),
        "TrAdaBoost, sources in one pool": lambda draw: _transferred(
            TrAdaBoostClassifier(**{**seeded, "n_estimators": 2 * N_ROUNDS}), draw
        ),
        "MultiSourceTrAdaBoost": lambda draw: _transferred(
            MultiSourceTrAdaBoostClassifier(**seeded), draw
        ),
        "TaskTrAdaBoost": lambda draw: _transferred(TaskTrAdaBoostClassifier(**seeded), draw),
    }


def _best_source(learner, draw):
    """Fit each source by itself, and keep the model that is best on the labelled target rows."""
    models = [clone(learner).fit(*source) for source in draw.sources.values()]
    return max(models, key=lambda model: model.score(*draw.labelled))


def _balanced(learner, draw):
    """Fit all rows, those of the target as heavy together as those of the sources."""
    X, y, domains = draw.pooled()
    is_target = domains == "target"
    weights = np.where(is_target, np.sum(~is_target) / np.sum(is_target), 1.0)
    return clone(learner).fit(X, y, sample_weight=weights)


@dataclass(frozen=True)
class Comparison:
    """A table: how to draw for each column, the methods for a seed, and the error."""

    title: str
    columns: dict
    methods: Callable
    error: Callable
    digits: int
    baselines: tuple
    notes: tuple = field(default=())

    def fill(self, n_draws):
        """Run every method on every draw of every column."""
        cells, verdicts = {}, []
        for column, draw_for in self.columns.items():
            found = {}
            for seed in range(n_draws):
                draw = draw_for(seed)
                for name, fit in self.methods(seed).items():
                    found.setdefault(name, []).append(self.error(fit(draw), *draw.test))
            for name, values in found.items():
                text = f"{np.mean(values):.{self.digits}f} ({np.std(values):.{self.digits}f})"
                cells.setdefault(name, []).append(text)
            verdicts.append(self._verdict(column, found))
            print(f"{column}: done", flush=True)
        return Table(
            f"{self.title}, mean (deviation) of {n_draws} draws",
            columns=("method", *self.columns),
            rows=tuple((name, *values) for name, values in cells.items()),
            notes=(*self.notes, *verdicts),
        )

    def _verdict(self, column, found):
        """Say which boosting for transfer loses to the best of the baselines."""
        means = {name: np.mean(values) for name, values in found.items()}
        best = min(self.baselines, key=means.get)
        transfer = [name for name in means if "TrAdaBoost" in name]
        wins = ", ".join(f"{name} {np.sum(np.less(found[name], found[best]))}" for name in transfer)
        return (
            f"{column}: the best without boosting for transfer is {best!r}; of {len(found[best])} "
            f"draws it is beaten in {wins}."
        )


REGRESSION = {
    "methods": regressors,
    "error": root_mean_square,
    "digits": 2,
    "baselines": (
        "mean of the target labels",
        "source only, AdaBoost.R2",
        "target only, tree",
        "target only, AdaBoost.R2",
        "pooled, AdaBoost.R2",
        "uLSIF weights, AdaBoost.R2",
    ),
}
CLASSES = {
    "error": percent_wrong,
    "digits": 1,
    "baselines": (
        "best source, by target labels",
        "sources only",
        "target only",
        "target only, AdaBoost",
        "pooled",
        "pooled, target as heavy as all sources",
    ),
}
TREES = (
    f"Learner: a tree of depth 5; {N_ROUNDS} rounds ({2 * N_ROUNDS} of TrAdaBoost.R2, whose first "
    "half does not vote)."
)


def friedman_comparison():
    """Give the comparison on Friedman's function with moved coefficients."""
    return Comparison(
        "Friedman #1 with moved coefficients: root mean squared error on the target",
        {
            f"{count} source(s), shift {shift}": partial(
                draw_friedman, n_sources=count, shift=shift
            )
            for shift in (1, 5)
            for count in (1, 5)
        },
        notes=(
            f"{N_LABELLED} labelled target rows, 100 rows of each source. {TREES}",
            "After Pardoe and Stone, ICML 2010, whose learners are others; their table was not "
            "found, so that none of its figures stands here. The noise alone is 1.",
        ),
        **REGRESSION,
    )


def school_comparison(data_home):
    """Give the comparison on examination scores."""
    return Comparison(
        "Examination scores, a school as target: root mean squared error on its other pupils",
        {"20 schools as source": partial(draw_schools, schools=load_school(data_home))},
        notes=(
            f"{N_LABELLED} labelled pupils of a school that is drawn anew each time, of those with "
            f"60 or more, and all pupils of {N_SOURCE_SCHOOLS} other schools, drawn too. {TREES}",
            f"Data: {SOURCES['school'].cite}.",
        ),
        **REGRESSION,
    )


def border_comparison():
    """Give the comparison on made-up sources, of which all or one are like the target."""
    return Comparison(
        "Made-up borders, four sources, 20 target labels: error (%) on the target",
        {
            "all sources near": partial(draw_borders, angles=(-30, -15, 15, 30)),
            "one of four near": partial(draw_borders, angles=(15, 90, 150, 210)),
            "none near": partial(draw_borders, angles=(90, 120, 240, 270)),
        },
        methods=partial(classifiers, learner=DecisionTreeClassifier(max_depth=3)),
        notes=(
            "Sources differ from the target by the angle of a straight border; at 180 degrees all "
            f"labels are contrary. Learner: a tree of depth 3; {N_ROUNDS} rounds ({2 * N_ROUNDS} "
            "of TrAdaBoost).",
        ),
        **CLASSES,
    )


def office_comparison(data_home):
    """Give the comparison on Office-Caltech10: three domains as sources."""
    domains = standardise(load_office_caltech_surf(data_home))
    return Comparison(
        "Office-Caltech10, SURF, three sources, 3 target labels a class: error (%) on the target",
        {
            target: partial(draw_classes, domains=domains, target=target, n_labels=3)
            for target in domains
        },
        methods=partial(classifiers, learner=GaussianNB()),
        notes=(
            f"Learner: naive Bayes with Gaussians; {N_ROUNDS} rounds ({2 * N_ROUNDS} of "
            "TrAdaBoost). The papers show curves for another data set: nothing to hold this to.",
            f"Data: {SOURCES['office-caltech'].cite}.",
        ),
        **CLASSES,
    )


def reviews_comparison(data_home):
    """Give the comparison on reviews: three kinds of product as sources."""
    domains = count_terms(load_amazon_reviews(data_home))
    return Comparison(
        "Amazon reviews, three sources, 20 target labels: error (%) on the target",
        {
            target: partial(draw_classes, domains=domains, target=target, n_labels=10)
            for target in domains
        },
        methods=partial(classifiers, learner=MultinomialNB()),
        notes=(
            f"Learner: multinomial naive Bayes on the presence of the 2000 most frequent terms of "
            f"all domains (labels are not read); {N_ROUNDS} rounds ({2 * N_ROUNDS} of TrAdaBoost).",
            f"Data: {AMAZON_REVIEWS.cite}.",
        ),
        **CLASSES,
    )


def run(data_home, *, quick=False):
    """Fill all tables."""
    return [
        friedman_comparison().fill(1 if quick else 10),
        school_comparison(data_home).fill(1 if quick else 10),
        border_comparison().fill(1 if quick else 20),
        office_comparison(data_home).fill(1 if quick else 5),
        reviews_comparison(data_home).fill(1 if quick else 5),
    ]
