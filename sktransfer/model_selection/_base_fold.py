"""The base of the splitters that deal the rows of one kind of domain to folds."""

from sklearn.model_selection import BaseCrossValidator, KFold

from sktransfer._sklearn import GroupsConsumerMixin


class _BaseFold(GroupsConsumerMixin, BaseCrossValidator):
    """The parameters of K-fold cross-validation; a subclass implements `split`."""

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        KFold(n_splits, shuffle=shuffle, random_state=random_state)  # validates the parameters
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored; here for API consistency.

        Returns
        -------
        n_splits : int
            The number of folds.
        """
        return self.n_splits
