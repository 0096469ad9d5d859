"""Conformal sets and intervals at 90 %: coverage and size under shift, with and without weights.

Simulated problems have a known density ratio or known class proportions. The real rows are drawn
with a known shift (kin by its first column, digits by class), or are two real domains. Nothing is
tuned: the base estimators are fixed, and no fit reads test rows.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks._data import DataError, load_kin
from benchmarks._guard_tasks import draw_source, load_tasks
from benchmarks._runner import Table
from benchmarks._shifted_data import CLASSES, SINC
from sktransfer import (
    DiscriminatorWeighter,
    LabelShiftWeighter,
    TransferWarning,
    ULSIFWeighter,
    WeightedConformalClassifier,
    WeightedConformalRegressor,
    pack_domains,
)

LEVEL, N_DRAWS, N_LABELLED = 0.9, 200, 40
N_DRAWS_OF_ROWS, N_DRAWS_OF_TASKS = 30, 2
N_ROWS = 800  # of each domain in the simulations
FIRST_SEED = 1000  # the default weighter was chosen on seeds below 30
COLUMNS = (
    "rows",
    "method",
    "covers, %",
    "deviation over draws",
    "size",
    "all classes or infinite, %",
    "effective rows",
)
NOTES = (
    "Size is the mean number of classes in a set, or the median width of an interval; the median "
    "over draws.",
)
UNWEIGHTED = "no weights"
TARGET = f"{N_LABELLED} labelled target rows alone"


@dataclass(frozen=True)
class Known(BaseEstimator):
    """A weighter that knows the density ratio, or the ratio of the class proportions."""

    ratio: object = None
    classes_: object = None
    class_weights_: object = None

    def fit(self, X, y=None, *, sample_domain=None):
        """Learn nothing."""
        return self

    def weigh(self, X):
        """Return the ratio at rows."""
        return self.ratio(X)


@dataclass(frozen=True)
class Problem:
    """Rows of a source and a target, by a seed.

    Parameters
    ----------
    name : str
    estimator : classifier or regressor
    draw : callable
        Returns X and y of source rows, of target rows for the fit, and of test rows.
    weighters : dict of str to weighter
    """

    name: str
    estimator: object
    draw: object
    weighters: dict


def measure(model, test, n_classes):
    """Return the coverage, the size, the share of unlimited answers and the effective rows."""
    X, y = test
    if n_classes is None:
        low, high = model.predict_interval(X).T
        covered, size, unlimited = (low <= y) & (y <= high), np.median(high - low), np.isinf(low)
    else:
        sets = model.predict_set(X)
        places = np.minimum(np.searchsorted(model.classes_, y), len(model.classes_) - 1)
        covered = sets[np.arange(len(y)), places] & (model.classes_[places] == y)
        size, unlimited = sets.sum(axis=1).mean(), sets.all(axis=1)
    return covered.mean(), size, unlimited.mean(), model.effective_sample_size_


def run_draw(problem, seed):
    """Return what `measure` found of each method in one draw."""
    source, (X_target, y_target), test = problem.draw(seed)
    is_classifier = source[1].dtype.kind in "iu"
    kind = WeightedConformalClassifier if is_classifier else WeightedConformalRegressor
    n_classes = len(np.unique(source[1])) if is_classifier else None
    labelled = np.random.default_rng(seed).permutation(len(y_target))[:N_LABELLED]
    known = np.full(len(y_target), np.nan)
    known[labelled] = y_target[labelled]
    unlabelled = pack_domains({"source": source}, target=X_target)
    few = pack_domains({"source": source}, target=(X_target, known))
    fits = {UNWEIGHTED: (None, (*source, None), "all")}
    fits |= {name: (each, unlabelled, "all") for name, each in problem.weighters.items()}
    fits[TARGET] = (None, few, "target")
    found = {}
    for name, (weighter, (X, y, domains), calibrate_on) in fits.items():
        model = kind(
            problem.estimator,
            weighter,
            confidence_level=LEVEL,
            calibrate_on=calibrate_on,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TransferWarning)
            found[name] = measure(model.fit(X, y, sample_domain=domains), test, n_classes)
    return found


def rows_of(name, draws):
    """Return the rows of a table for draws of one problem, or of problems under one name."""
    rows = []
    for method in draws[0]:
        covered, size, unlimited, effective = np.array([draw[method] for draw in draws]).T
        rows.append(
            [
                name,
                method,
                100 * covered.mean(),
                100 * covered.std(),
                float(np.median(size)),
                100 * unlimited.mean(),
                effective.mean(),
            ]
        )
    return rows


def estimated():
    """Return the weighters that estimate a density ratio."""
    return {
        "DiscriminatorWeighter (default)": DiscriminatorWeighter(),
        "ULSIFWeighter": ULSIFWeighter(),
    }


def estimated_shares():
    """Return the weighters that estimate class proportions."""
    return {
        "LabelShiftWeighter": LabelShiftWeighter(),
        "LabelShiftWeighter, bbse": LabelShiftWeighter(method="bbse"),
    }


def covariate_problems():
    """Return the simulations with a known density ratio."""
    return [
        Problem(
            shift.name,
            KNeighborsRegressor(10) if shift.name == SINC.name else LogisticRegression(),
            shift.draw,
            {"true ratio": Known(shift.ratio), **estimated()},
        )
        for shift in (replace(each, n_rows=N_ROWS) for each in (SINC, CLASSES[0], CLASSES[2]))
    ]


SOURCE_SHARES, TARGET_SHARES = np.array([0.4, 0.3, 0.3]), np.array([0.1, 0.2, 0.7])


def draw_classes(seed):
    """Draw three classes of two features, of which the third is the widest."""
    rng = np.random.default_rng(seed)
    parts = []
    for shares, n_rows in ((SOURCE_SHARES, N_ROWS), (TARGET_SHARES, N_ROWS), (TARGET_SHARES, 1000)):
        y = rng.choice(3, n_rows, p=shares)
        centers, widths = np.array([[0, 0], [2, 0], [1, 2.0]]), np.array([0.7, 0.7, 1.2])
        x = centers[y] + widths[y, None] * rng.normal(size=(n_rows, 2))
        parts.append((np.column_stack([x, x**2]), y))  # the log-odds are linear in these
    return parts


def label_problems():
    """Return the simulation with known class proportions."""
    known = Known(classes_=np.arange(3), class_weights_=TARGET_SHARES / SOURCE_SHARES)
    weighters = {"true proportions": known, **estimated_shares()}
    weighters["DiscriminatorWeighter"] = DiscriminatorWeighter()
    return [Problem("three classes", LogisticRegression(max_iter=500), draw_classes, weighters)]


def tilt(X):
    """Return a ratio that rises with the first column: the target has larger angles."""
    return np.exp(X[:, 0])


def kin_problem(name, X, y):
    """Return rows of kin, of which the target has those with large first columns more often."""
    X = StandardScaler().fit_transform(X)

    def draw(seed):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        source, others = order[:600], order[600:]
        weights = tilt(X[others])
        drawn = rng.choice(others, 1000, p=weights / weights.sum())
        return [(X[rows], y[rows]) for rows in (source, drawn[:400], drawn[400:])]

    weighters = {"true ratio": Known(tilt), **estimated()}
    return Problem(f"kin {name}, first column tilted", KNeighborsRegressor(10), draw, weighters)


def digit_problem(name, X, y):
    """Return rows of one domain of digits, of which the target has the larger ones more often."""
    shares = np.arange(1.0, 11) / 55

    def draw(seed):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        source, others = order[: len(y) // 3], order[len(y) // 3 :]
        counts = np.bincount(y[others], minlength=10)
        weights = (shares / counts)[y[others]]
        drawn = rng.choice(others, 1000, p=weights / weights.sum())
        return [(X[rows], y[rows]) for rows in (source, drawn[:400], drawn[400:])]

    known = Known(classes_=np.arange(10), class_weights_=shares / (np.bincount(y) / len(y)))
    weighters = {"true proportions": known, **estimated_shares()}
    estimator = LogisticRegression(C=0.3, max_iter=300)
    return Problem(f"{name}, class proportions drawn", estimator, draw, weighters)


def real_problem(task):
    """Return one of the real tasks; the shift is as it is, and its kind is not known."""

    def draw(seed):
        rng = np.random.default_rng(seed)
        X, y = task.domains[task.target]
        order = rng.permutation(len(y))
        half = min(len(y) // 2, 400)
        parts = [(X[rows], y[rows]) for rows in (order[:half], order[half : half + 1000])]
        return [draw_source(*task.domains[task.source], rng), *parts]

    linear = DiscriminatorWeighter(LogisticRegression(C=0.3, max_iter=300))
    weighters = {
        "DiscriminatorWeighter, linear": linear,
        "LabelShiftWeighter": LabelShiftWeighter(),
    }
    return Problem(task.data, LogisticRegression(C=0.3, max_iter=300), draw, weighters)


def table_of(title, problems, n_draws):
    """Return the table of some problems; those of one name are pooled."""
    by_name = {}
    for problem in problems:
        seeds = range(FIRST_SEED, FIRST_SEED + n_draws)
        by_name.setdefault(problem.name, []).extend(run_draw(problem, seed) for seed in seeds)
    rows = [row for name, draws in by_name.items() for row in rows_of(name, draws)]
    return Table(title, COLUMNS, rows, NOTES)


def run(data_home, *, quick=False):
    """Measure the coverage.

    Parameters
    ----------
    data_home : str or None
        With kin and the data sets of `_guard_tasks`.
    quick : bool, default=False
        A few draws of the simulations alone.

    Returns
    -------
    tables : list of Table
    """
    n_draws = 5 if quick else N_DRAWS
    tables = [
        table_of(f"Covariate shift, {n_draws} draws each", covariate_problems(), n_draws),
        table_of(f"Label shift, {n_draws} draws", label_problems(), n_draws),
    ]
    if quick:
        return tables
    if data_home is None:
        raise DataError("conformal_coverage needs real data; pass --data, or --quick without.")
    kin, tasks = load_kin(data_home), load_tasks(data_home)
    digits = {task.source: task.domains[task.source] for task in tasks if task.data == "digits"}
    drawn = [kin_problem(name, *kin[name]) for name in ("8fm", "8nm")]
    drawn += [digit_problem(name, *rows) for name, rows in digits.items()]
    tables.append(
        table_of(
            f"Real rows with a drawn shift, {N_DRAWS_OF_ROWS} draws each", drawn, N_DRAWS_OF_ROWS
        )
    )
    real = [real_problem(task) for task in tasks]
    title = f"Real shifts, {N_DRAWS_OF_TASKS} draws of each of {len(real)} tasks"
    tables.append(table_of(title, real, N_DRAWS_OF_TASKS))
    return tables
