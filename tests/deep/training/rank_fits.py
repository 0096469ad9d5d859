"""Fits that test_ranks runs in one process and, by this script, in several."""

import json
import os
import runpy
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from sktransfer.deep import AdaptedNetworkClassifier, FineTuneClassifier, FineTuneRegressor
from sktransfer.deep._training.network import Seen
from sktransfer.deep._training.ranks import all_ranks

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y = DIGITS[:61], LABELS[:61] % 3
WEIGHTS = np.random.default_rng(0).uniform(0, 2, 61).round()
NAMES = np.where(np.arange(61) < 40, "scanner", "target")
OPTIONS = {
    "freeze_depth": 3,
    "max_epochs": 3,
    "batch_size": 12,
    "weight_decay": 0.3,
    "random_state": 0,
}

# By name: the class, its parameters, and more for fit. Of 51 training rows in minibatches of 12 the
# last has 3 rows, which are too few for two ranks.
FITS = {
    "head alone": (FineTuneClassifier, {"freeze_depth": "all"}, {}),
    "last stage": (FineTuneClassifier, {"class_weight": "balanced"}, {}),
    "weights of rows": (
        FineTuneClassifier,
        {"freeze_depth": 2, "l2_sp": 0.1, "rate_decay": 0.5, "schedule": "cosine"},
        {"sample_weight": WEIGHTS},
    ),
    "numbers": (FineTuneRegressor, {"validation_fraction": 0}, {}),
    "new views": (FineTuneClassifier, {"augment": {"shift": 0.1}, "batch_size": 7}, {}),
    "pairs": (FineTuneClassifier, {"objective": "contrastive", "weight_decay": 0.01}, {}),
    "dann": (AdaptedNetworkClassifier, {"adaptation": "dann"}, {"sample_domain": NAMES}),
    "adda": (AdaptedNetworkClassifier, {"adaptation": "adda"}, {"sample_domain": NAMES}),
    "batch-norm": (FineTuneClassifier, {"backbone": "random.onnx"}, {}),
    "from scratch": (
        FineTuneClassifier,
        {"backbone": "random.onnx", "initialize": "random", "freeze_depth": 0, "max_epochs": 6},
        {},
    ),
}


def make(name, **parameters):
    kind, own, _ = FITS[name]
    return kind(**(OPTIONS | own | parameters))


def fit(name, **parameters):
    return make(name, **parameters).fit(X, Y, **FITS[name][2])


def summary(estimator):
    """The losses, the head, and sums over the weights."""
    head, stages = estimator.head_, estimator.stage_weights_
    arrays = [array.astype(np.float64) for stage in stages.values() for array in stage.values()]
    return {
        "history": {n: values for n, values in estimator.history_.items() if n != "phase"},
        "head": [head.coef.tolist(), head.intercept.tolist()],
        "stages": [[array.sum(), np.abs(array).sum()] for array in arrays],
    }


class Interrupt:
    """A callback that interrupts the second phase at the start of an epoch."""

    def __init__(self, epoch):
        self.epoch, self.n_calls = epoch, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_calls += 1
        self.epoch -= context.task_name == "fine-tune"
        if self.epoch < 0:
            raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        pass


def failure(estimator, *data, **more):
    """The error of a fit, and whether the fit before is still there."""
    before = dict(vars(estimator))
    try:
        estimator.fit(*data, **more)
    except BaseException as error:
        is_whole = all(vars(estimator).get(name) is value for name, value in before.items())
        return type(error).__name__, str(error), is_whole
    return None, "", False


def sums():
    """The gradients of 5 squares and of a weight that all ranks have alike; a mean over ranks."""
    import torch

    rows, weight, own = torch.arange(5.0), torch.tensor(3.0), torch.tensor(1.0)
    with all_ranks() as ranks:
        mine = weight.requires_grad_() * rows[ranks.part(5), None]
        seen = ranks.join(Seen(None, None, mine), ("outputs",), 5)
        (seen.outputs.square().sum() + 7 * own.requires_grad_()).backward()
        ranks.sum_gradients([weight], [own])
        mean = torch.tensor([float(ranks.number)])
        ranks.average([mean], 1 + 2 * ranks.number)
    return seen.outputs[:, 0].tolist(), weight.grad.item(), own.grad.item(), mean.item()


def work(rank):
    """All that one of the processes does; yields names and results."""
    yield "guide", summary(runpy.run_path("train.py")["classifier"])
    for name in FITS:
        yield name, summary(fit(name))
    yield "sums", sums()
    seeds = np.random.RandomState(rank)
    yield "own seeds", summary(fit("last stage", random_state=seeds))
    yield "shared folder", summary(fit("head alone", cache="activations"))
    written = []
    sys.addaudithook(
        lambda event, about: written.append(about[1]) if event == "os.rename" else None
    )
    yield "own folder", summary(fit("last stage", checkpoint=f"of-{rank}"))
    yield "written", len(written)
    callback = Interrupt(1)
    resumed = make("last stage", checkpoint="resumed").set_callbacks(callback)
    yield "interrupted", [*failure(resumed, X, Y), callback.n_calls]
    fitted = fit("head alone")
    yield "another y", failure(fitted, X, np.roll(Y, rank))
    paths = [Path(f"{rank}-{number}.png") for number in range(8)]
    for path, image in zip(paths[: 8 - rank], X, strict=False):  # one is missing in rank 1
        Image.fromarray((15 * image.reshape(8, 8)).astype(np.uint8)).save(path)
    yield "missing file", failure(fitted, paths, Y[:8])

    import torch.distributed as dist

    dist.init_process_group("gloo")
    yield "own group", [summary(fit("last stage")), dist.is_initialized()]
    dist.destroy_process_group()
    if rank == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from torchrun, which ends the others
    else:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
    endless = make("last stage", max_epochs=10**6, validation_fraction=0)
    yield "killed", failure(endless, X, Y)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    number, results = int(os.environ["RANK"]), {}
    for name, result in work(number):
        results[name] = result
        Path(f"rank-{number}.json").write_text(json.dumps(results))
