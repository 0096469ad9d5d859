"""The models of the case study: five ways to use a network on few images, and two baselines."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._preprocessing import Preprocessing

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
N_FOLDS = 5
# How many epochs follows from the loss on training rows: some 400 steps until it is small.
SCRATCH = {
    "initialize": "random",
    "freeze_depth": 0,
    "n_iter_no_change": 15,
    "backbone_learning_rate": 1e-3,
}


@dataclass(frozen=True)
class Task:
    """Images to learn from, images to test on, and what each model needs to know of them."""

    name: str
    train: tuple
    test: tuple
    backbone: str
    freeze_depth: int
    augment: dict
    channels: int
    side: int
    thumbnail: int
    n_views: int | None
    n_scratch_views: int | None
    scratch_epochs: int
    public: bool
    notes: tuple
    quick: bool = False

    def picture(self, row):
        """Give a test image to look at."""
        image = self.test[0][row]
        if isinstance(image, str):
            return Image.open(image).convert("RGB")
        ink = 255 - np.round(255 / 16 * image)
        return Image.fromarray(ink.astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)


def small_network(task):
    """Give a small convolutional network as people write it: four blocks, halving the side."""
    import torch

    torch.manual_seed(0)
    widths = (task.channels, 16, 32, 64, 64)
    blocks = [
        torch.nn.Sequential(
            torch.nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(n_out),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
        )
        for n_in, n_out in pairwise(widths)
    ]
    return torch.nn.Sequential(*blocks)


def thumbnails(X, side):
    """Give images as rows of grey pixels in 0..1, squashed to `side` x `side`."""
    if isinstance(X[0], str):
        return np.stack([_thumbnail(path, side) for path in X])
    return np.asarray(X).reshape(len(X), -1) / 16


@functools.cache
def _thumbnail(path, side):
    """One file, read once for all folds, as the networks' features are."""
    with Image.open(path) as image:
        small = image.convert("L").resize((side, side), Image.Resampling.BOX)
    return np.asarray(small).ravel() / 255


def _folds():
    return StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)


def _search(estimator, name, values):
    """Choose one number on the training rows."""
    return GridSearchCV(
        estimator, {name: list(values)}, cv=_folds(), scoring="neg_log_loss", error_score="raise"
    )


def _linear(*steps):
    pipeline = make_pipeline(*steps, StandardScaler(), LogisticRegression(max_iter=2000))
    return _search(pipeline, "logisticregression__C", STRENGTHS)


def _thumbnails(task, cache):
    return _linear(FunctionTransformer(thumbnails, kw_args={"side": task.thumbnail}))


def _centroid(task, cache):
    extractor = PretrainedFeatureExtractor(task.backbone, cache=cache)
    return make_pipeline(extractor, StandardScaler(), NearestCentroid())


def _frozen(task, cache):
    return _linear(PretrainedFeatureExtractor(task.backbone, cache=cache))


def _frozen_views(task, cache):
    model = FineTuneClassifier(
        task.backbone, augment=task.augment, augment_views=4, cache=cache, random_state=0
    )
    # The loss here is a mean over the rows, that of LogisticRegression a sum.
    n_rows = len(task.train[1]) * (1 - 1 / N_FOLDS)
    return _search(model, "weight_decay", [1 / (C * n_rows) for C in STRENGTHS])


def _fine_tuned(task, cache):
    return FineTuneClassifier(
        task.backbone,
        freeze_depth=task.freeze_depth,
        max_epochs=1 if task.quick else 10,
        augment=task.augment,
        augment_views=task.n_views,
        cache=cache,
        random_state=0,
    )


def _from_scratch(task, cache, **augmented):
    half = (0.5,) * task.channels
    squashed = Preprocessing((task.side, task.side), task.channels, mean=half, std=half)
    return FineTuneClassifier(
        small_network(task),
        preprocessing=squashed,
        cache=cache,
        random_state=0,
        max_epochs=2 if task.quick else task.scratch_epochs,
        **SCRATCH,
        **augmented,
    )


def _from_scratch_augmented(task, cache):
    return _from_scratch(task, cache, augment=task.augment, augment_views=task.n_scratch_views)


MODELS: dict[str, Callable] = {
    "baseline: grey thumbnails, linear model": _thumbnails,
    "baseline: frozen features, nearest centroid": _centroid,
    "1 small CNN from scratch": _from_scratch,
    "2 small CNN from scratch, augmented": _from_scratch_augmented,
    "3 frozen features, linear model": _frozen,
    "4 frozen features of augmented views": _frozen_views,
    "5 last stages fine-tuned, augmented": _fine_tuned,
}
