"""The losses of classifiers and regressors, for the head's phase (NumPy) and the loop (torch)."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from sktransfer.deep._training.head import (
    Head,
    evaluate_logits,
    evaluate_targets,
    fit_head,
    fit_ridge_head,
)

# Fewest rows of every class, or of a regression, for which some are held out.
FEWEST_ROWS_TO_HOLD_OUT = 5


@dataclass(frozen=True)
class SoftmaxLoss:
    """The cross-entropy of class numbers with logits; its score is the accuracy.

    `smoothing` is the share of the target that all classes have alike.
    """

    n_outputs: int
    smoothing: float = 0.0

    @property
    def of_a_constant(self):
        """The loss of a prediction that gives all classes the same probability."""
        return np.log(self.n_outputs)

    @property
    def trivial(self):
        """Whether there is nothing to learn: one class."""
        return self.n_outputs == 1

    def fit_head(self, training, held_out, *, settings, log):
        """Train the head of the first phase; returns it, and whether it converged."""
        return fit_head(
            training,
            held_out,
            n_classes=self.n_outputs,
            weight_decay=settings.weight_decay,
            max_epochs=settings.head_epochs,
            log=log,
            smoothing=self.smoothing,
        )

    def evaluate(self, outputs, rows):
        """The mean loss and the score of outputs, float64."""
        return evaluate_logits(outputs, rows, smoothing=self.smoothing)

    def of_tensors(self, outputs, y):
        """The loss of each row, for the gradient."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, y, reduction="none", label_smoothing=self.smoothing)

    def in_units(self, head):
        """The head itself: logits have no unit."""
        return head

    def hold_out(self, y, fraction, seed):
        """Choose the rows that train, and those that judge, by class; see `hold_out_rows`."""
        return hold_out_rows(y, fraction, seed, classes=True)


@dataclass(frozen=True)
class SquaredLoss:
    """Half the squared error of targets, a mean over the outputs; its score is R^2.

    The targets are standardized, by `mean` and `scale` of shape (n_outputs,).
    """

    mean: np.ndarray
    scale: np.ndarray

    trivial = False

    # The loss of a prediction of the mean: half the variance of standardised targets.
    of_a_constant = 0.5

    @property
    def n_outputs(self):
        """The number of targets."""
        return len(self.mean)

    def fit_head(self, training, held_out, *, settings, log):
        """Solve the ridge regression of the first phase, one epoch; it always converges."""
        log.begin("head")
        head = fit_ridge_head(training, weight_decay=settings.weight_decay)
        judged = [
            rows and self.evaluate(head.outputs(rows.inputs), rows) for rows in (training, held_out)
        ]
        log.end(training=judged[0], held_out=judged[1], head=lambda: self.in_units(head))
        return head, True

    def evaluate(self, outputs, rows):
        """The mean loss and the score of outputs, float64."""
        return evaluate_targets(outputs, rows)

    def of_tensors(self, outputs, y):
        """The loss of each row, for the gradient."""
        return ((outputs - y) ** 2).mean(dim=1) / 2

    def in_units(self, head):
        """The head whose outputs are in the units of the targets."""
        return Head(
            mean=head.mean,
            scale=head.scale,
            coef=head.coef * self.scale[:, None],
            intercept=head.intercept * self.scale + self.mean,
        )

    def hold_out(self, y, fraction, seed):
        """Choose the rows that train, and those that judge; see `hold_out_rows`."""
        return hold_out_rows(y, fraction, seed, classes=False)


def hold_out_rows(y, fraction, seed, *, classes):
    """Choose the rows that train and those that only judge when to stop, stratified by `classes`.

    The share is rounded up, at least a row of each class. The second result is None if `fraction`
    is 0, or a class or the whole has fewer than 5 rows.
    """
    everything = np.arange(len(y))
    counts = np.bincount(y) if classes else np.array([len(y)])
    counts = counts[counts > 0]  # all rows of a class may have a weight of 0
    if fraction == 0 or counts.min() < FEWEST_ROWS_TO_HOLD_OUT:
        return everything, None
    n_held_out = max(len(counts), int(np.ceil(fraction * len(y))))
    n_held_out = min(n_held_out, len(y) - len(counts))
    strata = y if classes else None
    return train_test_split(everything, test_size=n_held_out, stratify=strata, random_state=seed)
