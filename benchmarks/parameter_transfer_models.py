"""Parameter transfer by stacking, forests and Gaussian processes, with 1 to 50 labelled rows.

The tasks and the simple ways to use a source are those of `parameter_transfer`. Forests, of the
source or the target alone, stand next to those of the transfer. Gaussian processes see 100 rows of
each source. No fit reads test rows, and nothing is tuned. `drifting_sensor` has one more task.
"""

import warnings
from functools import partial
from itertools import permutations

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_kin, load_office_caltech_surf, load_school
from benchmarks._guard_tasks import draw_source, prepare_office
from benchmarks.parameter_transfer import (
    KIN_ROWS,
    SOURCE_SCHOOLS,
    compare,
    score,
    simple_models,
)
from sktransfer import (
    AdaptiveGaussianProcessRegressor,
    AdaptiveSVR,
    TransferForestClassifier,
    TransferForestRegressor,
    TransferLogisticRegression,
    TransferRidge,
    TransferStackingClassifier,
    TransferStackingRegressor,
    pack_domains,
)

TREES, PROCESS_ROWS = 30, 100


def run_objects(domains, pair, n_rows, draw):
    """Return the accuracies on one ordered pair of domains of Office-Caltech."""
    rng = np.random.default_rng([draw, n_rows, 3])
    source, (X, y) = draw_source(*domains[pair[0]], rng), domains[pair[1]]
    order = rng.permutation(len(y))
    labelled, rest = (X[order[:n_rows]], y[order[:n_rows]]), order[n_rows:]
    plain = LogisticRegression(C=0.3, max_iter=300)
    models = simple_models(plain, source, labelled)
    judge = models["source alone"]
    forest = RandomForestClassifier(TREES, random_state=0).fit(*source)
    fitted = {
        "TransferLogisticRegression": TransferLogisticRegression(judge, max_iter=300),
        "TransferStackingClassifier": TransferStackingClassifier(plain, judge),
        "TransferStackingClassifier, residual": TransferStackingClassifier(
            source=judge, mode="residual"
        ),
        "forest, target alone": RandomForestClassifier(TREES, random_state=0),
    }
    models |= {name: model.fit(*labelled) for name, model in fitted.items()}
    models["forest, source alone"] = forest
    models |= {
        f"TransferForestClassifier, {method}": TransferForestClassifier(
            forest, method=method, random_state=0
        ).fit(*labelled)
        for method in ("ser", "strut", "mix")
    }
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
    forest = RandomForestRegressor(TREES, max_features=1 / 3, random_state=0).fit(*source)
    plain = RandomForestRegressor(TREES, max_features=1 / 3, random_state=0)
    fitted = {
        "TransferRidge": TransferRidge(models["source alone"]),
        "forest, target alone": plain,
        "TransferRidge, from the forest": TransferRidge(forest),
        "AdaptiveSVR, from the forest": AdaptiveSVR(forest),
        "TransferStackingRegressor": TransferStackingRegressor(plain, forest, random_state=0),
        "TransferStackingRegressor, residual": TransferStackingRegressor(
            plain, forest, mode="residual", random_state=0
        ),
    }
    models |= {name: model.fit(*labelled) for name, model in fitted.items()}
    models["forest, source alone"] = forest
    models |= {
        f"TransferForestRegressor, {method}": TransferForestRegressor(
            forest, method=method, random_state=0
        ).fit(*labelled)
        for method in ("ser", "strut", "mix")
    }
    few = {}
    for name, (rows, labels) in sources.items():
        chosen = rng.permutation(len(labels))[:PROCESS_ROWS]
        few[name] = scaler.transform(rows[chosen]), labels[chosen]
    packed = pack_domains(few, target=labelled)
    models["Gaussian process, target alone"] = AdaptiveGaussianProcessRegressor().fit(*labelled)
    pooled = AdaptiveGaussianProcessRegressor().fit(packed[0], packed[1])
    models["Gaussian process, pooled"] = pooled
    for likelihood in ("joint", "conditional"):
        process = AdaptiveGaussianProcessRegressor(likelihood=likelihood)
        process.fit(packed[0], packed[1], sample_domain=packed[2])
        models[f"AdaptiveGaussianProcessRegressor, {likelihood}"] = process
    return {name: score(model, X[rest], y[rest], labelled) for name, model in models.items()}


def run_school(schools, draw, n_rows):
    """Draw a school of 80 pupils at least as target; the pupils of 20 others are one source."""
    rng = np.random.default_rng([draw, 7])
    order = rng.permutation(len(schools))
    target = next(k for k in order if len(schools[k][1]) >= 80)
    others = [schools[k] for k in order if k != target][:SOURCE_SCHOOLS]
    pupils = tuple(np.concatenate(parts) for parts in zip(*others, strict=True))
    return run_numbers({"other schools": pupils}, schools[target], n_rows, draw)


def run_kin(domains, target, draw, n_rows):
    """Draw 500 rows of each other simulation as sources, and 1000 of the target."""
    rng = np.random.default_rng([draw, 9])
    drawn = {}
    for name, (X, y) in domains.items():
        rows = rng.choice(len(y), 1000 if name == target else KIN_ROWS, replace=False)
        drawn[name] = X[rows], y[rows]
    chosen = drawn.pop(target)
    return run_numbers(drawn, chosen, n_rows, draw)


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
    pairs = list(permutations(office, 2))[: 1 if quick else None]

    def objects(pair, n_rows):
        return run_objects(office, pair, n_rows, 0)

    def arm(target, n_rows):
        return run_kin(kin, target, 0, n_rows)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = [(draw,) for draw in range(1 if quick else 10)]
        return [
            compare("Office-Caltech, accuracy in percent", objects, [(pair,) for pair in pairs]),
            compare("School, R2 in percent", partial(run_school, schools), draws),
            compare("Kin, three targets, R2 in percent", arm, [(t,) for t in kin][: len(draws)]),
        ]
