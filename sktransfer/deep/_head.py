"""Phase one of fine-tuning: a linear softmax head on frozen features, and the log of the epochs.

NumPy and SciPy alone: a fitted classifier can be unpickled, and its head read, without torch.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

# A feature that varies by less than this share of its mean is rounding noise of float32.
_SMALLEST_RELATIVE_SCALE = 1e-5

# Of a class whose weight is zero.
_SMALLEST_PRIOR = 1e-12

# A feature that is silent in the rows that weigh, and not in others, would blow the others up.
_SMALLEST_SHARE_OF_SPREAD = 0.1

# Those of scikit-learn's LogisticRegression, up to rounding.
_TOLERANCES = {"gtol": 1e-4, "ftol": 1e-12}

# What SciPy's L-BFGS-B calls a stop at the limit of its iterations.
_OUT_OF_EPOCHS = 1


class Rows(NamedTuple):
    """Labelled rows: their inputs, the number of their class and their weight (mean 1)."""

    inputs: object
    y: np.ndarray
    weight: np.ndarray

    def take(self, rows, inputs):
        """Some rows of these labels, with the same rows of `inputs`; None for no rows."""
        return None if rows is None else Rows(inputs[rows], self.y[rows], self.weight[rows])


@dataclass(frozen=True)
class Head:
    """A linear softmax classifier on standardised features, in float64.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_features,)
        What standardises the features.
    coef : ndarray of shape (n_classes, n_features)
        The weights of the standardised features.
    intercept : ndarray of shape (n_classes,)
        The intercepts.
    """

    mean: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray

    def logits(self, features):
        """The logits, (n_samples, n_classes), of features of shape (n_samples, n_features)."""
        return (features - self.mean) / self.scale @ self.coef.T + self.intercept


def standardization(features, weight):
    """The weighted mean and standard deviation of each feature; a scale of 1 where it is constant.

    The scale is at least a tenth of the standard deviation without weights.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Pooled activations.
    weight : ndarray of shape (n_samples,)
        Weights, so that a class weight means the same as repeating the rows of the class.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        float64.
    """
    features = np.asarray(features, dtype=np.float64)
    mean = np.average(features, axis=0, weights=weight)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight))
    scale = np.maximum(scale, _SMALLEST_SHARE_OF_SPREAD * features.std(axis=0))
    constant = scale <= _SMALLEST_RELATIVE_SCALE * np.abs(mean)
    return mean, np.where(constant, 1.0, scale)


def head_objective(flat, standardized, y, weight, *, n_classes, weight_decay):
    """The penalised loss of a linear softmax, with its gradient.

    ``sum_i w_i l_i / sum_i w_i + weight_decay / 2 * ||coef||^2`` with the cross-entropy ``l_i``;
    the intercepts are free. For three classes or more it is scikit-learn's ``LogisticRegression``
    with ``C = 1 / (weight_decay * sum_i w_i)``.

    Parameters
    ----------
    flat : ndarray of shape (n_classes * (n_features + 1),)
        Coefficients and intercepts, a row for each class, the intercept last.
    standardized : ndarray of shape (n_samples, n_features)
        Standardised features.
    y : ndarray of shape (n_samples,)
        Class numbers.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    n_classes : int
        The number of classes.
    weight_decay : float
        The strength of the penalty.

    Returns
    -------
    objective : float
        The value.
    gradient : ndarray of shape (n_classes * (n_features + 1),)
        Its gradient with respect to `flat`.
    """
    table = flat.reshape(n_classes, -1)
    coef, intercept = table[:, :-1], table[:, -1]
    log_probability = log_softmax(standardized @ coef.T + intercept, axis=1)
    rows = np.arange(len(y))
    weight = weight / weight.sum()
    residual = np.exp(log_probability)
    residual[rows, y] -= 1.0
    residual *= weight[:, None]
    gradient = np.column_stack(
        [residual.T @ standardized + weight_decay * coef, residual.sum(axis=0)]
    )
    loss = -weight @ log_probability[rows, y]
    return loss + weight_decay / 2 * np.sum(coef**2), gradient.ravel()


def fit_head(training, held_out, *, n_classes, weight_decay, max_epochs, log):
    """Train a head on frozen features until it converges: L-BFGS from the class priors.

    Parameters
    ----------
    training, held_out : Rows
        Their inputs are features of shape (n_samples, n_features). `held_out` may be None; it is
        only looked at.
    n_classes : int
        The number of classes; a single one needs no training.
    weight_decay : float
        See `head_objective`.
    max_epochs : int
        Most iterations; each is a pass over all rows.
    log : EpochLog
        Hears of each epoch, and may stop the training.

    Returns
    -------
    head : Head
        The trained head.
    converged : bool
        Whether the optimum was found, or a callback stopped the training, before `max_epochs`.
    """
    mean, scale = standardization(training.inputs, training.weight)
    standardized = (training.inputs - mean) / scale
    flat = _class_priors(training, n_classes, standardized.shape[1])
    if n_classes == 1 or max_epochs == 0:
        return _as_head(flat, mean, scale, n_classes), n_classes == 1

    def objective(flat):
        log.begin("head")
        data = standardized, training.y, training.weight
        return head_objective(flat, *data, n_classes=n_classes, weight_decay=weight_decay)

    def after_epoch(flat):
        table = flat.reshape(n_classes, -1)

        def judge(standardized, rows):
            return evaluate_logits(standardized @ table[:, :-1].T + table[:, -1], rows)

        stop = log.end(
            training=judge(standardized, training),
            held_out=held_out and judge((held_out.inputs - mean) / scale, held_out),
            head=lambda: _as_head(flat, mean, scale, n_classes),
        )
        if stop:
            raise StopIteration

    found = minimize(
        objective,
        flat,
        jac=True,
        method="L-BFGS-B",
        callback=after_epoch,
        options={"maxiter": max_epochs, "maxfun": 20 * max_epochs, **_TOLERANCES},
    )
    log.drop()
    return _as_head(found.x, mean, scale, n_classes), found.status != _OUT_OF_EPOCHS


def _class_priors(training, n_classes, n_features):
    """The best head that looks at no feature, flat; extreme class weights are met at the start."""
    table = np.zeros((n_classes, n_features + 1))
    prior = np.bincount(training.y, weights=training.weight, minlength=n_classes)
    table[:, -1] = np.log(np.maximum(prior / prior.sum(), _SMALLEST_PRIOR))
    return table.ravel()


def _as_head(flat, mean, scale, n_classes):
    table = flat.reshape(n_classes, -1).copy()
    return Head(mean=mean, scale=scale, coef=table[:, :-1], intercept=table[:, -1])


def evaluate_logits(logits, rows):
    """The weighted cross-entropy and the plain accuracy of logits (n_samples, n_classes)."""
    log_probability = log_softmax(logits, axis=1)
    losses = -log_probability[np.arange(len(rows.y)), rows.y]
    return np.average(losses, weights=rows.weight), np.mean(logits.argmax(axis=1) == rows.y)


class EpochLog:
    """Write down each epoch, and make it a subtask for scikit-learn's callbacks.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The context of the fit.
    task : dict
        ``estimator``, ``X`` and ``y`` as the callbacks are to see them.
    as_attributes : callable
        Called as ``as_attributes(head, stages, history)`` when a callback wants a fitted
        estimator; returns the attributes that make one.
    """

    def __init__(self, context, task, as_attributes):
        names = "phase", "train_loss", "train_score", "validation_loss", "validation_score"
        self.history = {name: [] for name in names}
        self._context = context
        self._task = task
        self._as_attributes = as_attributes
        self._open = None

    def begin(self, phase):
        """Begin an epoch of a phase, unless one is open."""
        if self._open is None:
            self._open = self._context.subcontext(task_name=phase)
            self._open.call_on_fit_task_begin(**self._task)

    def end(self, *, training, held_out, head, stages=()):
        """Write down the (loss, score) of the epoch; return whether a callback asks to stop."""
        held_out = held_out or (np.nan, np.nan)
        for name, value in zip(
            self.history, (self._open.task_name, *training, *held_out), strict=True
        ):
            self.history[name].append(value if isinstance(value, str) else float(value))
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
