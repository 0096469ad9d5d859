"""ColumnBridge: predict the columns that a domain lacks from those that all domains have."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer._base import _BaseTransformer
from sktransfer._domains import TARGET
from sktransfer._kernels.rows import order_of_rows
from sktransfer._messages import listed, warn
from sktransfer._needs import Needs
from sktransfer._sklearn import HasMethods
from sktransfer.exceptions import TransferWarning

N_FOLDS = 5  # of rows, if a single domain has a column


class ColumnBridge(OneToOneFeatureMixin, _BaseTransformer):
    """Predict the columns that a domain lacks from the columns that all domains have.

    A domain lacks a column if all of its values there are missing, as `pack_domains` makes them
    with ``columns="union"``. A regression of the column on the shared ones is fitted on the rows of
    the domains that have it, and fills it in. Other missing values stay.

    It helps if a column that only the source has says much about the labels, and the shared columns
    predict it. It hurts if they predict it badly, or otherwise in the other domain: see `errors_`,
    and compare with the shared columns alone. A linear model after linear bridges gains nothing
    from a column that the target lacks: it is a combination of columns that it has.

    Parameters
    ----------
    estimator : regressor or None, default=None
        Predicts one column from the shared ones, in which values may be missing. None: the mean for
        missing values, a :class:`~sklearn.preprocessing.StandardScaler` and
        :class:`~sklearn.linear_model.RidgeCV`.

    Attributes
    ----------
    lacking_ : dict of str to list
        The columns that each domain lacks, by name if `X` has names, else by place.
    shared_ : list
        The columns that all domains have.
    errors_ : dict of column to float
        The root mean squared error of each column that a domain lacks, on held-out rows. It is in
        units of the column's standard deviation: 1 is no better than its mean. If several domains
        have it, each is held out in turn; else a fifth of the rows. NaN with fewer than two rows.
    models_ : dict of column to regressor
        The fitted regression of each of these columns.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in standard deviations of the mapped rows. 0 if the
        sample holds all rows.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If a column is predicted no better than by its mean.

    See Also
    --------
    pack_domains : Stacks domains with different columns.

    Notes
    -----
    In `transform`, values of a lacking column that are present are kept.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    Examples
    --------
    The target has no column "b", which is twice column "a" in the source:

    >>> import numpy as np
    >>> from sktransfer import ColumnBridge
    >>> X = np.array([[1, 2], [2, 4], [4, 8], [6, 12], [3, np.nan], [5, np.nan]])
    >>> sample_domain = ["old"] * 4 + ["target"] * 2
    >>> bridge = ColumnBridge().fit(X, sample_domain=sample_domain)
    >>> bridge.lacking_
    {'old': [], 'target': [1]}
    >>> bridge.transform([[10, np.nan]]).round(1)
    array([[10., 20.]])
    """

    _needs = Needs(missing=True, dense_because="it fills in whole columns")

    _parameter_constraints: dict = {"estimator": [HasMethods(["fit", "predict"]), None]}

    _no_onnx = None

    def __init__(self, estimator=None):
        self.estimator = estimator

    def _fit_rows(self, X, y, domains):
        rows = {name: domains.rows(name) for name in (*domains.sources, TARGET)}
        has = {name: ~np.isnan(X[mine]).all(axis=0) for name, mine in rows.items()}
        columns = list(getattr(self, "feature_names_in_", range(X.shape[1])))
        table = np.stack(list(has.values()))
        self._is_shared = table.all(axis=0)
        self._lacking = {name: np.flatnonzero(~mine) for name, mine in has.items()}
        self.lacking_ = {
            name: [columns[k] for k in places] for name, places in self._lacking.items()
        }
        self.shared_ = [columns[k] for k in np.flatnonzero(self._is_shared)]
        self._check(columns, table)
        groups = np.concatenate([np.full(len(mine), k) for k, mine in enumerate(rows.values())])
        order = np.concatenate(list(rows.values()))
        self._models, self.errors_ = {}, {}
        for place in np.flatnonzero(~self._is_shared):
            known = ~np.isnan(X[order, place])
            shared, values = X[order[known]][:, self._is_shared], X[order[known], place]
            self._models[place] = self._fitted(shared, values)
            self.errors_[columns[place]] = self._error(shared, values, groups[known])
        self.models_ = {columns[place]: model for place, model in self._models.items()}
        self._warn()

    def _check(self, columns, table):
        nowhere = [columns[k] for k in np.flatnonzero(~table.any(axis=0))]
        if nowhere:
            raise ValueError(
                f"X has no value in the columns {listed(nowhere)} of any domain, so that they "
                "cannot be predicted; leave these columns out."
            )
        if not self._is_shared.any():
            raise ValueError(
                "No column of X has values in all domains, so that nothing predicts those that a "
                "domain lacks; add a column that all domains have."
            )

    def _fitted(self, X, values):
        estimator = self.estimator
        if estimator is None:
            ridge = RidgeCV(alphas=10.0 ** np.arange(-3, 4))
            estimator = make_pipeline(SimpleImputer(), StandardScaler(), ridge)
        return clone(estimator).fit(X, values)

    def _error(self, X, values, groups):
        """Return the error on rows that are held out, over the standard deviation."""
        if len(values) < 2:
            return np.nan
        if len(np.unique(groups)) == 1:
            groups = np.empty(len(values), dtype=int)
            groups[order_of_rows(X, codes=values)] = np.arange(len(values)) % N_FOLDS
        squares = 0.0
        for group in np.unique(groups):
            held = groups == group
            predicted = self._fitted(X[~held], values[~held]).predict(X[held])
            squares += float(((predicted - values[held]) ** 2).sum())
        spread = float(((values - values.mean()) ** 2).sum())
        return float(np.sqrt(squares / spread)) if spread > 0 else np.nan

    def _warn(self):
        bad = {column: error for column, error in self.errors_.items() if error >= 1}
        if bad:
            worst = max(bad.values())
            warn(
                f"ColumnBridge predicts the columns {listed(bad)} no better than by their means, "
                f"with errors of up to {worst:.2f} standard deviations; leave them out, or share "
                "columns that say more.",
                TransferWarning,
            )

    def _write_onnx(self, graph):
        name = graph.domain
        if len(self._lacking.get(name, ())):
            raise TypeError(
                f"ColumnBridge cannot be written as ONNX for domain={name!r}, because its models "
                "fill columns that these rows lack."
            )
        return graph.given

    def _map_rows(self, X, domains):
        mapped = X.copy()
        for name in (*domains.sources, TARGET):
            mine = domains.rows(name)
            for place in self._lacking.get(name, ()):
                empty = mine[np.isnan(X[mine, place])]
                if len(empty):
                    shared = X[empty][:, self._is_shared]
                    mapped[empty, place] = self._models[place].predict(shared)
        return mapped
