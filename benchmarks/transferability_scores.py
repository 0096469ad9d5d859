"""Which score finds the best stage: closed forms, probes, and the last stage of a known network?

Candidates are the stages of networks, and the pixels. The truth is the accuracy of a linear model
(standardized, C = 0.1), fitted on k labels a class and tested on all other rows. The loss of a
score is the accuracy of the best candidate minus that of the one it chooses, in points. Four stages
of glyphs and pixels on digits, MNIST, USPS and 20 characters of Omniglot; the stages of four
networks on photographs of ants and bees, if these and the weights are there.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import (
    DataError,
    load_hymenoptera,
    load_mnist_test,
    load_mnist_usps,
    load_omniglot,
)
from benchmarks._runner import Table
from benchmarks._weights import find_mobilenet_v2
from sktransfer import PretrainedFeatureExtractor, rank_backbones, ridge_probe
from sktransfer.transferability import (
    gbc_score,
    h_score,
    logme_score,
    nleep_score,
    parc_score,
    transrate_score,
)

COUNTS = (2, 5, 10)
N_DRAWS, N_ROWS, N_CHARACTERS = 6, 1000, 20
OMNIGLOT, PHOTOGRAPHS = "Omniglot", "ants and bees"

CLOSED_FORMS = {
    "ridge leave-one-out, Brier": lambda X, y: ridge_probe(X, y).skill,
    "ridge leave-one-out, accuracy": lambda X, y: ridge_probe(X, y).accuracy,
    "1-NN leave-one-out": lambda X, y: nearest_row(X, y),
    "nearest mean leave-one-out": lambda X, y: nearest_mean(X, y),
    "LogME": logme_score,
    "N-LEEP": nleep_score,
    "PARC": parc_score,
    "GBC": gbc_score,
    "H-score": h_score,
    "TransRate": transrate_score,
}
LOG_LOSS, ACCURACY = "probe CV, log-loss", "probe CV, accuracy"
LAST, CHOICE, BLEND = "last stage", "largest weight of the blend", "blend"


@dataclass(frozen=True)
class Domain:
    """Features of the same rows by candidate, and their labels; the last one is the known best."""

    name: str
    features: dict
    y: np.ndarray


def nearest_row(X, y):
    """Give the leave-one-out accuracy of the nearest row."""
    Z = StandardScaler().fit_transform(X)
    distances = np.sum(Z**2, axis=1) - 2 * Z @ Z.T
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(y[distances.argmin(axis=1)] == y))


def nearest_mean(X, y):
    """Give the leave-one-out accuracy of the nearest mean; two rows of each class or more."""
    Z = StandardScaler().fit_transform(X)
    classes, codes = np.unique(y, return_inverse=True)
    counts = np.bincount(codes)
    means = np.array([Z[codes == code].mean(axis=0) for code in range(len(classes))])
    distances = np.sum((Z[:, None] - means) ** 2, axis=2)
    rows = np.arange(len(Z))
    # Without the row, the mean of its class is n / (n - 1) times as far away.
    distances[rows, codes] *= (counts[codes] / (counts[codes] - 1)) ** 2
    return float(np.mean(distances.argmin(axis=1) == codes))


def linear_model():
    """Give the model that is the truth, and that `rank_backbones` probes with."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def stages_of(backbone, X, **options):
    """Give a dict of stage to features, in order from the input."""
    extractor = PretrainedFeatureExtractor(backbone, **options).fit(X)
    found = extractor.transform_stages(X)
    return {f"{extractor.backbone_.name} {stage}": features for stage, features in found.items()}


def grey_domain(name, images, y, *, block=1):
    """Give the pixels, averaged over blocks, and the four stages of glyphs."""
    side = images.shape[1] // block
    blocks = images.reshape(len(images), side, block, side, block).mean(axis=(2, 4))
    features = {"pixels": blocks.reshape(len(images), -1)}
    return Domain(name, features | stages_of("glyphs", images), y)


def load_images(data_home, *, n_rows, seed):
    """Yield the name, the items and the labels of each data set that is there."""
    rng = np.random.default_rng(seed)

    def some(images, y):
        rows = rng.choice(len(y), n_rows, replace=False)
        return images[rows], y[rows]

    digits = load_digits()
    yield "digits", *some(digits.images, digits.target)
    try:
        yield "MNIST", *some(*load_mnist_test(data_home))
        X, y = load_mnist_usps(data_home)["usps"]
        yield "USPS", *some(X.reshape(-1, 16, 16), y)
        characters, _ = load_omniglot(data_home)
        chosen = rng.choice(np.unique(characters.label), N_CHARACTERS, replace=False)
        rows = np.isin(characters.label, chosen)
        yield OMNIGLOT, characters.images[rows], characters.label[rows]
        parts = load_hymenoptera(data_home).values()
        yield PHOTOGRAPHS, *(np.concatenate([part[k] for part in parts]) for k in range(2))
    except DataError as error:
        print(error)


def load_domains(data_home):
    """Yield the candidates on each data set that is there."""
    for name, X, y in load_images(data_home, n_rows=N_ROWS, seed=0):
        try:
            if name == PHOTOGRAPHS:
                yield photographs(data_home, X, y)
            else:
                yield grey_domain(name, X, y, block=3 if name == OMNIGLOT else 1)
        except DataError as error:
            print(error)


def photographs(data_home, X, y):
    """Give the stages of networks on ants and bees; the last of MobileNetV2 comes last."""
    features = stages_of("glyphs", X)
    for name, way in {"mobilenet_v1_0.25_224": "tf", "shufflenet-v2-12-int8": "torch"}.items():
        path = Path(data_home, f"../weights/{name}.onnx")
        if path.exists():
            features |= stages_of(path.resolve(), X, preprocessing=way)
    features |= stages_of(find_mobilenet_v2(data_home), X)
    return Domain(PHOTOGRAPHS, features, y)


def draw_rows(y, n_labels, seed):
    """Give the labelled rows, `n_labels` of each class."""
    rng = np.random.default_rng(seed)
    classes = np.unique(y)
    return np.concatenate([rng.choice(np.flatnonzero(y == c), n_labels, False) for c in classes])


def compare(domain, n_labels, draw):
    """Give the accuracies of a draw in points: of each score's choice, and the best one's.

    Returns
    -------
    found : dict of str to (accuracy of the choice, rank correlation or None, milliseconds or None)
    best : float
    """
    rows = draw_rows(domain.y, n_labels, [draw, n_labels, 7])
    rest = np.setdiff1d(np.arange(len(domain.y)), rows)
    labels, truth_labels = domain.y[rows], domain.y[rest]
    names = list(domain.features)
    some = {name: np.asarray(X[rows], dtype=float) for name, X in domain.features.items()}
    models = {name: linear_model().fit(X, labels) for name, X in some.items()}
    answers = {name: m.predict_proba(domain.features[name][rest]) for name, m in models.items()}
    classes = models[names[0]].classes_
    codes = np.searchsorted(classes, truth_labels)

    def accuracy(probabilities):
        return 100 * float(np.mean(probabilities.argmax(axis=1) == codes))

    truth = np.array([accuracy(answers[name]) for name in names])
    found = {}

    def add(score, values, milliseconds):
        values = np.array(values)
        correlation = spearmanr(values, truth).statistic if np.ptp(values) else 0.0
        found[score] = (float(truth[values.argmax()]), float(correlation), milliseconds)

    for score, function in CLOSED_FORMS.items():
        values, seconds = zip(*[timed(function, some[name], labels) for name in names], strict=True)
        add(score, values, 1000 * float(np.median(seconds)))
    options = {"n_probed": len(names), "n_permutations": 0, "random_state": draw}
    start = time.process_time()
    ranking = rank_backbones(some, None, labels, preferred=names[-1], **options)
    lines = {each.name: each for each in ranking.candidates}
    milliseconds = 1000 * (time.process_time() - start) / len(names)
    add(LOG_LOSS, [-lines[name].loss for name in names], milliseconds)
    add(ACCURACY, [lines[name].score for name in names], milliseconds)
    mixed = sum(weight * answers[name] for name, weight in ranking.weights.items())
    found[LAST] = (float(truth[-1]), None, None)
    found[CHOICE] = (float(truth[names.index(ranking.best)]), None, milliseconds)
    found[BLEND] = (accuracy(mixed), None, milliseconds)
    return found, float(truth.max())


def timed(function, *args):
    """Give the result of a second call, and its seconds of the processor."""
    function(*args)
    start = time.process_time()
    value = function(*args)
    return value, time.process_time() - start


def run(data_home, *, quick=False):
    """Make the tables.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        Few draws of the digits.

    Returns
    -------
    tables : list of Table
    """
    results = {}
    for domain in load_domains(None if quick else data_home):
        for n_labels in COUNTS:
            for draw in range(1 if quick else N_DRAWS):
                results[domain.name, n_labels, draw] = compare(domain, n_labels, draw)
        print(domain.name, len(domain.features), flush=True)
    domains = list(dict.fromkeys(name for name, _, _ in results))
    return [_all(results), _by(results, domains, 0, "domain"), _by(results, COUNTS, 1, "k")]


def _all(results):
    scores = list(next(iter(results.values()))[0])
    rows = []
    for score in scores:
        accuracy, rank, spent = zip(*[found[score] for found, _ in results.values()], strict=True)
        losses = np.array([best for _, best in results.values()]) - accuracy
        rows.append(
            (
                score,
                None if rank[0] is None else float(np.mean(rank)),
                float(np.mean(accuracy)),
                float(losses.mean()),
                100 * float(np.mean(losses > 2)),
                None if spent[0] is None else float(np.median(spent)),
            )
        )
    best = float(np.mean([best for _, best in results.values()]))
    columns = ("score", "Spearman", "accuracy", "mean loss", "% loss > 2", "ms a candidate")
    return Table(
        f"Choice of a stage, {len(results)} rankings",
        columns,
        tuple(sorted(rows, key=lambda row: row[3])),
        notes=(
            f"The best candidate of each ranking has {best:.1f} on average. The blend averages "
            "candidates, so that its loss may be negative. The last stage is that of the network "
            "known to be best: glyphs, or MobileNetV2.",
        ),
    )


def _by(results, values, place, name):
    scores = list(next(iter(results.values()))[0])
    rows = []
    for score in scores:
        row = [score]
        for value in values:
            some = [result for key, result in results.items() if key[place] == value]
            row.append(float(np.mean([best - found[score][0] for found, best in some])))
        rows.append(tuple(row))
    return Table(f"Mean loss by {name}", ("score", *map(str, values)), tuple(rows))
