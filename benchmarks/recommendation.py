"""Ratings of pastries predicted from ratings of drinks: learning curves and cold starts.

A shop has sold drinks for years and begins to sell pastries. Ratings are simulated by
`benchmarks._shop_data`, which is no factorization. All 600 customers rated 30 drinks, and 150 of
them 20 pastries. The others rated few pastries, and are tested on ten later ones. The last table
has other users and items in the source.

Numbers of factors, of clusters and `ridge` of each method are chosen on two draws of their own,
from the same grid. Errors are root mean squared errors on test rows of four other draws.

`alpha` was first chosen on held-out single rows, and on held-out users after a look at its errors.
"""

import warnings
from itertools import product

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from benchmarks._runner import Table
from benchmarks._shop_data import draw_shop
from sktransfer import CodebookTransfer, CollectiveFactorization

N_KNOWN = 150  # users with many ratings of pastries
N_LATER = 10  # ratings of each other user that are tested on
TUNING = (100, 101)
COUNTS = (0, 1, 2, 5, 20)
SIZES = [{"n_components": k, "ridge": ridge} for k, ridge in product((3, 6), (1.0, 2.0, 4.0))]
BIASES = [{"n_components": 0, "ridge": ridge} for ridge in (1.0, 2.0, 4.0)]

# Name, class, fixed parameters, grid; with alpha of 1 the source is left out.
CURVES = [
    ("means of user and item", CollectiveFactorization, {"alpha": 1.0}, BIASES),
    ("factorization of pastries", CollectiveFactorization, {"alpha": 1.0}, SIZES),
    ("means of user and item, drinks too", CollectiveFactorization, {}, BIASES),
    ("CollectiveFactorization", CollectiveFactorization, {}, SIZES),
]
CHOSEN = "the last, alpha of 0.5 or 1 by held-out users"
CLUSTERS = [{"n_user_clusters": k, "n_item_clusters": k} for k in (3, 5, 10, 20)]


def split(shop, n_ratings):
    """Return training rows, with `n_ratings` of each new user, and the later rows of these."""
    rows = shop.pastries
    place = rows.groupby("user").cumcount()
    new = rows["user"].isin(shop.users["user"][N_KNOWN:])
    last = place.max() + 1 - N_LATER
    return rows[(place < last) & (~new | (place < n_ratings))], rows[(place >= last) & new]


def fit(kind, params, source, train, **side):
    """Return a fitted model; `source` is None or rows of drinks."""
    parts = [train] if source is None else [source, train]
    sample_domain = np.repeat(["drinks", "target"][-len(parts) :], [len(part) for part in parts])
    model = kind(random_state=0, **params)
    return model.fit(pd.concat(parts), sample_domain=sample_domain, **side)


def error(model, test):
    """Return the root mean squared error on test rows."""
    return float(np.sqrt(np.mean((model.predict(test) - test["rating"]) ** 2)))


def tune(kind, params, grid, problems):
    """Return the parameters of the least mean error on `problems`: source, training, test rows."""
    means = [
        np.mean([error(fit(kind, params | each, *rows), test) for *rows, test in problems])
        for each in grid
    ]
    return params | grid[int(np.argmin(means))]


def choose_alpha(params, source, train, n_ratings):
    """Return a model with alpha of 0.5 or 1, by the error on users who are made new.

    A fifth of those with many ratings keep `n_ratings`, half of theirs at most, and are predicted
    on the others.
    """
    ratings = train.groupby("user")["rating"]
    size = ratings.transform("size")
    many = train["user"][size == size.max()].unique()
    users = np.random.default_rng(0).permutation(many)[: len(many) // 5]
    held = train["user"].isin(users) & (ratings.cumcount() >= min(n_ratings, size.max() // 2))
    options = [params | {"alpha": alpha} for alpha in (0.5, 1.0)]
    errors = [
        error(fit(CollectiveFactorization, each, source, train[~held]), train[held])
        for each in options
    ]
    return fit(CollectiveFactorization, options[int(np.argmin(errors))], source, train)


def curves(related, seeds, counts, grids):
    """Return rows of the table: the errors of each method by the number of ratings."""
    tuning = [draw_shop(seed, related=related) for seed in TUNING[: 1 + grids]]
    problems = [(shop.drinks, *split(shop, 5)) for shop in tuning]
    chosen = {
        name: (kind, tune(kind, fixed, grid if grids else grid[1:2], problems))
        for name, kind, fixed, grid in CURVES
    }
    found = {"mean of all pastries": [], **{name: [] for name in chosen}, CHOSEN: []}
    for seed, n_ratings in product(seeds, counts):
        shop = draw_shop(seed, related=related)
        train, test = split(shop, n_ratings)
        mean = np.sqrt(np.mean((test["rating"] - train["rating"].mean()) ** 2))
        found["mean of all pastries"].append(float(mean))
        for name, (kind, params) in chosen.items():
            found[name].append(error(fit(kind, params, shop.drinks, train), test))
        params = chosen["CollectiveFactorization"][1]
        model = choose_alpha(params, shop.drinks, train, n_ratings)
        found[CHOSEN].append(error(model, test))
    shape = len(seeds), len(counts)
    rows = [[name, *np.reshape(each, shape).mean(axis=0).tolist()] for name, each in found.items()]
    return rows, "; ".join(f"{name}: {params}" for name, (_, params) in chosen.items())


class SideRidge:
    """Ridge regression of ratings on side columns of users and items, and all their products."""

    def __init__(self, shop, train):
        self._shop = shop
        self._model = make_pipeline(
            StandardScaler(), PolynomialFeatures(2), RidgeCV(np.logspace(-1, 4, 11))
        ).fit(self._columns(train), train["rating"])

    def _columns(self, rows):
        users, items = (frame.set_index(frame.columns[0]) for frame in self._shop[2:])
        return np.column_stack([users.loc[rows["user"]], items.loc[rows["item"]]])

    def predict(self, rows):
        return self._model.predict(self._columns(rows))


def cold_starts(seeds, params):
    """Return rows of the table: errors for new users, new items, and both."""
    found = {}
    for seed in seeds:
        shop = draw_shop(seed)
        rows = shop.pastries
        new_user = rows["user"].isin(shop.users["user"][N_KNOWN:])
        new_item = rows["item"].isin(shop.items["item"][:20])
        train = rows[~new_user & ~new_item]
        tests = [rows[new_user & ~new_item], rows[~new_user & new_item], rows[new_user & new_item]]
        side, biases = {"users": shop.users, "items": shop.items}, {"n_components": 0, "alpha": 1.0}
        kind = CollectiveFactorization
        models = {
            "popularity: means of user and item": fit(kind, biases, None, train),
            "ridge regression on side columns": SideRidge(shop, train),
            "factorization of pastries, side columns": fit(kind, params, None, train, **side),
            "CollectiveFactorization with drinks": fit(kind, params, shop.drinks, train),
            "CollectiveFactorization, side columns too": fit(
                kind, params, shop.drinks, train, **side
            ),
        }
        for name, model in models.items():
            found.setdefault(name, []).append([error(model, test) for test in tests])
    return [[name, *np.mean(each, axis=0).tolist()] for name, each in found.items()]


def other_users(permuted, seeds, counts, grids):
    """Return rows of the table with drinks rated by the first half, and pastries by the second.

    If `permuted`, the ratings of drinks are in a random order, so that they have no pattern.
    """

    def problem(seed, n_ratings):
        shop = draw_shop(seed, n_ratings=50)
        first = shop.users["user"][:300]
        source = shop.drinks[shop.drinks["user"].isin(first)]
        if permuted:
            ratings = np.random.default_rng(seed).permutation(source["rating"])
            source = source.assign(rating=ratings)
        rows = shop.pastries[~shop.pastries["user"].isin(first)]
        place = rows.groupby("user").cumcount()
        return source, rows[place < n_ratings], rows[place >= 40]

    methods = [
        ("means of user and item", CollectiveFactorization, {"alpha": 1.0}, BIASES, False),
        ("factorization of pastries", CollectiveFactorization, {"alpha": 1.0}, SIZES, False),
        ("codebook of pastries", CodebookTransfer, {}, CLUSTERS, False),
        ("CodebookTransfer", CodebookTransfer, {}, CLUSTERS, True),
    ]
    tuning = [problem(seed, 10) for seed in TUNING[: 1 + grids]]
    found, chosen = {}, {}
    for name, kind, fixed, grid, transfers in methods:
        problems = [(source if transfers else None, *rest) for source, *rest in tuning]
        chosen[name] = tune(kind, fixed, grid if grids else grid[1:2], problems)
        found[name] = []
        for seed, n_ratings in product(seeds, counts):
            source, train, test = problem(seed, n_ratings)
            model = fit(kind, chosen[name], source if transfers else None, train)
            found[name].append(error(model, test))
    shape = len(seeds), len(counts)
    rows = [[name, *np.reshape(each, shape).mean(axis=0).tolist()] for name, each in found.items()]
    return rows, "; ".join(f"{name}: {params}" for name, params in chosen.items())


def run(data_home, *, quick=False):
    """Make the tables.

    Parameters
    ----------
    data_home : str or None
        Not used: the data are simulated.
    quick : bool, default=False
        One draw, and no grid.

    Returns
    -------
    tables : list of Table
    """
    seeds, grids = (range(1), False) if quick else (range(4), True)
    counts, given = ((2,), (5,)) if quick else (COUNTS, (5, 10, 15, 30))
    tables = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of users without a rating, whom popularity answers
        for related, words in ((1.0, "tastes go together"), (0.0, "unrelated tastes")):
            rows, chosen = curves(related, seeds, counts, grids)
            columns = ["ratings of pastries", *map(str, counts)]
            title = f"Error by the ratings of a new user, {words}"
            tables.append(Table(title, columns, rows, notes=[chosen], digits=3))
        rows = cold_starts(seeds, {"n_components": 3, "ridge": 2.0})
        columns = ["method", "new user", "new item", "both new"]
        title = "Error without a rating of pastries, tastes go together"
        tables.append(Table(title, columns, rows, digits=3))
        for permuted, words in ((False, "as they are"), (True, "ratings of drinks permuted")):
            rows, chosen = other_users(permuted, seeds, given, grids)
            columns = ["ratings of each user", *map(str, given)]
            title = f"Error if other users rated drinks, {words}"
            tables.append(Table(title, columns, rows, notes=[chosen], digits=3))
    return tables
