"""
Which stage of a pretrained network transfers?
==============================================

Early stages detect strokes, late stages detect characters. The network here was trained on print
only. How useful are its stages for handwriting, and how many labels do they need?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import PretrainedFeatureExtractor

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The features of each stage, computed once; pixels beside them.

features = {"pixels": (X_train, X_test)}
for stage in (1, 2, 3, 4):
    extractor = PretrainedFeatureExtractor(stage=stage).fit(X_train)
    features[f"stage {stage}"] = extractor.transform(X_train), extractor.transform(X_test)

# %%
# A linear model on each, for 1 to 20 labels a class.

counts = [1, 2, 5, 10, 20]
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for k, (name, (train, test)) in enumerate(features.items()):
    means = []
    for count in counts:
        scores = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            rows = np.concatenate(
                [rng.choice(np.flatnonzero(y_train == c), count, replace=False) for c in range(10)]
            )
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
            scores.append(model.fit(train[rows], y_train[rows]).score(test, y_test))
        means.append(np.mean(scores))
    color = "0.5" if name == "pixels" else plt.cm.viridis(k / 5)
    axes.plot(counts, means, marker="o", color=color, label=name)
axes.set_xscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("labelled digits per class")
axes.set_ylabel("accuracy on other digits")
axes.legend(frameon=False)
plt.show()
