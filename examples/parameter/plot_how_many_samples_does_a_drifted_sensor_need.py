"""
How many reference samples does a drifted sensor need?
======================================================

A gas sensor array was calibrated when it was new. A year later its gains have fallen, its offsets
have moved, and it feels humidity in another way. A new calibration needs reference samples, which
are expensive. The old calibration saves most of them, if it is used in the right way.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    AdaptiveGaussianProcessRegressor,
    DomainAugmenter,
    TransferRidge,
    TransferWarning,
    make_transfer_pipeline,
    pack_domains,
)

warnings.simplefilter("ignore", TransferWarning)  # a sample or two choose no weight: see below


def measure(n_rows, gain, offset, cross, rng):
    """Draw concentrations and humidity, and return signals that saturate, and concentrations."""
    y, humidity = rng.uniform(0, 3, n_rows), rng.uniform(0, 1, n_rows)
    clean = np.outer(y / (1 + y), gain) + np.outer(humidity, cross) + offset
    return clean + 0.03 * rng.normal(size=clean.shape), y


# %%
# Four sensors. Each year has its own gains, offsets and cross-sensitivities, which are known here
# because we draw them.


def draw_years(rng):
    gain, offset, cross = (
        rng.uniform(0.5, 1.5, 4),
        rng.uniform(-0.2, 0.2, 4),
        rng.uniform(0, 0.6, 4),
    )
    new = gain, offset, cross
    aged = gain * rng.uniform(0.5, 1, 4), offset + rng.uniform(-0.3, 0.3, 4)
    return new, (*aged, cross + rng.uniform(-0.3, 0.3, 4))


counts = [1, 2, 3, 5, 10, 20, 50]
errors = {}
for n_rows in counts:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        new, aged = draw_years(rng)
        old, today = measure(100, *new, rng), measure(n_rows, *aged, rng)
        X_new, y_new = measure(500, *aged, rng)
        X, y, sample_domain = pack_domains({"new": old}, target=today)
        source = make_pipeline(StandardScaler(), Ridge()).fit(*old)
        easy = make_transfer_pipeline(StandardScaler(), DomainAugmenter(), Ridge())
        models = {
            "old calibration alone": source,
            "today alone": make_pipeline(StandardScaler(), Ridge()).fit(*today),
            "EasyAdapt": easy.fit(X, y, sample_domain=sample_domain),
            "TransferRidge": TransferRidge(source).fit(*today),
            "AdaptiveGaussianProcess": AdaptiveGaussianProcessRegressor().fit(
                X, y, sample_domain=sample_domain
            ),
        }
        for name, model in models.items():
            found = np.sqrt(np.mean((model.predict(X_new) - y_new) ** 2))
            errors.setdefault(name, {}).setdefault(n_rows, []).append(found)

# %%
# The median error of the concentration, from 0 to 3. With one or two samples no relatedness can be
# chosen, and all rows count as those of one function. From a few samples on, the process knows how
# far the old calibration still holds.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for (name, by_count), style in zip(errors.items(), [":", "--", "-.", "-", "-"], strict=True):
    medians = [np.median(by_count[count]) for count in counts]
    axes.plot(counts, medians, style, marker="o", label=name)
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("reference samples of today")
axes.set_ylabel("median error of the concentration")
axes.legend(frameon=False)
plt.show()
