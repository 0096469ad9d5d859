"""The objective of several columns of labels: a loss each, with gaps in any of them."""

from dataclasses import dataclass, replace

import numpy as np

from sktransfer.deep._training.head import Head, Rows, standardization
from sktransfer.deep._training.losses import FEWEST_ROWS_TO_HOLD_OUT


@dataclass(frozen=True)
class ColumnsLoss:
    """The mean of the losses of several columns, each a mean over the rows that have a label there.

    `parts` are losses of one column. The outputs of the network are concatenated, those of the
    first column first. In `Rows` y has the shape (n_samples, n_columns): class numbers with -1 for
    a gap, or standardized targets with NaN. `weight` has the same shape, with 0 for a gap.
    """

    parts: tuple

    @property
    def n_outputs(self):
        """The number of outputs of all columns."""
        return sum(part.n_outputs for part in self.parts)

    @property
    def of_a_constant(self):
        """The loss of a prediction that looks at no row."""
        return float(np.mean([part.of_a_constant for part in self.parts]))

    @property
    def trivial(self):
        """Whether there is nothing to learn in any column."""
        return all(part.trivial for part in self.parts)

    def split(self, outputs):
        """The outputs of each column: views of an array or a tensor (n_samples, n_outputs)."""
        stops = np.cumsum([part.n_outputs for part in self.parts]).tolist()
        return [outputs[:, a:b] for a, b in zip([0, *stops[:-1]], stops, strict=True)]

    def fit_head(self, training, held_out, *, settings, log):
        """Train the head of each column on the rows that have a label there, one after the other.

        Returns their common head, and whether all have converged.
        """
        weight = training.weight.mean(axis=1)
        mean, scale = standardization(training.inputs, weight, training.count)
        heads, all_converged = [], True
        for place, part in enumerate(self.parts):
            rows, judged = (self._column(each, place) for each in (training, held_out))
            one = _ColumnLog(log, lambda head: self._join([*heads, head], mean, scale))
            head, converged = part.fit_head(rows, judged, settings=settings, log=one)
            heads.append(head)
            all_converged = all_converged and converged
        return self._join(heads, mean, scale), all_converged

    def _join(self, heads, mean, scale):
        """The same heads on features that are standardized alike; those that are missing are 0."""
        n_outputs = self.n_outputs
        coef, intercept = np.zeros((n_outputs, len(mean))), np.zeros(n_outputs)
        first = 0
        for head in heads:
            rows = slice(first, first + len(head.intercept))
            coef[rows] = head.coef * (scale / head.scale)
            intercept[rows] = head.intercept + head.coef @ ((mean - head.mean) / head.scale)
            first = rows.stop
        return Head(mean, scale, coef, intercept)

    def _column(self, rows, place):
        """The rows that have a label in a column, as `Rows` of it; None if there are none."""
        if rows is None:
            return None
        y, there = rows.y[:, place], _present(rows.y)[:, place]
        if not there.any():
            return None
        inputs = None if rows.inputs is None else rows.inputs[np.flatnonzero(there)]
        y = y[there] if y.dtype.kind == "i" else y[there, np.newaxis]
        count = None if rows.count is None else rows.count[there]
        return Rows(inputs, y, rows.weight[there, place], count)

    def evaluate(self, outputs, rows):
        """The means over the columns of the loss and of the score of outputs, float64."""
        there, judged = _present(rows.y), []
        for place, (part, found) in enumerate(zip(self.parts, self.split(outputs), strict=True)):
            column = self._column(rows._replace(inputs=None), place)
            if column is not None:
                judged.append(part.evaluate(found[there[:, place]], column))
        loss, score = np.mean(judged, axis=0)
        return loss, score

    def of_tensors(self, outputs, y):
        """The loss of each row in each column, for the gradient; some number for a gap."""
        import torch

        losses = []
        for place, (part, found) in enumerate(zip(self.parts, self.split(outputs), strict=True)):
            labels = y[:, place]
            if labels.is_floating_point():
                labels = torch.nan_to_num(labels)[:, None]
            losses.append(
                part.of_tensors(found, labels.clamp(min=0) if labels.ndim == 1 else labels)
            )
        return torch.stack(losses, dim=1)

    def in_units(self, head):
        """The head whose outputs are in the units of the targets."""
        coefs = np.split(head.coef, np.cumsum([part.n_outputs for part in self.parts])[:-1])
        intercepts = self.split(head.intercept[np.newaxis])
        heads = [
            part.in_units(replace(head, coef=coef, intercept=intercept[0]))
            for part, coef, intercept in zip(self.parts, coefs, intercepts, strict=True)
        ]
        return replace(
            head,
            coef=np.concatenate([head.coef for head in heads]),
            intercept=np.concatenate([head.intercept for head in heads]),
        )

    def hold_out(self, y, fraction, seed):
        """Choose the rows that train and those that only judge when to stop, as `hold_out_rows`.

        Rows are drawn at random, without strata; of each class, or column of targets, one row at
        least stays in training.
        """
        everything = np.arange(len(y))
        codes = np.where(_present(y), 0, -1) if y.dtype.kind == "f" else y
        left = [np.bincount(column[column >= 0]) for column in codes.T]
        fewest = min(counts[counts > 0].min() for counts in left)
        if fraction == 0 or fewest < FEWEST_ROWS_TO_HOLD_OUT:
            return everything, None
        wanted, held_out = int(np.ceil(fraction * len(y))), []
        for row in np.random.RandomState(seed).permutation(len(y)):
            its = [(counts, code) for counts, code in zip(left, codes[row]) if code >= 0]
            if len(held_out) < wanted and all(counts[code] > 1 for counts, code in its):
                held_out.append(row)
                for counts, code in its:
                    counts[code] -= 1
        return np.setdiff1d(everything, held_out), np.sort(held_out)


class _ColumnLog:
    """The log of the epochs of one column, whose head becomes one of all columns."""

    def __init__(self, log, join):
        self._log, self._join = log, join
        self.begin, self.drop = log.begin, log.drop

    def end(self, *, head, **judged):
        """Write down an epoch, as `EpochLog` does."""
        return self._log.end(head=lambda: self._join(head()), **judged)


def _present(y):
    """The mask of the labels in (n_samples, n_columns)."""
    return ~np.isnan(y) if y.dtype.kind == "f" else y >= 0
