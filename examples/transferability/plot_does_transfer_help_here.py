"""
Does transfer help here, and which source does?
===============================================

Handwritten digits are the target, and few of them are labelled. There are two sources: printed
digits, and printed digits with black and white swapped. `compare_transfer` scores two pipelines
next to a model of the target rows only, of the source rows only, and of all rows as one domain.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from sktransfer import (
    CompareTransferDisplay,
    CORALAligner,
    DomainAugmenter,
    compare_transfer,
    make_transfer_pipeline,
    pack_domains,
)
from sktransfer.datasets import load_printed_digits

rng = np.random.default_rng(0)
X_printed, y_printed = load_printed_digits(return_X_y=True)
X_hand, y_hand = load_digits(return_X_y=True)


def draw(n_labels):
    """Stack 300 rows of each source and 400 of the target, of which some are labelled."""
    order = rng.permutation(len(X_printed))
    printed, swapped = order[:300], order[300:600]
    rows = rng.permutation(len(X_hand))[:400]
    labels = np.where(np.arange(400) < n_labels, y_hand[rows], np.nan)
    return pack_domains(
        {
            "printed": (X_printed[printed] / 16, y_printed[printed]),
            "swapped": (1 - X_printed[swapped] / 16, y_printed[swapped]),
        },
        target=(X_hand[rows] / 16, labels),
    )


pipelines = {
    "coral": make_transfer_pipeline(CORALAligner(ridge=0.1), RidgeClassifier()),
    "easyadapt": make_transfer_pipeline(DomainAugmenter(), RidgeClassifier()),
}

# %%
# With 60 labels the handwritten rows alone are the best baseline. CORAL is worse, as its last lines
# say, and the sources show why: a map of means and covariances does not turn *swapped* into digits.
# For EasyAdapt, which may ignore a source, nothing is decided.

X, y, sample_domain = draw(60)
few = compare_transfer(pipelines, X, y, sample_domain=sample_domain)
print(few)

# %%
# With 200 labels the intervals are half as long. They still hold no gain: here, do not transfer.

X, y, sample_domain = draw(200)
more = compare_transfer(pipelines, X, y, sample_domain=sample_domain, cv=5)
print(more)

# %%
# An interval to the right of the line shows a gain. The orange ones are the gains of the sources.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharex=True, layout="constrained")
for ax, comparison in zip(axes, (few, more), strict=True):
    CompareTransferDisplay.from_comparison(comparison, ax=ax)
    ax.set_title(f"{comparison.n_rows} labelled target rows")
axes[1].tick_params(labelleft=False)
plt.show()
