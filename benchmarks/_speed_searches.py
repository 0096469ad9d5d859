"""Searches beside what they cannot avoid: a pass of the network, and the fits themselves."""

import tempfile
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._runner import Table
from benchmarks._speed_images import find_files
from benchmarks._speed_networks import by_turns, fitted_extractor, timed
from sktransfer import FineTuneClassifier
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._items import Run
from sktransfer.deep._training.epoch_log import EpochLog
from sktransfer.deep._training.phases import Augmented, train_head, train_stages
from sktransfer.deep._training.starts import PretrainedStart

RATES = (1e-4, 3e-4, 1e-3)


def depth_searches(*, quick):
    """The search over freeze depths and learning rates, with and without reuse."""
    n_images, n_splits, epochs = (60, 2, 2) if quick else (200, 5, 10)
    X, y = load_digits(return_X_y=True)
    X, y = X[:n_images], y[:n_images]
    rows = []
    for name, depths in (("the last three", ["all", 3, 2]), ("the head alone", ["all"])):
        # Without stages to train nothing depends on their rate.
        rates = "weight_decay" if depths == ["all"] else "backbone_learning_rate"
        grid = {"freeze_depth": depths, rates: list(RATES), "max_epochs": [epochs]}
        rows.append([name, *_depth_search(X, y, grid, n_splits)])
    return Table(
        f"{n_splits}-fold search over freeze depths x 3 rates, glyphs on {n_images} digits",
        (
            "depths",
            "pass",
            "training",
            "ours",
            "ours / unavoidable (goal 1.15)",
            "no reuse",
            "no reuse / ours",
            "largest difference of scores",
        ),
        rows,
        notes=(
            "Seconds, the shorter of two runs by turns; no reuse ran once. Pass: the network over "
            "all images, once. "
            "Training: the phases of every fit by themselves, from activations in memory, without "
            "judging the folds. No reuse: cache=None, a pass in every fit and every score.",
        ),
        digits=3,
    )


def _depth_search(X, y, grid, n_splits):
    splits = list(StratifiedKFold(n_splits).split(X, y))
    scores = {}

    def search(cache):
        memory.clear()
        model = FineTuneClassifier(random_state=0, cache=cache)
        found = GridSearchCV(model, grid, cv=splits, refit=False).fit(X, y)
        scores[cache] = found.cv_results_["mean_test_score"]

    def network_pass():
        fitted_extractor(X, {"backbone": "glyphs"}).transform(X)

    jobs = {
        "pass": network_pass,
        "training": partial(_training_alone, X, y, grid, splits),
        "ours": partial(search, "memory"),
    }
    taken = {"pass": [], "training": [], "ours": []}
    for _ in range(2):
        for name, job in jobs.items():
            seconds, result = timed(job)
            taken[name].append(seconds if result is None else result)
    network, training, ours = map(min, taken.values())
    without = timed(partial(search, None))[0]
    return [
        network,
        training,
        ours,
        ours / (network + training),
        without,
        without / ours,
        float(np.abs(scores["memory"] - scores[None]).max()),
    ]


class _Prepared:
    """Where a training starts, with all that the network gives it in memory already."""

    def __init__(self, features, activations, stages):
        self._features, self._activations, self._stages = features, activations, stages
        self.n_features = features.shape[1]

    def features(self, *, view=None):
        return self._features

    def activations(self, *, view=None, rows=None, keep=True):
        return self._activations

    def tail(self, device):
        return self._stages


class _NoCallbacks:
    """The context of a fit that no callback watches."""

    def __init__(self, task_name=None):
        self.task_name = task_name

    def subcontext(self, task_name):
        return _NoCallbacks(task_name)

    def call_on_fit_task_begin(self, **task):
        pass

    def call_on_fit_task_end(self, **task):
        return False


def _training_alone(X, y, grid, splits):
    """Seconds of the two phases of all fits of a search; the network has run before."""
    seconds = 0.0
    for params in ParameterGrid(grid):
        model = FineTuneClassifier(random_state=0, max_epochs=0, head_epochs=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        model.set_params(**FineTuneClassifier(random_state=0, **params).get_params())
        backbone = model.backbone_
        depth = backbone.depth(model.freeze_depth)
        items = backbone.preprocessing.read(X, model, reset=False)
        start = PretrainedStart(items, backbone, depth, Run())
        features, activations = start.features(), start.activations()
        for train, _ in splits:
            prepared = _Prepared(
                features[train], activations[train], start.tail(torch.device("cpu"))
            )
            _, labels, loss = model._read_target(X[train], y[train], None)
            seconds += timed(partial(_phases_of, model, prepared, labels, loss))[0]
    return seconds


def _phases_of(model, prepared, labels, loss):
    seed = np.random.RandomState(0).randint(2**31 - 1)
    options = {
        "loss": loss,
        "settings": model._settings(),
        "augmented": Augmented(None, None, seed),
        "log": EpochLog(_NoCallbacks(), {}, None),
    }
    if not prepared.tail(None):
        return train_head(prepared, labels, **options)
    return train_stages(
        prepared, labels, from_scratch=False, seed=seed, device=torch.device("cpu"), **options
    )


def stage_search(networks, data_home, folder, *, quick):
    """The pipeline search over stages and C, beside its parts and scikit-learn's own ways."""
    name, options = next(iter(networks.items()))
    paths, _ = find_files(data_home, folder, n_files=398)
    order = np.random.default_rng(0).permutation(len(paths))[: 20 if quick else 160]
    paths = [str(paths[place]) for place in order]
    y = np.arange(len(paths)) % 2
    splits = list(StratifiedKFold(5).split(paths, y))
    model = fitted_extractor(paths, options)
    stages = list(model.backbone_.stages[-3:])
    values = np.logspace(-3, 1, 2 if quick else 5)
    scores = {}

    def search(way, cache, **pipeline):
        memory.clear()
        steps = clone(model).set_params(cache=cache), StandardScaler(), LogisticRegression()
        grid = {"pretrainedfeatureextractor__stage": stages, "logisticregression__C": values}
        found = GridSearchCV(make_pipeline(*steps, **pipeline), grid, cv=splits, refit=False)
        scores[way] = found.fit(paths, y).cv_results_["mean_test_score"]

    def stored():
        with tempfile.TemporaryDirectory(dir=folder) as store:
            search("Pipeline(memory)", None, memory=store)

    features = {}

    def passes():
        for stage in stages:
            one = clone(model).set_params(stage=stage).fit(paths[:4])
            features[stage] = one.transform(paths)

    def fits():
        for stage in stages:
            steps = StandardScaler(), LogisticRegression()
            grid = {"logisticregression__C": values}
            found = GridSearchCV(make_pipeline(*steps), grid, cv=splits, refit=False)
            found.fit(features[stage], y)

    taken = by_turns(
        {"passes": passes, "fits": fits, "ours": partial(search, "ours", "memory")},
        repeats=1 if quick else 3,
    )
    taken["stored"] = timed(stored)[0]
    taken["none"] = timed(partial(search, "none", None))[0]
    unavoidable = taken["passes"] + taken["fits"]
    same = all(np.array_equal(found, scores["ours"]) for found in scores.values())
    return Table(
        f"Pipeline search, {len(stages)} stages x {len(values)} C x 5 folds, {len(paths)} files",
        ("way", "seconds", "over ours", "goal"),
        [
            ["one pass a stage", taken["passes"], taken["passes"] / taken["ours"], ""],
            ["linear fits", taken["fits"], taken["fits"] / taken["ours"], ""],
            ["ours", taken["ours"], 1.0, ""],
            ["ours over passes and fits", None, taken["ours"] / unavoidable, "at most 1.3"],
            ["no cache", taken["none"], taken["none"] / taken["ours"], "at least 15"],
            ["Pipeline(memory=...)", taken["stored"], taken["stored"] / taken["ours"], "above 1"],
        ],
        notes=(
            "The passes, the fits and ours are medians of runs by turns, the two others ran once. "
            f"{name}. The scores of all three searches are {'equal' if same else 'NOT equal'}.",
        ),
    )
