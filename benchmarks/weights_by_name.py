"""From printed to handwritten digits: a network's weights, loaded by name into another network.

What does a source network that one trains oneself bring to another network for another task, and
how many labels does that replace? A small network is trained from scratch on printed digits and its
weights are saved as people save them. Another network, one layer deeper and with another head,
takes over those whose name and shape fit, and is trained in two phases on a few handwritten digits:
first a linear head, then all stages, the ones that were loaded at lower rates. Beside it the same
network without those weights, a linear model on the features of the source network as it is, and
what needs no network. The same source network serves MNIST's test images where these are.

What is tested on are the rows that are not drawn. Two settings were changed after a first short
run: the rate of the second phase, for its curve on held-out rows, and MNIST's border, cropped for
all candidates alike.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks._data import DataError, load_mnist_test
from benchmarks._runner import Table
from benchmarks.few_labels import draw_rows, few_label_accuracy
from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.datasets import load_printed_digits
from sktransfer.deep._preprocessing import Preprocessing

AS_INPUT = Preprocessing((16, 16), 1, mean=(0.5,), std=(0.5,))
COUNTS = {"digits": (1, 3, 5, 10, 20), "MNIST": (1, 5, 10)}
N_DRAWS = {"digits": 5, "MNIST": 3}
N_MNIST = 2000
WATCHED = "digits", 20

WITH, WITHOUT = "network with weights by name, two phases", "the same network from scratch"
SOURCE = {
    "initialize": "random",
    "freeze_depth": 0,
    "max_epochs": 15,
    "backbone_learning_rate": 1e-3,
    "augment": {"rotation": 10, "shift": 0.1, "zoom": 0.2},
    "random_state": 0,
}
SHORT = {WITHOUT: "from scratch", WITH: "by name"}
COLOURS = {
    "pixels, nearest centroid": "0.7",
    "pixels, linear model": "0.45",
    "features of the source network, linear model": "#56b4e9",
    WITHOUT: "#d55e00",
    WITH: "#0072b2",
}
# No early stopping: both curves have all epochs. The weights of the best are kept all the same.
LONG = {"freeze_depth": 0, "max_epochs": 40, "n_iter_no_change": 40, "cache": None}
TWO_PHASES = {"backbone_learning_rate": 3e-4, "rate_decay": 0.3}
FROM_SCRATCH = {"initialize": "random", "backbone_learning_rate": 1e-3}
# The margin around MNIST's digits, which the printed ones lack.
MNIST_BORDER = 3


def make_network(widths, n_outputs):
    """Give a network of blocks "block1", "block2", ..., and a linear "head"."""
    import torch

    torch.manual_seed(0)
    layers = torch.nn.Sequential()
    for number, width in enumerate(widths, start=1):
        n_in = 1 if number == 1 else widths[number - 2]
        pool = torch.nn.MaxPool2d(2) if number <= 3 else torch.nn.Identity()
        block = torch.nn.Sequential(
            torch.nn.Conv2d(n_in, width, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(width),
            torch.nn.ReLU(),
            pool,
        )
        layers.add_module(f"block{number}", block)
    layers.add_module("pool", torch.nn.AdaptiveAvgPool2d(1))
    layers.add_module("flat", torch.nn.Flatten())
    layers.add_module("head", torch.nn.Linear(widths[-1], n_outputs))
    return layers


def source_network():
    """Give the network for printed digits: three blocks."""
    return make_network((16, 32, 64), 10)


def target_network():
    """Give the network for handwritten digits: a block more, hence another head."""
    return make_network((16, 32, 64, 96), 10)


def stages_of(network):
    """Give the names of the blocks."""
    return [name for name, _ in network.named_children() if name.startswith("block")]


def train_source(*, quick=False):
    """Train the network for printed digits; give the classifier and the network it has become."""
    import torch

    printed = load_printed_digits()
    network = source_network()
    settings = SOURCE | ({"max_epochs": 3} if quick else {})
    classifier = FineTuneClassifier(
        network, stages=stages_of(network), preprocessing=AS_INPUT, cache=None, **settings
    ).fit(printed.images, printed.target)
    head = classifier.head_
    arrays = {
        "head.weight": head.coef / head.scale,
        "head.bias": head.intercept - head.coef @ (head.mean / head.scale),
    }
    for stage in classifier.stage_weights_.values():
        arrays |= stage
    tensors = {name: torch.as_tensor(np.asarray(array)) for name, array in arrays.items()}
    network.load_state_dict(tensors)
    return classifier, network.eval()


def loaded(weights):
    """Make the table of what became of each tensor."""
    network = target_network()
    extractor = PretrainedFeatureExtractor(
        network, stages=stages_of(network), preprocessing=AS_INPUT, weights=weights
    ).fit(load_digits().images)
    report = extractor.load_report_
    rows = [(name, "loaded") for name in report.loaded]
    rows += [(name, f"skipped: {reason}") for name, reason in report.skipped]
    rows += [(name, "left fresh") for name in report.fresh]
    return Table(
        f"By name: {len(report.loaded)} tensors loaded, {len(report.skipped)} of the file skipped, "
        f"{len(report.fresh)} of the network left fresh",
        ("tensor", "what became of it"),
        tuple(rows),
    )


def as_rows(images):
    """Give images as rows of pixels."""
    return images.reshape(len(images), -1).astype(float)


def candidates(network, weights, *, quick=False):
    """Give a dict name -> estimator of all that are compared."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    rows = FunctionTransformer(as_rows)
    frozen = PretrainedFeatureExtractor(
        network, stages=stages_of(network), stage="block3", preprocessing=AS_INPUT
    )
    target = target_network()
    options = {"stages": stages_of(target), "preprocessing": AS_INPUT} | LONG
    if quick:
        options |= {"max_epochs": 4}
    return {
        "pixels, nearest centroid": make_pipeline(rows, NearestCentroid()),
        "pixels, linear model": make_pipeline(rows, *clone(linear)),
        "features of the source network, linear model": make_pipeline(frozen, *clone(linear)),
        WITHOUT: FineTuneClassifier(target, random_state=0, **FROM_SCRATCH, **options),
        WITH: FineTuneClassifier(target, weights=weights, random_state=0, **TWO_PHASES, **options),
    }


def compare(name, images, y, source, estimators, *, quick=False):
    """Make the table of one data set: a row a candidate, a column a number of labels."""
    counts = COUNTS[name][-1:] if quick else COUNTS[name]
    seeds = range(1 if quick else N_DRAWS[name])
    rows = []
    for label, estimator in estimators.items():
        start = time.perf_counter()
        scores = [few_label_accuracy(estimator, images, y, n, seeds) for n in counts]
        seconds = (time.perf_counter() - start) / len(counts) / len(seeds)
        means = [float(s.mean()) for s in scores]
        rows.append((label, *means, max(float(s.std()) for s in scores), f"{seconds:.1f}"))
        print(f"{name}, {label}: {np.round(means, 3)}", flush=True)
    untrained = source.score(images, y)
    heads = [f"{n} per class" for n in counts]
    return Table(
        f"{name}: accuracy by labels per class, mean of {len(seeds)} draws",
        ("", *heads, "largest sd", "seconds"),
        tuple(rows),
        notes=(
            f"The source network as it is, without a label of {name}: {untrained:.3f}.",
            "Largest sd: over draws, the largest of the row. Seconds: one fit, and the prediction "
            "of the rows that are not drawn.",
        ),
        digits=3,
    )


def learning_curves(images, y, estimators, *, n_labels, n_draws):
    """Make the table of what `history_` says, epoch by epoch: means over draws.

    Epoch 0 is the state in which the second phase begins: after the first phase, or drawn.
    """
    columns, found = [], []
    for label, short in SHORT.items():
        histories = []
        for seed in range(n_draws):
            rows = draw_rows(y, n_labels, seed)
            fitted = clone(estimators[label]).set_params(random_state=seed)
            histories.append(second_phase(fitted.fit(images[rows], y[rows]).history_))
        for measure in ("train_loss", "validation_loss", "validation_score"):
            columns.append(f"{short}: {measure}")
            found.append(np.mean([history[measure] for history in histories], axis=0))
    n_epochs = len(found[0])
    return Table(
        f"Learning curves: {n_labels} labels a class, means over {n_draws} draws",
        ("epoch", *columns),
        tuple((epoch, *[float(values[epoch]) for values in found]) for epoch in range(n_epochs)),
        notes=(
            "From history_, the scores those of held-out rows (15 % of the labelled ones). Epoch "
            "0: the end of the first phase; without one there is nothing to tell (nan).",
        ),
        digits=3,
    )


def second_phase(history):
    """Give the epochs of the second phase, before them the last of the first, or NaN."""
    phases = np.array(history["phase"])
    start = np.flatnonzero(phases == "head")[-1:]
    later = np.flatnonzero(phases == "fine-tune")
    curves = {}
    for measure in ("train_loss", "validation_loss", "validation_score"):
        values = np.array(history[measure], dtype=float)
        before = values[start] if len(start) else [np.nan]
        curves[measure] = np.concatenate([before, values[later]])
    return curves


def run(data_home, *, quick=False):
    """Make the tables: what was loaded, the accuracies, the learning curves."""
    import torch

    start = time.perf_counter()
    source, network = train_source(quick=quick)
    print(f"source network: {time.perf_counter() - start:.1f} seconds", flush=True)
    digits = load_digits()
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "printed.pth"
        torch.save(network.state_dict(), weights)
        estimators = candidates(network, weights, quick=quick)
        tables = [loaded(weights)]
        tables.append(
            compare("digits", digits.images, digits.target, source, estimators, quick=quick)
        )
        tables.append(
            learning_curves(
                digits.images,
                digits.target,
                estimators,
                n_labels=WATCHED[1],
                n_draws=1 if quick else N_DRAWS["digits"],
            )
        )
        tables.append(_on_mnist(data_home, source, network, weights, quick=quick))
    return tables


def _on_mnist(data_home, source, network, weights, *, quick):
    try:
        images, labels = load_mnist_test(data_home)
    except DataError as error:
        return Table("MNIST", ("left out",), ((str(error),),))
    inside = slice(MNIST_BORDER, -MNIST_BORDER)
    images, labels = images[:N_MNIST, inside, inside], labels[:N_MNIST]
    estimators = candidates(network, weights, quick=quick)
    return compare("MNIST", images, labels, source, estimators, quick=quick)


def draw(tables, folder):
    """Draw the learning curves, and accuracy against the number of labels; give the path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    by_labels = [table for table in tables if table.columns[-2:] == ("largest sd", "seconds")]
    (curves,) = [table for table in tables if table.columns[0] == "epoch"]
    figure = Figure(figsize=(5.2 * (1 + len(by_labels)), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 1 + len(by_labels))
    _draw_curves(axes[0], curves)
    for place, table in zip(axes[1:], by_labels, strict=True):
        _draw_labels(place, table)
    axes[1].legend(frameon=False, fontsize=8)
    path = folder / "weights_by_name.png"
    figure.savefig(path, dpi=110)
    return [path]


def _draw_curves(axes, table):
    """Held-out scores with full lines, training losses dashed on an axis of their own."""
    losses = axes.twinx()
    epochs = [row[0] for row in table.rows]
    for label, short in SHORT.items():
        score, loss = (
            [row[table.columns.index(f"{short}: {measure}")] for row in table.rows]
            for measure in ("validation_score", "train_loss")
        )
        axes.plot(epochs, score, color=COLOURS[label], lw=2, label=label)
        losses.plot(epochs, loss, "--", color=COLOURS[label], lw=1.2)
    axes.set(
        xlabel="epoch of the second phase", ylim=(0, 1.02), title=table.title.partition(",")[0]
    )
    axes.set_ylabel("accuracy on held-out rows (full lines)")
    losses.set_ylabel("training loss (dashed lines)")
    losses.set_ylim(bottom=0)


def _draw_labels(axes, table):
    heads = table.columns[1:-2]
    counts = [int(head.split()[0]) for head in heads]
    for label, *values in table.rows:
        style = "o-" if label in (WITH, WITHOUT) else "s--"
        axes.plot(counts, values[: len(counts)], style, ms=4, color=COLOURS[label], label=label)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set(xlabel="labels per class", ylabel="accuracy", title=table.title.partition(":")[0])
