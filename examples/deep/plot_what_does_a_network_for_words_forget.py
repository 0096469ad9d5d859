"""
What does a network for words forget?
=====================================

A network that was trained to recognize words in many voices has two answers to give. It recognizes
digits of voices that have no label. It recognizes the voices less well than the log-mel frames do,
because it was trained to give all voices the same features. All sounds here are synthetic.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import PretrainedAudioExtractor
from sktransfer.datasets import load_synthetic_digits

digits = load_synthetic_digits()
X, y, voice = digits.data, digits.target, digits.voice
accent = np.char.partition(voice, "+")[:, 0]
sound = np.char.partition(voice, "+")[:, 2]

# %%
# The word "seven" of a low and of a high voice. The frames differ in pitch and in pace.

figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained", sharey=True)
for ax, name in zip(axes, ("en-us+m1", "en-us+f4"), strict=True):
    (row,) = np.flatnonzero((voice == name) & (y == 7))
    ax.imshow(X[row].T, origin="lower", aspect="auto", cmap="magma")
    ax.set(title=name, xlabel="time in 10 ms")
axes[0].set_ylabel("band")
plt.show()

# %%
# The features of each stage, and the mean and the standard deviation of the frames.

features = {"frames": np.concatenate([X.mean(axis=1), X.std(axis=1)], axis=1)}
for number in range(1, 6):
    extractor = PretrainedAudioExtractor(stage=number)
    features[f"stage {number}"] = extractor.fit_transform(X)

# %%
# Two questions to a linear model. Which digit is it, if one voice has labels? Which of the ten
# voices is it in British English, if the three other accents have labels?


def accuracy(rows, train, answer):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return model.fit(rows[train], answer[train]).score(rows[~train], answer[~train])


which_digit = [accuracy(rows, voice == "en-us+m1", y) for rows in features.values()]
which_voice = [accuracy(rows, accent != "en", sound) for rows in features.values()]

places = np.arange(len(features))
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.bar(places - 0.2, which_digit, 0.4, label="which digit, other voices")
ax.bar(places + 0.2, which_voice, 0.4, label="which voice, another accent")
ax.set_xticks(places, list(features))
ax.set_ylabel("accuracy")
ax.legend(frameon=False)
plt.show()
