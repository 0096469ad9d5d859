"""Networks of a peer, with the layers, rows and steps of ours; only if it is installed."""

import warnings
from importlib.util import find_spec

import numpy as np

# The peer's name -> the options that make it the method of the paper as far as they can.
PEERS = {
    "skada: SourceOnly": {},
    "skada: DeepCoral, reg 10": {"reg": 10.0},
    "skada: DAN": {},
    "skada: MCC": {"T": 2.5},
    "skada: DANN": {"num_features": 100},
    "skada: CDAN": {"num_features": 100, "n_classes": 10},
}


def peer_methods(task, make_network, options):
    """Give a dict name -> function of a seed, which returns the accuracy.

    It is empty if skada or skorch is not installed.
    """
    if not (find_spec("skada") and find_spec("skorch")):
        return {}
    return {
        name: lambda seed, name=name: _scores(name, task, make_network, options, seed)
        for name in PEERS
    }


def _scores(name, task, make_network, options, seed):
    import skada.deep
    import torch

    torch.manual_seed(seed)
    X_source, X_target, X_test = (
        (X.reshape(-1, 1, 16, 16).astype(np.float32) - 0.5) / 0.5
        for X in (task.X_source, task.X_target, task.X_test)
    )
    classes, y_source = np.unique(task.y_source, return_inverse=True)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.head = (
                make_network(),
                torch.nn.Linear(100, len(classes)),
            )

        def forward(self, X, sample_weight=None):
            return self.head(self.features(X))

    make = getattr(skada.deep, name.removeprefix("skada: ").partition(",")[0])
    net = make(
        Whole(),
        layer_name="features",
        max_epochs=options["max_epochs"],
        batch_size=options["batch_size"],
        optimizer=torch.optim.AdamW,
        lr=options["learning_rate"],
        train_split=None,
        verbose=0,
        **PEERS[name],
    )
    sizes = len(X_source), len(X_target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(
            np.concatenate([X_source, X_target]),
            np.concatenate([y_source, np.full(len(X_target), -1)]),
            sample_domain=np.repeat([1, -2], sizes),
        )
        predicted = net.predict(X_test, sample_domain=np.full(len(X_test), -2))
    return np.mean(classes[predicted] == task.y_test)
