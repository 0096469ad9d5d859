"""
How many rows does a new user need?
===================================

Five hundred users have rated twelve items each. Tastes differ mostly in one direction, which no
column shows alone. A prior learned from these users knows it, so that a few ratings of a new user
say where the user is in it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV

from sktransfer import LearnedPriorRegressor

rng = np.random.default_rng(0)
N_COLUMNS = 8
direction = rng.normal(size=N_COLUMNS)
common = rng.normal(size=N_COLUMNS)


def draw_rules(n_users):
    """Draw the rules of users: far in one direction, near in others."""
    far = rng.normal(size=(n_users, 1)) * direction
    return common + far + 0.15 * rng.normal(size=(n_users, N_COLUMNS))


def draw_rows(rules, n_rows):
    """Draw items, their ratings and who rated them."""
    user = np.repeat(np.arange(len(rules)), n_rows)
    X = rng.normal(size=(len(user), N_COLUMNS))
    return X, np.sum(X * rules[user], axis=1) + rng.normal(size=len(user)), user


X, y, user = draw_rows(draw_rules(500), 12)
model = LearnedPriorRegressor().fit(X, y, sample_domain=user)
pooled = RidgeCV().fit(X, y)

# %%
# The error on new items of 60 new users, by the number of their ratings. Adapting to a user takes
# less than a millisecond.

counts = [1, 2, 4, 8, 16, 32]
names = ["all users alike", "the user alone", "adapted to the user"]
error = {name: [] for name in names}
for n_rows in counts:
    found = {name: [] for name in names}
    for rule in draw_rules(60):
        X_user, y_user, _ = draw_rows(rule[None], n_rows)
        X_new, _, _ = draw_rows(rule[None], 200)
        alone = RidgeCV().fit(X_user, y_user) if n_rows > 1 else None
        fitted = dict(zip(names, [pooled, alone, model.adapt(X_user, y_user)], strict=True))
        for name, one in fitted.items():
            predicted = y_user.mean() if one is None else one.predict(X_new)
            found[name].append(np.mean((predicted - X_new @ rule) ** 2))
    for name in names:
        error[name].append(np.sqrt(np.mean(found[name])))

# %%
# A user alone needs several ratings for each column. The adapted model needs one or two.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, style in zip(names, [":", "--", "-"], strict=True):
    axes.plot(counts, error[name], style, marker="o", label=name)
axes.set_xscale("log", base=2)
axes.set_xticks(counts, [str(count) for count in counts])
axes.set_xlabel("ratings of the new user")
axes.set_ylabel("root mean squared error")
axes.legend(frameon=False)
plt.show()

# %%
# One user, rating by rating: the prediction for one item, with its standard deviation. It starts at
# the mean of all users.

rule = draw_rules(1)
X_user, y_user, _ = draw_rows(rule, 24)
item = direction[None] / np.linalg.norm(direction)
adapted = model.adapt(X_user[:1], y_user[:1])
steps = [model.predict(item, return_std=True), adapted.predict(item, return_std=True)]
for row in range(1, 24):
    adapted.partial_fit(X_user[row : row + 1], y_user[row : row + 1])
    steps.append(adapted.predict(item, return_std=True))
mean, std = np.array(steps)[:, :, 0].T

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
axes.plot(mean, label="prediction")
axes.fill_between(np.arange(25), mean - std, mean + std, alpha=0.25, label="standard deviation")
axes.axhline((item @ rule[0])[0], color="black", linestyle=":", label="truth")
axes.set_xlabel("ratings of the new user")
axes.set_ylabel("rating of one item")
axes.legend(frameon=False)
plt.show()
