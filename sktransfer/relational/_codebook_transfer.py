"""CodebookTransfer: rating patterns of clusters, from a source with other users and other items."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.cluster import KMeans

from sktransfer._domains import TARGET
from sktransfer._kernels.codebook import alternate_memberships, codebook, one_hot, trifactorize
from sktransfer._messages import listed
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer._whole import whole_fit
from sktransfer.relational._base_recommender import _BaseRecommender
from sktransfer.relational._ratings import Entities, read_ratings


class CodebookTransfer(_BaseRecommender):
    """Recommend by rating patterns of a source that has neither users nor items in common.

    Users and items of the dense source are clustered together. The codebook has the mean rating of
    each pair of clusters. In the sparse target only the cluster of each user and of each item is
    learned, so that few ratings are enough [1]_.

    It helps if the target has few ratings of each user and of each item. Its groups of users and of
    items must have the patterns of the source. It hurts if they do not, or if the two domains have
    different scales: bring values to one scale before. Compare with a model of user and item means,
    ``CollectiveFactorization(0)`` on the target rows, which is often better.

    Parameters
    ----------
    n_user_clusters, n_item_clusters : int, default=10
        The numbers of clusters in the codebook. The paper takes 50 of 500 users and 500 items.
    n_init : int, default=10
        The number of random starts of the memberships in the target. The best is kept.
    max_iter : int, default=200
        The most iterations of the factorization, and of the memberships.
    tol : float, default=1e-5
        The factorization of the source stops if the squared error changes by less than this part.
    random_state : int, RandomState instance or None, default=None
        Draws the starts. None: fresh ones for each fit.

    Attributes
    ----------
    codebook_ : ndarray of shape (n_user_clusters, n_item_clusters)
        The mean source value of each pair of clusters.
    users_, items_ : ndarray of shape (n_users,) and (n_items,)
        The labels of users and items of the target, sorted.
    user_clusters_, item_clusters_ : ndarray of shape (n_users,) and (n_items,)
        The cluster of each.
    loss_curve_ : list of float
        The sum of squared errors in the target after each iteration of the best start, which never
        rises.
    n_iter_ : int
        The number of iterations of the best start.
    source_domains_ : tuple of str
        The name of the source in `fit`. Empty if there was none.

    See Also
    --------
    CollectiveFactorization : For domains with common users or items.

    Notes
    -----
    The source is clustered by orthogonal non-negative matrix tri-factorization [2]_, which starts
    from k-means. A row belongs to the cluster of its largest factor. Missing cells of the source
    hold the mean of their user in the factorization, and nothing in the codebook. Without a source
    the codebook is that of the target itself.

    A user, and then an item, takes the cluster with the least squared error on its target rows.
    An entity without a target row has none: the mean over all others answers.

    The text of [1]_ could not be read here. The formulas of the codebook and of the memberships
    agree with programs of others that cite it. The start from k-means, several starts in the
    target and the codebook over known cells alone are choices of this class. Such programs also
    keep known cells as they are, and one predicts by neighbors in the filled matrix. That is not
    done here.

    References
    ----------
    .. [1] B. Li, Q. Yang, X. Xue, "Can Movies and Books Collaborate? Cross-Domain Collaborative
       Filtering for Sparsity Reduction", IJCAI 2009.
       https://www.ijcai.org/Proceedings/09/Papers/338.pdf
    .. [2] C. Ding, T. Li, W. Peng, H. Park, "Orthogonal Nonnegative Matrix T-Factorizations for
       Clustering", KDD 2006. https://doi.org/10.1145/1150402.1150420

    Examples
    --------
    In a library, children like comics and adults like novels. A cinema has other visitors. Each has
    rated two of four films:

    >>> from sktransfer import CodebookTransfer
    >>> books = [(f"reader {u}", f"book {i}", 5 if u % 2 == i % 2 else 1)
    ...          for u in range(6) for i in range(6)]
    >>> films = [("ann", "Alien", 5), ("ann", "Up", 1), ("ben", "Up", 1), ("ben", "Heat", 5)]
    >>> films += [("cleo", "Heat", 1), ("cleo", "Cars", 5), ("dan", "Cars", 5), ("dan", "Alien", 1)]
    >>> sample_domain = ["books"] * len(books) + ["target"] * len(films)
    >>> model = CodebookTransfer(2, 2, random_state=0)
    >>> model = model.fit(books + films, sample_domain=sample_domain)
    >>> model.predict([("ann", "Heat"), ("ann", "Cars")])
    array([5., 1.])
    """

    _parameter_constraints: dict = {
        "n_user_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_item_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_user_clusters=10,
        n_item_clusters=10,
        *,
        n_init=10,
        max_iter=200,
        tol=1e-5,
        random_state=None,
    ):
        self.n_user_clusters = n_user_clusters
        self.n_item_clusters = n_item_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None, *, sample_domain=None):
        """Learn the codebook of the source, and the clusters of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, 3)
            Rows of a user, an item and a value: a data frame with these columns, or a list of
            tuples. Users and items are any hashable labels, and belong to their domain alone. Rows
            without a value are left out.
        y : object
            Ignored; here for searches.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row: ``"target"`` or the name of the source. None: all rows are
            target rows.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If no row of a domain has a value, or if there are several sources. If source values are
            negative, or if the source has fewer users or items than clusters. If `X` or
            `sample_domain` cannot be read.
        """
        self._check_parameters()
        with whole_fit(self):
            ratings = read_ratings(X, sample_domain, self)
            sources = ratings.domains.sources
            if len(sources) > 1:
                raise ValueError(
                    f"{type(self).__name__} learns from one source, but sample_domain names "
                    f"{listed(sources)}; give the densest, or all one name."
                )
            draws = generator(self.random_state)
            name = sources[0] if sources else TARGET
            self.codebook_ = self._read_codebook(name, *ratings.of(name), draws)
            self._find_members(*ratings.of(TARGET), draws)
            self.source_domains_ = sources
        return self

    def _read_codebook(self, name, users, items, values, draws):
        """Return the mean value of each pair of clusters of the domain `name`."""
        if values.min() < 0:
            raise ValueError(
                f"{type(self).__name__} factorizes non-negative values, but domain {name!r} has "
                f"{values.min():.3g}; add a constant to the values of both domains."
            )
        rows, columns = Entities(users), Entities(items)
        clusters = self.n_user_clusters, self.n_item_clusters
        for kind, entities, number in zip(("user", "item"), (rows, columns), clusters, strict=True):
            if number > len(entities):
                raise ValueError(
                    f"n_{kind}_clusters={number}: domain {name!r} has only {len(entities)} "
                    f"{kind}s; take fewer clusters."
                )
        cells = _cells(rows.places(users), columns.places(items), values, (len(rows), len(columns)))
        counts, sums = (each.toarray() for each in cells)
        means = sums.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
        filled = np.where(counts > 0, sums / np.maximum(counts, 1), means)
        starts = [
            0.2 + one_hot(_k_means(matrix, number, draws), number)
            for matrix, number in zip((filled, filled.T), clusters, strict=True)
        ]
        U, _, V = trifactorize(filled, *starts, max_iter=self.max_iter, tol=self.tol)
        return codebook(counts, sums, U.argmax(axis=1), V.argmax(axis=1), clusters)

    def _find_members(self, users, items, values, draws):
        """Find the clusters of the users and items of the target."""
        self._users, self._items = Entities(users), Entities(items)
        self.users_, self.items_ = self._users.labels, self._items.labels
        places = self._users.places(users), self._items.places(items)
        counts, sums = _cells(*places, values, (len(self._users), len(self._items)))
        found = [
            alternate_memberships(counts, sums, self.codebook_, start, max_iter=self.max_iter)
            for start in draws.randint(self.n_item_clusters, size=(self.n_init, len(self._items)))
        ]
        self.user_clusters_, self.item_clusters_, curve = min(found, key=lambda each: each[2][-1])
        self.loss_curve_ = [float(np.sum(values**2) + value) for value in curve]
        self.n_iter_ = len(curve)
        self._keep_seen(*counts.nonzero(), len(self._users))

    def _expect(self, users, items):
        patterns, known = [], []
        for entities, labels, clusters, number in (
            (self._users, users, self.user_clusters_, self.n_user_clusters),
            (self._items, items, self.item_clusters_, self.n_item_clusters),
        ):
            frequencies = np.bincount(clusters, minlength=number) / len(clusters)
            places = entities.places(labels)
            patterns.append(np.concatenate([np.eye(number)[clusters], frequencies[None]])[places])
            known.append(places >= 0)
        return np.sum((patterns[0] @ self.codebook_) * patterns[1], axis=1), ~(known[0] & known[1])


def _cells(rows, columns, values, shape):
    """Return the number and the sum of the values of each cell, as sparse arrays."""
    ones = np.ones(len(values))
    return [csr_array((data, (rows, columns)), shape=shape) for data in (ones, values)]


def _k_means(matrix, n_clusters, draws):
    seed = draws.randint(np.iinfo(np.int32).max)
    return KMeans(n_clusters, n_init=3, random_state=seed).fit_predict(matrix)
