"""Deep adaptation, two moons rotated by 35 degrees: are both moons of the target classified?

The rows are those of Ganin et al. (JMLR 2016, section 5.1.1): 300 labelled rows of two moons, and
300 other rows, turned by 35 degrees, without labels. The paper's network has 15 sigmoid units, a
discriminator without a hidden layer and a strength of 6, and classifies all target rows. Ours has
rectified units, whose features have no upper limit: a linear discriminator matches less by them.
The settings were chosen on draws 100 to 102, and the table has draws 0 to 4.
"""

import numpy as np
from sklearn.datasets import make_moons

from benchmarks._adaptation import SIMPLE, Task, fit_adapted, table_of_seeds
from sktransfer import AdaptedNetworkClassifier
from sktransfer.deep import DANN

N_ROWS, ANGLE = 300, 35.0
OPTIONS = {
    "preprocessing": (0, 1),
    "max_epochs": 60,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "backbone_learning_rate": 1e-2,
}
SMALL, LARGE = (15,), (50, 50)
NETWORKS = {
    "15 units, source alone": (SMALL, {"adaptation": None}),
    "15 units, dann": (SMALL, {"adaptation": "dann"}),
    "15 units, dann, linear, strength 6": (
        SMALL,
        {"adaptation": DANN(hidden_layer_sizes=()), "strength": 6.0},
    ),
    "50 and 50 units, source alone": (LARGE, {"adaptation": None}),
    "50 and 50 units, dan, strength 10": (LARGE, {"adaptation": "dan", "strength": 10.0}),
}


def run(data_home, *, quick=False):
    """Make the table."""

    def network(sizes, parameters):
        return lambda seed: _of_network(draw_moons(seed), sizes, parameters, seed)

    methods = {name: network(*about) for name, about in NETWORKS.items()}
    for name, make in SIMPLE.items():
        methods[name] = lambda seed, make=make: [_of(make(), draw_moons(seed)), np.nan]
    return [
        table_of_seeds(
            "Two moons, rotated by 35 degrees: accuracy on the target",
            methods,
            seeds=range(1 if quick else 5),
            columns=["accuracy", "on the source"],
            notes=["On the source: of the minibatches of the last epoch."],
        )
    ]


def draw_moons(seed):
    """Two moons around the origin, and others that are turned."""
    X, y = make_moons(N_ROWS, noise=0.05, random_state=2 * seed)
    X_target, y_target = make_moons(N_ROWS, noise=0.05, random_state=2 * seed + 1)
    center, angle = X.mean(axis=0), np.radians(ANGLE)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    X, X_target = 2 * (X - center), 2 * (X_target - center) @ turn
    return Task(X, y, X_target, y_target, X_target, y_target)


def _of_network(task, sizes, parameters, seed):
    model = AdaptedNetworkClassifier(
        "mlp", hidden_layer_sizes=sizes, random_state=seed, **OPTIONS | parameters
    )
    return [_of(model, task), model.history_["train_score"][-1]]


def _of(model, task):
    return fit_adapted(model, task).score(task.X_test, task.y_test)
