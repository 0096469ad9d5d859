"""How often a stage or a depth that `TransferAdvisor` names is within a point of the best.

Stages: a linear model on frozen features, k labels a class, tested on all other rows. A network of
printed characters and one of photographs, on digits, MNIST, USPS, 20 characters of Omniglot, and
ants and bees, so that networks of the same and of another kind occur. The advice is compared with
the last stage and with the blend of `rank_backbones`. Depths: the network of printed characters,
trained from each freeze depth.
"""

from pathlib import Path

import numpy as np

from benchmarks._runner import Table
from benchmarks._weights import find_mobilenet_v2
from benchmarks.transferability_scores import (
    PHOTOGRAPHS,
    draw_rows,
    linear_model,
    load_images,
    stages_of,
)
from sktransfer import FineTuneClassifier, TransferAdvisor, rank_backbones

COUNTS = (2, 5, 10)
N_DRAWS, N_ROWS = 6, 400
MANY, N_DEPTH_DRAWS, N_TEST = 20, 2, 400
ADVICE, LAST, BLEND = "advice", "last stage", "blend"


def features_by_network(name, X, data_home):
    """Give the features of each stage, by network."""
    found = {"print": stages_of("glyphs", X)}
    path = Path(data_home or "", "../weights/mobilenet_v1_0.25_224.onnx")
    if data_home is not None and path.exists():
        found["photographs, small"] = stages_of(path.resolve(), X, preprocessing="tf")
    if name == PHOTOGRAPHS:
        found["photographs"] = stages_of(find_mobilenet_v2(data_home), X)
    return found


def accuracies(features, y, n_labels, draw):
    """Give the accuracy of each stage, and that of the advice, the last stage and the blend."""
    rows = draw_rows(y, n_labels, [draw, n_labels, 13])
    rest = np.setdiff1d(np.arange(len(y)), rows)
    names = list(features)
    models = {name: linear_model().fit(X[rows], y[rows]) for name, X in features.items()}
    answers = {name: models[name].predict_proba(features[name][rest]) for name in names}
    codes = np.searchsorted(models[names[0]].classes_, y[rest])

    def accuracy(probabilities):
        return 100 * float(np.mean(probabilities.argmax(axis=1) == codes))

    some = {name: X[rows] for name, X in features.items()}
    # The advice is that of a TransferAdvisor, which asks for this ranking; features are ready here.
    options = {"n_probed": len(names), "random_state": draw, "n_permutations": 0}
    ranking = rank_backbones(some, None, y[rows], preferred=names[-1], **options)
    truth = {name: accuracy(answers[name]) for name in names}
    mixed = sum(weight * answers[name] for name, weight in ranking.weights.items())
    found = {ADVICE: truth[ranking.best], LAST: truth[names[-1]], BLEND: accuracy(mixed)}
    return truth, found, ranking.best == names[-1]


def of_stages(data, data_home, *, n_draws):
    """Make the table of stages."""
    rows = []
    for name, X, y in data:
        for network, features in features_by_network(name, X, data_home).items():
            drawn = [accuracies(features, y, k, draw) for k in COUNTS for draw in range(n_draws)]
            best = np.array([max(truth.values()) for truth, _, _ in drawn])
            row = [f"{name}, {network}", 100 * float(np.mean([same for _, _, same in drawn]))]
            for kind in (ADVICE, LAST, BLEND):
                loss = best - [found[kind] for _, found, _ in drawn]
                row += [100 * float(np.mean(loss <= 1)), float(loss.mean())]
            rows.append(tuple(row))
            print(row, flush=True)
    means = np.mean([row[1:] for row in rows], axis=0).tolist()
    columns = ["", "% advice is the last"]
    columns += [f"{kind}: {of}" for kind in (ADVICE, LAST, BLEND) for of in ("% hits", "loss")]
    return Table(
        f"Advice on a stage, {len(COUNTS) * n_draws} draws each",
        tuple(columns),
        (*rows, ("mean", *means)),
        notes=(
            "A hit is within one point of the best stage; the loss is the best accuracy minus this "
            "one, in points.",
        ),
        digits=1,
    )


def of_depths(data, *, n_draws):
    """Make the table of freeze depths, with `MANY` labels a class."""
    rows = []
    for name, X, y in data:
        hits = {}
        for draw in range(n_draws):
            drawn = draw_rows(y, MANY, [draw, MANY, 13])
            test = np.setdiff1d(np.arange(len(y)), drawn)[:N_TEST]
            advised = TransferAdvisor(random_state=draw).advise(X[drawn], y[drawn]).freeze_depth
            scores = {}
            for depth in range(5):
                model = FineTuneClassifier(freeze_depth=depth, max_epochs=10, random_state=draw)
                scores[depth] = 100 * model.fit(X[drawn], y[drawn]).score(X[test], y[test])
            chosen = {"advice": advised, "all frozen": 4, "none frozen": 0}
            for kind, depth in chosen.items():
                hits.setdefault(kind, []).append(max(scores.values()) - scores[depth])
        losses = [float(np.mean(each)) for each in hits.values()]
        shares = [100 * float(np.mean(np.array(each) <= 1)) for each in hits.values()]
        rows.append((name, *(value for pair in zip(shares, losses, strict=True) for value in pair)))
        print(rows[-1], flush=True)
    columns = [f"{kind}: {of}" for kind in hits for of in ("% hits", "loss")]
    return Table(
        f"Advice on a depth, {MANY} labels a class, {n_draws} draws",
        ("", *columns),
        tuple(rows),
        notes=("Ten epochs; depths 0 to 4 of the network of printed characters.",),
        digits=1,
    )


def run(data_home, *, quick=False):
    """Make the tables.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        The digits alone, with few draws.

    Returns
    -------
    tables : list of Table
    """
    data_home = None if quick else data_home
    data = list(load_images(data_home, n_rows=N_ROWS, seed=1))
    digits = [each for each in data if each[0] in ("digits", "MNIST", "USPS")]
    return [
        of_stages(data, data_home, n_draws=1 if quick else N_DRAWS),
        of_depths(digits, n_draws=1 if quick else N_DEPTH_DRAWS),
    ]
