"""Zero-shot learning: classes by descriptions alone, on made attributes and on digits by strokes.

How far do descriptions go in place of rows, next to one labelled row of each new class?

Made rows: each class has binary attributes, and a row is a linear map of them, with noise of the
class and of the row. Digits: pictures of 8 x 8 pixels, described by the strokes of a seven-segment
display, or of a hand that writes; two of the ten digits are unseen, in 15 of 45 ways.
"""

from itertools import combinations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

from benchmarks._runner import Table
from sktransfer import PrototypeClassifier, ZeroShotClassifier, pack_domains

COLUMNS = ("method", "among unseen", "seen, among all", "unseen, among all", "harmonic")
METHODS = ("eszsl", "sae", "dap", "conse")
N_DRAWS = 5

# Top, upper left, upper right, middle, lower left, lower right, bottom.
SEGMENTS = {
    0: "1110111",
    1: "0010010",
    2: "1011101",
    3: "1011011",
    4: "0111010",
    5: "1101011",
    6: "1101111",
    7: "1010010",
    8: "1111111",
    9: "1111011",
}
# As a hand writes them: closed loop above, closed loop below, curve at the upper left, upper right,
# lower right and lower left, bar at the top, upright line, slant, bar in the middle, short line at
# the upper left.
STROKES = {
    0: "00111100000",
    1: "00000001000",
    2: "00010000100",
    3: "00011000010",
    4: "00000001011",
    5: "00001010001",
    6: "01101100000",
    7: "00000010100",
    8: "11111100000",
    9: "10110001000",
}
KINDS = {
    "20 attributes, 40 seen classes": {},
    "10 seen classes": {"n_seen": 10},
    "40 seen classes, half of the attributes do not show": {"hidden": 0.5},
    "40 seen classes, a fifth of the attributes described wrongly": {"wrong": 0.2},
    "40 seen classes, noise of classes times 3": {"class_noise": 0.9},
}


def make_classes(seed, *, n_seen=40, n_unseen=10, n_rows=20, class_noise=0.3, hidden=0, wrong=0):
    """Draw rows, the places of their classes and the descriptions; the seen classes come first."""
    rng = np.random.default_rng(seed)
    n_classes, n_attributes, n_features = n_seen + n_unseen, 20, 50
    truth = (rng.uniform(size=(n_classes, n_attributes)) < 0.4).astype(float)
    effect = rng.normal(size=(n_attributes, n_features)) * 2 / np.sqrt(n_attributes)
    effect[: int(hidden * n_attributes)] = 0
    means = truth @ effect + class_noise * rng.normal(size=(n_classes, n_features))
    codes = np.repeat(np.arange(n_classes), n_rows)
    X = means[codes] + 1.5 * rng.normal(size=(len(codes), n_features))
    flips = rng.uniform(size=truth.shape) < wrong
    return X, codes, np.where(flips, 1 - truth, truth)


def nearest_after_ridge(X, codes, descriptions, X_new, candidates):
    """Predict the description by a ridge regression, and take the nearest of the candidates."""
    predicted = Ridge(1.0).fit(X, descriptions[codes]).predict(X_new)
    distances = ((predicted[:, None] - descriptions[candidates]) ** 2).sum(axis=2)
    return np.asarray(candidates)[distances.argmin(axis=1)]


def harmonic(first, second):
    """Give the harmonic mean, 0 if one is 0."""
    return 2 * first * second / (first + second) if first + second else 0.0


def measure(X, codes, descriptions, unseen, *, shot_seed):
    """Give a dict name -> accuracies on unseen classes: among these, and among all classes.

    The second has three numbers, of rows of seen and of unseen classes and their harmonic mean. A
    quarter of the rows of seen classes is for that. An accuracy is the mean over classes.
    """
    is_unseen = np.isin(codes, unseen)
    rng = np.random.default_rng(shot_seed)
    order = np.argsort(rng.uniform(size=len(codes)))
    rank = np.empty(len(codes), dtype=int)
    for code in np.unique(codes):
        mine = order[codes[order] == code]
        rank[mine] = np.arange(len(mine))
    train = ~is_unseen & (rank % 4 > 0)
    shot = is_unseen & (rank == 0)
    new, test_seen = is_unseen & ~shot, ~is_unseen & ~train

    def accuracy(guess, rows):
        return 100 * np.mean([np.mean(guess[rows] == codes[rows]) for rows in groups(rows)])

    def groups(rows):
        return [np.flatnonzero(rows & (codes == code)) for code in np.unique(codes[rows])]

    def scores(among, every):
        parts = accuracy(every, test_seen), accuracy(every, new)
        return [accuracy(among, new), *parts, harmonic(*parts)]

    rows, labels, table = X[train], codes[train], dict(enumerate(descriptions))
    ridge = [
        nearest_after_ridge(rows, labels, descriptions, X, among)
        for among in (unseen, np.unique(codes))
    ]
    results = {
        "chance": [100 / len(unseen), None, None, None],
        "nearest description after a ridge regression": scores(*ridge),
    }
    for method in METHODS:
        every = ZeroShotClassifier(table, method=method).fit(rows, labels)
        params = {"alpha": every.alpha_, "description_alpha": every.description_alpha_}
        among = ZeroShotClassifier(table, method=method, candidates="unseen", **params)
        among.fit(rows, labels)
        results[f"ZeroShotClassifier(method={method!r})"] = scores(
            among.predict(X), every.predict(X)
        )
    packed = pack_domains({"seen": (rows, labels)}, target=(X[shot], codes[shot]))
    for name, params in (("", {}), ("whitened ", {"whiten": True})):
        models = [
            PrototypeClassifier(candidates=candidates, **params).fit(
                *packed[:2], sample_domain=packed[2]
            )
            for candidates in ("target", "all")
        ]
        results[f"{name}PrototypeClassifier, 1 row of each new class"] = scores(
            *(model.predict(X) for model in models)
        )
    return results


def averaged(parts):
    """Give the means of several results."""
    return {
        name: [
            None if parts[0][name][k] is None else np.mean([part[name][k] for part in parts])
            for k in range(4)
        ]
        for name in parts[0]
    }


def made_table(n_draws):
    """Make the tables of made rows: one a kind."""
    rows = []
    for kind, params in KINDS.items():
        parts = []
        for seed in range(n_draws):
            X, codes, descriptions = make_classes(seed, **params)
            unseen = np.unique(codes)[-10:]
            parts.append(measure(X, codes, descriptions, unseen, shot_seed=seed))
        rows += [(kind, name, *values) for name, values in averaged(parts).items()]
    return Table(
        f"Made attributes: accuracy in %, 10 unseen classes, {n_draws} draws",
        ("rows", *COLUMNS),
        tuple(rows),
        notes=(
            "Everything is chosen on the rows of seen classes. Rows of new classes serve the last "
            "two methods of each kind alone.",
        ),
        digits=1,
    )


def digits_table(n_pairs):
    """Make the table of digits, with pairs of unseen digits."""
    X, codes = load_digits(return_X_y=True)
    pairs = list(combinations(range(10), 2))[:: 45 // n_pairs]
    rows = []
    for kind, table in (("seven segments", SEGMENTS), ("strokes of a hand", STROKES)):
        descriptions = np.array([[float(bit) for bit in table[digit]] for digit in range(10)])
        parts = [
            measure(X, codes, descriptions, np.array(pair), shot_seed=seed)
            for seed, pair in enumerate(pairs)
        ]
        rows += [(kind, name, *values) for name, values in averaged(parts).items()]
    return Table(
        f"Handwritten digits by strokes: accuracy in %, 8 seen, 2 unseen, {len(pairs)} pairs",
        (
            "description",
            "method",
            "among unseen",
            "seen, among all",
            "unseen, among all",
            "harmonic",
        ),
        tuple(rows),
        notes=("Rows are the 64 pixels.",),
        digits=1,
    )


def run(data_home, *, quick=False):
    """Make the tables: made attributes, digits."""
    return [made_table(2 if quick else N_DRAWS), digits_table(3 if quick else 15)]
