"""K-fold cross-validation that tests on labelled target rows alone."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sktransfer._domains import read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._sklearn import _num_samples
from sktransfer.model_selection._base_fold import _BaseFold
from sktransfer.model_selection._deal import are_classes, deal


class TargetFold(_BaseFold):
    """Split the labelled target rows into folds; train on everything else too.

    Each test fold holds labelled target rows only, so the score estimates the performance for a
    user of the target domain. Source rows and unlabelled target rows are in every training set.

    Labels that are classes (texts, booleans, two whole numbers, or more that each occur twice on
    average) are assigned to the folds class by class, for any class size. No class of two rows or
    more is in only one fold. Other numbers are cut into consecutive folds, as by
    :class:`~sklearn.model_selection.KFold`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of labelled target rows.
    shuffle : bool, default=False
        Whether to shuffle the labelled target rows first.
    random_state : int, RandomState instance or None, default=None
        The order of the shuffle; only with ``shuffle=True``. None draws fresh entropy.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : The same for classes without source rows.
        If it accepts the target rows alone, their folds are equal.

    Examples
    --------
    >>> import numpy as np
    >>> sample_domain = ["amazon", "amazon", "target", "target", "target", "target", "target"]
    >>> y = np.array([0, 1, 0, 1, 0, 1, np.nan])
    >>> for train, test in TargetFold(2).split(np.zeros((7, 1)), y, groups=sample_domain):
    ...     print(train, test)
    [0 1 4 5 6] [2 3]
    [0 1 2 3 6] [4 5]
    """

    def split(self, X, y=None, groups=None):
        """Give the indices of each fold's training and test rows.

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
        n_samples = _num_samples(X)
        if y is None:
            raise ValueError("TargetFold tests on labelled target rows, but y is None; pass y.")
        if groups is None:
            raise ValueError(
                "TargetFold learns from groups which rows are target rows, but groups is None; "
                "pass groups=sample_domain (to a search inside of cross_val_score as "
                "params={'groups': ...}, to one that is a step of a pipeline as "
                "gridsearchcv__groups=...), or use StratifiedKFold if all are target rows."
            )
        check_consistent_length(X, y)
        domains = read_sample_domain(groups, n_samples)
        labelled = is_labelled(y)
        candidates = np.flatnonzero(domains.is_target & labelled)
        if not len(candidates):
            raise ValueError(
                "No target row has a label, so there is nothing to score; pass labels of "
                "some, or split source rows by TransductiveFold."
            )
        if len(candidates) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(candidates)} labelled target "
                "rows; lower n_splits or label more target rows."
            )
        mask = np.zeros(n_samples, dtype=bool)
        mask[candidates] = True
        labels = labels_alone(y, mask, discrete=True)
        if not labelled.all():
            _refuse_objects(y, labels)
        fold_of = deal(labels, self.n_splits, shuffle=self.shuffle, random_state=self.random_state)
        for fold in range(self.n_splits):
            test = candidates[fold_of == fold]
            mask[:] = True
            mask[test] = False
            yield np.flatnonzero(mask), test


def _refuse_objects(y, labels):
    """Raise ValueError if scikit-learn's scorers refuse the classes that `y` holds beside gaps.

    Those are objects other than texts. The numbers 0 and 1 in an array of objects are no classes
    for a scorer with a name, and cross-validation passes them unchanged.
    """
    if not isinstance(getattr(y, "dtype", None), np.dtypes.ObjectDType):
        return  # other containers keep the types of texts, whole numbers and dates
    if labels.dtype.kind == "O" or (labels.dtype.kind != "U" and are_classes(labels)):
        types = sorted({type(value).__name__ for value in labels.ravel().tolist()})[:5]
        raise ValueError(
            f"y is an array of objects that holds labels of type {', '.join(types)}, which are no "
            "texts, and missing labels; scorers do not read such classes: pass numbers and booleans"
            " as y.astype(float), with NaN for a missing label, dates as datetime64 with NaT, and "
            "anything else as text with None."
        )
