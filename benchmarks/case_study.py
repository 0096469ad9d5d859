"""The textbook's case study: five ways to use a network on few images, on photographs and digits.

What does each step buy, from a small network of one's own to a pretrained one that is trained on?
The five models are a small convolutional network from scratch, the same with augmented images, a
linear model on the features of a frozen pretrained network, the same on the features of augmented
views, and the last stages of that network trained on with augmented images. Beside them two that
need no network training: a linear model on small grey thumbnails, nearest centroid on features.

Photographs of ants and bees with a MobileNetV2 trained on ImageNet, and handwritten digits, ten
labels a class, with the network that ships with the package and has seen nothing but print. Nothing
is chosen on the rows that are tested on: the strength of each linear model comes from 5-fold
cross-validation on the training rows (six values each, by log loss), the number of epochs from
scratch from the loss on training rows (looked at because of a low score on the digits' test rows),
and all else was fixed before.
The seconds hold everything, that search included, and each model begins with an empty cache.
"""

import time
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from benchmarks._case_study_models import MODELS, N_FOLDS, STRENGTHS, Task
from benchmarks._case_study_page import write_pages
from benchmarks._data import DataError, load_hymenoptera
from benchmarks._runner import Table
from benchmarks._weights import find_mobilenet_v2
from benchmarks.few_labels import draw_rows

TURNS = {"rotation": 15, "shift": 0.1, "shear": 10, "zoom": 0.2}


@dataclass(frozen=True)
class Outcome:
    """What one model says of the test rows, and what it took."""

    model: str
    probabilities: np.ndarray
    seconds: float
    chosen: str = ""


@dataclass(frozen=True)
class Case:
    """A task and what all models say, for the tables and the page."""

    task: Task
    classes: np.ndarray
    outcomes: tuple

    @property
    def codes(self):
        """The true classes of the test rows as numbers, (n_samples,)."""
        return np.searchsorted(self.classes, self.task.test[1])


@dataclass(frozen=True)
class CaseTable(Table):
    """A table that remembers what it was made of."""

    case: Case | None = field(default=None, compare=False, repr=False)


def digits_task(*, quick=False):
    """Ten handwritten digits of each class to learn from, all others to test on."""
    digits = load_digits()
    train = draw_rows(digits.target, 10, seed=0)
    rest = np.setdiff1d(np.arange(len(digits.target)), train)
    return Task(
        name="Handwritten digits, ten labels a class, glyphs",
        train=(digits.images[train], digits.target[train]),
        test=(digits.images[rest], digits.target[rest]),
        backbone="glyphs",
        freeze_depth=2,
        augment=TURNS,
        channels=1,
        side=32,
        thumbnail=8,
        n_views=None,
        n_scratch_views=None,
        scratch_epochs=150,
        public=True,
        notes=("The network was trained on printed characters and has seen no handwriting.",),
        quick=quick,
    )


def photographs_task(data_home, *, quick=False):
    """Ants and bees: 245 photographs to learn from, 153 to test on."""
    backbone = find_mobilenet_v2(data_home)
    parts = load_hymenoptera(data_home)
    if quick:
        parts = {part: (X[::8], y[::8]) for part, (X, y) in parts.items()}
    return Task(
        name="Photographs of ants and bees, MobileNetV2",
        train=parts["train"],
        test=parts["val"],
        backbone=backbone,
        freeze_depth=4,
        augment=TURNS | {"horizontal_flip": True},
        channels=3,
        side=64,
        thumbnail=32,
        n_views=4,
        n_scratch_views=8,
        scratch_epochs=60,
        public=False,
        notes=(
            "The photographs come from ImageNet, which the network was trained on: what its "
            "features reach here shows that the weights work, and is no clean benchmark.",
        ),
        quick=quick,
    )


def judge(task, name, build):
    """Fit one model on the training rows, an empty cache before it, and ask it about the others."""
    with TemporaryDirectory() as cache:
        start = time.perf_counter()
        model = build(task, cache).fit(*task.train)
        probabilities = model.predict_proba(task.test[0])
        seconds = time.perf_counter() - start
    best = getattr(model, "best_params_", {})
    chosen = ", ".join(f"{key.split('__')[-1]}={value:.3g}" for key, value in best.items())
    return Outcome(name, probabilities, seconds, chosen)


def study(task):
    """Judge all models on one task; no seconds include the import of torch."""
    import torch

    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    outcomes = []
    for name, build in MODELS.items():
        outcomes.append(judge(task, name, build))
        print(f"{task.name}; {name}: {outcomes[-1].seconds:.1f} seconds", flush=True)
    return Case(task, np.unique(task.train[1]), tuple(outcomes))


def wilson_interval(n_right, n):
    """Give the 95 % interval of a share of `n` (Wilson, JASA 1927), as two numbers."""
    z = 1.959964
    share = n_right / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return middle - half, middle + half


def area_under_roc(codes, probabilities):
    """Give the area under the ROC curve; of more than two classes the mean of one against all."""
    if probabilities.shape[1] == 2:
        return roc_auc_score(codes, probabilities[:, 1])
    return roc_auc_score(codes, probabilities, multi_class="ovr", average="macro")


def summary(case):
    """Make the table of a case: a row a model."""
    rows = []
    for outcome in case.outcomes:
        found = outcome.probabilities.argmax(axis=1)
        low, high = wilson_interval(np.sum(found == case.codes), len(found))
        rows.append(
            (
                outcome.model,
                accuracy_score(case.codes, found),
                f"{low:.3f} to {high:.3f}",
                f1_score(case.codes, found, average="macro"),
                area_under_roc(case.codes, outcome.probabilities),
                outcome.chosen,
                f"{outcome.seconds:.1f}",
            )
        )
    task = case.task
    return CaseTable(
        f"{task.name}: {len(task.train[1])} to train on, {len(task.test[1])} to test on",
        ("model", "accuracy", "95 % interval", "F1", "ROC AUC", "chosen", "seconds"),
        tuple(rows),
        notes=(
            *task.notes,
            "F1 and the area are means over the classes. The intervals hold the chance of the test "
            "rows (Wilson), not that of the training rows or of random weights: one run each.",
            f"Chosen: by {N_FOLDS}-fold cross-validation on the training rows, out of "
            f"{len(STRENGTHS)} values. Seconds: search, fit and prediction, an empty cache before.",
        ),
        digits=3,
        case=case,
    )


def per_class(case):
    """Make the report by class: precision, recall and F1 of each model."""
    places = range(len(case.classes))
    rows = []
    for outcome in case.outcomes:
        found = outcome.probabilities.argmax(axis=1)
        scores = precision_recall_fscore_support(case.codes, found, labels=places, zero_division=0)[
            :3
        ]
        cells = [" / ".join(f"{score[k]:.2f}" for score in scores) for k in places]
        rows.append((outcome.model, *cells))
    counts = np.bincount(case.codes, minlength=len(case.classes))
    return Table(
        f"{case.task.name}: precision / recall / F1 of each class",
        ("model", *[f"{name} ({n})" for name, n in zip(case.classes, counts, strict=True)]),
        tuple(rows),
        notes=("In brackets: the test rows of the class.",),
    )


def run(data_home, *, quick=False):
    """Make two tables of each task; the photographs are left out where they are not."""
    cases = [study(digits_task(quick=quick))]
    left_out = []
    try:
        task = photographs_task(data_home, quick=quick)
    except DataError as error:
        left_out = [Table("Photographs of ants and bees", ("left out",), ((str(error),),))]
    else:
        cases.append(study(task))
    return [table for case in cases for table in (summary(case), per_class(case))] + left_out


def draw(tables, folder):
    """Write the page, and beside it one with the photographs that stays on this machine."""
    return write_pages(tables, folder)
