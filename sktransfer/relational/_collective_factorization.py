"""CollectiveFactorization: matrices that share users, or items, are factorized together."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_log_loss_score, d2_tweedie_score, r2_score

from sktransfer._domains import TARGET
from sktransfer._kernels.collective import (
    LOSSES,
    alternate,
    collect,
    descend,
    linear_predictor,
    start,
)
from sktransfer._messages import shown, warn
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer._whole import whole_fit
from sktransfer.relational._base_recommender import _BaseRecommender
from sktransfer.relational._ratings import Entities, SideColumns, read_ratings
from sktransfer.relational._standards import read_standard, read_weights

_SCORES = {
    "squared": r2_score,
    "logistic": lambda values, mean: d2_log_loss_score(values, mean, labels=[0, 1]),
    "poisson": lambda values, mean: d2_tweedie_score(values, mean, power=1),
}


class CollectiveFactorization(_BaseRecommender):
    """Recommend items of a new kind to users who are known from another kind.

    Each domain is a matrix of users and items with few cells. All are factorized together [1]_: a
    user has the same factors and the same bias in each domain, and items have their own. A user
    without a rating in the target thus gets personal predictions from those in a source. With
    ``shared="item"`` items are common instead, for example to two shops with other users.

    It helps if users have few ratings in the target and many in a source, and tastes go together.
    It hurts if they do not: then a user's source ratings are noise. Compare with ``alpha=1``, which
    is the factorization of the target alone, on held-out target rows.

    Parameters
    ----------
    n_components : int, default=5
        The number of factors. With 0 there are biases only.
    loss : {"squared", "logistic", "poisson"}, default="squared"
        ``"squared"`` for ratings, ``"logistic"`` for values 0 and 1, ``"poisson"`` for counts.
        Pairs without a row are unknown. They are not 0.
    alpha : float or dict, default=0.5
        The weight of the target's loss; that of each source is ``1 - alpha``. With 1 sources are
        ignored. A dict has the weight of each domain, that of the target under ``"target"``.
    ridge : float, default=2.0
        The strength of the penalty on the squares of factors and biases. Larger values shrink them
        to 0, and predictions to the mean of the target.
    shared : {"user", "item"}, default="user"
        The entities that are the same in all domains. The others belong to their domain, also if
        labels are equal.
    max_iter : int, default=200
        The most iterations.
    tol : float, default=1e-5
        Iterations stop if one lowers the objective by less than this part of it.
    random_state : int, RandomState instance or None, default=None
        Draws the first factors. None: fresh ones for each fit.

    Attributes
    ----------
    users_, items_ : ndarray of shape (n_users,) and (n_items,)
        The labels of users and items of the target, sorted. Those that are shared may come from
        sources alone.
    user_factors_ : ndarray of shape (n_users, n_components)
        The factors of users.
    item_factors_ : ndarray of shape (n_items, n_components)
        The factors of items of the target.
    user_bias_, item_bias_ : ndarray of shape (n_users,) and (n_items,)
        Their biases.
    weights_ : dict
        The weight of each domain.
    loss_curve_ : list of float
        The objective after each iteration, which never rises.
    n_iter_ : int
        The number of iterations.
    source_domains_ : tuple of str
        The names of the sources in `fit`.

    See Also
    --------
    CodebookTransfer : For a source with other users and other items.

    Notes
    -----
    The objective is ``sum_d w_d sum loss(x, o_d + u v + b + c) + ridge / 2 sum |theta|^2``. For the
    squared loss the values of each domain are centered and scaled to variance 1 before. For other
    losses ``o_d`` is the link of the mean. Alternating least squares solves for all users, and then
    for all items, exactly. Other losses are minimized by L-BFGS. Both find a local minimum.

    With side columns ``f`` of an entity, its factors and bias shrink to ``f B``, and not to 0. The
    coefficients ``B`` are fitted in the same objective, by ridge regression. Columns are scaled to
    variance 1, and a column of ones is added.

    The text of [1]_ could not be read here. The objective with shared factors and weights is its
    known form. Common biases, scales, side columns and the algorithms are choices of this class.

    References
    ----------
    .. [1] A. Singh, G. Gordon, "Relational Learning via Collective Matrix Factorization", KDD 2008.
       https://doi.org/10.1145/1401890.1401969

    Examples
    --------
    Ann and Ben rated drinks and pastries. Cleo rated drinks only, as Ann did:

    >>> import pandas as pd
    >>> from sktransfer import CollectiveFactorization
    >>> rows = pd.DataFrame(
    ...     [("ann", "tea", 5), ("ann", "cola", 1), ("ben", "tea", 1), ("ben", "cola", 5)]
    ...     + [("cleo", "tea", 5), ("cleo", "cola", 1)]
    ...     + [("ann", "scone", 5), ("ann", "donut", 1), ("ben", "scone", 1), ("ben", "donut", 5)],
    ...     columns=["user", "item", "rating"],
    ... )
    >>> sample_domain = ["drinks"] * 6 + ["target"] * 4
    >>> model = CollectiveFactorization(1, ridge=0.1, random_state=0)
    >>> model = model.fit(rows, sample_domain=sample_domain)
    >>> model.predict([("cleo", "scone"), ("cleo", "donut")]).round(1)
    array([4.7, 1.3])
    >>> model.recommend("cleo", 1)
    array(['scone'], dtype='<U5')
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 0, None, closed="left")],
        "loss": [StrOptions(set(LOSSES))],
        "alpha": [Interval(Real, 0, 1, closed="right"), Mapping],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "shared": [StrOptions({"user", "item"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }
    _remedy = "pass rows of them to fit, or describe them by users or items"

    def __init__(
        self,
        n_components=5,
        *,
        loss="squared",
        alpha=0.5,
        ridge=2.0,
        shared="user",
        max_iter=200,
        tol=1e-5,
        random_state=None,
    ):
        self.n_components = n_components
        self.loss = loss
        self.alpha = alpha
        self.ridge = ridge
        self.shared = shared
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None, *, sample_domain=None, users=None, items=None):
        """Factorize the matrices of all domains.

        Parameters
        ----------
        X : array-like of shape (n_samples, 3)
            Rows of a user, an item and a value: a data frame with these columns, or a list of
            tuples. Users and items are any hashable labels. Rows without a value are left out.
        y : object
            Ignored; here for searches.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row: ``"target"`` or the name of a source. None: all rows are target
            rows.
        users, items : data frame of shape (n_entities, 1 + n_columns), default=None
            Side columns: a label first, and numbers that describe it. Entities without a row in `X`
            may be described, and get predictions from that alone. Those that are not shared are
            those of the target. Missing numbers count as their mean.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If no row of a domain has a value, if values do not suit the loss, or if `X`, `users`,
            `items` or `sample_domain` cannot be read.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` iterations do not reach `tol`.
        """
        self._check_parameters()
        with whole_fit(self):
            ratings = read_ratings(X, sample_domain, self)
            sources = ratings.domains.sources
            self.weights_ = read_weights(self.alpha, sources)
            self._side = {
                name: SideColumns(frame, name, self)
                for name, frame in (("users", users), ("items", items))
                if frame is not None
            }
            names = [TARGET, *(name for name in sources if self.weights_[name])]
            self._learn(ratings, names)
            self.source_domains_ = sources
        return self

    def _learn(self, ratings, names):
        """Factorize the matrices of the domains `names`, the target's first."""
        kinds = ("users", "items") if self.shared == "user" else ("items", "users")
        described = [[self._side[kind].labels] if kind in self._side else [] for kind in kinds]
        parts = [ratings.of(name) for name in names]
        if self.shared == "item":
            parts = [(items, users, values) for users, items, values in parts]
        shared = Entities(*(rows for rows, _, _ in parts), *described[0])
        relations, own = [], []
        for name, (rows, columns, values) in zip(names, parts, strict=True):
            standard = read_standard(name, values, self.loss)
            own.append(Entities(columns, *(described[1] if name == TARGET else ())))
            relations.append(
                collect(
                    shared.places(rows),
                    own[-1].places(columns),
                    standard.apply(values, self.loss),
                    (len(shared), len(own[-1])),
                    loss=self.loss,
                    weight=self.weights_[name],
                    offset=standard.offset,
                )
            )
            if name == TARGET:
                self._standard = standard
        features = [
            self._features(kinds[0], shared.labels),
            self._features(kinds[1], own[0].labels),
        ]
        features += [np.empty((len(entities), 0)) for entities in own[1:]]
        sides = self._optimize(relations, features)
        rows = np.concatenate([relation.rows for relation in relations])
        places = {kinds[0]: rows, kinds[1]: relations[0].columns}
        for kind, side, entities in zip(kinds, sides, (shared, own[0]), strict=False):
            self._keep(kind, side, entities, places[kind])
        cells = dict(zip(kinds, (relations[0].rows, relations[0].columns), strict=True))
        self._keep_seen(cells["users"], cells["items"], len(self.users_))

    def _optimize(self, relations, features):
        """Return the sides at a minimum of the objective."""
        sides = start(
            relations[0].shape[0],
            relations,
            features,
            n_components=self.n_components,
            generator=generator(self.random_state),
        )
        rules = {"ridge": self.ridge, "max_iter": self.max_iter, "tol": self.tol}
        if self.loss == "squared":
            sides, self.loss_curve_, converged = alternate(relations, sides, **rules)
        else:
            sides, self.loss_curve_, converged = descend(relations, sides, loss=self.loss, **rules)
        self.n_iter_ = len(self.loss_curve_)
        if not converged:
            warn(
                f"{type(self).__name__} stopped after max_iter={self.max_iter} iterations, before "
                f"tol={self.tol:g} was reached; increase max_iter or tol.",
                ConvergenceWarning,
            )
        return sides

    def _features(self, kind, labels):
        if kind not in self._side:
            return np.empty((len(labels), 0))
        return self._side[kind].rows(labels)[0]

    def _keep(self, kind, side, entities, places):
        """Store what predictions need of the users or of the items; `places` have a value."""
        known = np.bincount(places, minlength=len(entities)) > 0
        if kind in self._side and not self._side[kind].rows(entities.labels[known])[1].any():
            raise ValueError(
                f"{kind} describes none of the {known.sum()} {kind} of X that have a value, such "
                f"as {shown(entities.labels[known][0])}; its first column must hold their labels."
            )
        self._entities = getattr(self, "_entities", {}) | {kind: (entities, known, side)}
        setattr(self, f"{kind}_", entities.labels)
        setattr(self, f"{kind.removesuffix('s')}_factors_", side.factors[:, :-1])
        setattr(self, f"{kind.removesuffix('s')}_bias_", side.factors[:, -1])

    def predict(self, X, *, users=None, items=None):
        """Return the expected value of each pair of a user and an item of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2) or (n_samples, 3)
            Rows of a user and an item. A third column, the value, is ignored.
        users, items : data frame of shape (n_entities, 1 + n_columns), default=None
            Side columns of further entities, as in `fit`, which must have had them.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            Ratings, probabilities of 1, or mean counts, by the loss.

        Warns
        -----
        TransferWarning
            If nothing is known of a user or of an item, so that popularity answers.
        """
        return self._predict(X, users_frame=users, items_frame=items)

    def recommend(self, user, k=10, *, users=None):
        """Return the items of the target with the largest expected values for a user.

        Items with a target row of this user in `fit` are left out.

        Parameters
        ----------
        user : object
            The label of the user.
        k : int, default=10
            The number of items. There are fewer if fewer are left.
        users : data frame of shape (n_users, 1 + n_columns), default=None
            Side columns of further users, as in `predict`.

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
        return self._recommend(user, k, users_frame=users)

    def _expect(self, users, items, users_frame=None, items_frame=None):
        factors, known = zip(
            self._factors_of("users", users, users_frame),
            self._factors_of("items", items, items_frame),
            strict=True,
        )
        mean = self._standard.expect(linear_predictor(*factors), self.loss)
        return mean, ~(known[0] & known[1])

    def _factors_of(self, kind, labels, frame):
        """Return the factors and biases of labels, and the mask of those that are known."""
        if frame is not None and kind not in self._side:
            raise ValueError(
                f"{kind} was given, but fit had no {kind}; fit with side columns of {kind} too."
            )
        entities, fitted, side = self._entities[kind]
        found = np.zeros((len(labels), side.factors.shape[1]))
        known = np.zeros(len(labels), dtype=bool)
        if kind in self._side:
            rows, known = self._side[kind].rows(labels, frame, kind, self)
            found = rows @ side.coef
        places = entities.places(labels)
        here = places >= 0
        found[here] = side.factors[places[here]]
        known[here] |= fitted[places[here]]
        return found, known

    def _score(self, values, predicted):
        return _SCORES[self.loss](values, predicted)
