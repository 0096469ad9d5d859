"""Draw the accuracy of each stage of the built-in network, on digits that it has not seen.

As in `shifts`, the picture is computed when the guide is built.
"""

import matplotlib.pyplot as plt
import numpy as np
from shifts import COLOURS, GREY
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import PretrainedFeatureExtractor


def draw_stages(*, n_labelled=10, n_draws=3):
    """Draw the accuracy of a linear model on each stage's features, and on the pixels.

    Parameters
    ----------
    n_labelled : int, default=10
        How many labelled digits of each class there are.
    n_draws : int, default=3
        How often they are drawn.
    """
    X, y = load_digits(return_X_y=True)
    features = {"pixels": X}
    for stage in (1, 2, 3, 4):
        features[f"stage {stage}"] = PretrainedFeatureExtractor(stage=stage).fit_transform(X)
    scores = {name: [] for name in features}
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(y == c), n_labelled, replace=False) for c in range(10)]
        )
        rest = np.setdiff1d(np.arange(len(y)), rows)
        for name, values in features.items():
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
            model.fit(values[rows], y[rows])
            scores[name].append(model.score(values[rest], y[rest]))
    means = [np.mean(each) for each in scores.values()]
    _, panel = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    colours = [GREY] + [COLOURS[0]] * (len(means) - 1)
    bars = panel.barh(list(scores), means, color=colours)
    panel.bar_label(bars, [f"{mean:.3f}" for mean in means], padding=3)
    panel.invert_yaxis()
    panel.set(xlim=(0, 1.1), xlabel="share of other handwritten digits right")
