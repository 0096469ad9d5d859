"""The two phases of fine-tuning: a head on frozen features, then the last stages with it.

If only a head is trained, on the features of pretrained weights, torch is not imported.
"""

from typing import NamedTuple

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._augmentation import View
from sktransfer.deep._training.head import Head
from sktransfer.deep._training.ranks import ALONE

# Fixed views of an image if all stages are frozen and no number is given.
VIEWS_WHEN_FROZEN = 4


class Augmented(NamedTuple):
    """The augmentation of the training rows: the changes, the number of fixed views, the seed."""

    augmentation: object
    n_views: int | None
    seed: int

    def view(self, number):
        """One view of all images."""
        return View(self.augmentation, self.seed, number)

    def fixed_views(self, *, default):
        """The fixed views beside the images themselves; None if each epoch has its own."""
        if self.augmentation is None:
            return []
        n_views = default if self.n_views is None else self.n_views
        return None if n_views is None else [self.view(number) for number in range(n_views)]


class Outcome(NamedTuple):
    """The result of a training: the head in the units of y, and the stages that were trained.

    `converged` is for the first phase, True without one. `best_epoch` is the number of epochs of
    the second phase behind the weights, and `doubt` a sentence if that phase cannot be trusted.
    `unlabelled` are the outputs for the rows that a penalty reads, float64; None without a penalty.
    """

    head: Head
    converged: bool
    stages: tuple = ()
    best_epoch: int = 0
    doubt: str = ""
    unlabelled: np.ndarray | None = None


def train_head(start, labels, *, loss, settings, augmented, log, ranks=ALONE):
    """Train nothing but a head, on all rows and their fixed views.

    `start` gives the features, and `labels` the targets and weights of the images, without inputs.
    All `ranks` have the same head in the end; the first one trains it.
    """
    views = [None, *augmented.fixed_views(default=VIEWS_WHEN_FROZEN)]
    features = [start.features(view=view).astype(np.float64) for view in views]
    everything = np.tile(np.arange(len(labels.y)), len(views))
    inputs = features[0] if len(views) == 1 else np.concatenate(features)
    rows = labels.select(everything, inputs)
    head, converged = _fit_head(rows, None, ranks, loss=loss, settings=settings, log=log)
    return Outcome(loss.in_units(head), converged)


def train_stages(
    start,
    labels,
    *,
    loss,
    settings,
    augmented,
    from_scratch,
    seed,
    device,
    log,
    checkpoint=None,
    make_penalty=None,
    unlabelled=None,
    ranks=ALONE,
):
    """Train a head on the features as they are, then the last stages together with it.

    `labels` are those of the first images, without inputs. `from_scratch` means that the stages
    have random weights. Then there is no first phase, and batch-norm uses the statistics of the
    minibatches. ``make_penalty(network, seed)`` returns the penalty of `Training`, and `unlabelled`
    are the places of the images that it reads without a label. The outcome is the same, to the bit,
    whether the training was interrupted or not.
    """
    from sktransfer.deep._training.loop import Training
    from sktransfer.deep._training.network import Network, predict
    from sktransfer.deep._training.target_half import TargetRows

    rows, held_out_rows = loss.hold_out(labels.y, settings.validation_fraction, seed)
    activations = start.activations()
    state = None if checkpoint is None else checkpoint.load()
    stages = start.tail(device)
    if state is not None or from_scratch:
        # It does not standardize: features of random weights say nothing yet.
        head, converged = _zeros(loss.n_outputs, start.n_features), True
    else:
        features = start.features().astype(np.float64)
        parts = labels.take(rows, features), labels.take(held_out_rows, features)
        head, converged = _fit_head(*parts, ranks, loss=loss, settings=settings, log=log)
    network = Network(stages, head, device)
    penalty = {}
    if unlabelled is not None:
        others = _training_inputs(start, activations, unlabelled, augmented)
        is_source = ~np.isin(rows, unlabelled)
        target_rows = TargetRows(others, _known_labels(labels.y, rows, unlabelled), is_source)
        penalty = {"penalty": make_penalty(network, seed).to(device), "target_rows": target_rows}
    training = Training(
        network,
        labels.select(rows, _training_inputs(start, activations, rows, augmented)),
        labels.select(held_out_rows, Selected(activations, held_out_rows)),
        loss=loss,
        settings=settings,
        batch_statistics=from_scratch,
        seed=seed,
        log=log,
        ranks=ranks,
        **penalty,
    )
    training.head_converged = converged
    if state is not None:
        try:
            training.restore(state)
            training.head_converged = bool(state["converged"])
        except Exception as error:  # a file of anyone's raises anything
            raise checkpoint.unreadable(error) from error

    def save(state):
        checkpoint.save(state | {"converged": training.head_converged})

    training.run(save if checkpoint is not None and ranks.is_first else None)
    doubt, outputs = training.doubt(), None
    if unlabelled is not None:
        doubt = " ".join(filter(None, [doubt, training.target.penalty.doubt()]))
    start_is_kept = held_out_rows is not None and training.best_epoch == 0
    if start_is_kept and not from_scratch and settings.head_epochs:
        # Nothing was won, so no row need be held out.
        everything = np.arange(len(labels.y))
        everything = labels.take(everything, start.features().astype(np.float64))
        options = {"loss": loss, "settings": settings, "log": log}
        head, converged = _fit_head(everything, None, ranks, **options)
        if unlabelled is not None:
            outputs = head.outputs(start.features()[unlabelled].astype(np.float64))
        return Outcome(loss.in_units(head), converged, doubt=doubt, unlabelled=outputs)
    head = training.finish()
    if unlabelled is not None:
        others = Selected(activations, unlabelled)
        outputs = predict(network, others, len(unlabelled), ranks=ranks)
    result = head, training.head_converged, tuple(stages), training.best_epoch, doubt
    return Outcome(*result, unlabelled=outputs)


def _fit_head(training, held_out, ranks, *, loss, settings, log):
    """The head of the first phase, and whether it converged; an error if it is not finite."""

    def fit():
        with np.errstate(over="ignore", invalid="ignore"):  # the error below says it
            return loss.fit_head(training, held_out, settings=settings, log=log)

    head, converged = ranks.agree(fit)
    if not head.is_finite:
        raise ValueError(
            f"Training diverged in the first phase: the weights of the head are not finite with "
            f"weight_decay={shown(settings.weight_decay)} and features up to "
            f"{np.abs(training.inputs).max():.3g}. Raise weight_decay, or pass X and y of a "
            "smaller scale."
        )
    return head, converged


def _known_labels(y, rows, places):
    """The class numbers of the images at some places that are among `rows`, else -1; or None."""
    if y.dtype.kind == "f":
        return None
    has_label = np.isin(places, rows)
    known = y[np.where(has_label, places, 0)]
    return np.where(has_label.reshape(-1, *[1] * (y.ndim - 1)), known, -1)


def _zeros(n_outputs, n_features):
    zeros = np.zeros((n_outputs, n_features))
    return Head(zeros[0], zeros[0] + 1.0, zeros, zeros[:, 0])


class Selected:
    """Some rows of an array, none of which is copied before it is asked for.

    It is the inputs of an epoch, and the source of those of every epoch.
    """

    def __init__(self, array, rows):
        self._array, self._rows = array, rows

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, places):
        return self._array[self._rows[places]]

    def epoch(self, number, rows=None):
        """The same inputs in every epoch."""
        return self


class OneOfEach:
    """In each epoch one of several fixed views of each row, drawn from seed and epoch."""

    def __init__(self, views, seed):
        self._views, self._seed = views, seed

    def __len__(self):
        return len(self._views[0])

    def epoch(self, number, rows=None):
        """The inputs of an epoch, of all rows."""
        generator = np.random.default_rng([self._seed, number])
        drawn = generator.integers(len(self._views), size=len(self))
        return _Drawn(self._views, drawn)


class _Drawn:
    def __init__(self, views, drawn):
        self._views, self._drawn = views, drawn

    def __getitem__(self, places):
        chosen = self._drawn[places]
        rows = [self._views[view][places[i : i + 1]] for i, view in enumerate(chosen)]
        return np.concatenate(rows)


class _NewViews:
    """New views in each epoch: the frozen stages run again, over the rows that are asked for."""

    def __init__(self, start, rows, augmented):
        self._start, self._rows, self._augmented = start, rows, augmented

    def __len__(self):
        return len(self._rows)

    def epoch(self, number, rows=None):
        view = self._augmented.view(number)
        rows = np.arange(len(self)) if rows is None else np.unique(rows)
        found = self._start.activations(view=view, rows=self._rows[rows], keep=False)
        return found if len(rows) == len(self) else _Some(found, rows)


class _Some:
    """Some rows of an array that is not there as a whole, by their places in it."""

    def __init__(self, found, rows):
        self._found, self._rows = found, rows

    def __getitem__(self, places):
        return self._found[np.searchsorted(self._rows, places)]


def _training_inputs(start, activations, rows, augmented):
    """The source of the inputs of the training rows, epoch by epoch."""
    views = augmented.fixed_views(default=None)
    if views is None:
        return _NewViews(start, rows, augmented)
    if not views:
        return Selected(activations, rows)
    arrays = [activations, *(start.activations(view=view) for view in views)]
    return OneOfEach([Selected(array, rows) for array in arrays], augmented.seed)
