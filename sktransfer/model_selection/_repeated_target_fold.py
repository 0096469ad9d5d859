"""K-fold cross-validation on labelled target rows, repeated with other folds."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold

from sktransfer._messages import shown
from sktransfer._random import generator
from sktransfer._sklearn import GroupsConsumerMixin
from sktransfer.model_selection._target_fold import TargetFold


class RepeatedTargetFold(GroupsConsumerMixin, BaseCrossValidator):
    """Repeat `TargetFold` with other shuffles, so that a score depends less on one draw of folds.

    With few labelled target rows, the mean score of one `TargetFold` depends on how the rows were
    dealt to the folds. The mean over `n_repeats` draws depends on it less, and costs `n_repeats`
    times as many fits. The error from having few rows stays: repetitions share all their test
    rows, so a standard error over all `n_splits * n_repeats` scores is too small.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds of each repetition, at least 2 and at most the number of labelled target
        rows.
    n_repeats : int, default=10
        Number of repetitions, at least 1.
    random_state : int, RandomState instance or None, default=None
        Draws the seed of each repetition. None draws fresh entropy.

    See Also
    --------
    TargetFold : One repetition.
    sklearn.model_selection.RepeatedStratifiedKFold : The same for rows of one domain.

    Examples
    --------
    >>> import numpy as np
    >>> sample_domain = ["amazon", "target", "target", "target", "target"]
    >>> y = np.array([0, 1, 0, 1, 0])
    >>> cv = RepeatedTargetFold(n_splits=2, n_repeats=2, random_state=0)
    >>> for train, test in cv.split(np.zeros((5, 1)), y, groups=sample_domain):
    ...     print(train, test)
    [0 1 4] [2 3]
    [0 2 3] [1 4]
    [0 3 4] [1 2]
    [0 1 2] [3 4]
    """

    def __init__(self, n_splits=5, *, n_repeats=10, random_state=None):
        KFold(n_splits)  # raises if it is invalid
        if isinstance(n_repeats, bool) or not isinstance(n_repeats, Integral) or n_repeats < 1:
            raise ValueError(
                f"n_repeats={shown(n_repeats)}: expected a whole number of repetitions, 1 or more."
            )
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of pairs of training and test rows.

        Parameters
        ----------
        X, y, groups : object
            Ignored; here for API consistency.

        Returns
        -------
        n_splits : int
            The number of folds times the number of repetitions.
        """
        return self.n_splits * self.n_repeats

    def split(self, X, y=None, groups=None):
        """Return the indices of each fold's training and test rows, repetition by repetition.

        Parameters
        ----------
        X : array-like of n_samples rows
            Only its length is read.
        y : array-like of shape (n_samples,)
            Labels; a missing value if a row has none.
        groups : array-like of shape (n_samples,)
            The ``sample_domain`` of the rows.

        Yields
        ------
        train : ndarray of int
            Indices of the training rows.
        test : ndarray of int
            Indices of the test rows, labelled target rows.
        """
        rng = generator(self.random_state)
        for _ in range(self.n_repeats):
            seed = rng.randint(np.iinfo(np.int32).max)
            folds = TargetFold(self.n_splits, shuffle=True, random_state=seed)
            yield from folds.split(X, y, groups)
