"""Simulated ratings of a shop whose customers rated drinks, and now some pastries.

No factorization makes them. A customer has an ideal point among the attributes of drinks, and one
among those of pastries. A rating falls with the distance to it, not linearly. Quality of the item,
generosity of the customer and noise are added, and it is rounded to 1 to 5. Popular items, and
those that customers like, are rated more often. Ideal points are near the centers of a few groups.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

N_ATTRIBUTES = 4
N_GROUPS = 6


class Shop(NamedTuple):
    """Ratings of drinks and of pastries as columns user, item, rating; and side columns."""

    drinks: pd.DataFrame
    pastries: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame


def draw_shop(seed, *, n_users=600, n_drinks=120, n_pastries=80, n_ratings=30, related=1.0):
    """Return a `Shop` in which each user rated `n_ratings` drinks and as many pastries.

    `related` is the correlation of ideal points, and of generosity, between drinks and pastries: 0
    makes the two kinds unrelated. Side columns are noisy: two of a user, and the attributes of
    items.
    """
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(N_GROUPS, N_ATTRIBUTES))
    group = rng.integers(N_GROUPS, size=n_users)
    drink_taste = centers[group] + 0.5 * rng.normal(size=(n_users, N_ATTRIBUTES))
    own_taste = rng.normal(size=(N_GROUPS, N_ATTRIBUTES))[rng.permutation(group)]
    own_taste = own_taste + 0.5 * rng.normal(size=(n_users, N_ATTRIBUTES))
    rest = np.sqrt(1 - related**2)
    turn = np.linalg.qr(rng.normal(size=(N_ATTRIBUTES, N_ATTRIBUTES)))[0]
    pastry_taste = related * drink_taste @ turn + rest * own_taste
    generosity, other = 0.5 * rng.normal(size=(2, n_users))
    names = np.array([f"user {k:04}" for k in range(n_users)])
    frames = []
    for kind, n_items, taste, bias in (
        ("drink", n_drinks, drink_taste, generosity),
        ("pastry", n_pastries, pastry_taste, related * generosity + rest * other),
    ):
        attributes = 1.2 * rng.normal(size=(n_items, N_ATTRIBUTES))
        quality = 0.4 * rng.normal(size=n_items)
        distance = ((taste[:, None] - attributes) ** 2).mean(axis=2)
        liking = 2 * np.exp(-distance / 2) + quality
        popularity = rng.normal(size=n_items) + quality
        chance = popularity + 0.7 * liking + rng.gumbel(size=liking.shape)
        rated = np.argsort(-chance, axis=1)[:, :n_ratings]
        user = np.repeat(np.arange(n_users), n_ratings)
        item = rng.permuted(rated, axis=1).ravel()
        noise = 0.6 * rng.normal(size=len(user))
        rating = np.clip(np.round(2.3 + 1.1 * liking[user, item] + bias[user] + noise), 1, 5)
        labels = np.array([f"{kind} {k:03}" for k in range(n_items)])
        frames.append(pd.DataFrame({"user": names[user], "item": labels[item], "rating": rating}))
    seen = pastry_taste[:, :2] + 0.7 * rng.normal(size=(n_users, 2))
    users = pd.DataFrame({"user": names, "first": seen[:, 0], "second": seen[:, 1]})
    columns = {f"attribute {k}": attributes[:, k] for k in range(N_ATTRIBUTES)}
    return Shop(*frames, users, pd.DataFrame({"item": labels, **columns}))
