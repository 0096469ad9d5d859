"""How labelled rows are dealt to folds: class by class, or as consecutive rows."""

import numpy as np
from sklearn.model_selection import KFold
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from sktransfer._random import generator


def deal(labels, n_folds, *, shuffle, random_state, discrete=None):
    """Return the fold of each row, of labels that are not missing.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    n_folds : int
    shuffle : bool
    random_state : int, RandomState instance or None
        The order of the shuffle.
    discrete : bool or None, default=None
        Whether the labels are classes. None: `are_classes` decides.

    Returns
    -------
    fold_of : ndarray of shape (n_samples,), dtype intp
    """
    random_state = generator(random_state) if shuffle else None
    if are_classes(labels) if discrete is None else discrete:
        return _deal_classes(column_or_1d(labels), n_folds, random_state)
    fold_of = np.empty(len(labels), dtype=np.intp)
    folds = KFold(n_folds, shuffle=shuffle, random_state=random_state)
    for fold, (_, test) in enumerate(folds.split(labels)):
        fold_of[test] = fold
    return fold_of


def are_classes(labels):
    """Tell labels that are classes: whole numbers are if they come twice at least on average."""
    with np.errstate(invalid="ignore"):  # numbers beyond int64 are no classes
        kind = type_of_target(labels)
    if kind != "multiclass":
        return kind == "binary"
    return labels.dtype.kind not in "iuf" or 2 * len(np.unique(labels)) <= len(labels)


def _deal_classes(labels, n_folds, random_state):
    """Deal rows to folds class by class, as StratifiedKFold does, with no class too small for it.

    Rows sorted by class (in the order in which the classes appear) are dealt round robin. This
    decides how many of a class go to each fold. Within a class the first ones go to the first fold.
    """
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    codes = np.argsort(np.argsort(first))[codes]
    dealt = np.sort(codes), np.arange(len(codes)) % n_folds
    fold_of = np.empty(len(codes), dtype=np.intp)
    for code in range(len(first)):
        folds = np.sort(dealt[1][dealt[0] == code])
        if random_state is not None:
            random_state.shuffle(folds)
        fold_of[codes == code] = folds
    return fold_of
