"""The folds on which models are compared."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from sktransfer._messages import listed, shown, warn
from sktransfer.exceptions import TransferWarning
from sktransfer.model_selection import RepeatedTargetFold

N_REPEATS = 3
MOST_FOLDS = 10


def target_splits(cv, data):
    """Return training and test rows of each fold, and whether scores without transfer are honest.

    They are not if a class has one labelled target row: when it is tested, no model of target rows
    alone knows the class.

    Parameters
    ----------
    cv : int, splitter, iterable of splits or None
    data : DomainData

    Returns
    -------
    splits : list of (ndarray of int, ndarray of int)
    is_honest : bool
    """
    fewest, is_honest = int(data.is_scored.sum()) // 2, True
    if data.classes is not None:
        classes, counts = np.unique(data.truth[data.is_scored], return_counts=True)
        fewest, is_honest = counts.min(), counts.min() > 1
        if not is_honest:
            _warn_of_single_rows(classes[counts == 1], len(classes))
    if cv is None:
        cv = int(np.clip(fewest, 2, MOST_FOLDS))
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        cv = RepeatedTargetFold(cv, n_repeats=N_REPEATS, random_state=0)
    splits = list(check_cv(cv).split(data.X, data.y, groups=data.names))
    splits = [(np.asarray(train), np.asarray(test)) for train, test in splits]
    for train, test in splits:
        _check(train, test, data, cv)
    return splits, is_honest


def _warn_of_single_rows(classes, n_classes):
    names = listed(classes.tolist())
    warn(
        f"{len(classes)} of {n_classes} classes have one labelled target row ({names}). When "
        "it is tested, target rows alone cannot predict its class, so that transfer looks better "
        "than it is; no interval is given. Label another row of these classes.",
        TransferWarning,
    )


def _check(train, test, data, cv):
    n_wrong = int((~data.is_scored[test]).sum())
    if n_wrong:
        raise ValueError(
            f"cv={shown(cv)} tests {n_wrong} rows that are no labelled target rows, and the score "
            "of others says nothing about the target; pass a RepeatedTargetFold or a TargetFold."
        )
    if not data.is_scored[train].any():
        raise ValueError(
            f"cv={shown(cv)} leaves no labelled target row for training; pass more folds."
        )
