"""Parts of a fit as subtasks for scikit-learn's callbacks, such as its progress bar."""

from contextlib import contextmanager
from copy import copy
from functools import partial


def begin_fit(estimator, X, y, *, n_steps=0):
    """Begin the task of a fit, whose parts `fit_step` makes subtasks.

    Parameters
    ----------
    estimator : CallbackSupportMixin
    X, y : array-like
        As callbacks are to see them.
    n_steps : int or None, default=0
        The number of steps, at most. None: unknown. 0: the fit has no steps.

    Returns
    -------
    end : callable
        To be called without arguments when the fit is done.
    """
    context = estimator._init_callback_context(max_subtasks=n_steps)
    task = {"estimator": estimator, "X": X, "y": y}
    context.call_on_fit_task_begin(**task)
    return partial(context.call_on_fit_task_end, **task, reconstruction_attributes={})


@contextmanager
def fit_step(estimator, name):
    """Make the body of the ``with`` a subtask of a fit that `begin_fit` began.

    Without such a fit, as in `partial_fit`, it is no subtask.
    """
    context = vars(estimator).get("_callback_fit_ctx")
    if context is None:
        yield
        return
    step = context.subcontext(task_name=name)
    step.call_on_fit_task_begin(estimator=estimator)
    yield
    step.call_on_fit_task_end(estimator=estimator)


def detached(estimator):
    """Return a copy of an estimator, without its callbacks and its task, for another process."""
    copied = copy(estimator)
    for name in ("_callback_fit_ctx", "_skl_callbacks"):
        vars(copied).pop(name, None)
    return copied


@contextmanager
def task_of(estimator, name, X, y, n_batches=0):
    """Make the body of the ``with`` the task of a method; yields a context manager for each batch.

    Parameters
    ----------
    estimator : CallbackSupportMixin
    name : str
        Of the task.
    X, y : array-like
        As callbacks are to see them.
    n_batches : int or None, default=0
        The number of batches, at most; None: unknown.
    """
    context = estimator._init_callback_context(name, max_subtasks=n_batches)
    task = {"estimator": estimator, "X": X, "y": y}

    @contextmanager
    def batch():
        part = context.subcontext(task_name="batch")
        part.call_on_fit_task_begin(**task)
        yield
        part.call_on_fit_task_end(**task)

    context.call_on_fit_task_begin(**task)
    yield batch
    context.call_on_fit_task_end(**task, reconstruction_attributes={})
