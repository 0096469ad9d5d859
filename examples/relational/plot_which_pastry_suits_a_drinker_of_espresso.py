"""
Which pastry suits those who drink espresso?
============================================

A shop has sold drinks for years. It begins to sell pastries, and a hundred customers have rated
some of them. What should it recommend to the other two hundred, of whom it knows only the drinks?
Customers like a taste between sweet and bitter, and items that are near to it.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sktransfer import CollectiveFactorization

rng = np.random.default_rng(0)
N_USERS, N_KNOWN = 300, 100
taste = rng.uniform(-1, 1, size=N_USERS)  # -1 is sweet, 1 is bitter
names = {
    "drink": ["cocoa", "cola", "lemonade", "milk", "latte", "tea", "coffee", "tonic", "espresso"],
    "pastry": ["donut", "meringue", "muffin", "croissant", "scone", "rye roll", "dark torte"],
}


def rate(kind, user):
    """Rate two thirds of the items of a kind: 5 for the taste of the user, less far from it."""
    labels = np.array(names[kind])
    flavor = np.linspace(-1, 1, len(labels))
    chosen = rng.permutation(len(labels))[: 2 * len(labels) // 3]
    liking = 1 + 4 * np.exp(-2 * (taste[user] - flavor[chosen]) ** 2)
    rating = np.clip(np.round(liking + 0.6 * rng.normal(size=len(chosen))), 1, 5)
    return pd.DataFrame({"user": user, "item": labels[chosen], "rating": rating})


drinks = pd.concat([rate("drink", user) for user in range(N_USERS)])
pastries = pd.concat([rate("pastry", user) for user in range(N_USERS)])
is_known = pastries["user"] < N_KNOWN
train, test = pastries[is_known], pastries[~is_known]

rows = pd.concat([drinks, train])
kind = np.repeat(["drinks", "target"], [len(drinks), len(train)])
model = CollectiveFactorization(2, random_state=0).fit(rows, sample_domain=kind)

# %%
# Predicted ratings of pastries by customers who have rated none, next to those they gave later.
# Popularity, the mean of each pastry, is the same for all of them.

popular = test["item"].map(train.groupby("item")["rating"].mean())
predicted = model.predict(test)
for name, values in {"popularity": popular, "from drinks": predicted}.items():
    print(f"{name:12} error {np.sqrt(np.mean((values - test['rating']) ** 2)):.2f}")

# %%
# Two customers: the one who likes sweet things most, and the one who likes bitter things most.

new = np.arange(N_KNOWN, N_USERS)
for user in (new[np.argmin(taste[new])], new[np.argmax(taste[new])]):
    drunk = drinks[drinks["user"] == user].sort_values("rating", ascending=False)["item"]
    print(f"likes {', '.join(drunk[:2])}: try {', '.join(model.recommend(user, 2))}")

# %%
# The predicted rating of each pastry by the taste of new customers. Each line has its peak at the
# flavor of its pastry, although the model has seen neither tastes nor flavors.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
order = new[np.argsort(taste[new])]
colors = plt.colormaps["copper_r"](np.linspace(0, 1, len(names["pastry"])))
for item, color in zip(names["pastry"], colors, strict=True):
    values = model.predict([(user, item) for user in order])
    smooth = np.convolve(values, np.ones(15) / 15, mode="valid")
    axes.plot(taste[order][7:-7], smooth, color=color, label=item)
axes.set_xlabel("taste of the customer, from sweet to bitter")
axes.set_ylabel("predicted rating")
figure.legend(frameon=False, loc="outside right center")
plt.show()
