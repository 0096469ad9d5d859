"""Speed of deep adaptation: one step of each method next to a plain loop in torch.

Both train the same network with the same loss, optimizer and minibatches, and have the same rows in
memory. The plain loop is what one writes by hand: it sums the loss up, and does nothing else. Ours
checks numbers, and keeps predictions, the domain score and the history. Seconds are those of the
processor, in one thread; the sides take turns, and each number is the median of differences of a
long and a short training, so that the start is not counted.
"""

from statistics import median
from time import process_time

import numpy as np

from benchmarks._adaptation import Task, fit_adapted
from benchmarks._runner import Table
from sktransfer import AdaptedNetworkClassifier

N_ROWS, N_CLASSES, BATCH = 1600, 10, 64
ADAPTATIONS = (
    None,
    "coral",
    "dan",
    "jan",
    "mcc",
    "dann",
    "cdan",
    "adda",
    "confusion",
    "mdd",
)

# Name -> the number of columns, the hidden layers, the epochs of both trainings, and the repeats.
NETWORKS = {
    "64 columns, 128 and 64 units": (64, (128, 64), (1, 5), 7),
    "512 columns, 1024 and 256 units": (512, (1024, 256), (1, 3), 3),
}


def run(data_home, *, quick=False):
    """Make the table."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [
            [
                name,
                str(adaptation),
                *_compare(*about, 1 if quick else n_repeats, adaptation),
            ]
            for name, (*about, n_repeats) in list(NETWORKS.items())[: 1 if quick else None]
            for adaptation in ADAPTATIONS[: 2 if quick else None]
        ]
    finally:
        torch.set_num_threads(threads)
    return [
        Table(
            "Milliseconds of one step, 64 rows of each domain",
            ["network", "adaptation", "plain loop", "ours", "ours / plain loop"],
            rows,
        )
    ]


def _compare(n_columns, sizes, epochs, n_repeats, adaptation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * N_ROWS, n_columns))
    y = (X[:, :N_CLASSES] + rng.normal(size=(2 * N_ROWS, N_CLASSES))).argmax(axis=1)
    task = Task(X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], X[N_ROWS:], y[N_ROWS:])
    jobs = {"plain": plain_loop, "ours": fit_ours}
    steps = (epochs[1] - epochs[0]) * N_ROWS / BATCH
    found = {name: [] for name in jobs}
    for job in jobs.values():  # imports, and objects that are built once
        job(task, sizes, adaptation, 1)
    for _ in range(n_repeats):
        for name, job in jobs.items():
            short, long = (_seconds(job, task, sizes, adaptation, n) for n in epochs)
            found[name].append(1000 * (long - short) / steps)
    plain, ours = (median(found[name]) for name in jobs)
    ratios = [a / b for a, b in zip(found["ours"], found["plain"], strict=True)]
    return [plain, ours, median(ratios)]


def _seconds(job, *args):
    start = process_time()
    job(*args)
    return process_time() - start


def fit_ours(task, sizes, adaptation, n_epochs):
    """Fit our estimator."""
    model = AdaptedNetworkClassifier(
        "mlp",
        adaptation=adaptation,
        hidden_layer_sizes=sizes,
        batch_size=BATCH,
        max_epochs=n_epochs,
        backbone_learning_rate=1e-3,
        random_state=0,
    )
    return fit_adapted(model, task)


def plain_loop(task, sizes, adaptation, n_epochs):
    """Train the same network by hand; returns the loss of the last epoch."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(0)
    X_source, X_target = (
        torch.tensor(X, dtype=torch.float32) for X in (task.X_source, task.X_target)
    )
    y = torch.tensor(task.y_source)
    network = _network(X_source.shape[1], sizes)
    parameters, penalty = list(network.parameters()), _penalty(adaptation, network)
    if penalty is not None:
        parameters += penalty.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-3)
    n_batches = -(-N_ROWS // BATCH)
    for epoch in range(n_epochs):
        total = 0.0
        batches = (
            torch.randperm(N_ROWS).split(BATCH),
            torch.randperm(N_ROWS).split(BATCH),
        )
        for number, (batch, others) in enumerate(zip(*batches, strict=True)):
            progress = (epoch + number / n_batches) / n_epochs
            labels = y[batch]
            if penalty is None:
                loss = cross_entropy(network.see(X_source[batch]).outputs, labels)
            else:
                seen = network.see(torch.cat([X_source[batch], X_target[others]]))
                source, target = seen.take(slice(BATCH)), seen.take(slice(BATCH, None))
                loss = cross_entropy(source.outputs, labels)
                found = penalty.of_tensors(source._replace(y=labels), target, progress)
                if found is not None:
                    loss = loss * penalty.learns_task(progress) + penalty.weight(progress) * found
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
    return total / n_batches


def _network(n_columns, sizes):
    """A perceptron of torch, with what penalties ask of a network."""
    import torch
    from torch.nn.functional import linear

    from sktransfer.deep._training.network import Seen

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layers = []
            for n_inputs, n_outputs in zip((n_columns, *sizes), sizes, strict=False):
                layers += [torch.nn.Linear(n_inputs, n_outputs), torch.nn.ReLU()]
            self.layers = torch.nn.Sequential(*layers)
            self.coef = torch.nn.Parameter(torch.zeros(N_CLASSES, sizes[-1]))
            self.intercept = torch.nn.Parameter(torch.zeros(N_CLASSES))

        def see(self, inputs):
            features = self.layers(inputs)
            return Seen(inputs, features, linear(features, self.coef, self.intercept))

    return Plain()


def _penalty(adaptation, network):
    if adaptation is None:
        return None
    from sktransfer.deep._adaptations.description import How
    from sktransfer.deep._adaptations.names import ADAPTATIONS as DESCRIPTIONS

    how = How(strength=1.0, ramp=10.0, seed=0, classes=True)
    return DESCRIPTIONS[adaptation]()._make_penalty(network, how)
