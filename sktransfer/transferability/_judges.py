"""How answers of candidates are read and scored: probabilities of classes, or numbers.

An answer has the shape (n_rows, n_outputs): a column for each class, or one for a number.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from sktransfer._kernels.aggregate import log_scores
from sktransfer._labels import labels_alone, read_classes, read_numbers
from sktransfer._messages import listed, shown, warn
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._baselines import class_probabilities


@dataclass(frozen=True)
class Folds:
    """Folds of labelled target rows, by positions among them.

    Parameters
    ----------
    splits : list of list of ndarray of int
        For each repetition, the rows that each fold holds out.
    scored : ndarray of int
        The rows that some fold holds out.
    alone : bool
        Whether a model of target rows alone can be scored: False with one row a class.
    """

    splits: list
    scored: np.ndarray
    alone: bool


@dataclass(frozen=True, eq=False)
class ClassJudge:
    """Reads probabilities of classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted: those of all labelled rows.
    """

    classes: np.ndarray

    is_discrete, score_name, loss_name = True, "accuracy", "log-loss"
    too_few = "With one labelled row a class"
    limit = "no loss on them can exceed this share"
    tie = "neither is right"
    exact = "all rows on which they differ are labelled, so the difference is exact"

    @property
    def n_outputs(self):
        """The number of columns of an answer."""
        return len(self.classes)

    def answers(self, model, X):
        """Return the probabilities of `classes`."""
        return _finite(class_probabilities(model, X, self.classes), model)

    def write_answers(self, graph, model):
        """Write the nodes of `answers`."""
        return graph.probabilities(model, self.classes)

    def unknown(self, rows, n_rows):
        """Return equal probabilities."""
        return np.full((n_rows, self.n_outputs), 1 / self.n_outputs)

    def truth_of(self, rows, positions):
        """Return the position in `classes` of the label of each labelled row."""
        return np.searchsorted(self.classes, _labels(rows, positions, discrete=True))

    def predict(self, answers):
        """Return the label of each row."""
        return self.classes[answers.argmax(axis=1)]

    def scores(self, answers, truth):
        """Return the logs of the smoothed probabilities, which exponential weights add up."""
        return log_scores(answers, truth)

    def losses(self, answers, truth):
        """Return the log-loss of each row."""
        return -log_scores(answers, truth)

    def rates(self, answers, truth):
        """Return 1 for a right prediction, 0 for a wrong one."""
        return (answers.argmax(axis=-1) == truth).astype(float)

    def compared(self, difference, baseline):
        """Return a difference to no transfer in words."""
        side = "better" if difference >= 0 else "worse"
        return f"Against {baseline} it is {abs(100 * difference):.1f} points {side}"

    def comparable(self, scores, rehearsed, added):
        """Return scores of rows and of rehearsals in the units in which weights add them up."""
        return scores, rehearsed

    def loss_of(self, score):
        """Return the mean loss for a mean score."""
        return -score

    def wins(self, new, old, truth):
        """Return 1 if only the new prediction is right, -1 if only the old, else 0."""
        return self.rates(new, truth) - self.rates(old, truth)

    def distance(self, new, old):
        """Return 1 for rows whose prediction differs, else 0."""
        return (new.argmax(axis=1) != old.argmax(axis=1)).astype(float)

    def least_distance(self, distance):
        """Return the distance above which a label of the row decides between two answers."""
        return 0.0

    def margins(self, new, old):
        """Return how much more probable the new prediction is than the old, by the new answers."""
        rows = np.arange(len(new))
        return new.max(axis=1) - new[rows, old.argmax(axis=1)]

    def codes(self, y, n_rows):
        """Return the positions of queried labels in `classes`, -1 for a new class."""
        labels = read_classes(y, np.ones(n_rows, dtype=bool))
        codes = np.array([np.flatnonzero(self.classes == each)[:1].sum() for each in labels])
        known = np.isin(labels, self.classes)
        strange = listed(np.unique(labels[~known]).tolist())
        if not known.any():
            raise ValueError(
                f"y_rows holds {strange}, no class of the fit, which are "
                f"{listed(self.classes.tolist())}; pass labels of these classes."
            )
        if not known.all():
            warn(
                f"y_rows holds {strange}, no class of the fit, which are "
                f"{listed(self.classes.tolist())}. {(~known).sum()} of {n_rows} labels count for "
                "neither side; correct them if they are misspelled.",
                TransferWarning,
            )
        return np.where(known, codes, -1)

    def summary(self, answers, truth):
        """Return the accuracy and the mean log-loss."""
        return self.rates(answers, truth).mean(), self.losses(answers, truth).mean()

    def folds(self, truth, *, cv, n_repeats, generator):
        """Return `Folds`, in which each class loses the same share of its rows.

        A class of one row is always in training, unless most classes are such. Then any rows are
        held out, and a model of target rows alone cannot be scored.
        """
        counts = np.bincount(truth)[truth]
        scored, fewest = np.flatnonzero(counts > 1), counts.min(where=counts > 1, initial=cv)
        alone = 2 * len(scored) >= len(truth) and len(scored) > 1
        if alone:
            splitter, n_splits = StratifiedKFold, min(cv, fewest)
        else:
            scored, splitter, n_splits = np.arange(len(truth)), KFold, min(cv, len(truth))
        return _draw_folds(splitter, n_splits, scored, truth, n_repeats, generator, alone)

    def rehearsal_rows(self, truth_source, truth_target, generator):
        """Return positions of source rows that play labelled target rows: as many a class."""
        wanted = np.bincount(truth_target, minlength=len(self.classes))
        drawn = []
        for code in np.unique(truth_source):
            rows = np.flatnonzero(truth_source == code)
            n_rows = min(wanted[code], len(rows) // 2)
            drawn.append(generator.choice(rows, n_rows, replace=False))
        return np.sort(np.concatenate(drawn)).astype(int)


@dataclass(frozen=True)
class NumberJudge:
    """Reads numbers; its methods are those of `ClassJudge`."""

    is_discrete, score_name, loss_name, n_outputs = False, "R2", "squared error", 1
    too_few = "With fewer than three labelled rows"
    limit = "nothing limits the loss"
    tie = "neither is nearer"
    exact = "all rows to ask for are labelled, so the difference is exact on these"

    def answers(self, model, X):
        """Return the predictions as a column."""
        return _finite(np.asarray(model.predict(X), dtype=float).reshape(-1, 1), model)

    def write_answers(self, graph, model):
        """Write the nodes of `answers`."""
        return graph.answers(model)[-1]

    def unknown(self, rows, n_rows):
        """Return the mean label of the rows that are known."""
        return np.full((n_rows, 1), self.truth_of(rows, np.flatnonzero(rows.labelled)).mean())

    def truth_of(self, rows, positions):
        """Return the label of each labelled row."""
        return _labels(rows, positions, discrete=False).astype(float)

    def predict(self, answers):
        """Return the numbers."""
        return answers[:, 0]

    def scores(self, answers, truth):
        """Return ``-e^2 / 2``, which the caller divides by a variance."""
        return -((answers[..., 0] - truth) ** 2) / 2

    def losses(self, answers, truth):
        """Return the squared errors."""
        return (answers[..., 0] - truth) ** 2

    def compared(self, difference, baseline):
        """Return a difference to no transfer in words."""
        side = "more" if difference >= 0 else "less"
        share = f"{abs(100 * difference):.1f} % of the rows (net)"
        return f"Against {baseline} it predicts {share} {side} nearly"

    def comparable(self, scores, rehearsed, added):
        """Return scores over the variance of the noise.

        That is the best mean square of rehearsals on several sources, or else the best of the rows
        out of fold, times ``n / (n - 2)``.
        """
        n_rows = scores.shape[1]
        if added and np.isfinite(rehearsed).any():
            noise = -2 * rehearsed[np.isfinite(rehearsed)].max()
        elif n_rows:
            noise = -2 * scores.mean(axis=1).max() * n_rows / max(n_rows - 2, 1)
        else:
            noise = 1.0
        noise = max(noise, np.finfo(float).tiny)
        return scores / noise, rehearsed / noise

    def loss_of(self, score):
        """Return the mean squared error for a mean score."""
        return -2 * score

    def wins(self, new, old, truth):
        """Return 1 if the new prediction is nearer to the truth, -1 if the old is, 0 in a tie."""
        return np.sign(np.abs(old[..., 0] - truth) - np.abs(new[..., 0] - truth))

    def distance(self, new, old):
        """Return the absolute difference of the predictions."""
        return np.abs(new - old)[:, 0]

    def least_distance(self, distance):
        """Return the median, or 0 if fewer rows differ."""
        return np.median(distance) if len(distance) else 0.0

    def codes(self, y, n_rows):
        """Return the queried numbers."""
        return read_numbers(y, np.ones(n_rows, dtype=bool)).astype(float)

    def summary(self, answers, truth):
        """Return R2, NaN for a constant truth, and the mean squared error."""
        loss, spread = self.losses(answers, truth).mean(), np.var(truth)
        return (1 - loss / spread if spread else np.nan), loss

    def folds(self, truth, *, cv, n_repeats, generator):
        """Return `Folds` of any rows; none of a single row."""
        n_splits, scored = min(cv, len(truth)), np.arange(len(truth))
        if n_splits < 2:
            return Folds([], scored[:0], alone=False)
        return _draw_folds(KFold, n_splits, scored, truth, n_repeats, generator, len(truth) > 2)

    def rehearsal_rows(self, truth_source, truth_target, generator):
        """Return positions of as many source rows as there are labelled target rows."""
        n_rows = min(len(truth_target), len(truth_source) // 2)
        return np.sort(generator.choice(len(truth_source), n_rows, replace=False))


def _finite(answers, model):
    """Return answers, or raise ValueError: one that is no number would be the mixture's too."""
    n_strange = int((~np.isfinite(answers).all(axis=1)).sum())
    if n_strange:
        raise ValueError(
            f"{shown(model)} predicts NaN or infinity for {n_strange} of {len(answers)} rows; fix "
            "this candidate, or leave it out."
        )
    return answers


def _labels(rows, positions, *, discrete):
    labels = labels_alone(rows.y, rows.labelled, discrete=discrete)
    places = np.cumsum(rows.labelled) - 1
    return labels[places[positions]]


def _draw_folds(splitter, n_splits, scored, truth, n_repeats, generator, alone):
    if n_splits < 2:
        return Folds([], scored[:0], alone=False)
    splits = []
    for _ in range(n_repeats):
        seed = generator.randint(np.iinfo(np.int32).max)
        drawn = splitter(n_splits, shuffle=True, random_state=seed).split(scored, truth[scored])
        splits.append([scored[out] for _, out in drawn])
    return Folds(splits, scored, alone)
