"""K-fold cross-validation that holds source rows out, and shows target rows to both sides."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sktransfer._domains import read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._sklearn import _num_samples
from sktransfer.model_selection._base_fold import _BaseFold
from sktransfer.model_selection._deal import are_classes, deal


class TransductiveFold(_BaseFold):
    """Split the labelled source rows into folds; all target rows are in both sides of each split.

    It is the splitter for scorers that read no target labels, such as `ReverseValidation`. They
    judge a fitted estimator by held-out source rows with their labels, and by the target rows
    without. An unsupervised method may see the same target rows in training. With any other scorer
    the score is wrong: it reads the labels of target rows that were trained on.

    The rows of each source are dealt to the folds class by class if labels are classes (see
    `TargetFold`), else as consecutive rows. Source rows without a label are always in training.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of labelled source rows.
    shuffle : bool, default=False
        Whether to shuffle the labelled source rows first.
    random_state : int, RandomState instance or None, default=None
        The order of the shuffle; only with ``shuffle=True``. None draws fresh entropy.

    See Also
    --------
    TargetFold : Folds of labelled target rows, for any scorer.
    ReverseValidation : A score without target labels.

    Examples
    --------
    >>> import numpy as np
    >>> sample_domain = ["lab", "lab", "lab", "lab", "target", "target"]
    >>> y = np.array([0, 1, 0, 1, np.nan, np.nan])
    >>> for train, test in TransductiveFold(2).split(np.zeros((6, 1)), y, groups=sample_domain):
    ...     print(train, test)
    [2 3 4 5] [0 1 4 5]
    [0 1 4 5] [2 3 4 5]
    """

    def split(self, X, y=None, groups=None):
        """Return the indices of each fold's training and test rows.

        Parameters
        ----------
        X : array-like of n_samples rows
            Only its length is read.
        y : array-like of shape (n_samples,)
            Labels; a missing value if a row has none. Those of target rows are not read.
        groups : array-like of shape (n_samples,)
            The ``sample_domain`` of the rows.

        Yields
        ------
        train : ndarray of int
            Indices of the training rows: source rows, and all target rows.
        test : ndarray of int
            Indices of the test rows: the other labelled source rows, and all target rows.
        """
        n_samples = _num_samples(X)
        if y is None:
            raise ValueError(
                "TransductiveFold holds labelled source rows out, but y is None; pass y."
            )
        if groups is None:
            raise ValueError(
                "TransductiveFold learns from groups which rows are target rows, but groups is "
                "None; pass groups=sample_domain."
            )
        check_consistent_length(X, y)
        domains = read_sample_domain(groups, n_samples)
        used = ~domains.is_target & is_labelled(y)
        held_out = np.flatnonzero(used)
        if not len(held_out):
            raise ValueError(
                "No source row has a label, so there is nothing to score; pass labels of some."
            )
        if len(held_out) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(held_out)} labelled source rows; "
                "lower n_splits or add labelled source rows."
            )
        labels, strata = labels_alone(y, used, discrete=True), domains.codes[held_out]
        if are_classes(labels):
            classes, codes = np.unique(labels, return_inverse=True)
            strata = strata * len(classes) + codes.ravel()
        options = {"shuffle": self.shuffle, "random_state": self.random_state}
        fold_of = deal(strata, self.n_splits, discrete=True, **options)
        for fold in range(self.n_splits):
            test = held_out[fold_of == fold]
            in_training = np.ones(n_samples, dtype=bool)
            in_training[test] = False
            in_test = domains.is_target.copy()
            in_test[test] = True
            yield np.flatnonzero(in_training), np.flatnonzero(in_test)
