"""The choices of `ZeroShotClassifier`: seen classes are held out, as if they were unseen."""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.rows import order_of_rows
from sktransfer._kernels.zero_shot import balanced_accuracy, best_temperature, stacking_offset

MOST_FOLDS = 5
FEWEST_CLASSES = 4  # two in each of two folds


class Frame(NamedTuple):
    """How rows and descriptions are centered, and brought to a mean square length of 1.

    An attribute that all seen classes share teaches nothing, and has the scale 0.
    """

    mean: np.ndarray
    scale: float
    attribute_mean: np.ndarray
    attribute_scale: np.ndarray

    def rows(self, X):
        """Map rows."""
        return (X - self.mean) / self.scale

    def descriptions(self, S):
        """Map descriptions."""
        return (S - self.attribute_mean) * self.attribute_scale


def frame_of(X, S):
    """Return the frame of rows and of the descriptions of their classes."""
    mean, attribute_mean = X.mean(axis=0), S.mean(axis=0)
    varies = np.ptp(S, axis=0) > 0
    lengths = [
        np.sqrt(((values - center) ** 2).sum(axis=1).mean())
        for values, center in ((X, mean), (S, attribute_mean))
    ]
    row_scale, attribute_scale = (length if length > 0 else 1.0 for length in lengths)
    return Frame(mean, row_scale, attribute_mean, varies / attribute_scale)


def learn(method, X, codes, S, *settings):
    """Return the frame, and the result of a method in it for each setting."""
    frame = frame_of(X, S)
    fit = method(frame.rows(X), codes, frame.descriptions(S))
    return frame, (fit.learn(*setting) for setting in settings)


class Choice(NamedTuple):
    """The setting that is chosen, and how well held-out classes are told apart with it.

    `accuracy` and `chance` are means over held-out classes, NaN if there are too few classes.
    """

    setting: tuple
    temperature: float
    calibration: float
    accuracy: float
    chance: float


class _Fold(NamedTuple):
    held_out: np.ndarray  # places of classes
    kept: np.ndarray
    train: np.ndarray  # masks of rows
    held_rows: np.ndarray
    kept_rows: np.ndarray  # rows of kept classes that are not learned from


def choose(method, X, codes, S, grid, *, n_unseen):
    """Choose the setting, the temperature and the offset of seen classes.

    Classes are held out in folds, in a proportion near that of the unseen ones. The setting with
    the best mean accuracy on held-out classes among themselves is chosen; the first among equals.

    Parameters
    ----------
    method : class
        One of `METHODS`.
    X : ndarray of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,), dtype int
    S : ndarray of shape (n_seen, n_attributes)
    grid : sequence of tuple
        Settings of the method.
    n_unseen : int

    Returns
    -------
    choice : Choice
    """
    folds = list(_folds(X, codes, len(S), n_unseen))
    correct, shares = np.zeros(len(grid)), 0.0
    for fold in folds:
        frame, fits = _learn_fold(method, X, codes, S, fold, *grid)
        rows, targets = frame.rows(X[fold.held_rows]), frame.descriptions(S[fold.held_out])
        for place, learned in enumerate(fits):
            best = method.scores(learned, rows, targets).argmax(axis=1)
            right = balanced_accuracy(codes[fold.held_rows], fold.held_out[best])
            correct[place] += right * len(fold.held_out)
        shares += 1
    place = int(correct.argmax())
    temperature, calibration = _calibrate(method, X, codes, S, grid[place], folds)
    return Choice(grid[place], temperature, calibration, correct[place] / len(S), shares / len(S))


def _folds(X, codes, n_seen, n_unseen):
    """Yield folds of classes, each with a fifth of the rows of the other classes left out."""
    n_folds = int(np.clip(round((n_seen + n_unseen) / n_unseen), 2, MOST_FOLDS))
    n_folds = min(n_folds, n_seen // 2)
    ranks, counts = np.empty(len(X), dtype=int), np.bincount(codes)
    for code in range(n_seen):  # an order that does not depend on that of the input
        mine = np.flatnonzero(codes == code)
        ranks[mine[order_of_rows(X[mine])]] = np.arange(len(mine))
    for number in range(n_folds):
        is_held = np.arange(n_seen) % n_folds == number
        held_rows = is_held[codes]
        left_out = (ranks % MOST_FOLDS == number) & (counts[codes] > 1) & ~held_rows
        yield _Fold(
            np.flatnonzero(is_held),
            np.flatnonzero(~is_held),
            ~(held_rows | left_out),
            held_rows,
            left_out,
        )


def _learn_fold(method, X, codes, S, fold, *settings):
    places = np.searchsorted(fold.kept, codes[fold.train])
    return learn(method, X[fold.train], places, S[fold.kept], *settings)


def _calibrate(method, X, codes, S, setting, folds):
    """Return the temperature, and the offset between classes with rows and held-out ones."""
    parts, margins, is_seen, is_right, classes = [], [], [], [], []
    for fold in folds:
        frame, (learned,) = _learn_fold(method, X, codes, S, fold, setting)
        for rows, own in ((fold.held_rows, fold.held_out), (fold.kept_rows, fold.kept)):
            scores = method.scores(learned, frame.rows(X[rows]), frame.descriptions(S))
            margins.append(scores[:, fold.kept].max(axis=1) - scores[:, fold.held_out].max(axis=1))
            is_right.append(own[scores[:, own].argmax(axis=1)] == codes[rows])
            is_seen.append(np.full(len(scores), own is fold.kept))
            classes.append(codes[rows])
            if own is fold.held_out:
                parts.append((scores[:, own], np.searchsorted(own, codes[rows])))
    is_seen, classes = np.concatenate(is_seen), np.concatenate(classes)
    weights = np.empty(len(classes))
    for group in (is_seen, ~is_seen):
        counts = np.bincount(classes[group])
        weights[group] = 1 / counts[classes[group]] / np.count_nonzero(counts)
    offset = 0.0
    if is_seen.any():
        offset, _ = stacking_offset(
            np.concatenate(margins), is_seen, np.concatenate(is_right), weights
        )
    return best_temperature(parts), offset
