"""The log of the epochs: history, and subtasks for scikit-learn's callbacks."""

import numpy as np


class EpochLog:
    """Write down each epoch, and make it a subtask for scikit-learn's callbacks.

    `task` holds ``estimator``, ``X`` and ``y`` for the callbacks. ``as_attributes(head, stages,
    history)`` returns the attributes of a fitted estimator, for a callback that wants one. `more`
    are names of numbers that the second phase adds to the history.
    """

    def __init__(self, context, task, as_attributes, more=()):
        names = "phase", "train_loss", "train_score", "validation_loss", "validation_score"
        self.history = {name: [] for name in (*names, *more)}
        self._context = context
        self._task = task
        self._as_attributes = as_attributes
        self._open = None

    def begin(self, phase):
        """Begin an epoch of a phase, unless one is open."""
        if self._open is None:
            self._open = self._context.subcontext(task_name=phase)
            self._open.call_on_fit_task_begin(**self._task)

    def end(self, *, training, held_out, head, stages=(), more=None):
        """Write down the (loss, score) of the epoch; return whether a callback asks to stop."""
        losses = *training, *(held_out or (np.nan, np.nan))
        phase, *names = self.history
        self.history[phase].append(self._open.task_name)
        values = dict(zip(names, losses, strict=False)) | (more or {})
        for name in names:
            self.history[name].append(float(values.get(name, np.nan)))
        epoch, self._open = self._open, None
        return epoch.call_on_fit_task_end(
            **self._task,
            reconstruction_attributes=lambda: self._as_attributes(head(), stages, self.history),
        )

    def drop(self):
        """End an epoch that began and was not finished, without writing it down."""
        if self._open is not None:
            self._open.call_on_fit_task_end(**self._task)
            self._open = None


class Unlogged:
    """Take the place of a log for a training that is no task of its own."""

    def begin(self, phase):
        """Do nothing."""

    def end(self, **epoch):
        """Ask for no stop."""
        return False

    def drop(self):
        """Do nothing."""


class Silent:
    """Take the place of a callback context in a rank that tells no callback anything."""

    def __init__(self, task_name=None):
        self.task_name = task_name

    def subcontext(self, task_name):
        """Return a context of the same kind."""
        return Silent(task_name)

    def call_on_fit_task_begin(self, **task):
        """Do nothing."""

    def call_on_fit_task_end(self, **task):
        """Ask for no stop."""
        return False
