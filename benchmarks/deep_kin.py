"""Deep adaptation of regression: a robot arm, simulated in three ways.

The same eight angles and the same distance of the hand, but another law: fairly linear with much
noise (8fh), fairly linear (8fm), and not linear (8nm), where angles vary five times as much. So the
law itself changes, and rows without labels cannot show how. All 2000 source rows have labels. Each
seed splits the target: 1000 rows without labels, and 1000 others to score. The network has two
hidden layers of 64 units and 40 epochs. Nothing is chosen by labels of the target: Ridge chooses
its alpha by leave-one-out on the rows that it is fitted on, and adaptations have the strengths of
the docstring. Networks of peers are in `deep_mnist_usps`.
"""

from itertools import permutations

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import StandardScaler

from benchmarks._adaptation import Task, fit_adapted, timed
from benchmarks._data import load_kin
from benchmarks._runner import Table
from sktransfer import AdaptedNetworkRegressor, CORALAligner, TransferRidge, make_transfer_pipeline

N_LABELS = 20
OPTIONS = {
    "hidden_layer_sizes": (64, 64),
    "max_epochs": 40,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "backbone_learning_rate": 1e-3,
}
ADAPTATIONS = {
    "network, source alone": {"adaptation": None},
    "coral, strength 10": {"adaptation": "coral", "strength": 10.0},
    "dan": {"adaptation": "dan"},
    "dann": {"adaptation": "dann"},
    "adda": {"adaptation": "adda"},
    "mdd": {"adaptation": "mdd"},
}


def ridge():
    """Ridge whose alpha is chosen on the rows that it is fitted on."""
    return RidgeCV(np.logspace(-3, 3, 7))


def predict(name, task, seed, options):
    """The predictions of a method for the test rows."""
    first, all_rows = np.arange(N_LABELS), np.arange(len(task.y_target))
    network = AdaptedNetworkRegressor("mlp", random_state=seed, **options)
    if name in ADAPTATIONS:
        return fit_adapted(network.set_params(**ADAPTATIONS[name]), task).predict(task.X_test)
    if name == "Ridge, source alone":
        return ridge().fit(task.X_source, task.y_source).predict(task.X_test)
    if name == "CORAL, Ridge":
        model = make_transfer_pipeline(StandardScaler(), CORALAligner(), ridge())
        return fit_adapted(model, task).predict(task.X_test)
    if name == "TransferRidge, 20 target labels":
        return fit_adapted(TransferRidge(), task, labelled=first).predict(task.X_test)
    if name == "network, source and 20 target labels":
        network.set_params(adaptation=None, supervised=True)
        return fit_adapted(network, task, labelled=first).predict(task.X_test)
    rows = first if "20 target labels" in name else all_rows
    model = ridge() if name.startswith("Ridge") else network
    return model.fit(task.X_target[rows], task.y_target[rows]).predict(task.X_test)


METHODS = (
    "Ridge, source alone",
    "CORAL, Ridge",
    *ADAPTATIONS,
    "Ridge, 20 target labels",
    "TransferRidge, 20 target labels",
    "network, source and 20 target labels",
    "Ridge, all target labels",
    "network, all target labels",
)


def run(data_home, *, quick=False):
    """Make the table."""
    domains = load_kin(data_home)
    pairs = list(permutations(domains, 2))[: 1 if quick else None]
    seeds = range(1 if quick else 3)
    options = OPTIONS | ({"max_epochs": 2} if quick else {})
    rows = []
    for name in METHODS:
        found, seconds = zip(
            *(timed(score, name, domains, pair, seed, options) for pair in pairs for seed in seeds),
            strict=True,
        )
        found = np.reshape(found, (len(pairs), len(seeds)))
        deviation = found.std(axis=1).max()
        rows.append([name, *found.mean(axis=1), deviation, np.mean(seconds)])
        print("  ".join(map(str, rows[-1])), flush=True)
    heads = [f"{source}→{target}" for source, target in pairs]
    return [
        Table(
            f"Kin: mean squared error times 1000, mean of {len(seeds)} seeds",
            ["method", *heads, "largest deviation", "seconds"],
            rows,
            notes=[
                "All target labels: of the 1000 target rows, an upper limit of what labels give.",
                "Seconds: of the processor, one fit.",
            ],
        )
    ]


def score(name, domains, pair, seed, options):
    """The mean squared error of a method, times 1000."""
    task = draw_task(domains, *pair, seed)
    return 1000 * mean_squared_error(task.y_test, predict(name, task, seed, options))


def draw_task(domains, source, target, seed):
    """Draw the two halves of the target of a pair."""
    rng = np.random.default_rng(seed)
    (X_source, y_source), (X, y) = domains[source], domains[target]
    rows, test = np.split(rng.permutation(len(y)), 2)
    return Task(X_source, y_source, X[rows], y[rows], X[test], y[test])
