"""Parameter transfer with 1 to 50 labelled target rows, next to the simple ways to use a source.

A source model is fitted on source rows, which are then gone for the transfer. Target alone, the
source alone, both kinds of rows as one, and EasyAdapt (`DomainAugmenter`) are the same linear
model, fitted on the rows that each may see. No fit reads test rows.

The prior on the weights of sources and the lower end of the grid of penalties were set after a
first look at schools and kin, so these two data sets are not untouched.
"""

import warnings
from itertools import permutations

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_kin, load_office_caltech_surf, load_school
from benchmarks._guard_tasks import draw_source, prepare_office
from benchmarks._runner import Table
from sktransfer import (
    DomainAugmenter,
    TransferLogisticRegression,
    TransferRidge,
    TransferRidgeClassifier,
    make_transfer_pipeline,
    pack_domains,
)

COUNTS = (1, 2, 5, 10, 20, 50)
SOURCE_SCHOOLS, KIN_ROWS = 20, 500
LEAST_R2 = -100.0


def simple_models(model, source, labelled):
    """Return the simple ways to use a source, fitted; target alone is None if it cannot be."""
    (X, y), (X_source, y_source) = labelled, source
    few = len(np.unique(y)) < 2 and hasattr(model, "decision_function")
    packed = pack_domains({"source": source}, target=labelled)
    easy = make_transfer_pipeline(DomainAugmenter(), clone(model))
    return {
        "target alone": None if few else clone(model).fit(X, y),
        "source alone": clone(model).fit(X_source, y_source),
        "pooled": clone(model).fit(packed[0], packed[1]),
        "EasyAdapt": easy.fit(packed[0], packed[1], sample_domain=packed[2]),
    }


def score(model, X, y, labelled):
    """Return the accuracy or R2 in percent; without a model, that of the only class."""
    if model is None:
        return 100 * float(np.mean(y == labelled[1][0]))
    return max(100 * float(model.score(X, y)), LEAST_R2)


def run_objects(domains, pair, n_rows, draw):
    """Return the accuracies on one ordered pair of domains of Office-Caltech."""
    rng = np.random.default_rng([draw, n_rows, 3])
    source, (X, y) = draw_source(*domains[pair[0]], rng), domains[pair[1]]
    order = rng.permutation(len(y))
    labelled, rest = (X[order[:n_rows]], y[order[:n_rows]]), order[n_rows:]
    base = LogisticRegression(C=0.3, max_iter=300)
    models = simple_models(base, source, labelled)
    models["TransferLogisticRegression"] = TransferLogisticRegression(
        models["source alone"], max_iter=300
    ).fit(*labelled)
    models["TransferRidgeClassifier"] = TransferRidgeClassifier(models["source alone"]).fit(
        *labelled
    )
    models["its source alone"] = RidgeClassifier().fit(*source)
    models["TransferRidgeClassifier, from it"] = TransferRidgeClassifier(
        models["its source alone"]
    ).fit(*labelled)
    return {name: score(model, X[rest], y[rest], labelled) for name, model in models.items()}


def run_numbers(sources, target, n_rows, draw):
    """Return R2 in percent on the rows of a target that are not labelled."""
    rng = np.random.default_rng([draw, n_rows, 5])
    stacked = [np.concatenate(parts) for parts in zip(*sources.values(), strict=True)]
    scaler = StandardScaler().fit(stacked[0])
    X, y = scaler.transform(target[0]), target[1]
    source = scaler.transform(stacked[0]), stacked[1]
    order = rng.permutation(len(y))
    labelled, rest = (X[order[:n_rows]], y[order[:n_rows]]), order[n_rows:]
    models = simple_models(Ridge(), source, labelled)
    each = [Ridge().fit(scaler.transform(rows), labels) for rows, labels in sources.values()]
    models["TransferRidge"] = TransferRidge(models["source alone"]).fit(*labelled)
    steady = TransferRidge(models["source alone"], fit_intercept=False)
    models["TransferRidge, fit_intercept=False"] = steady.fit(*labelled)
    models[f"TransferRidge, {len(each)} sources"] = TransferRidge(each).fit(*labelled)
    return {name: score(model, X[rest], y[rest], labelled) for name, model in models.items()}


def run_school(schools, draw, n_rows):
    """Draw a school of 80 pupils at least as target and 20 as sources."""
    rng = np.random.default_rng([draw, 7])
    order = rng.permutation(len(schools))
    target = next(k for k in order if len(schools[k][1]) >= 80)
    others = [k for k in order if k != target][:SOURCE_SCHOOLS]
    sources = {f"school {k}": schools[k] for k in others}
    return run_numbers(sources, schools[target], n_rows, draw)


def run_kin(domains, target, draw, n_rows):
    """Draw 500 rows of each other simulation as sources."""
    rng = np.random.default_rng([draw, 9])
    sources = {}
    for name, (X, y) in domains.items():
        rows = rng.choice(len(y), KIN_ROWS, replace=False)
        if name != target:
            sources[name] = X[rows], y[rows]
    return run_numbers(sources, domains[target], n_rows, draw)


def compare(title, one_run, cases):
    """Make a table: a row for each method, a column for each number of labelled rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = {n: [one_run(*case, n) for case in cases] for n in COUNTS}
    means = {
        n: {m: np.mean([run[m] for run in found]) for m in found[0]} for n, found in runs.items()
    }
    rows = [[name, *[means[n][name] for n in COUNTS]] for name in means[COUNTS[0]]]
    columns = ["labelled target rows", *[str(n) for n in COUNTS]]
    return Table(f"{title}, mean of {len(cases)} runs", columns, rows, digits=1)


def run_made(flip, draw):
    """Return the accuracies on 30 made rows of 30 columns, from a source that knows the rule.

    `flip` is 1 for a source that differs by 0.2 in each coefficient, -1 for its opposite.
    """
    rng = np.random.default_rng(draw)
    rule = rng.normal(size=30)
    X_source, X, X_new = (rng.normal(size=(n, 30)) for n in (1000, 30, 1000))
    y_source = X_source @ (flip * (rule + 0.2 * rng.normal(size=30))) > 0
    y, y_new = X @ rule > 0, X_new @ rule > 0
    found = []
    for plain, method in (
        (RidgeClassifier(), TransferRidgeClassifier),
        (LogisticRegression(), TransferLogisticRegression),
    ):
        source = clone(plain).fit(X_source, y_source)
        models = source, plain.fit(X, y), method(source).fit(X, y)
        found.append([100 * float(model.score(X_new, y_new)) for model in models])
    return np.array(found)


def compare_made(n_draws):
    """Make the table of made rows."""
    rows = []
    for flip, kind in ((1, "related"), (-1, "flipped")):
        means = np.mean([run_made(flip, draw) for draw in range(n_draws)], axis=0)
        for loss, scores in zip(("square", "logistic"), means, strict=True):
            rows.append([f"{kind} source, {loss} loss", *scores, scores[2] - scores[1]])
    columns = ["", "source alone", "target alone", "transfer", "gain"]
    title = f"Made rows, 30 of 30 columns, accuracy in percent, mean of {n_draws} draws"
    return Table(title, columns, rows, digits=1)


def run(data_home, *, quick=False):
    """Make a table for each data set.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        A run of each.

    Returns
    -------
    tables : list of Table
    """
    office = prepare_office(load_office_caltech_surf(data_home))
    schools, kin = load_school(data_home), load_kin(data_home)
    draws = range(1 if quick else 3)
    pairs = [(pair, draw) for pair in permutations(office, 2) for draw in draws[:1]]
    pairs = pairs[:1] if quick else pairs

    def objects(pair, draw, n_rows):
        return run_objects(office, pair, n_rows, draw)

    def school(draw, n_rows):
        return run_school(schools, draw, n_rows)

    def arm(target, draw, n_rows):
        return run_kin(kin, target, draw, n_rows)

    n_schools = 1 if quick else 30
    return [
        compare_made(2 if quick else 40),
        compare("Office-Caltech, accuracy in percent", objects, pairs),
        compare("School, R2 in percent", school, [(draw,) for draw in range(n_schools)]),
        *[
            compare(f"Kin, target {target}, R2 in percent", arm, [(target, d) for d in draws])
            for target in kin
        ],
    ]
