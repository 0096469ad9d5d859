"""
Where is the zero?
==================

Average features say what is in a picture, not where. `feature_maps` keeps the positions: a linear
model of them gives each place a score, and the highest one is where the object is.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import PretrainedFeatureExtractor

digits, labels = load_digits(return_X_y=True)
digits = digits.reshape(-1, 8, 8)
rng = np.random.default_rng(0)


def draw_scenes(n_scenes, rows):
    """Pictures of 32 x 32 pixels with a zero and four other digits, and where the zeros are."""
    zeros, others = rows[labels[rows] == 0], rows[labels[rows] != 0]
    scenes, middles = np.zeros((n_scenes, 32, 32)), np.empty((n_scenes, 2))
    for scene, middle in zip(scenes, middles, strict=True):
        places = []
        while len(places) < 5:
            place = rng.integers(0, 25, size=2)
            if all(np.abs(place - other).max() >= 8 for other in places):
                places.append(place)
            elif rng.random() < 0.01:
                places = []  # no room was left
        chosen = [rng.choice(zeros), *rng.choice(others, 4)]
        for digit, (row, column) in zip(chosen, places, strict=True):
            scene[row : row + 8, column : column + 8] = digits[digit]
        middle[:] = places[0] + np.array(3.5)
    return scenes, middles


rows = rng.permutation(len(digits))
X_train, middle_train = draw_scenes(60, rows[:900])
X_test, middle_test = draw_scenes(200, rows[900:])

# %%
# The second stage has 8 x 8 positions with 32 channels, each for 4 x 4 pixels. The model without a
# network has every window of 8 x 8 pixels: 25 x 25 positions.

extractor = PretrainedFeatureExtractor(stage=2, value_range=(0, 16)).fit(X_train)


def windows(X):
    """All windows of 8 x 8 pixels, as a map with 64 channels."""
    views = np.lib.stride_tricks.sliding_window_view(X, (8, 8), axis=(1, 2))
    return views.reshape(len(X), 25, 25, 64)


def distances(middles, centers):
    """How far each position is from the zero, in pixels: (n_scenes, n_rows, n_columns)."""
    to_rows, to_columns = (np.abs(centers - middles[:, [axis]]) for axis in (0, 1))
    return np.maximum(to_rows[:, :, None], to_columns[:, None, :])


# %%
# Each position is a row. It is positive if the middle of the zero is near.

scores = {}
ways = {
    "pixels": (windows, np.arange(25) + 3.5, 1),
    "maps": (extractor.feature_maps, 4 * np.arange(8) + 1.5, 3),
}
for name, (describe, centers, near) in ways.items():
    train, test = describe(X_train), describe(X_test)
    n_channels = train.shape[3]
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, class_weight="balanced")
    )
    is_near = distances(middle_train, centers) <= near
    model.fit(train.reshape(-1, n_channels), is_near.ravel())
    scores[name] = model.decision_function(test.reshape(-1, n_channels)).reshape(test.shape[:3])
    best = scores[name].reshape(len(test), -1).argmax(axis=1)
    distance = distances(middle_test, centers).reshape(len(test), -1)
    found = distance[np.arange(len(test)), best] <= 5
    print(f"{name}: {found.mean():.2f} of the zeros are found within 5 pixels")

# %%
# The scores of the maps over three new pictures, with a frame around the highest.

figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
for axis, scene, score in zip(axes, X_test, scores["maps"], strict=False):
    axis.imshow(scene, cmap="gray_r")
    axis.imshow(score, extent=(-0.5, 31.5, 31.5, -0.5), cmap="Oranges", alpha=0.5)
    row, column = np.unravel_index(score.argmax(), score.shape)
    corner = 4 * column - 3, 4 * row - 3
    axis.add_patch(plt.Rectangle(corner, 9, 9, fill=False, color="C3", linewidth=2))
    axis.set_axis_off()
plt.show()
