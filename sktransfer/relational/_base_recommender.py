"""The base of recommenders: they learn from rows of a user, an item and a value."""

from abc import ABC, abstractmethod
from inspect import signature
from numbers import Integral

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils import Tags, TargetTags

from sktransfer._messages import listed, warn
from sktransfer._sklearn import validate_parameter_constraints
from sktransfer.exceptions import TransferWarning
from sktransfer.relational._ratings import read_columns


class _BaseRecommender(ABC):
    """Predicts the values of pairs of a user and an item of the target.

    It is no estimator of scikit-learn, since its rows name entities and have no features. It has
    the parameters of one, for `clone` and searches. A concrete one writes `fit`, which sets
    `users_` and `items_` and calls `_keep_seen`, and `_expect`.
    """

    _no_onnx = "it predicts pairs of a user and an item, and not rows of numbers"

    _parameter_constraints: dict = {}
    _remedy = "pass rows of them to fit"

    @abstractmethod
    def _expect(self, users, items, **described):
        """Return the expected values of pairs, and the mask of pairs with an unknown entity."""

    def _score(self, values, predicted):
        return r2_score(values, predicted)

    def get_params(self, deep=True):
        """Return the parameters of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            Ignored; here for API consistency.

        Returns
        -------
        params : dict
            Values by name.
        """
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def set_params(self, **params):
        """Set parameters of the constructor.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            The same object.
        """
        unknown = sorted(set(params) - set(self.get_params()))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameters {listed(unknown)}; it has "
                f"{listed(self.get_params())}."
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self):
        defaults = signature(type(self)).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self):
        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def _check_parameters(self):
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(), type(self).__name__
        )

    def _check_fitted(self):
        if not hasattr(self, "items_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit before.")

    def predict(self, X):
        """Return the expected value of each pair of a user and an item of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2) or (n_samples, 3)
            Rows of a user and an item. A third column, the value, is ignored.

        Returns
        -------
        values : ndarray of shape (n_samples,)

        Warns
        -----
        TransferWarning
            If nothing is known of a user or of an item, so that popularity answers.
        """
        return self._predict(X)

    def recommend(self, user, k=10):
        """Return the items of the target with the largest expected values for a user.

        Items with a target row of this user in `fit` are left out.

        Parameters
        ----------
        user : object
            The label of the user.
        k : int, default=10
            The number of items. There are fewer if fewer are left.

        Returns
        -------
        items : ndarray of shape (k,)
            Labels, the largest expected value first. If values are equal, those with more target
            rows are first.

        Warns
        -----
        TransferWarning
            If nothing is known of the user, so that the most popular items are returned.
        """
        return self._recommend(user, k)

    def score(self, X, y=None):
        """Return the explained fraction of the deviance of the values about their mean.

        For numbers with a squared loss it is the coefficient of determination.

        Parameters
        ----------
        X : array-like of shape (n_samples, 3)
            Target rows of a user, an item and a value. Rows without a value are left out.
        y : object
            Ignored; here for searches.

        Returns
        -------
        score : float
            1 at best, and 0 for the mean of the values.
        """
        self._check_fitted()
        users, items, values = read_columns(X, self, with_values=True)
        used = ~np.isnan(values)
        return float(self._score(values[used], self._values(users[used], items[used])))

    def _predict(self, X, **described):
        self._check_fitted()
        users, items = read_columns(X, self, with_values=False)
        return self._values(users, items, **described)

    def _recommend(self, user, k, **described):
        self._check_fitted()
        if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k={k!r}: expected the number of items to recommend, 1 or more.")
        seen = self._seen.get(user, [])
        items, popularity = (np.delete(each, seen) for each in (self.items_, self._popularity))
        if not len(items):
            return items
        users = np.empty(len(items), dtype=object)
        users[:] = [user] * len(items)
        values = self._values(users, items, **described)
        return items[np.lexsort((-popularity, -values))[:k]]

    def _keep_seen(self, users, items, n_users):
        """Keep which items each user has seen, from the places of users and items of cells."""
        order = np.argsort(users, kind="stable")
        parts = np.split(items[order], np.searchsorted(users[order], np.arange(1, n_users)))
        self._seen = dict(zip(self.users_.tolist(), parts, strict=True))
        self._popularity = np.bincount(items, minlength=len(self.items_))

    def _values(self, users, items, **described):
        """Return the expected values of pairs, and warn if some are those of popularity."""
        values, unknown = self._expect(users, items, **described)
        if unknown.any():
            warn(
                f"{type(self).__name__} knows nothing of the user, or of the item, in "
                f"{unknown.sum()} of {len(unknown)} rows. These are answered by popularity, the "
                f"mean of the other one; {self._remedy}.",
                TransferWarning,
            )
        return values
