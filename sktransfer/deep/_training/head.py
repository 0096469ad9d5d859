"""Phase one of fine-tuning: a linear head on frozen features, softmax or ridge regression.

NumPy and SciPy alone: a frozen network's head is trained, pickled and read without torch.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from scipy.linalg import lstsq, solve
from scipy.optimize import minimize
from scipy.special import log_softmax

# A feature that varies by less than this share of its mean is rounding noise of float32.
_SMALLEST_RELATIVE_SCALE = 1e-5

# Of a class whose weight is zero.
_SMALLEST_PRIOR = 1e-12

# Of the spread of a feature, as a share of the largest: less is rounding of a dead unit, which one
# step of the stages before would blow up.
_SMALLEST_SHARE_OF_LARGEST = 1e-6

# A feature that is silent in the rows that weigh, and not in others, would blow the others up.
_SMALLEST_SHARE_OF_SPREAD = 0.1

# Of a direction of the features that counts, as a share of the largest: less is rounding.
_SMALLEST_SINGULAR = 1e-10

# Those of scikit-learn's LogisticRegression, up to rounding.
_TOLERANCES = {"gtol": 1e-4, "ftol": 1e-12}

# The status of SciPy's L-BFGS-B after a stop at the limit of its iterations.
_OUT_OF_EPOCHS = 1


class Rows(NamedTuple):
    """Labelled rows.

    `inputs` are features, or activations of a stage, `y` class numbers (n_samples,), or
    standardized targets (n_samples, n_outputs), and `weight` the weight of each row in the loss.
    `count` is the weight without the class weights: 2 means the same as the row twice, and None 1
    for each. For several columns see `ColumnsLoss`.
    """

    inputs: object
    y: np.ndarray
    weight: np.ndarray
    count: np.ndarray | None = None

    def take(self, rows, inputs):
        """Some rows of these labels, with the same rows of `inputs`; None for no rows."""
        return None if rows is None else self.select(rows, inputs[rows])

    def select(self, rows, inputs):
        """Some rows of these labels, with `inputs` that are those rows'; None for no rows."""
        if rows is None:
            return None
        count = None if self.count is None else self.count[rows]
        return Rows(inputs, self.y[rows], self.weight[rows], count)


@dataclass(frozen=True)
class Head:
    """A linear map of standardized features, in float64.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
        The mean and the standard deviation of each feature.
    coef : ndarray of shape (n_outputs, n_features)
        The weights of the standardized features; an output is the logit of a class, or a target.
    intercept : ndarray of shape (n_outputs,)
        The intercepts.
    """

    mean: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray

    @property
    def is_finite(self):
        """Whether all numbers of the head are finite."""
        return all(np.isfinite(getattr(self, field.name)).all() for field in fields(self))

    def outputs(self, features):
        """The outputs, (n_samples, n_outputs), of features of shape (n_samples, n_features)."""
        return (features - self.mean) / self.scale @ self.coef.T + self.intercept


def standardization(features, weight, count=None):
    """Return the weighted mean and standard deviation of each feature; 1 if it is constant.

    The scale is at least a tenth of the standard deviation without class weights, that by `count`.
    """
    features = np.asarray(features, dtype=np.float64)
    mean, scale = _moments(features, weight)
    scale = np.maximum(scale, _SMALLEST_SHARE_OF_SPREAD * _moments(features, count)[1])
    constant = scale <= _SMALLEST_RELATIVE_SCALE * np.abs(mean)
    constant |= scale <= _SMALLEST_SHARE_OF_LARGEST * scale.max(initial=0.0)
    return mean, np.where(constant, 1.0, scale)


def _moments(features, weight):
    """The weighted mean and standard deviation of each feature."""
    mean = np.average(features, axis=0, weights=weight)
    return mean, np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight))


def head_objective(flat, standardized, y, weight, *, n_classes, weight_decay, smoothing=0.0):
    """The penalized loss of a linear softmax, with its gradient.

    ``sum_i w_i l_i / sum_i w_i + weight_decay / 2 * ||coef||^2`` with the cross-entropy ``l_i``;
    the intercepts are free. For three classes or more it is scikit-learn's ``LogisticRegression``
    with ``C = 1 / (weight_decay * sum_i w_i)``. With label smoothing [1]_ the target is ``1 -
    smoothing`` of the label and ``smoothing`` of all classes alike. `flat` holds a row of
    coefficients for each class, the intercept last.

    .. [1] Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. "Rethinking the Inception architecture for
       computer vision". CVPR 2016. https://arxiv.org/abs/1512.00567
    """
    table = flat.reshape(n_classes, -1)
    coef, intercept = table[:, :-1], table[:, -1]
    log_probability = log_softmax(standardized @ coef.T + intercept, axis=1)
    rows = np.arange(len(y))
    weight = weight / weight.sum()
    residual = np.exp(log_probability)
    residual[rows, y] -= 1.0 - smoothing
    residual -= smoothing / n_classes
    residual *= weight[:, None]
    gradient = np.column_stack(
        [residual.T @ standardized + weight_decay * coef, residual.sum(axis=0)]
    )
    loss = weight @ _cross_entropy(log_probability, y, smoothing)
    return loss + weight_decay / 2 * np.sum(coef**2), gradient.ravel()


def _cross_entropy(log_probability, y, smoothing):
    """The cross-entropy of each row with its smoothed label."""
    losses = -log_probability[np.arange(len(y)), y]
    if smoothing:
        losses = (1.0 - smoothing) * losses - smoothing * log_probability.mean(axis=1)
    return losses


def fit_head(training, held_out, *, n_classes, weight_decay, max_epochs, log, smoothing=0.0):
    """Train a head on frozen features until it converges: L-BFGS from the class priors.

    `held_out` may be None; it is only looked at. Returns the head, and whether the optimum was
    found, or a callback stopped the training, before `max_epochs` passes over all rows.
    """
    mean, scale = standardization(training.inputs, training.weight, training.count)
    standardized = (training.inputs - mean) / scale
    flat = _class_priors(training, n_classes, standardized.shape[1])
    if n_classes == 1 or max_epochs == 0:
        return _as_head(flat, mean, scale, n_classes), n_classes == 1

    def objective(flat):
        log.begin("head")
        data = standardized, training.y, training.weight
        strengths = {"weight_decay": weight_decay, "smoothing": smoothing}
        return head_objective(flat, *data, n_classes=n_classes, **strengths)

    def after_epoch(flat):
        table = flat.reshape(n_classes, -1)

        def judge(standardized, rows):
            outputs = standardized @ table[:, :-1].T + table[:, -1]
            return evaluate_logits(outputs, rows, smoothing=smoothing)

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


def evaluate_logits(logits, rows, *, smoothing=0.0):
    """The weighted cross-entropy, and the accuracy by counts, of logits (n_samples, n_classes)."""
    losses = _cross_entropy(log_softmax(logits, axis=1), rows.y, smoothing)
    correct = np.average(logits.argmax(axis=1) == rows.y, weights=rows.count)
    return np.average(losses, weights=rows.weight), correct


def fit_ridge_head(training, *, weight_decay):
    """Solve the ridge regression of standardized targets on standardized features.

    For each output ``sum_i w_i (f_i - y_i)^2 / (2 sum_i w_i) + weight_decay / 2 * ||coef||^2`` has
    its minimum there: scikit-learn's ``Ridge(alpha=weight_decay * sum_i w_i)``. The smaller of the
    two systems of equations is solved, that of the features or that of the rows. A penalty of 0
    gives the solution of smallest norm.
    """
    mean, scale = standardization(training.inputs, training.weight, training.count)
    root = np.sqrt(training.weight / training.weight.sum())[:, None]
    intercept = np.average(training.y, axis=0, weights=training.weight)
    design = (training.inputs - mean) / scale * root
    target = (training.y - intercept) * root
    n_rows, n_features = design.shape
    if weight_decay == 0:
        coef = lstsq(design, target, cond=_SMALLEST_SINGULAR)[0]
    elif n_features <= n_rows:
        system = design.T @ design + weight_decay * np.eye(n_features)
        coef = solve(system, design.T @ target, assume_a="pos")
    else:
        system = design @ design.T + weight_decay * np.eye(n_rows)
        coef = design.T @ solve(system, target, assume_a="pos")
    return Head(mean=mean, scale=scale, coef=coef.T.copy(), intercept=intercept)


def evaluate_targets(outputs, rows):
    """Half the weighted mean squared error, and R^2, of outputs (n_samples, n_outputs).

    Both are means over the outputs; R^2 of a constant target is 1 if it is predicted exactly, else
    0.
    """
    weight = rows.weight / rows.weight.sum()
    error = weight @ (outputs - rows.y) ** 2
    spread = weight @ (rows.y - weight @ rows.y) ** 2
    varies = spread > 0
    share = np.divide(error, spread, out=(error > 0).astype(np.float64), where=varies)
    return error.mean() / 2, np.mean(1.0 - share)
